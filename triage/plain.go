// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxQuoted is how many letters of a text that others wrote are shown: names of devices
// and events are shorter, and what is longer is no name.
const maxQuoted = 120

// Quoted is text that others wrote: a device's name, an event's, a person's note, an
// entry of a list. It is data. It stands alone in an object with the field quoted, so
// that a model can tell it from ours, without any letter that does not print.
type Quoted string

// MarshalJSON implements json.Marshaler.
func (q Quoted) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Quoted string `json:"quoted"`
	}{Plain(string(q), maxQuoted)})
}

// Plain leaves of a text what prints in one line: no control characters, no marks that
// turn the direction of writing, nothing invisible; at most so many letters.
func Plain(s string, most int) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)), " ")
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most-1]) + "…"
	}
	return s
}
