// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tidewatch/test/shareddata"
)

// exec runs the program with these arguments.
func exec(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), args, streams{&out, &err})
	return status, out.String(), err.String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is wrong is said in one line that names it, with the right status.
func TestBadInput(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.LocalAddr().String()
	config := write(t, "taken.yaml", "data_dir: "+t.TempDir()+"\ncollect:\n  listen: [\""+port+"\"]\napi:\n  listen: 127.0.0.1:0\n")
	for name, tc := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"wrong flag":        {[]string{"analyze", "--bogus", "x"}, 2, "--bogus"},
		"wrong command":     {[]string{"analyse", "x"}, 2, "analyse"},
		"no file":           {[]string{"analyze", "-q", "/nonexistent/x.pcap"}, 2, "/nonexistent/x.pcap"},
		"a folder":          {[]string{"analyze", "-q", t.TempDir()}, 2, "folder"},
		"an empty file":     {[]string{"analyze", "-q", write(t, "empty.pcap", "")}, 2, "empty.pcap"},
		"no flows":          {[]string{"analyze", "-q", write(t, "prose.txt", "It was a dark and stormy night.\n")}, 2, "prose.txt"},
		"unknown format":    {[]string{"analyze", "-q", "--input-format", "xml", write(t, "x.txt", "x")}, 2, "xml"},
		"wrong network":     {[]string{"analyze", "-q", "--internal", "10.0.0.0/40", "x"}, 2, "10.0.0.0/40"},
		"wrong zone":        {[]string{"analyze", "-q", "--timezone", "Mars/Olympus", "x"}, 2, "Mars/Olympus"},
		"wrong time":        {[]string{"analyze", "-q", "--train-until", "monday", "x"}, 2, "monday"},
		"unknown key":       {[]string{"check", "-c", write(t, "key.yaml", "flood:\n  min_ppps: 1\n")}, 2, "key.yaml:2"},
		"impossible value":  {[]string{"check", "-c", write(t, "value.yaml", "flood:\n  min_pps: -1\n")}, 2, "min_pps"},
		"no database":       {[]string{"check", "-c", write(t, "geo.yaml", "networks:\n  geo: [/nonexistent/country.mmdb]\n")}, 2, "networks.geo: stat /nonexistent/country.mmdb"},
		"broken database":   {[]string{"check", "-c", write(t, "geo.yaml", "networks:\n  geo: ["+write(t, "asn.mmdb", "text")+"]\n")}, 2, "asn.mmdb is no database in MaxMind's format"},
		"no leases":         {[]string{"check", "-c", write(t, "who.yaml", "identity:\n  leases: /nonexistent/leases.csv\n")}, 2, "identity.leases: open /nonexistent/leases.csv"},
		"broken leases":     {[]string{"check", "-c", write(t, "who.yaml", "identity:\n  leases: "+write(t, "leases.csv", "address,name\n10.0.0.300,x\n")+"\n")}, 2, "leases.csv: leases: line 2"},
		"no calendar":       {[]string{"check", "-c", write(t, "plan.yaml", "schedule:\n  holidays: [/nonexistent/days.ics]\n")}, 2, "/nonexistent/days.ics"},
		"no configuration":  {[]string{"serve", "-c", "/nonexistent.yaml"}, 2, "/nonexistent.yaml"},
		"port in use":       {[]string{"serve", "-c", config}, 1, port},
		"unknown scenario":  {[]string{"simulate", "-q", "nope"}, 2, "syn-flood"},
		"no label file":     {[]string{"evaluate", "--labels", "/nonexistent.tsv"}, 2, "/nonexistent.tsv"},
		"half a label file": {[]string{"evaluate", "--labels", write(t, "labels.tsv", "path\tclass\n")}, 2, "labels.tsv"},
	} {
		status, _, stderr := exec(t, tc.args...)
		said := strings.TrimSpace(lastLine(stderr))
		if status != tc.status || !strings.Contains(said, tc.says) || len(said) > 400 {
			t.Errorf("%s: status %d, want %d; says %q, want %q in it", name, status, tc.status, said, tc.says)
		}
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// A damaged capture gives what can be read, counts the rest, and is no failure.
func TestDamagedCapture(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join(shareddata.Dir(t), "ddos/netlyzer/ddos.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := exec(t, "analyze", "--format", "json", write(t, "cut.pcap", string(whole[:len(whole)/2+7])))
	var res struct {
		Version int `json:"version"`
		Input   struct {
			Packets int `json:"packets"`
			Skipped int `json:"skipped"`
		} `json:"input"`
	}
	if err := json.Unmarshal([]byte(stdout), &res); err != nil {
		t.Fatal(err)
	}
	if status != 0 || res.Version != 1 || res.Input.Packets < 3000 || res.Input.Skipped != 1 || !strings.Contains(stderr, "cut off") {
		t.Errorf("status %d, %+v, stderr %q", status, res.Input, stderr)
	}
}

// --fail-on ends with 3 when such an incident was found, and only then.
func TestFailOn(t *testing.T) {
	file := filepath.Join(shareddata.Dir(t), "ddos/netlyzer/ddos.pcap")
	args := []string{"analyze", "-q", "--internal", "227.213.154.241", "--fail-on"}
	if status, out, _ := exec(t, append(args, "high", file)...); status != 3 || !strings.Contains(out, "227.213.154.241") {
		t.Errorf("status %d: %s", status, out)
	}
	quiet := filepath.Join(shareddata.Dir(t), "tunnel/ndpi/ubntac2.pcap")
	if status, out, _ := exec(t, append(args, "low", quiet)...); status != 0 || !strings.Contains(out, "no incidents") {
		t.Errorf("status %d: %s", status, out)
	}
}

// check prints a configuration that can be read again, with the times of what
// is planned behind it; a calendar that cannot be read is said.
func TestCheckPrintsThePlan(t *testing.T) {
	file := write(t, "plan.yaml", `timezone: Europe/Berlin
schedule:
  events:
    - {name: nightly backup, start: "2026-01-01 22:00", end: "2026-01-02 01:00", rrule: "FREQ=DAILY", alert: false}
    - name: summer sale
      start: 2100-07-01
      duration: 36h
      targets: [192.0.2.7, "2001:db8::/64"]
      expect: 5
      learn: false
    - {name: long ago, start: "2001-01-01", learn: false}
`)
	status, first, stderr := exec(t, "check", "-c", file)
	if status != 0 || !regexp.MustCompile(`#   nightly backup: \w{3} \d{4}-\d\d-\d\d 22:00 \+0[12]:00 to \w{3} \d{4}-\d\d-\d\d 01:00 \+0[12]:00; [^;]*; `).MatchString(first) ||
		!strings.Contains(first, "#   long ago: never in the next ten years\n") {
		t.Errorf("status %d: %s%s", status, first, stderr)
	}
	status, again, stderr := exec(t, "check", "-c", write(t, "again.yaml", first))
	_, plan, _ := strings.Cut(first, "# Scheduled events")
	if status != 0 || plan == "" || !strings.HasSuffix(again, plan) {
		t.Errorf("read again: status %d: %s%s", status, again, stderr)
	}
	status, _, stderr = exec(t, "check", "-c", write(t, "missing.yaml", "schedule:\n  holidays: [/nonexistent.ics]\n"))
	if status != 2 || !strings.Contains(stderr, "/nonexistent.ics") {
		t.Errorf("a missing calendar: status %d: %s", status, stderr)
	}
}

// check accepts what it prints, and never prints the token, wherever that comes from.
func TestCheckReadsItself(t *testing.T) {
	const secret = "a-token-that-nobody-sees"
	file := write(t, "token.yaml", "flood:\n  min_pps: 20000\napi:\n  token: "+secret+"\nwindow:\n  critical: [192.0.2.0/24]\n")
	for name, args := range map[string][]string{"nothing is set": {"check"}, "a token is set": {"check", "-c", file}} {
		status, first, stderr := exec(t, args...)
		if status != 0 || strings.Contains(first, secret) || strings.Contains(first, `"(`) {
			t.Errorf("%s: status %d: %s%s", name, status, first, stderr)
		}
		if says := strings.Contains(first, "# token: set, not shown"); says != (len(args) > 1) {
			t.Errorf("%s: says that a token is set: %v", name, says)
		}
		status, again, stderr := exec(t, "check", "-c", write(t, "again.yaml", first))
		if status != 0 || strings.Contains(first, "min_pps: 20000") != strings.Contains(again, "min_pps: 20000") {
			t.Errorf("%s, read again: status %d: %s%s", name, status, again, stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	if status, out, _ := exec(t, "version"); status != 0 || !strings.HasPrefix(out, "tidewatch ") {
		t.Errorf("%d %q", status, out)
	}
}

// A misspelt variable is an error of check, in one line with the name that was meant.
func TestMisspeltVariable(t *testing.T) {
	t.Setenv("TIDEWATCH_FLOOD_MIN_PSS", "7")
	status, _, stderr := exec(t, "check")
	if status != 2 || !strings.Contains(stderr, "TIDEWATCH_FLOOD_MIN_PSS") ||
		!strings.Contains(stderr, "did you mean TIDEWATCH_FLOOD_MIN_PPS?") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("status %d, says %q", status, stderr)
	}
	// serve warns in a line of its own and goes on, here to an impossible port.
	t.Setenv("TIDEWATCH_COLLECT_LISTEN", "192.0.2.1:2055")
	t.Setenv("TIDEWATCH_API_LISTEN", "127.0.0.1:0")
	t.Setenv("TIDEWATCH_DATA_DIR", t.TempDir())
	status, _, stderr = exec(t, "serve")
	first, _, _ := strings.Cut(stderr, "\n")
	if status != 1 || !strings.Contains(first, "warning: TIDEWATCH_FLOOD_MIN_PSS") || !strings.Contains(lastLine(stderr), "192.0.2.1:2055") {
		t.Errorf("status %d, says %q", status, stderr)
	}
}
