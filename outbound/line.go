// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"strings"
	"unicode"
)

// maxLine is how many runes of one line people still read, and everything takes.
const maxLine = 500

// Line makes one printable line of bounded length of a text: no control characters, no
// line ends, nothing that turns the direction of writing.
func Line(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar, !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))), " ")
	return Cut(s, maxLine)
}

// Cut shortens a text to a number of runes, and shows that it did.
func Cut(s string, runes int) string {
	if len(s) <= runes {
		return s
	}
	if r := []rune(s); len(r) > runes {
		return string(r[:max(0, runes-3)]) + "..."
	}
	return s
}
