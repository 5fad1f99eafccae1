// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Schema is the part of JSON schema that answers and arguments of tools need. All
// fields of an object are needed and no other may stand in it: a model that has nothing
// to say writes an empty text, an empty list or "unknown".
type Schema struct {
	Type     string // object, array, string, number, integer
	Doc      string
	Enum     []string
	Pattern  string  // of a string; in the words of Doc for the model
	Min, Max float64 // of a number
	MaxLen   int     // letters of a string
	Items    *Schema
	MaxItems int
	Fields   []Field
}

// Field is a field of an object.
type Field struct {
	Name string
	Schema
}

// Wire is the schema as APIs take it. They differ in which bounds they can hold a model
// to, so bounds are told in words, and Check holds them.
func (s *Schema) Wire() map[string]any {
	w := map[string]any{"type": s.Type}
	doc := s.Doc
	if s.MaxLen > 0 {
		doc = fmt.Sprintf("%s (at most %d letters)", doc, s.MaxLen)
	}
	if s.MaxItems > 0 {
		doc = fmt.Sprintf("%s (at most %d)", doc, s.MaxItems)
	}
	if s.Type == "number" || s.Type == "integer" {
		doc = fmt.Sprintf("%s (%g to %g)", doc, s.Min, s.Max)
	}
	if doc != "" {
		w["description"] = strings.TrimSpace(doc)
	}
	if s.Enum != nil {
		w["enum"] = s.Enum
	}
	if s.Items != nil {
		w["items"] = s.Items.Wire()
	}
	if s.Type == "object" {
		properties, needed := map[string]any{}, make([]string, 0, len(s.Fields))
		for i := range s.Fields {
			properties[s.Fields[i].Name] = s.Fields[i].Wire()
			needed = append(needed, s.Fields[i].Name)
		}
		w["properties"], w["required"], w["additionalProperties"] = properties, needed, false
	}
	return w
}

// Read reads one JSON value and checks it. The error names the place and never repeats
// what stands there.
func (s *Schema) Read(text []byte) (any, error) {
	if !utf8.Valid(text) {
		return nil, Fail(Malformed, "it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := value(d, 0)
	if err != nil {
		return nil, Fail(Malformed, err.Error())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, Fail(Malformed, "something follows the JSON")
	}
	if err := s.check(v, "the answer"); err != nil {
		return nil, Fail(Invalid, err.Error())
	}
	return v, nil
}

const maxDepth = 6 // ours have three

// value reads one value. encoding/json alone would take the last of two fields of one
// name, and which one counts must not depend on who reads.
func value(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("it is nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		return nil, errors.New("it is no JSON")
	}
	switch t {
	case json.Delim('{'):
		out := map[string]any{}
		for d.More() {
			k, err := d.Token()
			name, ok := k.(string)
			if err != nil || !ok {
				return nil, errors.New("it is no JSON")
			}
			if _, twice := out[name]; twice {
				return nil, errors.New("a field stands in it twice")
			}
			if out[name], err = value(d, depth+1); err != nil {
				return nil, err
			}
		}
		return out, end(d)
	case json.Delim('['):
		out := []any{}
		for d.More() {
			v, err := value(d, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, end(d)
	}
	return t, nil
}

func end(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errors.New("it is no JSON")
	}
	return nil
}

func (s *Schema) check(v any, at string) error {
	switch v := v.(type) {
	case string:
		return s.checkText(v, at)
	case json.Number:
		f, err := v.Float64()
		if s.Type != "number" && s.Type != "integer" || err != nil || f < s.Min || f > s.Max {
			return fmt.Errorf("%s is no %s from %g to %g", at, s.Type, s.Min, s.Max)
		}
		if s.Type == "integer" && f != float64(int64(f)) {
			return fmt.Errorf("%s is no whole number", at)
		}
		return nil
	case []any:
		if s.Type != "array" {
			break
		}
		if len(v) > s.MaxItems {
			return fmt.Errorf("%s has more than %d entries", at, s.MaxItems)
		}
		for i, one := range v {
			if err := s.Items.check(one, fmt.Sprintf("entry %d of %s", i+1, at)); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if s.Type != "object" {
			break
		}
		return s.checkObject(v, at)
	}
	return fmt.Errorf("%s is no %s", at, s.Type)
}

func (s *Schema) checkText(v, at string) error {
	switch {
	case s.Type != "string":
		return fmt.Errorf("%s is no %s", at, s.Type)
	case s.Enum != nil && !slices.Contains(s.Enum, v):
		return fmt.Errorf("%s is none of %s", at, strings.Join(s.Enum, ", "))
	case s.MaxLen > 0 && utf8.RuneCountInString(v) > s.MaxLen:
		return fmt.Errorf("%s has more than %d letters", at, s.MaxLen)
	case s.Pattern != "":
		if ok, err := regexp.MatchString(s.Pattern, v); err != nil || !ok {
			return fmt.Errorf("%s does not look like one", at)
		}
	}
	return nil
}

func (s *Schema) checkObject(v map[string]any, at string) error {
	for i := range s.Fields {
		f := &s.Fields[i]
		got, ok := v[f.Name]
		if !ok {
			return fmt.Errorf("%s lacks %s", at, f.Name)
		}
		if err := f.check(got, f.Name); err != nil {
			return err
		}
	}
	if len(v) > len(s.Fields) {
		return fmt.Errorf("%s has fields that are not agreed on", at)
	}
	return nil
}
