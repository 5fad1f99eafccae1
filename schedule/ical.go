// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds of what is read of an iCalendar file. A longer line (a picture in
// a description) is skipped: nothing that is asked for is that long.
const (
	maxLine  = 64 << 10
	maxDepth = 8 // components within components; calendars have three
)

// property is one content line of an iCalendar file (RFC 5545, 3.1), unfolded.
type property struct {
	line   int // where it begins in the file
	name   string
	params map[string]string // the first value of each
	value  string
}

// component is one BEGIN and END with what lies between.
type component struct {
	line  int
	name  string
	props []property
	inner []component
}

// all returns the properties of a name.
func (c *component) all(name string) []property {
	var out []property
	for i := range c.props {
		if c.props[i].name == name {
			out = append(out, c.props[i])
		}
	}
	return out
}

// get returns the only property of a name; nil when there is none.
func (c *component) get(name string) (*property, error) {
	var found *property
	for i := range c.props {
		if c.props[i].name != name {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("line %d: a second %s; an event has one", c.props[i].line, name)
		}
		found = &c.props[i]
	}
	return found, nil
}

// lineReader unfolds content lines.
type lineReader struct {
	rest []byte
	line int
	buf  []byte
}

// next returns the next line that is not empty; ok is false at the end. A line
// beyond the bound is cut.
func (r *lineReader) next() (text []byte, line int, ok bool) {
	for len(r.rest) > 0 {
		r.buf = append(r.buf[:0], r.physical()...)
		line = r.line
		for len(r.rest) > 0 && (r.rest[0] == ' ' || r.rest[0] == '\t') {
			more := r.physical()[1:]
			if len(r.buf) <= maxLine {
				r.buf = append(r.buf, more...)
			}
		}
		if len(bytes.TrimSpace(r.buf)) > 0 {
			return r.buf, line, true
		}
	}
	return nil, 0, false
}

func (r *lineReader) physical() []byte {
	r.line++
	line, rest, _ := bytes.Cut(r.rest, []byte("\n"))
	r.rest = rest
	return bytes.TrimSuffix(line, []byte("\r"))
}

// parseCalendar reads the components of an iCalendar file.
func parseCalendar(text []byte) (*component, error) {
	if len(text) > maxCalendar {
		return nil, fmt.Errorf("the file is larger than %d MiB", maxCalendar>>20)
	}
	r := lineReader{rest: bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))}
	root := &component{}
	open := []*component{root}
	for {
		raw, line, ok := r.next()
		if !ok {
			break
		}
		p, err := parseLine(raw)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		p.line = line
		at := open[len(open)-1]
		value := strings.ToUpper(strings.TrimSpace(p.value))
		switch {
		case p.name == "BEGIN" && len(open) > maxDepth:
			return nil, fmt.Errorf("line %d: components lie more than %d deep within each other", line, maxDepth)
		case p.name == "BEGIN":
			at.inner = append(at.inner, component{line: line, name: value})
			open = append(open, &at.inner[len(at.inner)-1])
		case p.name == "END" && (len(open) == 1 || at.name != value):
			return nil, fmt.Errorf("line %d: END:%.40q without its BEGIN", line, value)
		case p.name == "END":
			open = open[:len(open)-1]
		case len(open) == 1:
			return nil, fmt.Errorf("line %d: no BEGIN:VCALENDAR before it; this is no iCalendar file", line)
		case wanted(p.name):
			if len(raw) > maxLine {
				return nil, fmt.Errorf("line %d: %s has more than %d bytes", line, p.name, maxLine)
			}
			at.props = append(at.props, p)
		}
	}
	if len(open) > 1 {
		return nil, fmt.Errorf("line %d: the file ends before END:%.40q; it is cut off", r.line, open[len(open)-1].name)
	}
	if len(root.inner) == 0 {
		return nil, errors.New("no BEGIN:VCALENDAR; this is no iCalendar file")
	}
	return root, nil
}

// wanted names the properties that matter here; descriptions, attendees and
// pictures do not.
func wanted(name string) bool {
	switch name {
	case "UID", "SUMMARY", "STATUS", "DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE",
		"RECURRENCE-ID", "TZID", "X-LIC-LOCATION", "TZOFFSETTO":
		return true
	}
	return false
}

// parseLine takes a content line apart: NAME;PARAM=value,"value":value.
func parseLine(raw []byte) (p property, err error) {
	end := bytes.IndexAny(raw, ":;")
	if end < 1 {
		return p, fmt.Errorf("%.40q is no property; NAME:value is expected", raw)
	}
	p.name = strings.ToUpper(string(raw[:end]))
	rest := raw[end:]
	if !wanted(p.name) && p.name != "BEGIN" && p.name != "END" {
		return p, nil // whatever it holds
	}
	for len(rest) > 0 && rest[0] == ';' {
		rest = rest[1:]
		eq := bytes.IndexAny(rest, "=:;")
		if eq < 1 || rest[eq] != '=' {
			return p, fmt.Errorf("%s has a parameter without a value", p.name)
		}
		key := strings.ToUpper(string(rest[:eq]))
		var value string
		if value, rest, err = parseParam(rest[eq+1:]); err != nil {
			return p, fmt.Errorf("%s: parameter %.40q %w", p.name, key, err)
		}
		if p.params == nil {
			p.params = map[string]string{}
		}
		if _, twice := p.params[key]; !twice {
			p.params[key] = value
		}
	}
	if len(rest) == 0 {
		return p, fmt.Errorf("%s has no value", p.name)
	}
	p.value = string(rest[1:])
	return p, nil
}

// parseParam reads the values of a parameter, and returns the first of them.
func parseParam(rest []byte) (first string, after []byte, err error) {
	for n := 0; ; n++ {
		var value []byte
		if len(rest) > 0 && rest[0] == '"' {
			end := bytes.IndexByte(rest[1:], '"')
			if end < 0 {
				return "", nil, errors.New("has a quote that does not end")
			}
			value, rest = rest[1:end+1], rest[end+2:]
		} else {
			end := bytes.IndexAny(rest, ",;:")
			if end < 0 {
				return "", nil, errors.New("is not followed by a value")
			}
			value, rest = rest[:end], rest[end:]
		}
		if n == 0 {
			first = string(value)
		}
		if len(rest) == 0 || rest[0] != ',' {
			return first, rest, nil
		}
		rest = rest[1:]
	}
}

// plainText undoes the escapes of a text value and makes one short line of it.
func plainText(s string) string {
	s = strings.NewReplacer(`\n`, " ", `\N`, " ", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(strings.ToValidUTF8(s, "?"))
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if control(r) {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) <= maxName {
		return s
	}
	cut := maxName - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
