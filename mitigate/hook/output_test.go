// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCapture(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"nothing":      {"", ""},
		"lines":        {"a\r\n\n  b\t c \n", "a|b c"},
		"no last line": {"a\nb", "a|b"},
		"unprintable":  {"\x00\x01\n\xff\xfe\nok\x1b[0m\u202e\n", "ok[0m"},
		"many lines":   {strings.Repeat("x\n", 50), strings.Repeat("x|", maxLines) + "..."},
		"a long line":  {strings.Repeat("é", 300), strings.Repeat("é", maxTold-3) + "..."},
	} {
		c := capture{room: maxOutput}
		if n, err := c.Write([]byte(tc.in)); n != len(tc.in) || err != nil {
			t.Errorf("%s: took %d, %v", name, n, err)
		}
		if got := strings.Join(c.lines(), "|"); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// FuzzOutput: whatever a script prints, in whatever pieces, what is told of it is
// printable and short, and nothing is lost uncounted.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n"), 1)
	f.Add([]byte("\x00\xff\u202e\x1b[31m\n\n\n"), 3)
	f.Add(bytes.Repeat([]byte("x"), 300), 255)
	f.Add(bytes.Repeat([]byte("y\n"), 100), 7)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		const room = 256
		size = max(1, size)
		c := capture{room: room}
		for rest := in; len(rest) > 0; {
			n := min(size, len(rest))
			if took, err := c.Write(rest[:n]); took != n || err != nil {
				t.Fatalf("took %d of %d, %v", took, n, err)
			}
			rest = rest[n:]
		}
		if !bytes.Equal(c.kept, in[:min(len(in), room)]) || int64(len(c.kept))+c.discarded != int64(len(in)) {
			t.Errorf("kept %d, discarded %d of %d", len(c.kept), c.discarded, len(in))
		}
		lines := c.lines()
		if len(lines) > maxLines+1 {
			t.Errorf("%d lines", len(lines))
		}
		for _, l := range lines {
			if l == "" || utf8.RuneCountInString(l) > maxTold || strings.ContainsFunc(l, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("line %q", l)
			}
		}
		if len(lines) > 0 && c.first() != lines[0] {
			t.Errorf("first line %q", c.first())
		}
	})
}
