// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"tidewatch/app"
	"tidewatch/test/shareddata"
)

// check --device says from what rate on a flood is found, and why: by the floors,
// by a group's, and by what was learned of the device at that hour.
func TestExplainLimits(t *testing.T) {
	dir := t.TempDir()
	data := "data_dir: " + filepath.Join(dir, "data") + "\ntimezone: Europe/Berlin\n"
	config := write(t, "config.yaml", data+"flood:\n  min_pps: 100\n  groups:\n    - {prefix: 10.0.0.2/32, min_pps: 70000, hold: 30s}\n")
	if status, _, stderr := exec(t, "learn", "-q", "-c", config, recording(t, dir)); status != 0 {
		t.Fatal(stderr)
	}
	explain := func(args ...string) string {
		status, out, stderr := exec(t, append([]string{"check", "-c", config, "--at", "2026-11-05T09:30:00Z"}, args...)...)
		if status != 0 {
			t.Fatalf("%v: status %d: %s", args, status, stderr)
		}
		return out
	}
	for device, wants := range map[string][]string{
		"10.0.0.1":    {"Thu 10:30 Europe/Berlin", "because p99 of its five minutes is", "hour of day, 22 samples", "the floor is 100, from flood.min_pps", "within the next day from 100 packets/s ("},
		"10.0.0.2":    {"over 70 000 packets/s", "the group 10.0.0.2/32 of flood.groups say so; p99", "once that has lasted 30 s", "over below 49 000"},
		"2001:db8::1": {"over 100 packets/s", "nothing was learned of it yet", "sends to a few targets outside over 10 000"},
	} {
		out := explain("--device", device)
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in:\n%s", device, want, out)
			}
		}
	}
	if status, _, stderr := exec(t, "check", "--device", "router7"); status != 2 || !strings.Contains(stderr, "router7") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// analyze --compare tells what only one of two configurations finds.
func TestCompare(t *testing.T) {
	file := filepath.Join(shareddata.Dir(t), "ddos/netlyzer/ddos.pcap")
	strict := write(t, "strict.yaml", "flood:\n  min_pps: 2000\n")
	loose := write(t, "loose.yaml", "flood:\n  min_pps: 90000\n  min_conns: 90000\n")
	args := []string{"analyze", "-q", "--internal", "227.213.154.241", "--format", "json"}
	compare := func(proposed, other string) (c app.Comparison) {
		status, out, stderr := exec(t, append(args, "-c", proposed, "--compare", other, file)...)
		if status != 0 {
			t.Fatal(stderr)
		}
		if err := json.Unmarshal([]byte(out), &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := compare(strict, loose); len(c.Only) != 1 || len(c.Missing)+c.Same != 0 || c.Only[0].Vector != "dns_amplification" {
		t.Errorf("strict and loose: %+v", c)
	}
	if c := compare(loose, strict); len(c.Missing) != 1 || len(c.Only)+c.Same != 0 {
		t.Errorf("loose and strict: %+v", c)
	}
	if c := compare(strict, strict); c.Same != 1 || len(c.Only)+len(c.Missing)+len(c.Changed) != 0 {
		t.Errorf("the same: %+v", c)
	}
	for want, more := range map[string][]string{"stdin": {"-"}, "--fail-on": {"--fail-on", "high", file}} {
		if status, _, stderr := exec(t, append(append([]string{}, args...), append([]string{"--compare", loose}, more...)...)...); status != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%v: status %d: %s", more, status, stderr)
		}
	}
}
