// SPDX-License-Identifier: Apache-2.0

// Package zeek reads Zeek's conn.log, as tab-separated text with its header and
// as JSON, one object a line. A connection becomes one record a direction. Other
// Zeek logs hold no flows of their own and are refused, or, where one file mixes
// logs, passed over.
package zeek

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"tidewatch/flow"
	"tidewatch/flowfile"
)

// Name is the format's name.
const Name = "zeek"

// Format returns the format for flowfile.Open.
func Format() flowfile.Format {
	return flowfile.Format{Name: Name, Detect: detect, Open: open}
}

// batch is how many lines one Read takes.
const batch = 2048

// detect knows the header of a tab-separated log and the members that JSON logs
// of Zeek have and others have not.
func detect(head []byte) bool {
	line := firstLine(head)
	if bytes.HasPrefix(line, []byte("#separator ")) || bytes.HasPrefix(line, []byte("#fields\t")) {
		return true
	}
	var r row
	return len(line) > 0 && line[0] == '{' && r.json(line) && r.looksZeek()
}

func firstLine(head []byte) []byte {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.TrimRight(line, " \t\r")
}

// open reads ahead far enough to refuse a log that is none of connections.
func open(name string, r *bufio.Reader, o flowfile.Options) (flowfile.Reader, error) {
	z := &reader{lines: flowfile.NewLines(r), sampling: max(1, o.Sampling)}
	head, err := r.Peek(64 << 10)
	if len(head) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	z.isJSON = bytes.HasPrefix(firstLine(head), []byte("{"))
	why := refuseTSV(head)
	if z.isJSON {
		why = refuseJSON(head)
	}
	if why != "" {
		return nil, fmt.Errorf("read %s: %s", name, why)
	}
	z.tally = flowfile.NewTally(Name)
	return flowfile.Reorder(z, 0), nil
}

type reader struct {
	lines    *flowfile.Lines
	tally    *flowfile.Tally
	sampling uint32
	isJSON   bool
	header   header
	row      row
	guessed  bool // the note about guessed packet counts was given
}

func (z *reader) Stats() flowfile.Stats { return z.tally.Stats() }

func (z *reader) Close() error { return nil }

func (z *reader) Read(b *flow.Batch) (int, error) {
	before := b.Len()
	for range batch {
		line, err := z.lines.Next()
		switch {
		case errors.Is(err, flowfile.ErrLongLine):
			z.skip(flowfile.ReasonLongLine, err.Error())
		case err != nil:
			return b.Len() - before, err //nolint:wrapcheck // io.EOF must stay itself
		case z.isJSON:
			z.readJSON(b, line)
		default:
			z.readTSV(b, line)
		}
	}
	return b.Len() - before, nil
}

func (z *reader) readJSON(b *flow.Batch, line []byte) {
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	if !z.row.json(line) {
		z.damaged("the line is no complete JSON object")
		return
	}
	log := z.row.log()
	if !isConnections(log) {
		z.tally.Ignore("log_" + log)
		return
	}
	z.emit(b, log)
}

func (z *reader) readTSV(b *flow.Batch, line []byte) {
	if len(line) == 0 {
		return
	}
	if trimmed := bytes.TrimLeft(line, " \t"); len(trimmed) > 0 && trimmed[0] == '#' {
		z.header.line(trimmed)
		return
	}
	switch {
	case len(z.header.roles) == 0:
		z.damaged("a line before any #fields header")
	case !isConnections(z.header.path):
		z.tally.Ignore("log_" + z.header.path)
	case !z.row.tsv(line, &z.header):
		z.damaged(fmt.Sprintf("fewer columns than the %d of the header", len(z.header.roles)))
	default:
		z.emit(b, z.header.path)
	}
}

// damaged skips a line without the format's shape; the last line is cut rather
// than wrong when no line break follows it.
func (z *reader) damaged(what string) {
	if z.lines.Unterminated() {
		z.skip(flowfile.ReasonCut, "the file ends inside this line")
		return
	}
	z.skip(flowfile.ReasonLine, what)
}

func (z *reader) skip(reason, what string) {
	z.tally.Skip(reason, fmt.Sprintf("line %d", z.lines.Number()), what)
}

func (z *reader) emit(b *flow.Batch, log string) {
	var c flowfile.Conn
	guessed, bad := z.row.conn(&c)
	if bad.reason != "" {
		if z.lines.Unterminated() {
			bad = trouble{flowfile.ReasonCut, "the file ends inside this line"}
		}
		z.skip(bad.reason, bad.what)
		return
	}
	if guessed && !z.guessed {
		z.guessed = true
		z.tally.Note("line %d and perhaps others have no packet counts: packets are taken as bytes / 1460, at least 1", z.lines.Number())
	}
	if log == openLog {
		stillOpen(&c)
	}
	c.Sampling = z.sampling
	z.tally.AppendConn(b, &c)
}
