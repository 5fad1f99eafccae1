// SPDX-License-Identifier: Apache-2.0

// Package config reads a configuration strictly: YAML in which an unknown or
// repeated key is an error with its line, then environment variables, each of
// which names one key (TIDEWATCH_FLOOD_MIN_PPS is flood.min_pps). It knows no
// component; whoever calls it passes a struct that already holds the defaults.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// Prefix begins the name of every environment variable that sets a key.
const Prefix = "TIDEWATCH_"

// Origins tells for each key (dotted path) where its value comes from, when it
// is not the default: "file.yaml:12" or "$TIDEWATCH_...".
type Origins map[string]string

// Load fills into, a pointer to a struct with the defaults, from the file at
// path ("" for none) and from environ (as os.Environ gives it). Every error is
// one line that names the file and line, or the variable.
func Load(path string, environ []string, into any) (Origins, error) {
	origins := Origins{}
	if path != "" {
		if err := loadFile(path, into, origins); err != nil {
			return nil, err
		}
	}
	if err := loadEnv(environ, into, origins); err != nil {
		return nil, err
	}
	return origins, nil
}

func loadFile(path string, into any, origins Origins) error {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(into)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read configuration: %s", oneLine(path, err))
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return fmt.Errorf("read configuration: %s", oneLine(path, err))
	}
	v := &lines{path: path, into: origins}
	for _, doc := range file.Docs {
		v.walk("", doc.Body)
	}
	return nil
}

// oneLine turns the decoder's message, which shows the source, into
// "file:line: what".
func oneLine(path string, err error) string {
	var syntax yaml.Error
	if errors.As(err, &syntax) && syntax.GetToken() != nil && syntax.GetToken().Position != nil {
		return fmt.Sprintf("%s:%d: %s", path, syntax.GetToken().Position.Line, firstLine(syntax.GetMessage()))
	}
	return path + ": " + firstLine(err.Error())
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// loadEnv sets the keys that variables name.
func loadEnv(environ []string, into any, origins Origins) error {
	byName := map[string]Field{}
	for f := range Fields(into) {
		byName[Prefix+strings.ToUpper(strings.ReplaceAll(f.Key, ".", "_"))] = f
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		f, ok := byName[name]
		if !ok {
			continue
		}
		fresh := reflect.New(f.Value.Type())
		text := value
		if f.Value.Kind() == reflect.Slice {
			text = "[" + value + "]"
		}
		if err := yaml.UnmarshalWithOptions([]byte(text), fresh.Interface(), yaml.Strict()); err != nil {
			return fmt.Errorf("environment variable %s (%s): %s", name, f.Key, firstLine(lastPart(err)))
		}
		f.Value.Set(fresh.Elem())
		origins[f.Key] = "$" + name
	}
	return nil
}

func lastPart(err error) string {
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		return syntax.GetMessage()
	}
	return err.Error()
}
