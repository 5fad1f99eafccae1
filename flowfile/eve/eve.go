// SPDX-License-Identifier: Apache-2.0

// Package eve reads Suricata's EVE JSON log: events of type flow (both
// directions, one record each) and netflow (one direction). All other events
// are passed over and counted, so a whole eve.json can be given.
package eve

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"

	"tidewatch/flow"
	"tidewatch/flowfile"
)

// Name is the format's name.
const Name = "eve"

// Format returns the format for flowfile.Open.
func Format() flowfile.Format {
	return flowfile.Format{Name: Name, Detect: detect, Open: open}
}

// batch is how many lines one Read takes.
const batch = 2048

// detect looks for an event_type in the first whole line.
func detect(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	line, _, _ := bytes.Cut(head, []byte("\n"))
	var e event
	return len(line) > 0 && line[0] == '{' && e.parse(line) && e.kind != nil
}

func open(_ string, r *bufio.Reader, o flowfile.Options) (flowfile.Reader, error) {
	e := &reader{lines: flowfile.NewLines(r), tally: flowfile.NewTally(Name), sampling: max(1, o.Sampling)}
	return flowfile.Reorder(e, 0), nil
}

type reader struct {
	lines    *flowfile.Lines
	tally    *flowfile.Tally
	sampling uint32
	event    event
}

func (e *reader) Stats() flowfile.Stats { return e.tally.Stats() }

func (e *reader) Close() error { return nil }

func (e *reader) Read(b *flow.Batch) (int, error) {
	before := b.Len()
	for range batch {
		line, err := e.lines.Next()
		switch {
		case errors.Is(err, flowfile.ErrLongLine):
			e.skip(trouble{flowfile.ReasonLongLine, err.Error()})
		case err != nil:
			return b.Len() - before, err //nolint:wrapcheck // io.EOF must stay itself
		default:
			e.line(b, line)
		}
	}
	return b.Len() - before, nil
}

func (e *reader) line(b *flow.Batch, line []byte) {
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return
	}
	switch {
	case !e.event.parse(line):
		e.skip(trouble{flowfile.ReasonLine, "the line is no complete JSON object"})
	case string(e.event.kind) == "flow" && e.event.data != nil,
		string(e.event.kind) == "netflow" && e.event.data != nil:
		e.emit(b)
	case e.event.kind == nil:
		e.skip(trouble{flowfile.ReasonNoField, "no event_type"})
	case string(e.event.kind) == "flow" || string(e.event.kind) == "netflow":
		e.skip(trouble{flowfile.ReasonNoField, "the event has no flow or netflow member"})
	default:
		e.tally.Ignore("event_" + string(e.event.kind[:min(len(e.event.kind), 40)]))
	}
}

func (e *reader) emit(b *flow.Batch) {
	var c flowfile.Conn
	if bad := e.event.conn(&c); bad.reason != "" {
		e.skip(bad)
		return
	}
	c.Sampling = e.sampling
	e.tally.AppendConn(b, &c)
}

func (e *reader) skip(bad trouble) {
	if e.lines.Unterminated() && bad.reason != flowfile.ReasonLongLine {
		bad = trouble{flowfile.ReasonCut, "the file ends inside this line"}
	}
	e.tally.Skip(bad.reason, fmt.Sprintf("line %d", e.lines.Number()), bad.what)
}
