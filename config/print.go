// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Print writes the values of the struct that cfg points to as YAML, each with its
// origin as a comment. The text can be loaded again: a secret is left out of it,
// and a comment in its place says whether it is set.
func Print(w io.Writer, cfg any, o Origins) error {
	root, err := structOf(cfg)
	if err != nil {
		return err
	}
	p := printer{origins: o}
	p.section(root, "", 0)
	if _, err := w.Write(p.aligned()); err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	return nil
}

// printer gathers lines with their comments, which stand in one column.
type printer struct {
	origins Origins
	lines   [][2]string
}

func (p *printer) add(depth int, text, comment string) {
	p.lines = append(p.lines, [2]string{strings.Repeat("  ", depth) + text, comment})
}

func (p *printer) aligned() []byte {
	column := 0
	for _, l := range p.lines {
		if l[1] != "" && len(l[0]) <= 60 {
			column = max(column, len(l[0]))
		}
	}
	var out bytes.Buffer
	for _, l := range p.lines {
		if l[1] == "" {
			fmt.Fprintln(&out, l[0])
			continue
		}
		fmt.Fprintf(&out, "%-*s  # %s\n", column, l[0], l[1])
	}
	return out.Bytes()
}

func (p *printer) section(v reflect.Value, path string, depth int) {
	for _, f := range fieldsOf(v.Type()) {
		at, to := join(path, f.name), v.FieldByIndex(f.index)
		switch {
		case to.Kind() == reflect.Struct && !isScalar(to.Type()):
			p.add(depth, f.name+":", "")
			p.section(to, at, depth+1)
		case f.secret && !to.IsZero():
			p.add(depth, "# "+f.name+": set, not shown", p.origins.Of(at))
		case f.secret, to.Kind() == reflect.Pointer && to.IsNil(), f.unset && to.IsZero():
			p.add(depth, "# "+f.name+": not set", p.origins.Of(at))
		case isBlock(to):
			p.add(depth, f.name+":", p.origins.Of(at))
			p.block(to, at, depth+1)
		default:
			p.add(depth, f.name+": "+inlineText(to), p.origins.Of(at))
		}
	}
}

// isBlock reports whether v is a list or map of sections, which take lines of
// their own.
func isBlock(v reflect.Value) bool {
	if isScalar(v.Type()) || v.Kind() != reflect.Slice && v.Kind() != reflect.Map || v.Len() == 0 {
		return false
	}
	return v.Kind() == reflect.Map || !isScalar(v.Type().Elem())
}

func (p *printer) block(v reflect.Value, path string, depth int) {
	if v.Kind() == reflect.Map {
		keys := map[string]reflect.Value{}
		for it := v.MapRange(); it.Next(); {
			keys[it.Key().String()] = it.Value()
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if item := keys[key]; item.Kind() == reflect.Struct && !isScalar(item.Type()) {
				p.add(depth, quote(key)+":", "")
				p.section(item, join(path, key), depth+1)
			} else {
				p.add(depth, quote(key)+": "+inlineText(item), "")
			}
		}
		return
	}
	for i := range v.Len() {
		p.add(depth, "- "+inlineText(v.Index(i)), "")
	}
}

// inlineText writes a value on one line.
func inlineText(v reflect.Value) string {
	if isScalar(v.Type()) {
		return scalarText(v)
	}
	var parts []string
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return inlineText(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, inlineText(v.Index(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			parts = append(parts, quote(it.Key().String())+": "+inlineText(it.Value()))
		}
		slices.Sort(parts)
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			to := v.FieldByIndex(f.index)
			if f.secret || to.Kind() == reflect.Pointer && to.IsNil() || f.unset && to.IsZero() {
				continue // not shown, or not set
			}
			parts = append(parts, f.name+": "+inlineText(to))
		}
	default:
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func scalarText(v reflect.Value) string {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		return durationText(time.Duration(v.Int()))
	}
	to := v
	if !v.CanAddr() {
		to = reflect.New(v.Type()).Elem()
		to.Set(v)
	}
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](to.Addr()); ok {
		text, err := m.MarshalText()
		if err != nil {
			return quote(err.Error())
		}
		return quote(string(text))
	}
	switch v.Kind() {
	case reflect.String:
		return quote(v.String())
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())
	default:
		return fmt.Sprint(v.Interface())
	}
}

// durationText leaves out the zero parts that time.Duration writes: 10m, not 10m0s.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// quote puts text in quotes unless it cannot be taken for anything else.
func quote(text string) string {
	plain, err := regexp.MatchString(`^[A-Za-z][A-Za-z0-9_./-]*$|^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(/[0-9]+)?$`, text)
	if err == nil && plain && !slices.Contains(reserved(), strings.ToLower(text)) {
		return text
	}
	return strconv.Quote(text)
}

// reserved are the words that YAML readers take for something else than text.
func reserved() []string {
	return []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
}
