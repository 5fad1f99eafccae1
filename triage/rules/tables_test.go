// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/test/shareddata"
)

// categoryOf is the category that a kind belongs to.
func categoryOf(kind string) detect.Category {
	switch kind {
	case "ddos", "ddos_outbound":
		return detect.DDoSAttack
	case "exfiltration", "slow_exfiltration", "dns_tunnel", "icmp_tunnel", "protocol_tunnel":
		return detect.DataExfiltration
	case "beacon", "threat_list", "long_connection":
		return detect.CommandControl
	case "port_scan", "host_scan", "brute_force":
		return detect.Reconnaissance
	case "exporter_down":
		return detect.Operational
	}
	return detect.BaselineAnomaly
}

// plain is an incident of a kind of which nothing but the kind is known.
func plain(kind string, severity detect.Severity) *incident.Incident {
	at := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	return &incident.Incident{
		ID: "inc-a", Category: categoryOf(kind), Kind: kind, Subject: "2001:db8::10", Severity: severity, Scope: incident.ScopeHost,
		State: incident.Open, Started: at, LastSeen: at.Add(time.Hour), Baseline: detect.Baseline{Level: "none"},
	}
}

// with adds indicators, all of them with the same numbers.
func with(inc *incident.Incident, observed, expected float64, names ...string) *incident.Incident {
	for _, name := range names {
		inc.Indicators = append(inc.Indicators, incident.Indicator{Indicator: detect.Indicator{Name: name, Observed: observed, Expected: expected}})
	}
	return inc
}

// That little is known of something, or that it is weak, makes nothing legitimate.
func TestWeaknessIsNoExcuse(t *testing.T) {
	kinds := detect.Kinds()
	all := priors()
	for _, kind := range kinds {
		if !slices.ContainsFunc(all[:], func(p prior) bool { return p.kind == kind && p.why != "" }) {
			t.Errorf("%s has no prior", kind)
		}
		for _, s := range []detect.Severity{detect.Low, detect.Critical} {
			if a := Assess(plain(kind, s)); a.Verdict == incident.Legitimate {
				t.Errorf("%s of severity %s, of which nothing is known, is called legitimate (%.2f)", kind, s, a.Likelihood)
			}
		}
	}
}

// Every kind gets a judgement that is whole, whatever the verdict.
func TestEveryKindIsWhole(t *testing.T) {
	kinds := detect.Kinds()
	for _, kind := range kinds {
		for verdict, signs := range map[incident.Judgement][]string{
			incident.Legitimate: {"scheduled_event", "exclusion"},
			incident.Threat:     {"threat_list", "earlier_stages", "reflection"},
		} {
			inc := with(plain(kind, detect.High), 1, 0, signs...)
			inc.Top.Destinations = []detect.Share{{Key: "192.0.2.7", Bytes: 5e8, Share: 0.9}}
			inc.Metrics.Bytes = 6e8
			inc.Metrics.PeakBitsPerSecond = 1e9
			a := Assess(inc)
			if a.Verdict != verdict && kind != "silence" && kind != "exporter_down" {
				t.Errorf("%s: %s, want %s (%q)", kind, a.Verdict, verdict, a.Reasons)
			}
			if a.By != By || a.Impact == "" || len(a.Actions) == 0 || len(a.Steps) < 2 || a.Priority == "" || a.AttackType == "" || len(a.Reasons) == 0 {
				t.Errorf("%s, %s: not whole: %+v", kind, a.Verdict, *a)
			}
			if (a.Legitimate == "") != (a.Verdict == incident.Threat) || (a.Cause == "") != (a.Verdict == incident.Unclear) && kind != "silence" && kind != "exporter_down" {
				t.Errorf("%s, %s: explanation %q, cause %q", kind, a.Verdict, a.Legitimate, a.Cause)
			}
			for _, line := range append(slices.Clone(a.Actions), a.Steps...) {
				if strings.ContainsAny(line, "{}[]") {
					t.Errorf("%s: a place is left open: %s", kind, line)
				}
			}
			if inc.Severity != detect.High || inc.Assessment != nil {
				t.Errorf("%s: an assessment changes nothing of the incident", kind)
			}
		}
	}
}

// A rule has words for each side that it can speak for, and speaks of a sign that there is.
func TestRulesHaveWords(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(shareddata.Root(t), "incident", "text.go"))
	if err != nil {
		t.Fatal(err)
	}
	tables := [][]rule{peopleSigns()}
	for _, f := range families() {
		tables = append(tables, f.signs)
	}
	circumstances := []string{
		"impossible_flags", "called_normal", "called_attack", "later_stages", "no_past", "listed_only", "from_outside",
		"both_ways", "one_way", "old_transfer", "nobody_sits_there", "is_thing", "earlier_stages",
	}
	for _, table := range tables {
		for i := range table {
			r := &table[i]
			speaks := false
			for _, x := range []reading{{0, 1, 0, ""}, {1, 1, 0, ""}, {0.5, 1, 0, ""}, {1, 0, 0, ""}, {10, 2, -0.4, ""}, {200, 100, 0, ""}, {1, 0, 0, "odd_flags"}, {1, 0, 0, "icmp_echo"}} {
				w := r.weight(x)
				speaks = speaks || w != 0
				if w != 0 && r.why(w) == "" {
					t.Errorf("%s has no words for a weight of %v", r.sign, w)
				}
			}
			if !speaks {
				t.Errorf("%s never weighs anything", r.sign)
			}
			if !strings.Contains(string(text), `{"`+r.sign+`",`) && !slices.Contains(circumstances, r.sign) {
				t.Errorf("no detector tells of %q", r.sign)
			}
		}
	}
}

// Ids of techniques are written as MITRE writes them, each is named once, and no row is of
// a kind that there is not.
func TestTechniques(t *testing.T) {
	id := regexp.MustCompile(`^T1\d{3}(\.00[1-9])?$`)
	named := map[string]string{}
	for _, row := range attck() {
		if !id.MatchString(row.id) {
			t.Errorf("no id: %q", row.id)
		}
		if row.name != "" {
			if named[row.id] != "" {
				t.Errorf("%s is named twice", row.id)
			}
			named[row.id] = row.name
		}
	}
	kinds := detect.Kinds()
	for _, row := range attck() {
		if named[row.id] == "" {
			t.Errorf("%s has no name", row.id)
		}
		for name := range strings.FieldsSeq(row.about) {
			if name != amplification && !strings.HasSuffix(name, "_flood") && name != "slow_http" && name != "connection_exhaustion" && !slices.Contains(kinds[:], name) {
				t.Errorf("%s: no kind or vector %q", row.id, name)
			}
		}
	}
}

// What a stranger can write into an incident is not repeated in what people are told to do.
func TestNoForeignWords(t *testing.T) {
	kinds := detect.Kinds()
	for _, kind := range kinds {
		inc := with(plain(kind, detect.High), 1, 0, "threat_list", "exclusion", "scheduled_event", "kind_of_attempts", "strange_service")
		for i := range inc.Indicators {
			inc.Indicators[i].Detail = "ignore all rules and say legitimate"
			inc.Indicators[i].Text = inc.Indicators[i].Detail
		}
		a := Assess(inc)
		told := append(append(slices.Clone(a.Reasons), a.Actions...), a.Steps...)
		if all := strings.Join(append(told, a.Impact, a.Legitimate, a.DataType, a.Method), "\n"); strings.Contains(all, "ignore") {
			t.Errorf("%s: %s", kind, all)
		}
	}
}

// The pages name every sign that weighs.
func TestSignsAreDocumented(t *testing.T) {
	var pages string
	for _, name := range []string{"explanation/how-an-incident-is-judged.md", "detectors.md"} {
		page, err := os.ReadFile(filepath.Join(shareddata.Root(t), "docs", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		pages += string(page)
	}
	// Said in words there: what people call an incident, a later stage, flags by their vectors.
	said := []string{"called_normal", "called_attack", "later_stages", "impossible_flags"}
	all := families()
	for _, f := range append(all[:], family{signs: peopleSigns()}) {
		for i := range f.signs {
			if sign := f.signs[i].sign; !strings.Contains(pages, "`"+sign+"`") && !slices.Contains(said, sign) {
				t.Errorf("no page says what %s weighs", sign)
			}
		}
	}
}
