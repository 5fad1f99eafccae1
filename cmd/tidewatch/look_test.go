// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever looks before anything ran, or in the wrong place, is told so in a line, and
// nothing is made.
func TestLookingMakesNothing(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	config := write(t, "config.yaml", "data_dir: "+data+"\ntimezone: UTC\n")
	file := write(t, "one.csv", "start,end,src,dst,sport,dport,proto,bytes,packets\n2026-11-05T09:00:00Z,2026-11-05T09:00:10Z,203.0.113.1,10.0.0.1,443,50000,6,1000,1\n")
	missing := "the data directory " + data + " does not exist, so nothing was learned or saved yet; tidewatch serve learns as it runs"
	empty := "in " + data + " yet"
	for _, tc := range []struct {
		status int
		args   []string
	}{
		{0, []string{"check", "--device", "10.0.0.1"}},
		{0, []string{"baseline", "list"}},
		{2, []string{"baseline", "show", "10.0.0.1"}},
		{2, []string{"baseline", "diff", "2026-11-05"}},
		{2, []string{"analyze", "--learned", "-q", file}},
		{0, []string{"event", "list"}},
		{0, []string{"event", "list", "--format", "json"}},
		{0, []string{"exclusion", "list"}},
		{0, []string{"incident", "list"}},
		{2, []string{"incident", "show", "inc-a"}},
		{0, []string{"incident", "feedback", "--list"}},
		{0, []string{"audit", "list"}},
	} {
		status, _, stderr := exec(t, append(tc.args, "-c", config)...)
		if status != tc.status || !strings.Contains(stderr, missing) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: status %d, says %q", tc.args, status, stderr)
		}
		if _, err := os.Stat(data); err == nil {
			t.Fatalf("%v made the data directory", tc.args)
		}
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"baseline", "list"},
		{"baseline", "show", "10.0.0.1"},
		{"analyze", "--learned", "-q", file},
		{"event", "list"},
		{"incident", "list"},
		{"incident", "show", "inc-a"},
	} {
		status, _, stderr := exec(t, append(args, "-c", config)...)
		if strings.Contains(stderr, "does not exist") || status == 2 && !strings.Contains(stderr, empty) {
			t.Errorf("%v: status %d, says %q", args, status, stderr)
		}
		if all, err := os.ReadDir(data); err != nil || len(all) > 0 {
			t.Fatalf("%v made %v, %v", args, all, err)
		}
	}
}
