// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recording writes a month of a small office: three workstations, one of which
// sends four times as much from day 20 on.
func recording(t *testing.T, dir string) string {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 1))
	var b strings.Builder
	b.WriteString("start,end,src,dst,sport,dport,proto,bytes,packets\n")
	for hour := range 31 * 24 {
		for minute := 0; minute < 60; minute += 10 {
			at := time.Date(2026, 10, 5, hour, minute, 1, 0, time.UTC)
			base := 1e5
			if at.Hour() >= 8 && at.Hour() < 18 && at.Weekday() != time.Saturday && at.Weekday() != time.Sunday {
				base = 6e7
			}
			for d := range 3 {
				bytes := base * math.Exp(0.3*r.NormFloat64())
				if d == 2 && hour >= 20*24 {
					bytes *= 4
				}
				fmt.Fprintf(&b, "%s,%s,203.0.113.%d,10.0.0.%d,443,50000,6,%.0f,%.0f\n", at.Format(time.RFC3339),
					at.Add(30*time.Second).Format(time.RFC3339), 1+r.IntN(50), 1+d, bytes, 1+bytes/1200)
			}
		}
	}
	path := filepath.Join(dir, "month.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An operator teaches a month, looks at it, approves a change, compares, and goes
// back.
func TestBaselineCommands(t *testing.T) {
	dir := t.TempDir()
	config := write(t, "config.yaml", "data_dir: "+filepath.Join(dir, "data")+"\ntimezone: Europe/Berlin\n")
	must := func(wants []string, args ...string) string {
		t.Helper()
		status, out, stderr := exec(t, append(args, "-c", config)...)
		if status != 0 {
			t.Fatalf("%v: status %d: %s", args, status, stderr)
		}
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%v says\n%s\nwithout %q", args, out, want)
			}
		}
		return out
	}
	must([]string{"nothing was learned yet"}, "baseline", "list")
	must([]string{"3 devices", "saved as version"}, "learn", "-q", recording(t, dir))
	list := must([]string{"candidate, in use", "10.0.0.3", "stayed: accept it", "2026-10-26"}, "baseline", "list")
	if strings.Contains(list, "10.0.0.1") {
		t.Errorf("a steady device is remarked on:\n%s", list)
	}
	first := strings.Fields(strings.Split(list, "\n")[1])[0]
	must([]string{"Europe/Berlin", "Mon", "██", "hours kept", "p99"}, "baseline", "show", "10.0.0.1")
	var p struct {
		Field string `json:"field"`
		Hours []struct {
			Count  int     `json:"count"`
			Median float64 `json:"median"`
		} `json:"hour_of_day"`
		Trust map[string]int `json:"trust"`
	}
	if err := json.Unmarshal([]byte(must(nil, "baseline", "show", "10.0.0.3", "--field", "bytes_in", "--format", "json")), &p); err != nil {
		t.Fatal(err)
	}
	if p.Field != "bytes_in" || len(p.Hours) != 24 || p.Hours[12].Median < 100*p.Hours[3].Median || p.Trust["suspicious"] == 0 {
		t.Errorf("%+v", p)
	}
	must([]string{"site: ", "hours kept", "██"}, "baseline", "show", "site")
	must([]string{"10.0.0.0/8: ", "██"}, "baseline", "show", "10.0.0.0/8")
	must([]string{"of 10.0.0.0/8 since", "are trusted now"}, "baseline", "approve", "10.0.0.0/8", "--since", "2026-10-25")
	must([]string{"10.0.0.0/8", "times as much"}, "baseline", "diff", first)
	must([]string{"are trusted now"}, "baseline", "approve", "10.0.0.3", "--since", "2026-10-25")
	must([]string{"10.0.0.3", "times as much"}, "baseline", "diff", first)
	must([]string{"is approved"}, "baseline", "approve", first)
	must([]string{"is in use now, a copy of " + first}, "baseline", "rollback", first)
	must([]string{"no device's usual day differs"}, "baseline", "diff", first)
	must([]string{"frozen"}, "baseline", "freeze")
	must([]string{"FROZEN", "rolled back to " + first, "before rolling back"}, "baseline", "list")
	must([]string{"goes on"}, "baseline", "freeze", "--off")

	for name, tc := range map[string]struct {
		args []string
		says string
	}{
		"no address":       {[]string{"baseline", "show", "printer"}, "printer is not an address"},
		"unknown device":   {[]string{"baseline", "show", "10.9.9.9"}, "nothing was learned of 10.9.9.9; 3 other"},
		"unknown version":  {[]string{"baseline", "diff", "1999-01-01"}, `no version "1999-01-01"`},
		"no such rollback": {[]string{"baseline", "rollback", "x"}, `no version "x"`},
		"no time, network": {[]string{"baseline", "approve", "site"}, "--since"},
		"unknown network":  {[]string{"baseline", "show", "10.9.0.0/16"}, "nothing was learned of 10.9.0.0/16; 3 other"},
		"no time":          {[]string{"baseline", "approve", "10.0.0.1"}, "--since"},
		"wrong time":       {[]string{"baseline", "approve", "10.0.0.1", "--since", "monday"}, "monday"},
		"nothing to do":    {[]string{"baseline", "approve", "10.0.0.1", "--since", "2027-01-01"}, "no hours since"},
	} {
		status, _, stderr := exec(t, append(tc.args, "-c", config)...)
		if status == 0 || !strings.Contains(lastLine(stderr), tc.says) {
			t.Errorf("%s: status %d, %q", name, status, stderr)
		}
	}
}
