// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReport(t *testing.T) {
	for _, tc := range []struct {
		name   string
		events []string
		want   string
		ok     bool
		names  string
	}{
		{
			name: "a quiet package is one line",
			events: []string{
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}`,
				`{"Action":"pass","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Output":"PASS\n"}`,
				`{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`,
				`{"Action":"pass","Package":"p"}`,
			},
			want: "ok  \tp\t0.1s\n1 tests passed\n",
			ok:   true,
		},
		{
			name: "a failing test is shown whole",
			events: []string{
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"    a.go:3: got 1, want 2\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA (0.00s)\n"}`,
				`{"Action":"fail","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}`,
				`{"Action":"fail","Package":"p"}`,
			},
			want: "    a.go:3: got 1, want 2\n--- FAIL: TestA (0.00s)\nFAIL\tp\t0.1s\n0 tests passed, 1 failed, in 1 packages\n",
		},
		{
			name: "a panic shows the test that was running",
			events: []string{
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"panic: no\n"}`,
				`{"Action":"fail","Package":"p"}`,
			},
			want: "panic: no\n0 tests passed, 1 failed, in 1 packages\n",
		},
		{
			name:   "code that does not build fails",
			events: []string{`{"Action":"build-output","ImportPath":"p","Output":"a.go:1: syntax\n"}`, `{"Action":"build-fail","ImportPath":"p"}`, `{"Action":"fail","Package":"p","FailedBuild":"p"}`},
			want:   "a.go:1: syntax\n0 tests passed, 0 failed, in 1 packages\n",
		},
		{
			name: "missing captures are counted, other reasons named",
			events: []string{
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"    a.go:3: skipped: no captures at /x\n"}`,
				`{"Action":"skip","Package":"p","Test":"TestA"}`,
				`{"Action":"run","Package":"p","Test":"TestB"}`,
				`{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}`,
				`{"Action":"output","Package":"p","Test":"TestB","Output":"    b.go:3: no IPv6 here\n"}`,
				`{"Action":"skip","Package":"p","Test":"TestB"}`,
			},
			want:  "0 tests passed\n1 tests skipped: no captures\nskipped p TestB: b.go:3: no IPv6 here\n",
			ok:    true,
			names: "p TestA\n",
		},
		{
			name:   "what is no event is handed through",
			events: []string{"go: downloading example.org/x v1"},
			want:   "go: downloading example.org/x v1\n0 tests passed\n",
			ok:     true,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "skipped")
			var out strings.Builder
			ok, err := run(strings.NewReader(strings.Join(tc.events, "\n")+"\n"), &out, file)
			if err != nil || ok != tc.ok {
				t.Errorf("got %v, %v, want %v", ok, err, tc.ok)
			}
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Error(diff)
			}
			names, err := os.ReadFile(file)
			if (err == nil) != (tc.names != "") || string(names) != tc.names {
				t.Errorf("kept %q, want %q", names, tc.names)
			}
		})
	}
}
