// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"net/netip"
	"strings"
	"unicode"

	"tidewatch/outbound"
)

// Line makes one printable line of bounded length of a text: no control characters, no
// line ends, nothing that turns the direction of writing.
func Line(s string) string { return outbound.Line(s) }

// Cut shortens a text to a number of runes, and shows that it did.
func Cut(s string, runes int) string { return outbound.Cut(s, runes) }

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
