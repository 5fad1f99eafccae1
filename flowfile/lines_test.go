// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	tooLong := strings.Repeat("y", MaxLine+1)
	in := "\xef\xbb\xbffirst\nsecond\r\n\n" + long + "\n" + tooLong + "\nafter\nlast"
	l := NewLines(bufio.NewReaderSize(strings.NewReader(in), 64))
	for i, want := range []string{"first", "second", "", long, "!", "after", "last"} {
		got, err := l.Next()
		if want == "!" {
			if !errors.Is(err, ErrLongLine) {
				t.Fatalf("line %d: error %v, want ErrLongLine", i+1, err)
			}
			continue
		}
		if err != nil || string(got) != want {
			t.Fatalf("line %d: %.20q, %v; want %.20q", i+1, got, err, want)
		}
		if l.Number() != uint64(i+1) || l.Unterminated() != (want == "last") {
			t.Errorf("line %d: number %d, unterminated %v", i+1, l.Number(), l.Unterminated())
		}
	}
	if _, err := l.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last line: %v", err)
	}
}

func TestALineWithoutEndIsOneLongLine(t *testing.T) {
	l := NewLines(bufio.NewReader(io.LimitReader(endless{}, 5*MaxLine)))
	if _, err := l.Next(); !errors.Is(err, ErrLongLine) {
		t.Errorf("error %v", err)
	}
	if len(l.long) > 2*MaxLine {
		t.Errorf("%d bytes are held", len(l.long))
	}
	if _, err := l.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("error %v, want io.EOF", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'z'
	}
	return len(p), nil
}
