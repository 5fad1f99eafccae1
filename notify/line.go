// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"net/netip"
	"strings"
	"unicode"
)

// maxLine is how many runes of one line people still read, and every sink takes.
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

// Sentence makes a sentence of a clause.
func Sentence(s string) string {
	s = Line(s)
	if s == "" {
		return ""
	}
	// An address or an id keeps its case.
	first, _, _ := strings.Cut(s, " ")
	if _, err := netip.ParseAddr(strings.TrimRight(first, ",;:")); err != nil && !strings.HasPrefix(s, "inc-") {
		r := []rune(s)
		r[0] = unicode.ToUpper(r[0])
		s = string(r)
	}
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}
