// SPDX-License-Identifier: Apache-2.0

// Command report reads `go test -json` from standard input and prints what
// people want to know: a line for each package, the whole output of each test
// that failed, and how many tests were skipped for want of captures. With
// -skipped it also appends the names of those tests to a file, so that several
// runs can be summed. Its exit status is 1 when a test failed.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	skipped := flag.String("skipped", "", "append the names of tests skipped for want of captures to this `file`")
	flag.Parse()
	ok, err := run(os.Stdin, os.Stdout, *skipped)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "report:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run reports whether all tests passed.
func run(in io.Reader, out io.Writer, skipped string) (bool, error) {
	r := &report{out: out, open: map[name]*strings.Builder{}}
	if err := r.read(in); err != nil {
		return false, err
	}
	r.sum()
	if skipped != "" && len(r.captures) > 0 {
		if err := appendLines(skipped, r.captures); err != nil {
			return false, err
		}
	}
	return r.failed == 0 && r.broken == 0, nil
}

func appendLines(path string, lines []string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return fmt.Errorf("keep names of skipped tests: %w", err)
	}
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		_ = f.Close()
		return fmt.Errorf("keep names of skipped tests: %w", err)
	}
	return f.Close()
}
