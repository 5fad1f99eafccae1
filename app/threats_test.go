// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// A device that talks with a listed address is found in a file, and what others find
// about it weighs more and names the list; without the list nothing is said.
func TestThreatListInAnalysis(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var b strings.Builder
	b.WriteString("start,end,src,dst,src_port,dst_port,proto,packets,bytes,tcp_flags\n")
	row := func(at time.Time, src, dst string, sport, dport, packets, bytes int, flags string) {
		fmt.Fprintf(&b, "%s,%s,%s,%s,%d,%d,tcp,%d,%d,%s\n", at.Format(time.RFC3339), at.Add(50*time.Second).Format(time.RFC3339), src, dst, sport, dport, packets, bytes, flags)
	}
	for m := range 120 { // a theft, one small call that is answered, a scanner that nobody answers
		at := time.Date(2026, 3, 3, 3, m, 0, 0, time.UTC)
		row(at, "2001:db8::5", "2001:db8:bad::7", 40000+m, 22, 30000, 45000000, ".AP.SF")
		if m == 10 {
			row(at, "10.0.0.6", "198.51.100.7", 50000, 443, 8, 900, ".AP.SF")
			row(at, "198.51.100.7", "10.0.0.6", 443, 50000, 8, 3000, ".AP.SF")
		}
		row(at, "198.51.100.9", "10.0.0.7", 50000+m, 23, 1, 60, "....S.")
	}
	flows := put("flows.csv", b.String())
	list := put("feodo.csv", "# \"first_seen\",\"dst_ip\"\n1,198.51.100.7\n2,198.51.100.9\n3,2001:db8:bad::/48\n4,evil.example\n")
	run := func(lists ...string) (map[string]*incident.Incident, []string) {
		t.Helper()
		cfg := testConfig("10.0.0.0/8", "2001:db8::/64")
		cfg.Threat.Lists, cfg.Shards = lists, 2
		var said []string
		res, err := Analyze(t.Context(), cfg, &AnalyzeOptions{Files: []string{flows}, KeepInternal: true, Warn: func(m string) { said = append(said, m) }})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]*incident.Incident{}
		for i := range res.Incidents {
			inc := &res.Incidents[i]
			out[inc.Kind+" "+inc.Subject] = inc
		}
		return out, said
	}
	text := func(inc *incident.Incident, name string) string {
		for _, i := range inc.Indicators {
			if i.Name == name {
				return i.Text
			}
		}
		return ""
	}
	before, _ := run()
	theft := before["exfiltration 2001:db8::5"]
	if theft == nil || text(theft, "threat_list") != "" || before["threat_list 10.0.0.6"] != nil {
		t.Fatalf("without a list: %v", before)
	}
	got, said := run(list)
	if len(said) != 1 || !strings.Contains(said[0], list+": 1 lines hold neither an address nor a network and are left out; the first is line 5, \"evil.example\"") {
		t.Errorf("said %q", said)
	}
	call := got["threat_list 10.0.0.6"]
	if call == nil || call.Severity != detect.Medium || call.Category != detect.CommandControl || !strings.Contains(text(call, "threat_list"), "feodo.csv (198.51.100.7)") ||
		call.Title() != "traffic with a listed address from 10.0.0.6" {
		t.Errorf("the call: %+v", call)
	}
	more := got["exfiltration 2001:db8::5"]
	if more == nil || more.Score <= theft.Score && theft.Score < 1 || !strings.Contains(text(more, "threat_list"), "feodo.csv (2001:db8:bad::/48)") {
		t.Errorf("the theft: %+v", more)
	}
	if c := got["threat_list 2001:db8::5"]; c == nil || c.Severity.Rank() < detect.High.Rank() {
		t.Errorf("the thief's contact: %+v", c)
	}
	if got["threat_list 10.0.0.7"] != nil {
		t.Error("a scan that nobody answers is a contact")
	}
}

// Lists are read again at a reload; one that is broken keeps the old ones, and one
// line names the file.
func TestThreatListsAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "list.txt")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("198.51.100.7\n")
	cfg := testConfig()
	cfg.DataDir, cfg.Threat.Lists, cfg.Shards = filepath.Join(dir, "data"), []string{path}, 2
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := &locked{}
	plans := planning(t, cfg, e)
	s := &Server{cfg: cfg, engine: e, plans: plans, excluded: excluding(t, cfg, plans), log: slog.New(slog.NewTextHandler(log, nil))}
	for _, tc := range []struct {
		text    string
		entries int
		says    string
	}{
		{"198.51.100.7\n198.51.100.8\n", 2, "configuration reloaded"},
		{"198.51.100.7\nx\n2001:db8::1\n198.51.100.9\n", 3, "list.txt: 1 lines hold neither"},
		{"<html>\n", 3, "threat lists not reloaded, the old ones stay in force"},
		{"198.51.100.7\n", 1, "configuration reloaded"},
	} {
		put(tc.text)
		log.Reset()
		s.reload(func() (*Config, error) {
			next := *cfg
			return &next, nil
		})
		if said := log.String(); e.threats.Len() != tc.entries || !strings.Contains(said, tc.says) || strings.Contains(said, "restart") || !strings.Contains(said, "configuration reloaded") {
			t.Errorf("%q: %d entries, %s", tc.text, e.threats.Len(), said)
		}
	}
	s.reload(func() (*Config, error) {
		next := *cfg
		next.Threat.Lists = nil
		return &next, nil
	})
	if e.threats.Len() != 0 {
		t.Error("a list that is taken out goes on")
	}
}
