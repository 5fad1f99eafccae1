// SPDX-License-Identifier: Apache-2.0

// Package config reads one YAML file and the environment into a struct, strictly,
// and can say where each value came from. It knows no component: it works on the
// yaml tags of whatever struct it is given, which holds the defaults beforehand.
//
// A key that the struct does not have is an error that names file, line and text
// of the line. A list replaces the default list; a map adds to the default map.
// Durations are written with their unit ("30s", "5m"), sizes as plain numbers,
// networks and addresses as usual. Sections may be empty; values may not.
// Anchors, aliases, tags and merge keys are refused: a file of settings should
// say what it means where it says it.
//
// The environment overrides the file: key a.b is TIDEWATCH_A_B. An empty variable
// counts as absent. Lists are comma-separated, or YAML in brackets, as lists of
// sections have to be.
//
// Struct tags: `yaml:"name"` makes a field a key, `yaml:",inline"` lifts the keys
// of an embedded struct, `yaml:"name,omitempty"` says of a field of a list's items
// that its zero value stands for "not set" and is not printed, `yaml:"-"` and no tag
// leave a field out; `secret:"true"` keeps a value from being printed; `doc:"..."` describes it in Keys.
package config

import (
	"errors"
	"fmt"
	"reflect"
)

// Prefix begins the name of every environment variable that is read.
const Prefix = "TIDEWATCH_"

// Origins tells where values came from: the key path ("collect.readers") leads
// to "FILE:LINE" or to the name of a variable, and so does the path of a section
// with a dot behind it ("collect."). What is not in it is a default.
type Origins map[string]string

// Of names the origin of the value at a key path.
func (o Origins) Of(path string) string {
	if from, ok := o[path]; ok {
		return from
	}
	return "default"
}

// Load reads the file at path (none when path is empty) and then the variables
// in environ ("NAME=value", as os.Environ gives them) into the struct that into
// points to. Every error is one line that names the place. On error into may be
// partly filled.
func Load(path string, environ []string, into any) (Origins, error) {
	root, err := structOf(into)
	if err != nil {
		return nil, err
	}
	origins := Origins{}
	if path != "" {
		src, body, err := readFile(path)
		if err != nil {
			return nil, err
		}
		d := decoder{src: src, origins: origins}
		if err := d.section(root, body, ""); err != nil {
			return nil, err
		}
	}
	if err := fromEnvironment(root, environ, origins); err != nil {
		return nil, err
	}
	return origins, nil
}

// Validate calls the Validate method of every section of cfg that has one,
// innermost first, and puts section and origin before what it says.
func Validate(cfg any, o Origins) error {
	root, err := structOf(cfg)
	if err != nil {
		return err
	}
	return validate(root, "", o)
}

func validate(v reflect.Value, path string, o Origins) error {
	if v.Kind() == reflect.Struct && !isScalar(v.Type()) {
		for _, f := range fieldsOf(v.Type()) {
			if err := validate(v.FieldByIndex(f.index), join(path, f.name), o); err != nil {
				return err
			}
		}
	}
	if !v.CanAddr() {
		return nil
	}
	c, ok := reflect.TypeAssert[interface{ Validate() error }](v.Addr())
	if !ok {
		return nil
	}
	err := c.Validate()
	switch {
	case err == nil:
		return nil
	case path == "":
		return err
	case o[path+"."] != "":
		return fmt.Errorf("%s: %s: %w", o[path+"."], path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

func structOf(into any) (reflect.Value, error) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return v, errors.New("config: the target must be a pointer to a struct")
	}
	return v.Elem(), nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
