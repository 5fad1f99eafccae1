// SPDX-License-Identifier: Apache-2.0

package config

import (
	"reflect"
	"strings"
)

// field is one key of a section.
type field struct {
	name   string
	index  []int
	secret bool
	unset  bool // its zero value stands for not set
	doc    string
}

// fieldsOf lists the keys of a struct type in the order of its fields.
func fieldsOf(t reflect.Type) []*field {
	var out []*field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		if options == "inline" {
			for _, f := range fieldsOf(sf.Type) {
				f.index = append([]int{i}, f.index...)
				out = append(out, f)
			}
			continue
		}
		if name == "" || name == "-" || !sf.IsExported() {
			continue
		}
		out = append(out, &field{
			name: name, index: []int{i}, secret: sf.Tag.Get("secret") == "true", unset: options == "omitempty", doc: sf.Tag.Get("doc"),
		})
	}
	return out
}

// Key describes one value that can be set, for a reference page.
type Key struct {
	Path    string // "collect.readers"
	Env     string // "TIDEWATCH_COLLECT_READERS"
	Type    string // "whole number", "duration", "list of networks", ...
	Default string // as it would stand in the file; empty for a secret
	Doc     string // the doc tag
}

// Keys lists the values of the struct that cfg points to, in order; sections
// inside lists and maps are one key.
func Keys(cfg any) ([]Key, error) {
	root, err := structOf(cfg)
	if err != nil {
		return nil, err
	}
	var out []Key
	leaves(root, "", func(path string, v reflect.Value, f *field) {
		k := Key{Path: path, Env: envName(path), Type: typeName(v.Type()), Doc: f.doc}
		if !f.secret {
			k.Default = inlineText(v)
		}
		out = append(out, k)
	})
	return out, nil
}

// leaves visits every value below a section that is no section itself.
func leaves(v reflect.Value, path string, visit func(path string, v reflect.Value, f *field)) {
	for _, f := range fieldsOf(v.Type()) {
		at, to := join(path, f.name), v.FieldByIndex(f.index)
		if to.Kind() == reflect.Struct && !isScalar(to.Type()) {
			leaves(to, at, visit)
			continue
		}
		visit(at, to, f)
	}
}

func envName(path string) string {
	return Prefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(path))
}

// nearest returns the candidate whose name is most like what was written, or the
// zero value when none is near.
func nearest[T any](written string, candidates []T, name func(T) string) (best T) {
	bestDistance := 3 + len(written)/10 // two typing errors, one more in long names
	for _, c := range candidates {
		if d := distance(written, name(c)); d < bestDistance && d < len(name(c)) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the edit distance of Levenshtein.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
