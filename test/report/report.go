// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// noCaptures is how package shareddata begins the reason of a skipped test.
const noCaptures = "skipped: no captures"

// event is one line of `go test -json` (see `go doc test2json`).
type event struct {
	Action  string `json:"Action"`
	Package string `json:"Package"` // empty for build output
	Test    string `json:"Test"`
	Output  string `json:"Output"`
}

// name tells one test of one package.
type name struct{ pkg, test string }

// report turns events into lines for people: a line for each package, the whole
// output of each test that failed, and what was skipped.
type report struct {
	out      io.Writer
	open     map[name]*strings.Builder // output of tests that have not ended
	order    []name                    // of open, as they began
	passed   int
	failed   int      // tests
	broken   int      // packages with a failure, in a test or in building
	captures []string // tests skipped for want of captures
	skipped  []string // tests skipped for another reason, with it
}

// read takes events until r ends. A line that is no event is handed through: go
// itself writes some before the first test.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				r.add(e)
			} else {
				r.print(string(line))
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test events: %w", err)
		}
	}
}

func (r *report) add(e event) {
	key := name{e.Package, e.Test}
	switch {
	case e.Action == "build-output":
		r.print(e.Output)
	case e.Test == "":
		r.addPackage(e)
	case e.Action == "run":
		r.open[key] = &strings.Builder{}
		r.order = append(r.order, key)
	case e.Action == "output":
		if b := r.open[key]; b != nil && !strings.HasPrefix(e.Output, "=== ") {
			b.WriteString(e.Output)
		}
	case e.Action == "pass":
		r.passed++
		delete(r.open, key)
	case e.Action == "fail":
		r.fail(key)
	case e.Action == "skip":
		r.skip(key)
	}
}

func (r *report) addPackage(e event) {
	switch e.Action {
	case "output":
		if !noise(e.Output) {
			r.print(e.Output)
		}
	case "fail": // a panic or a time limit ends the package with tests still open
		r.broken++
		for _, key := range r.order {
			if key.pkg == e.Package && r.open[key] != nil {
				r.fail(key)
			}
		}
		fallthrough
	case "pass", "skip":
		var rest []name
		for _, key := range r.order {
			if key.pkg != e.Package {
				rest = append(rest, key)
			}
		}
		r.order = rest
	}
}

// noise tells lines of a package that say nothing which its last line does not.
func noise(line string) bool {
	return line == "PASS\n" || line == "FAIL\n" || strings.HasPrefix(line, "=== ") ||
		strings.Contains(line, "[no test files]")
}

func (r *report) fail(key name) {
	r.failed++
	if b := r.open[key]; b != nil {
		r.print(b.String())
		delete(r.open, key)
	}
}

func (r *report) skip(key name) {
	full := key.pkg + " " + key.test
	reason := ""
	if b := r.open[key]; b != nil {
		reason = b.String()
		delete(r.open, key)
	}
	if strings.Contains(reason, noCaptures) {
		r.captures = append(r.captures, full)
		return
	}
	r.skipped = append(r.skipped, full+why(reason))
}

// why finds the reason in the output of a skipped test.
func why(output string) string {
	for line := range strings.Lines(output) {
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "--- ") {
			return ": " + text
		}
	}
	return ""
}

// sum prints the last lines.
func (r *report) sum() {
	line := fmt.Sprintf("%d tests passed", r.passed)
	if r.broken > 0 {
		line += fmt.Sprintf(", %d failed, in %d packages", r.failed, r.broken)
	}
	r.print(line + "\n")
	if n := len(r.captures); n > 0 {
		r.print(fmt.Sprintf("%d tests %s\n", n, noCaptures))
	}
	for _, s := range r.skipped {
		r.print("skipped " + s + "\n")
	}
}

func (r *report) print(s string) { _, _ = io.WriteString(r.out, s) }
