// SPDX-License-Identifier: Apache-2.0

package app

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// columns is how wide text for a terminal is, at most, unless a word is longer.
const columns = 100

// paragraph writes text behind a lead, such as a bullet; further lines stand two
// columns further in than the lead.
func paragraph(b *strings.Builder, lead, text string) {
	b.WriteString(lead)
	indent := len(lead) - len(strings.TrimLeft(lead, " ")) + 2
	at, first := utf8.RuneCountInString(lead), true
	for _, w := range inseparable(text) {
		n := utf8.RuneCountInString(w)
		switch {
		case first:
		case at+1+n > columns:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(w)
		at, first = at+n, false
	}
	b.WriteByte('\n')
}

// inseparable splits text into words, and keeps a number in one piece: the groups of
// its digits and its unit.
func inseparable(text string) (out []string) {
	for w := range strings.FieldsSeq(text) {
		if n := len(out); n > 0 && number(out[n-1]) {
			out[n-1] += " " + w
			continue
		}
		out = append(out, w)
	}
	return out
}

// number reports whether a word is digits, points and signs alone, groups of them included.
func number(s string) bool { return strings.Trim(s, "0123456789. -(±") == "" }

// counted writes how many there are of a thing.
func counted[N int | uint64](n N, thing string) string {
	s := strconv.FormatInt(int64(n), 10) + " " + thing
	if n != 1 {
		s += "s"
	}
	return s
}
