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

// check --device says from what rate on a flood is found, and where each number comes
// from: what holds for all, a group, a default, or what was learned of the device at
// that hour.
func TestExplainLimits(t *testing.T) {
	dir := t.TempDir()
	data := "data_dir: " + filepath.Join(dir, "data") + "\ntimezone: Europe/Berlin\n"
	config := write(t, "config.yaml", data+"networks:\n  internal: [10.0.0.0/8, \"2001:db8::/32\"]\nflood:\n  min_pps: 9999\n  groups:\n"+
		"    - {prefix: 10.0.0.0/31, min_pps: 100}\n"+
		"    - {prefix: 10.0.0.2/32, min_pps: 70500, hold: 30s}\n    - {prefix: 10.0.0.0/24, min_conns: 450, stop: 0.5}\n")
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
		"10.0.0.1": { // its past is above the floor
			"10.0.0.1 at Thu 2026-11-05 10:30 Europe/Berlin:", "packets/s: twice what its past explains at that hour, where p99 of its five minutes is", "(hour of day, 22 samples)",
			"the floor is 100 packets/s: group 10.0.0.0/31 (flood.groups, " + config + ":", "within the next day from 100 packets/s (",
			"450 connections/s: group 10.0.0.0/24 (", "0.5 of the limit: group 10.0.0.0/24 (", "flood.hold (default)",
		},
		"10.0.0.2": { // and here below it
			"over 70 500 packets/s", "70 500 packets/s: group 10.0.0.2/32 (", "what its past explains is only", "450 connections/s: group 10.0.0.0/24 (",
			"told once it has lasted 30 s: group 10.0.0.2/32 (", "over below 35 250 packets/s, 0.5 of the limit: group 10.0.0.0/24 (",
		},
		"2001:db8::1": {
			"over 9 999 packets/s", "9 999 packets/s: flood.min_pps (" + config + ":", "nothing was learned of it yet", "sends to a few targets outside over 10 000",
			"100 connections/s: flood.min_conns (default)", "told after 5 s over it on average, or 1 s over three times it: flood.hold (default)", "over below 6 999 packets/s",
		},
		"192.0.2.1": {"it lies in none of the own networks (networks.internal, " + config + ":", "over 9 999 packets/s"},
	} {
		out := strings.Join(strings.Fields(explain("--device", device)), " ") // lines may be broken anywhere
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in:\n%s", device, want, out)
			}
		}
		if foreign := strings.Contains(out, "none of the own networks"); foreign != (device == "192.0.2.1") {
			t.Errorf("%s: outside own networks %v:\n%s", device, foreign, out)
		}
	}
	if out := explain("--device", "10.0.0.1, 10.0.0.3", "--device", "10.0.0.2"); strings.Count(out, " at Thu ") != 3 {
		t.Errorf("three devices:\n%s", out)
	}
	for _, device := range []string{"", " ", "10.0.0.1,"} {
		if status, _, stderr := exec(t, "check", "--device", device); status != 2 || !strings.Contains(stderr, `"" is no address`) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("device %q: status %d: %s", device, status, stderr)
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
