// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strings"
	"time"

	"tidewatch/incident"
)

// advice is a row of the tables of actions and steps. In its text {name} stands for what
// the incident fills in, and a part in square brackets is left out when that is not known.
// A row whose other names are not known is left out.
type advice struct {
	about    string // categories, kinds or vectors, with blanks between; empty: all
	verdicts string // t: threat, u: uncertain, l: legitimate
	when     string // a sign that must be there; with ! before it, one that must not; empty: none
	text     string
}

// mostLines bounds what is told: who reads more than that reads nothing.
const mostLines = 8

// advise fills in the rows that are about an incident.
func advise(table []advice, f *facts, verdict incident.Judgement) []string {
	var letter byte
	switch verdict {
	case incident.Threat:
		letter = 't'
	case incident.Legitimate:
		letter = 'l'
	case incident.Unclear:
		letter = 'u'
	}
	out := make([]string, 0, mostLines)
	for i := range table {
		a := &table[i]
		if len(out) == mostLines {
			break
		}
		if strings.IndexByte(a.verdicts, letter) < 0 || !a.fits(f) {
			continue
		}
		if text, ok := f.fill(a.text); ok {
			out = append(out, text)
		}
	}
	return out
}

func (a *advice) fits(f *facts) bool {
	if sign, not := strings.CutPrefix(a.when, "!"); a.when != "" && f.has(sign) == not {
		return false
	}
	return a.about == "" || f.isOne(a.about)
}

// isOne reports whether a list of categories, kinds and vectors names the incident.
func (f *facts) isOne(list string) bool {
	return hasWord(list, string(f.Category)) || hasWord(list, f.Kind) || f.Vector != "" && hasWord(list, f.Vector) ||
		slices.ContainsFunc(f.Vectors, func(v string) bool { return hasWord(list, v) }) ||
		list == amplification && slices.ContainsFunc(f.vectors(), func(v string) bool { return strings.HasSuffix(v, amplification) })
}

// hasWord reports whether a word stands in a list with blanks between.
func hasWord(list, word string) bool {
	for from := 0; word != ""; {
		at := strings.Index(list[from:], word)
		if at < 0 {
			return false
		}
		at += from
		end := at + len(word)
		if (at == 0 || list[at-1] == ' ') && (end == len(list) || list[end] == ' ') {
			return true
		}
		from = end
	}
	return false
}

// fill puts the incident's own values into a text; ok is false when one is not known.
func (f *facts) fill(text string) (filled string, ok bool) {
	var b strings.Builder
	b.Grow(len(text) + 64)
	for text != "" {
		at := strings.IndexAny(text, "{[")
		if at < 0 {
			b.WriteString(text)
			break
		}
		b.WriteString(text[:at])
		until := "}"
		if text[at] == '[' {
			until = "]"
		}
		inner, rest, _ := strings.Cut(text[at+1:], until)
		if text[at] == '[' {
			if part, known := f.fill(inner); known {
				b.WriteString(part)
			}
		} else {
			v := f.value(inner)
			if v == "" {
				return "", false
			}
			b.WriteString(v)
		}
		text = rest
	}
	return b.String(), true
}

// value is what a name in a text stands for, empty when it is not known. Only addresses,
// ports, times and words of our own are filled in, nothing that a stranger can write.
func (f *facts) value(name string) string {
	switch name {
	case "id":
		return f.ID
	case "kind":
		return f.Kind
	case "subject":
		return f.Subject
	case "baseline": // as tidewatch baseline show takes it
		if f.Subject == wholeSite {
			return "site"
		}
		return f.Subject
	case "peer":
		return f.peer()
	case "port":
		return f.port()
	case "from":
		return moment(f.Started)
	case "day":
		return f.Started.UTC().Format(time.DateOnly)
	case "to":
		if !f.Ended.IsZero() {
			return moment(f.Ended)
		}
		return moment(f.LastSeen)
	case "filter":
		if f.Filter != nil {
			return f.Filter.Text
		}
	case "earlier":
		if n := len(f.Earlier); n > 0 {
			return f.Earlier[n-1].ID
		}
	case "later":
		if len(f.Later) > 0 {
			return f.Later[0].ID
		}
	case "previous":
		return f.Previous
	}
	return ""
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// wholeSite is the subject of what is about everything inside.
const wholeSite = "::/0"

// named is the share of a list from which its first entry is what it is about.
const named = 0.2

// peer is the other end that most of it is about: who receives, or who sends when the
// subject is the target.
func (f *facts) peer() string {
	list := f.Top.Destinations
	if f.Kind == "ddos" || f.fromOutside() {
		list = f.Top.Sources
	}
	if len(list) == 0 || list[0].Share < named {
		return ""
	}
	return list[0].Key
}

// port is the service that most of it is about, as in 443/tcp.
func (f *facts) port() string {
	if len(f.Top.Ports) == 0 || f.Top.Ports[0].Share < named {
		return ""
	}
	return f.Top.Ports[0].Key
}
