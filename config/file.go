// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile bounds the file, 1 MiB: more is never a configuration but a wrong path.
const maxFile = 1 << 20

// source is a YAML text, for errors that show their line.
type source struct {
	name  string
	lines []string // without a source, as for variables, nil
}

// errorAt is one line: file, line, what is wrong, and the line itself.
func (s *source) errorAt(line int, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if s.lines == nil {
		return fmt.Errorf("%s: %s", s.name, what)
	}
	text := ""
	if line >= 1 && line <= len(s.lines) {
		text = strings.TrimSpace(s.lines[line-1])
	}
	const longest = 100
	if len(text) > longest {
		text = text[:longest] + "..."
	}
	return fmt.Errorf("%s:%d: %s: %q", s.name, line, what, text)
}

// readFile returns the top section of the file.
func readFile(path string) (*source, ast.Node, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%s: no such configuration file", path)
	case err != nil:
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	case len(raw) > maxFile:
		return nil, nil, fmt.Errorf("%s: %d bytes is too large for a configuration, at most %d", path, len(raw), maxFile)
	}
	src, body, err := parse(path, strings.TrimPrefix(string(raw), "\ufeff"))
	if err != nil {
		return nil, nil, err
	}
	if body == nil {
		return nil, nil, fmt.Errorf("%s: the file holds no settings", path)
	}
	return src, body, nil
}

// parse returns the body of the only document in text, nil when there is none.
func parse(name, text string) (*source, ast.Node, error) {
	src := &source{name: name, lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")}
	for i, line := range src.lines {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if strings.Contains(indent, "\t") && len(indent) < len(line) {
			return nil, nil, src.errorAt(i+1, "the line is indented with a tab, YAML takes spaces only")
		}
	}
	file, err := parser.ParseBytes([]byte(strings.Join(src.lines, "\n")), 0)
	if err != nil {
		return nil, nil, src.syntaxError(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return nil, nil, src.errorAt(doc.Body.GetToken().Position.Line, "a second document begins, there must be one")
		}
		body = doc.Body
	}
	return src, body, nil
}

// syntaxError makes one line of the parser's message, which shows the
// neighbourhood of the place over several lines.
func (s *source) syntaxError(err error) error {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		what, _, _ := strings.Cut(at.GetMessage(), " already defined at ")
		if what != at.GetMessage() {
			what += " is given twice"
		}
		return s.errorAt(at.GetToken().Position.Line, "%s", what)
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%s: %s", s.name, first)
}
