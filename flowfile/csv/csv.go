// SPDX-License-Identifier: Apache-2.0

// Package csv reads flows from delimited text with a header line: tidewatch's
// own columns, in any order and under the names that other tools use for them,
// and the binetflow files of Argus as the CTU-13 data set has them.
package csv

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"tidewatch/flow"
	"tidewatch/flowfile"
)

// The names of the two formats.
const (
	Name          = "csv"
	BinetflowName = "binetflow"
)

// Format returns CSV with tidewatch's columns for flowfile.Open. It knows any
// text that begins with a header line, in order to say what the header lacks, so
// it belongs at the end of the list of formats.
func Format() flowfile.Format {
	return flowfile.Format{Name: Name, Detect: isTable, Open: open}
}

// Binetflow returns Argus' binetflow for flowfile.Open.
func Binetflow() flowfile.Format {
	return flowfile.Format{Name: BinetflowName, Detect: isBinetflow, Open: open}
}

// batch is how many lines one Read takes.
const batch = 2048

func isTable(head []byte) bool {
	_, line := firstLine(head)
	return looksLikeHeader(line)
}

func isBinetflow(head []byte) bool {
	_, line := firstLine(head)
	if !looksLikeHeader(line) {
		return false
	}
	h := newHeader(line)
	return h.isBinetflow()
}

// firstLine returns the first line that is neither empty nor a comment, and how
// many lines there are before it.
func firstLine(head []byte) (before int, line []byte) {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		line = bytes.Trim(line, " \r")
		if len(line) > 0 && line[0] != '#' {
			return before, line
		}
		before++
	}
	return before, nil
}

func open(name string, r *bufio.Reader, o flowfile.Options) (flowfile.Reader, error) {
	head, err := r.Peek(64 << 10)
	if len(head) == 0 && err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	before, line := firstLine(head)
	h := newHeader(line)
	if why := h.refuse(); why != "" {
		return nil, fmt.Errorf("read %s: %s", name, why)
	}
	c := &reader{
		lines: flowfile.NewLines(r), tally: flowfile.NewTally(Name), header: h, first: bytes.Clone(line),
		sampling: o.Sampling, zone: o.Zone, exporters: map[string]uint32{}, seen: o.Exporter,
		cells: make([][]byte, len(h.roles)),
	}
	c.convert = c.own
	if h.isBinetflow() {
		c.tally.SetFormat(BinetflowName)
		c.convert = c.binetflow
	}
	for range before + 1 {
		_, _ = c.lines.Next() // what goes wrong here goes wrong again in Read
	}
	return flowfile.Reorder(c, 0), nil
}

type reader struct {
	lines     *flowfile.Lines
	tally     *flowfile.Tally
	header    header
	first     []byte // the header line, which concatenated files repeat
	cells     [][]byte
	row       row
	convert   func(b *flow.Batch) trouble
	sampling  uint32
	zone      *time.Location
	exporters map[string]uint32
	seen      func(index uint32, addr netip.Addr) // nil is fine
	noted     bool                                // the note about split packets was given
	done      bool
}

// trouble is why a line gives no flow.
type trouble struct{ reason, what string }

func wrong(reason string, r role, value []byte) trouble {
	return trouble{reason, fmt.Sprintf("%s is %.40q", r, value)}
}

func (c *reader) Stats() flowfile.Stats {
	c.tally.SetExporters(len(c.exporters))
	return c.tally.Stats()
}

func (c *reader) Close() error { return nil }

func (c *reader) Read(b *flow.Batch) (int, error) {
	before := b.Len()
	for range batch {
		line, err := c.lines.Next()
		switch {
		case errors.Is(err, flowfile.ErrLongLine):
			c.skip(trouble{flowfile.ReasonLongLine, err.Error()})
		case err != nil:
			return b.Len() - before, err //nolint:wrapcheck // io.EOF must stay itself
		case c.done:
		default:
			c.line(b, line)
		}
	}
	return b.Len() - before, nil
}

func (c *reader) line(b *flow.Batch, line []byte) {
	switch {
	case len(bytes.TrimSpace(line)) == 0, line[0] == '#':
		return
	case string(line) == "Summary": // nfdump -o csv ends with a table of totals
		c.done = true
		return
	case bytes.Equal(bytes.TrimSpace(line), c.first):
		return
	}
	if !c.header.split(line, c.cells) {
		c.skip(trouble{flowfile.ReasonLine, fmt.Sprintf("not the %d columns of the header", len(c.header.roles))})
		return
	}
	c.row = row{}
	for i, r := range c.header.roles {
		if v := c.cells[i]; r != none && string(v) != "-" {
			c.row[r] = v
		}
	}
	if bad := c.convert(b); bad.reason != "" {
		c.skip(bad)
	}
}

func (c *reader) skip(bad trouble) {
	if c.lines.Unterminated() && bad.reason != flowfile.ReasonLongLine {
		bad = trouble{flowfile.ReasonCut, "the file ends inside this line"}
	}
	c.tally.Skip(bad.reason, fmt.Sprintf("line %d", c.lines.Number()), bad.what)
}
