// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder fills structs from YAML nodes and notes the origin of each value.
type decoder struct {
	src     *source
	origins Origins // nil: do not note
}

func line(n ast.Node) int { return n.GetToken().Position.Line }

func (d *decoder) note(path string, at int) {
	if d.origins != nil {
		d.origins[path] = fmt.Sprintf("%s:%d", d.src.name, at)
	}
}

// section fills a struct from a mapping; a section without content is fine.
func (d *decoder) section(v reflect.Value, n ast.Node, path string) error {
	entries, err := d.mapping(n, path)
	if err != nil {
		return err
	}
	fields := fieldsOf(v.Type())
	for _, e := range entries {
		f := find(fields, e.name)
		if f == nil {
			return d.unknown(&e, path, fields)
		}
		if err := d.value(v.FieldByIndex(f.index), e.node, join(path, e.name), e.line); err != nil {
			return err
		}
	}
	return nil
}

func find(fields []*field, name string) *field {
	for _, f := range fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

func (d *decoder) unknown(e *entry, path string, fields []*field) error {
	hint := ""
	if near := nearest(e.name, fields, func(f *field) string { return f.name }); near != nil {
		hint = fmt.Sprintf(", did you mean %s?", near.name)
	}
	return d.src.errorAt(e.line, "unknown key %s%s", join(path, e.name), hint)
}

// entry is one key of a mapping.
type entry struct {
	name string
	line int
	node ast.Node
}

func (d *decoder) mapping(n ast.Node, path string) ([]entry, error) {
	if _, ok := n.(*ast.NullNode); ok {
		return nil, nil
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		what := "the file"
		if path != "" {
			what = path
		}
		if err := d.refused(n); err != nil {
			return nil, err
		}
		return nil, d.src.errorAt(line(n), "%s must be a section of keys", what)
	}
	var out []entry
	for it := m.MapRange(); it.Next(); {
		key, isText := it.Key().(ast.ScalarNode)
		at := it.Key().GetToken().Position.Line
		if !isText || it.Key().IsMergeKey() {
			return nil, d.src.errorAt(at, "a key must be plain text")
		}
		out = append(out, entry{name: fmt.Sprint(key.GetValue()), line: at, node: it.Value()})
	}
	return out, nil
}

// refused says why a node of a kind that this package leaves out is no value.
func (d *decoder) refused(n ast.Node) error {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		return d.src.errorAt(line(n), "anchors and aliases are not supported, write the value out")
	case *ast.TagNode:
		return d.src.errorAt(line(n), "tags are not supported")
	}
	return nil
}

// value fills v from n; at is the line of its key.
func (d *decoder) value(v reflect.Value, n ast.Node, path string, at int) error {
	if err := d.refused(n); err != nil {
		return err
	}
	t := v.Type()
	if t.Kind() == reflect.Pointer && !isScalar(t) {
		to := reflect.New(t.Elem())
		if !v.IsNil() {
			to.Elem().Set(v.Elem())
		}
		if err := d.value(to.Elem(), n, path, at); err != nil {
			return err
		}
		v.Set(to)
		return nil
	}
	if t.Kind() == reflect.Struct && !isScalar(t) {
		d.note(path+".", at)
		return d.section(v, n, path)
	}
	d.note(path, at)
	_, empty := n.(*ast.NullNode)
	switch {
	case empty:
		return d.src.errorAt(at, "%s has no value", path)
	case isScalar(t):
		return d.scalar(v, n, path)
	case t.Kind() == reflect.Slice:
		return d.list(v, n, path)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		return d.dictionary(v, n, path)
	}
	return fmt.Errorf("config: %s has type %v, which cannot be configured", path, t)
}

func (d *decoder) list(v reflect.Value, n ast.Node, path string) error {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		return d.src.errorAt(line(n), "%s must be a list", path)
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	inner := decoder{src: d.src} // a list has one origin
	for i, item := range seq.Values {
		if err := inner.value(out.Index(i), item, fmt.Sprintf("%s[%d]", path, i), line(item)); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

func (d *decoder) dictionary(v reflect.Value, n ast.Node, path string) error {
	entries, err := d.mapping(n, path)
	if err != nil {
		return err
	}
	out := reflect.MakeMapWithSize(v.Type(), len(entries))
	for it := v.MapRange(); it.Next(); {
		out.SetMapIndex(it.Key(), it.Value())
	}
	for _, e := range entries {
		key := reflect.ValueOf(e.name).Convert(v.Type().Key())
		item := reflect.New(v.Type().Elem()).Elem()
		if old := out.MapIndex(key); old.IsValid() {
			item.Set(old)
		}
		if err := d.value(item, e.node, join(path, e.name), e.line); err != nil {
			return err
		}
		out.SetMapIndex(key, item)
	}
	v.Set(out)
	return nil
}

func (d *decoder) scalar(v reflect.Value, n ast.Node, path string) error {
	var text string
	quoted := false
	switch n := n.(type) {
	case *ast.StringNode:
		text = n.Value
		quoted = strings.ContainsAny(n.Token.Origin, `"'`)
	case *ast.LiteralNode:
		text, quoted = n.Value.Value, true
	case ast.ScalarNode:
		text = n.GetToken().Value
	default:
		return d.src.errorAt(line(n), "%s must be a %s", path, typeName(v.Type()))
	}
	if quoted && v.Kind() != reflect.String && isNumberOrBool(v.Type()) {
		return d.src.errorAt(line(n), "%s must be a %s without quotes", path, typeName(v.Type()))
	}
	if err := setText(v, text); err != nil {
		return d.src.errorAt(line(n), "%s %v", path, err)
	}
	return nil
}
