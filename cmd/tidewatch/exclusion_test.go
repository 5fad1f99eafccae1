// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Exclusions are added, listed and taken back through the server that uses the data
// directory, and in the directory when none does; they outlive kill -9, and the audit
// tells who did what.
func TestExclusionCommands(t *testing.T) {
	config, _ := site(t, "exclusions:", "  - {device: 10.9.0.0/16, port: 443, reason: lab, expires: 2100-01-01}")
	id := regexp.MustCompile(`ex-[a-z2-7]{16}`)

	// On the directory.
	first := id.FindString(must(t, config, "device 10.0.0.0/8, destination any, port any, kind ddos; until 20", "exclusion", "add", "stress test",
		"--device", "10.0.0.0/8", "--kind", "ddos", "--by", "anna"))
	list := must(t, config, "stress test", "exclusion", "list")
	configured := ""
	for line := range strings.Lines(list) {
		if strings.Contains(line, "10.9.0.0/16  any  ") && strings.Contains(line, "  until 2100-01-02T00:00:00Z  configuration  lab") {
			configured = id.FindString(line)
		}
	}
	if configured == "" {
		t.Error(list)
	}

	// Through the server; nothing is lost when it is killed.
	p := serve(t, config)
	last := time.Now().UTC().AddDate(1, 0, 0)
	second := id.FindString(must(t, config, "until "+last.AddDate(0, 0, 1).Format(time.DateOnly)+"T00:00:00Z", "exclusion", "add", "replica", "--device", "2001:db8::1", "--destination", "2001:db8:1::/48",
		"--port", "22/tcp", "--expires", last.Format(time.DateOnly), "--by", "ben"))
	refused(t, config, 2, "ten years", "exclusion", "add", "x", "--port", "22", "--expires", "9999d")
	if err := p.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	p = serve(t, config)
	must(t, config, `"id": "`+second+`"`, "exclusion", "list", "--format", "json", "--origin", "people")
	// What the server judges by: the flood is listed, and low.
	within(t, "an incident is open", func() bool { p.flood(t, 20); return len(p.starts(t)) > 0 })
	if got := must(t, config, "UDP flood", "incident", "list"); !strings.Contains(got, "  low ") || strings.Contains(got, "critical") {
		t.Errorf("under the exclusion:\n%s", got)
	}
	must(t, config, "is taken back", "exclusion", "remove", first, "--by", "carl", "--note", "it is done")
	refused(t, config, 2, "no exclusion", "exclusion", "remove", first)
	refused(t, config, 2, "comes from the configuration, exclusions", "exclusion", "remove", configured)
	audit := must(t, config, "carl", "audit", "list") // beside the server
	if !regexp.MustCompile(`(?s)carl +exclusion.remove +` + first + ` +device 10.0.0.0/8, .*: it is done.*ben +exclusion.add +` + second + `.*: replica.*anna +exclusion.add +` + first).MatchString(audit) {
		t.Error(audit)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended

	// On the directory again.
	refused(t, config, 2, "covers everything", "exclusion", "add", "x")
	refused(t, config, 2, "--limit", "exclusion", "list", "--limit", "0")
	must(t, config, "is taken back", "exclusion", "remove", second)
	if got := must(t, config, "lab", "exclusion", "list"); strings.Contains(got, second) {
		t.Error(got)
	}
	broken := write(t, "broken.yaml", "exclusions: [{device: 10.0.0.1}]\n")
	if status, _, stderr := exec(t, "check", "-c", broken); status != 2 || !strings.Contains(stderr, "exclusions: exclusion 1: a reason is needed") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
