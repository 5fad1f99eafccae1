// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"encoding/json"
)

// Object walks over the members of one JSON object without building anything:
// logs have some thirty members a line, of which a flow needs half. It checks
// what it must in order not to misread (balance, strings, separators) and leaves
// the inside of values to those who read them.
type Object struct {
	b    []byte
	i    int
	fail bool
	end  bool
}

// NewObject starts at the object that b holds, white space around it allowed.
func NewObject(b []byte) Object {
	o := Object{b: b}
	o.space()
	if !o.take('{') {
		o.fail = true
	}
	o.space()
	if o.take('}') {
		o.finish()
	}
	return o
}

// Next returns the next member: the key without quotes as it is written, and
// the value as JSON, strings with their quotes. ok is false after the last
// member and at damage; Damaged tells which.
func (o *Object) Next() (key, value []byte, ok bool) {
	if o.fail || o.end {
		return nil, nil, false
	}
	k, ok := o.str()
	if !ok {
		return o.damage()
	}
	o.space()
	if !o.take(':') {
		return o.damage()
	}
	o.space()
	value, ok = o.value()
	if !ok {
		return o.damage()
	}
	o.space()
	switch {
	case o.take(','):
		o.space()
	case o.take('}'):
		o.finish()
	default:
		return o.damage()
	}
	if o.fail {
		return nil, nil, false
	}
	return k[1 : len(k)-1], value, true
}

// Damaged reports that the object was not well formed or not complete.
func (o *Object) Damaged() bool { return o.fail }

func (o *Object) damage() ([]byte, []byte, bool) {
	o.fail = true
	return nil, nil, false
}

func (o *Object) finish() {
	o.space()
	o.end = true
	o.fail = o.fail || o.i != len(o.b)
}

func (o *Object) space() {
	for o.i < len(o.b) && (o.b[o.i] == ' ' || o.b[o.i] == '\t' || o.b[o.i] == '\r' || o.b[o.i] == '\n') {
		o.i++
	}
}

func (o *Object) take(c byte) bool {
	if o.i < len(o.b) && o.b[o.i] == c {
		o.i++
		return true
	}
	return false
}

// str returns the string that begins here, with its quotes.
func (o *Object) str() ([]byte, bool) {
	at := o.i
	if !o.take('"') {
		return nil, false
	}
	for ; o.i < len(o.b); o.i++ {
		switch o.b[o.i] {
		case '\\':
			o.i++
		case '"':
			o.i++
			return o.b[at:o.i], true
		}
	}
	o.i = min(o.i, len(o.b))
	return nil, false
}

// value returns the value that begins here.
func (o *Object) value() ([]byte, bool) {
	if o.i >= len(o.b) {
		return nil, false
	}
	switch o.b[o.i] {
	case '"':
		return o.str()
	case '{', '[':
		return o.nested()
	}
	at := o.i
	for o.i < len(o.b) && o.b[o.i] != ',' && o.b[o.i] != '}' && o.b[o.i] != ']' && o.b[o.i] > ' ' {
		o.i++
	}
	return o.b[at:o.i], o.i > at
}

// maxNesting bounds the depth of values; EVE reaches about six.
const maxNesting = 64

// nested returns the object or array that begins here by its balanced brackets.
func (o *Object) nested() ([]byte, bool) {
	at := o.i
	var room [maxNesting]byte
	open := room[:0]
	for o.i < len(o.b) {
		switch c := o.b[o.i]; c {
		case '"':
			if _, ok := o.str(); !ok {
				return nil, false
			}
			continue
		case '{', '[':
			if len(open) == maxNesting {
				return nil, false
			}
			open = append(open, c+2) // the closing bracket is two further in ASCII
		case '}', ']':
			last := len(open) - 1
			if last < 0 || open[last] != c {
				return nil, false
			}
			open = open[:last]
			if last == 0 {
				o.i++
				return o.b[at:o.i], true
			}
		}
		o.i++
	}
	return nil, false
}

// Text returns the content of a JSON string, or the value as it is written when
// it is no string; null is empty. Only strings with escapes are copied.
func Text(value []byte) []byte {
	n := len(value)
	if n < 2 || value[0] != '"' {
		if string(value) == "null" {
			return nil
		}
		return value
	}
	in := value[1 : n-1]
	for _, c := range in {
		if c == '\\' {
			var s string
			if json.Unmarshal(value, &s) != nil {
				return in
			}
			return []byte(s)
		}
	}
	return in
}
