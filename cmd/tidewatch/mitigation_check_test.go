// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// check tells what would be done, by whom, and what is in the way; --send-test tries a hook.
func TestCheckMitigation(t *testing.T) {
	dir := t.TempDir()
	said := filepath.Join(dir, "said")
	script := filepath.Join(dir, "act")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$@\" > "+said+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	const routers = `mitigation:
  mode: act
  bgp:
    asn: 64512
    router_id: 192.0.2.10
    peers: [{address: 192.0.2.20, asn: 64500}]
`
	for _, tc := range []struct {
		name, text string
		status     int
		says       []string
	}{
		{"the default", "{}", 0, []string{
			"a dry run: everything is decided, kept and shown, and nothing is done",
			"by nobody: no routers, firewall or hook are configured",
			"1. flowspec_rate_limit to 1000000 bytes/s, by itself, for 1m0s first and 30m0s at most at a time",
			"3. blackhole of a host, after a person approved it",
			"until mitigation.sees says where the exporters stand",
		}},
		{"routers without own networks", routers, 2, []string{"own names no network", "list your prefixes"}},
		{"routers", routers + "  sees: after\n  guard: {own: [203.0.113.0/24]}\n", 0, []string{"bgp (routers: 1)", "within 203.0.113.0/24 alone", "rules are brought in force"}},
		{"a step for nobody", "mitigation: {policy: [{name: x, ladder: [{action: block, via: other}]}]}", 2, []string{"rule x: step 1: there is no actuator other"}},
		{"off", "mitigation: {mode: off}", 0, []string{"nothing: mitigation.mode is off"}},
		{"a hook", "mitigation: {hooks: [{name: nac, actions: [quarantine], script: {command: [" + script + ", fixed]}}]}", 0, []string{"by the hook nac"}},
	} {
		config := write(t, "c.yaml", tc.text+"\n")
		status, out, stderr := exec(t, "check", "-c", config)
		for _, s := range tc.says {
			if status != tc.status || !strings.Contains(out+stderr, s) {
				t.Errorf("%s: status %d, no %q in %s%s", tc.name, status, s, out, stderr)
			}
		}
		if tc.name != "a hook" {
			continue
		}
		if status, out, stderr = exec(t, "check", "-c", config, "--send-test", "nac"); status != 0 || !strings.Contains(out, "nac (hook) took the test") {
			t.Errorf("status %d: %s%s", status, out, stderr)
		}
		if got, err := os.ReadFile(said); err != nil || !strings.HasPrefix(string(got), "fixed test") {
			t.Errorf("the script was called with %q, %v", got, err)
		}
	}
}
