// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"bufio"
	"bytes"
	"errors"
)

// MaxLine is the longest line a text format may have, in bytes. The longest
// lines in practice are EVE alerts with payloads, some ten KiB.
const MaxLine = 1 << 20

// Lines reads text line by line. A line longer than MaxLine is skipped as a
// whole and reported, so a file without line breaks costs no memory.
type Lines struct {
	r      *bufio.Reader
	long   []byte // holds lines that do not fit the buffer of r
	number uint64
	broken bool // the line returned last had no line break: it is the last and may be cut
}

// NewLines reads from r, skipping a byte order mark.
func NewLines(r *bufio.Reader) *Lines {
	if head, _ := r.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		_, _ = r.Discard(3)
	}
	return &Lines{r: r}
}

// ErrLongLine reports a line above MaxLine bytes; the next call returns the line after it.
var ErrLongLine = errors.New("line longer than 1 MiB")

// Next returns the next line without its line break; it is valid until the next
// call. io.EOF comes alone, after the last line.
func (l *Lines) Next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.rest(line)
	}
	if len(line) == 0 && err != nil && !errors.Is(err, ErrLongLine) {
		return nil, err //nolint:wrapcheck // io.EOF must stay itself; callers wrap the rest
	}
	l.number++
	if errors.Is(err, ErrLongLine) {
		return nil, err
	}
	l.broken = err != nil
	if n := len(line) - 1; n >= 0 && line[n] == '\n' {
		line = line[:n]
	}
	if n := len(line) - 1; n >= 0 && line[n] == '\r' {
		line = line[:n]
	}
	return line, nil
}

func (l *Lines) rest(start []byte) ([]byte, error) {
	l.long = append(l.long[:0], start...)
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.long) <= MaxLine {
			l.long = append(l.long, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(l.long) > MaxLine {
			return nil, ErrLongLine
		}
		return l.long, err //nolint:wrapcheck // as Next
	}
}

// Number is the number of the line returned last, counted from 1.
func (l *Lines) Number() uint64 { return l.number }

// Unterminated reports that the line returned last ended with the file and not
// with a line break, so it may be cut.
func (l *Lines) Unterminated() bool { return l.broken }
