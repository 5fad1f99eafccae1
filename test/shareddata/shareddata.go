// SPDX-License-Identifier: Apache-2.0

// Package shareddata finds the folder of real captures that tests use. A clone
// without it skips those tests, each with a line that says so; with
// TIDEWATCH_REQUIRE_DATA=1 (continuous integration) their absence is a failure.
package shareddata

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the folder of captures: ../shared/data beside the repository.
func Dir(tb testing.TB) string {
	tb.Helper()
	dir := filepath.Join(Root(tb), "..", "shared", "data")
	if _, err := os.Stat(filepath.Join(dir, "INDEX.md")); err != nil {
		if os.Getenv("TIDEWATCH_REQUIRE_DATA") == "1" {
			tb.Fatalf("captures are required but %s is not there", dir)
		}
		tb.Skipf("skipped: no captures at %s", dir)
	}
	return dir
}

// Root returns the repository's root: the nearest folder above that holds go.mod.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
}
