// SPDX-License-Identifier: Apache-2.0

// Package flowfiletest holds what the tests of all file formats share: reading
// an input to its end, and the promises that every reader keeps on any input.
package flowfiletest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"tidewatch/flow"
	"tidewatch/flowfile"
)

// Open opens the file at path with one format and reads it to its end.
func Open(tb testing.TB, path string, f flowfile.Format, o flowfile.Options) (*flow.Batch, flowfile.Stats, error) {
	tb.Helper()
	r, err := flowfile.Open(path, []flowfile.Format{f}, "", o)
	if err != nil {
		return nil, flowfile.Stats{}, err
	}
	b, s := drain(tb, r)
	return b, s, nil
}

// Bytes reads data with one format, whatever it looks like.
func Bytes(tb testing.TB, data []byte, f flowfile.Format, o flowfile.Options) (*flow.Batch, flowfile.Stats, error) {
	tb.Helper()
	r, err := flowfile.OpenStream("input", bytes.NewReader(data), []flowfile.Format{f}, f.Name, o)
	if err != nil {
		return nil, flowfile.Stats{}, err
	}
	b, s := drain(tb, r)
	return b, s, nil
}

// drain reads to the end and checks what holds for every reader on any input:
// counts that agree, times in order, a sampling rate, one account of damage.
func drain(tb testing.TB, r flowfile.Reader) (*flow.Batch, flowfile.Stats) {
	tb.Helper()
	b := flow.NewBatch(0)
	for {
		before := b.Len()
		n, err := r.Read(b)
		if got := b.Len() - before; got != n {
			tb.Fatalf("Read says %d records and appended %d", n, got)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatalf("read: %v", err)
		}
	}
	s := r.Stats()
	if err := r.Close(); err != nil {
		tb.Fatalf("close: %v", err)
	}
	if s.Records != uint64(b.Len()) {
		tb.Fatalf("Stats tell %d records, %d were read", s.Records, b.Len())
	}
	var damaged uint64
	for reason, n := range s.Reasons {
		if !strings.HasPrefix(reason, flowfile.IgnoredPrefix) {
			damaged += n
		}
	}
	if damaged != s.Skipped {
		tb.Fatalf("%d skipped but the reasons sum to %d: %v", s.Skipped, damaged, s.Reasons)
	}
	if s.Skipped > 0 && len(s.Notes) == 0 {
		tb.Fatalf("%d skipped without a note", s.Skipped)
	}
	for i := range b.Len() {
		if b.End[i] < b.Start[i] || b.Received[i] != b.End[i] || b.Sampling[i] == 0 {
			tb.Fatalf("record %d is inconsistent: %+v", i, b.Record(i))
		}
	}
	return b, s
}

// Fuzz checks the promises of a reader on data, which may be anything: no
// panic, no endless loop, no more records than bytes, errors of one line.
func Fuzz(tb testing.TB, data []byte, f flowfile.Format) {
	tb.Helper()
	f.Detect(data)
	b, _, err := Bytes(tb, data, f, flowfile.Options{})
	if err != nil {
		if strings.ContainsAny(err.Error(), "\n\r") {
			tb.Fatalf("an error of several lines: %q", err)
		}
		return
	}
	if b.Len() > 1000+64*len(data) { // compressed blocks unpack to more
		tb.Fatalf("%d records of %d bytes", b.Len(), len(data))
	}
}

// Truncations reads data cut at about n places. Every cut yields a beginning of
// what the whole yields, or fewer records; whatever is lost inside a record is
// counted and has a note. atRecord tells whether a cut there loses nothing but
// whole records.
func Truncations(tb testing.TB, data []byte, f flowfile.Format, n int, atRecord func(data []byte, cut int) bool) {
	tb.Helper()
	whole, _, err := Bytes(tb, data, f, flowfile.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	step := max(1, len(data)/n)
	for cut := 1; cut < len(data); cut += step {
		b, s, err := Bytes(tb, data[:cut], f, flowfile.Options{})
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				tb.Fatalf("cut at %d: an error of several lines: %q", cut, err)
			}
			continue
		}
		if b.Len() > whole.Len() {
			tb.Fatalf("cut at %d: %d records, the whole has %d", cut, b.Len(), whole.Len())
		}
		if s.Skipped == 0 && !atRecord(data, cut) {
			tb.Fatalf("cut at %d: nothing is counted as lost, notes %q", cut, s.Notes)
		}
	}
}

// Format is a toy format for tests of what lies around formats: lines of
// "time source destination".
func Format(name string) flowfile.Format {
	return flowfile.Format{
		Name:   name,
		Detect: func(head []byte) bool { return bytes.HasPrefix(head, []byte(name+"\n")) },
		Open:   openToy,
	}
}

// Row writes one line of the toy format.
func Row(t int, src, dst string) string { return fmt.Sprintf("%d %s %s\n", t, src, dst) }
