// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Labels is a label file of any format; one of the three is set.
type Labels struct {
	Captures []Label // labels.tsv: one row a capture
	Sheet    *Sheet  // labelled flows, or a log of events, of one capture
	Windows  Windows // of series: combined_windows.json
	Series   bool    // the file is a series with a column of labels: read it as one
}

// ErrNoLabels says that a file has none that are known.
var ErrNoLabels = errors.New("no labels: neither a table of captures, nor labelled flows, events, windows or a series")

// Read finds out by content what a label file is, and reads it. A file that is
// compressed must be opened by the caller.
func Read(r io.Reader) (*Labels, error) {
	in := bufio.NewReaderSize(r, maxLine)
	head, err := in.Peek(1)
	if err != nil {
		return nil, ErrNoLabels
	}
	if head[0] == '{' {
		w, err := ReadWindows(in)
		return &Labels{Windows: w}, err
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for n := 0; n < 100 && lines.Scan(); n++ { // Zeek's header has eight lines
		line := strings.TrimRight(lines.Text(), "\r")
		if line == columns {
			all, err := ReadLabels(io.MultiReader(strings.NewReader(columns+"\n"), unread(lines)))
			return &Labels{Captures: all}, err
		}
		if isEventLine(line) {
			s := &Sheet{}
			return &Labels{Sheet: s}, readEvents(line, lines, s)
		}
		fields, zeek := strings.CutPrefix(line, "#fields\t")
		if t, ok := tableOf(fields, zeek); ok {
			s := &Sheet{}
			return &Labels{Sheet: s}, t.readFlows(lines, s)
		}
		if isSeriesHeader(line) {
			return &Labels{Series: true}, nil
		}
		if !strings.HasPrefix(line, "#") {
			break
		}
	}
	return nil, ErrNoLabels
}

// unread is what a scanner has not handed out yet.
func unread(lines *bufio.Scanner) io.Reader { return &rest{lines: lines} }

type rest struct {
	lines *bufio.Scanner
	buf   []byte
}

func (r *rest) Read(p []byte) (int, error) {
	if len(r.buf) == 0 {
		if !r.lines.Scan() {
			if err := r.lines.Err(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
		r.buf = append(append(r.buf, r.lines.Bytes()...), '\n')
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

// isSeriesHeader knows the header of a series with labels: time, value, label.
func isSeriesHeader(line string) bool {
	f := strings.Split(strings.ToLower(line), ",")
	return len(f) == 3 && f[0] == "timestamp" && f[1] == "value" && f[2] == "label"
}

// maxWindowsFile bounds a file of windows; that of the whole benchmark has 12 kB.
const maxWindowsFile = 16 << 20

// ReadWindows reads a file such as NAB's combined_windows.json: for each series the
// windows around its anomalies.
func ReadWindows(r io.Reader) (Windows, error) {
	var raw map[string][][2]string
	if err := json.NewDecoder(io.LimitReader(r, maxWindowsFile)).Decode(&raw); err != nil {
		return nil, fmt.Errorf("read windows: %w", err)
	}
	out := Windows{}
	for path, all := range raw {
		out[path] = []Span{}
		for _, w := range all {
			var s Span
			for i, text := range w {
				at, err := moment(strings.TrimSuffix(text, ".000000"))
				if err != nil {
					return nil, fmt.Errorf("read windows: %s: %q is no time", path, text)
				}
				if i == 0 {
					s.From = at
				} else {
					s.To = at
				}
			}
			if s.To.Before(s.From) {
				return nil, fmt.Errorf("read windows: %s: %s ends before it begins", path, w[0])
			}
			out[path] = append(out[path], s)
		}
	}
	if len(out) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return out, nil
}
