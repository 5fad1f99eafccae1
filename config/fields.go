// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding"
	"fmt"
	"io"
	"iter"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Field is one key of a configuration with the place its value lives in.
type Field struct {
	Key    string // dotted path
	Value  reflect.Value
	Secret bool // tagged secret:"true"; never printed
}

// Fields yields every key of a pointer to a configuration struct, in order.
func Fields(of any) iter.Seq[Field] {
	return func(yield func(Field) bool) { fields("", reflect.ValueOf(of).Elem(), yield) }
}

func fields(prefix string, v reflect.Value, yield func(Field) bool) bool {
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		name, opts, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		if !sf.IsExported() || name == "-" || name == "" && opts != "inline" {
			continue
		}
		key := name
		if prefix != "" && name != "" {
			key = prefix + "." + name
		} else if name == "" {
			key = prefix
		}
		f := v.Field(i)
		if f.Kind() == reflect.Struct && !isText(f) {
			if !fields(key, f, yield) {
				return false
			}
			continue
		}
		if !yield(Field{Key: key, Value: f, Secret: sf.Tag.Get("secret") == "true"}) {
			return false
		}
	}
	return true
}

// isText reports whether a struct is written as one word (an address, a prefix).
func isText(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return ok
}

// Print writes every key with its effective value and where that comes from.
func Print(w io.Writer, of any, origins Origins) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for f := range Fields(of) {
		from, ok := origins[f.Key]
		if !ok {
			from = "default"
		}
		if _, err := fmt.Fprintf(t, "%s\t%s\t%s\n", f.Key, text(f), from); err != nil {
			return err
		}
	}
	return t.Flush()
}

func text(f Field) string {
	if f.Secret {
		if f.Value.IsZero() {
			return "(not set)"
		}
		return "(set)"
	}
	switch v := f.Value.Interface().(type) {
	case time.Duration:
		return v.String()
	case string:
		return fmt.Sprintf("%q", v)
	}
	if f.Value.Kind() == reflect.Slice {
		parts := make([]string, f.Value.Len())
		for i := range parts {
			parts[i] = fmt.Sprint(f.Value.Index(i).Interface())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(f.Value.Interface())
}

// lines notes the line of every key of a file.
type lines struct {
	path string
	into Origins
}

func (l *lines) walk(prefix string, n ast.Node) {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			l.walk(prefix, v)
		}
	case *ast.MappingValueNode:
		key := n.Key.GetToken().Value
		if prefix != "" {
			key = prefix + "." + key
		}
		l.into[key] = fmt.Sprintf("%s:%d", l.path, n.Key.GetToken().Position.Line)
		l.walk(key, n.Value)
	}
}
