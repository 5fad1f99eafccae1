// SPDX-License-Identifier: Apache-2.0

package flowfiletest

import (
	"bufio"
	"bytes"
	"fmt"

	"tidewatch/flow"
	"tidewatch/flowfile"
)

func openToy(_ string, r *bufio.Reader, _ flowfile.Options) (flowfile.Reader, error) {
	t := &toy{lines: flowfile.NewLines(r), tally: flowfile.NewTally("toy")}
	if _, err := t.lines.Next(); err != nil { // the name of the format
		return nil, err //nolint:wrapcheck // for tests
	}
	return t, nil
}

type toy struct {
	lines *flowfile.Lines
	tally *flowfile.Tally
}

func (t *toy) Read(b *flow.Batch) (int, error) {
	line, err := t.lines.Next()
	if err != nil {
		return 0, err //nolint:wrapcheck // for tests
	}
	f := bytes.Fields(line)
	if len(f) != 3 {
		t.tally.Skip(flowfile.ReasonLine, fmt.Sprintf("line %d", t.lines.Number()), "not three words")
		return 0, nil
	}
	var r flow.Record
	r.End, _ = flowfile.ParseEpoch(f[0])
	r.Start = r.End
	r.Src, _ = flowfile.ParseAddr(f[1])
	r.Dst, _ = flowfile.ParseAddr(f[2])
	r.Packets, r.Bytes = 1, 100
	t.tally.Append(b, &r)
	return 1, nil
}

func (t *toy) Stats() flowfile.Stats { return t.tally.Stats() }

func (t *toy) Close() error { return nil }
