// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// leaf is one value that a variable may set.
type leaf struct {
	path   string
	value  reflect.Value
	secret bool
}

// leavesByVariable fails when two keys share a variable, as a.b_c and a_b.c would.
func leavesByVariable(root reflect.Value) (map[string]leaf, error) {
	out := map[string]leaf{}
	var clash error
	leaves(root, "", func(path string, v reflect.Value, f *field) {
		name := envName(path)
		if other, ok := out[name]; ok && clash == nil {
			clash = fmt.Errorf("config: %s and %s share the variable %s", other.path, path, name)
		}
		out[name] = leaf{path: path, value: v, secret: f.secret}
	})
	return out, clash
}

func fromEnvironment(root reflect.Value, environ []string, origins Origins) error {
	known, err := leavesByVariable(root)
	if err != nil {
		return err
	}
	sorted := slices.Sorted(slices.Values(environ)) // the first error is always the same one
	for _, pair := range sorted {
		name, text, _ := strings.Cut(pair, "=")
		to, ok := known[name]
		if !ok || text == "" {
			continue
		}
		if err := setVariable(&to, name, text); err != nil {
			return err
		}
		origins[to.path] = name
	}
	return nil
}

func setVariable(to *leaf, name, text string) error {
	v := to.value
	if v.Kind() == reflect.Pointer && !isScalar(v.Type()) {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	shown := fmt.Sprintf(": %q", text)
	if to.secret {
		shown = ""
	}
	if isScalar(v.Type()) {
		if err := setText(v, text); err != nil {
			return fmt.Errorf("%s: %s %w%s", name, to.path, err, shown)
		}
		return nil
	}
	if v.Kind() == reflect.Slice && isScalar(v.Type().Elem()) && !strings.HasPrefix(text, "[") {
		parts := strings.Split(text, ",")
		out := reflect.MakeSlice(v.Type(), len(parts), len(parts))
		for i, part := range parts {
			if err := setText(out.Index(i), strings.TrimSpace(part)); err != nil {
				return fmt.Errorf("%s: %s[%d] %w%s", name, to.path, i, err, shown)
			}
		}
		v.Set(out)
		return nil
	}
	return setYAML(v, to.path, name, text)
}

// setYAML reads a list or map in brackets or braces.
func setYAML(v reflect.Value, path, name, text string) error {
	_, body, err := parse(name, text)
	if err != nil {
		return err
	}
	if body == nil {
		return fmt.Errorf("%s: %s has no value", name, path)
	}
	d := decoder{src: &source{name: name}}
	return d.value(v, body, path, 1)
}

// Unknown is a variable that begins with Prefix and sets nothing.
type Unknown struct {
	Name string
	Near string // the variable that was probably meant; empty when none is like it
}

// String is one line for people.
func (u Unknown) String() string {
	if u.Near == "" {
		return u.Name + " is set in the environment, but no key has this variable"
	}
	return u.Name + " is set in the environment, but no key has this variable, did you mean " + u.Near + "?"
}

// UnknownVariables lists the variables of the environment that begin with Prefix
// and belong to no key of cfg and not to others either: most likely misspelt.
func UnknownVariables(cfg any, environ []string, others ...string) ([]Unknown, error) {
	root, err := structOf(cfg)
	if err != nil {
		return nil, err
	}
	known, err := leavesByVariable(root)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(known))
	var out []Unknown
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if _, ok := known[name]; !ok && strings.HasPrefix(name, Prefix) && !slices.Contains(others, name) {
			// What they have in common by rule says nothing about how alike they are.
			near := nearest(name[len(Prefix):], names, func(n string) string { return n[len(Prefix):] })
			out = append(out, Unknown{Name: name, Near: near})
		}
	}
	slices.SortFunc(out, func(a, b Unknown) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
