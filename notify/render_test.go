// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"tidewatch/incident"
	"tidewatch/notify"
	"tidewatch/notify/notifytest"
)

func TestTitles(t *testing.T) {
	late := notifytest.Flood(notify.Trigger, incident.Opened)
	late.Escalated = true
	attack := "SYN flood on 192.0.2.7, peak 250 000 packets/s and 120 Mbit/s"
	for name, tc := range map[string]struct {
		m                       *notify.Message
		title, standing, change string
	}{
		"opened": {
			notifytest.Flood(notify.Trigger, incident.Opened), "critical: " + attack, "critical: " + attack,
			"It began at 2026-11-26T10:20:30Z and was noticed at 2026-11-26T10:20:34Z.",
		},
		"escalated": {
			notifytest.Flood(notify.Trigger, incident.Escalated), "now critical: " + attack, "critical: " + attack,
			"Escalated from high to critical: 250 000 packets/s of attack traffic.",
		},
		"began again": {
			notifytest.Flood(notify.Trigger, incident.Reopened), "again: critical: " + attack, "critical: " + attack, "It is now open.",
		},
		"nobody came": {
			late, "nobody has taken it yet: critical: " + attack, "critical: " + attack, "Nobody has acknowledged it since 2026-11-26T10:20:34Z.",
		},
		"vector": {
			notifytest.Flood(notify.Update, incident.VectorChanged), "update: critical: " + attack, "critical: " + attack,
			"The vector changed from UDP flood to SYN flood.",
		},
		"taken": {
			notifytest.Flood(notify.Acknowledge, incident.AcknowledgedEvent), "acknowledged: " + attack, "acknowledged: " + attack, "It is now acknowledged.",
		},
		"over": {
			notifytest.Flood(notify.Resolve, incident.ResolvedEvent), "resolved: " + attack, "resolved: " + attack, "Resolved: quiet for 2 min; it lasted 5 min.",
		},
		"test": {
			notifytest.Test(), "test: critical: " + attack, "test: critical: " + attack, "This is a test: nothing happened, and nothing is to be done.",
		},
		"digest": {
			notifytest.Digest(), "5 incidents: 1 high, 1 medium, 3 not listed", "5 incidents: 1 high, 1 medium, 3 not listed", "A summary up to 2026-11-26T12:00:00Z.",
		},
	} {
		w := notify.Render(tc.m)
		if w.Title != tc.title || w.Standing != tc.standing || w.Change != tc.change {
			t.Errorf("%s: got\n%q\n%q\n%q\nwant\n%q\n%q\n%q", name, w.Title, w.Standing, w.Change, tc.title, tc.standing, tc.change)
		}
	}
}

func TestFacts(t *testing.T) {
	w := notify.Render(notifytest.Flood(notify.Resolve, incident.ResolvedEvent))
	want := []notify.Fact{
		{Name: "Severity", Value: "critical (score 0.97)"},
		{Name: "Subject", Value: "192.0.2.7"},
		{Name: "State", Value: "resolved: quiet"},
		{Name: "Began", Value: "2026-11-26T10:20:30Z"},
		{Name: "Ended", Value: "2026-11-26T10:25:30Z"},
		{Name: "Lasted", Value: "5 min"},
		{Name: "Peak", Value: "120 Mbit/s, 250 000 packets/s"},
		{Name: "Volume", Value: "900 MB"},
		{Name: "Sources", Value: "5 120, mostly 198.51.100.23 (1 %), 203.0.113.9 (0.9 %)"},
		{Name: "Ports", Value: "443 (100 %)"},
		{Name: "Incident", Value: "inc-mzxw6ytboi4dkmjr"},
	}
	if !slices.Equal(w.Facts, want) {
		t.Errorf("got  %v\nwant %v", w.Facts, want)
	}
	if want := []string{"250 000 packets/s of attack traffic; 10 000 is the limit.", "5 120 sources sent it; more than 50 counts as many."}; !slices.Equal(w.Evidence, want) {
		t.Errorf("evidence %q, want %q", w.Evidence, want)
	}
	if want := "threat, 92 % sure; likely cause: attack; T1499.001 (judged by rules)"; w.Verdict != want {
		t.Errorf("verdict %q, want %q", w.Verdict, want)
	}
	theft := notify.Render(notifytest.Theft())
	for _, want := range []notify.Fact{
		{Name: "Severity", Value: "high (score 0.8), now medium"},
		{Name: "Began", Value: "2026-07-01T02:00:00+02:00"},
		{Name: "Destinations", Value: "2001:db8:ffff::9 (100 %)"},
	} {
		if !slices.Contains(theft.Facts, want) {
			t.Errorf("%v is not in %v", want, theft.Facts)
		}
	}
}

// TestMitigation: what is done, proposed or was done is told in a fact, and that it is
// mitigated in the title.
func TestMitigation(t *testing.T) {
	m := notifytest.Flood(notify.Update, incident.ActedEvent)
	i := m.Incident
	until := i.Updated.Add(time.Minute)
	i.Actions = []incident.Action{
		{ID: "mit-a", Name: "flowspec_drop", State: incident.ActionWithdrawn, Target: "192.0.2.7", Match: "udp to 192.0.2.7"},
		{ID: "mit-b", Name: "blackhole", State: incident.ActionActive, Target: "192.0.2.7", Until: until, Via: "bgp"},
		{ID: "mit-c", Name: "block", State: incident.ActionProposed, Match: "tcp from 198.51.100.23", DryRun: true, Detail: "a person must approve it"},
	}
	i.State = incident.Mitigated
	i.Timeline = append(i.Timeline, incident.Entry{At: i.Updated, Event: incident.ActedEvent, Text: i.Actions[1].Text()})
	fact := func(name string) string {
		for _, f := range notify.Render(m).Facts {
			if f.Name == name {
				return f.Value
			}
		}
		return ""
	}
	w := notify.Render(m)
	if w.Title != "mitigated: SYN flood on 192.0.2.7, peak 250 000 packets/s and 120 Mbit/s" || w.Standing != w.Title ||
		w.Change != "Blackhole 192.0.2.7 is in force until 10:22:30 UTC (bgp)." {
		t.Errorf("%q, %q, %q", w.Title, w.Standing, w.Change)
	}
	if got := fact("Mitigation"); got != "blackhole 192.0.2.7 is in force until 10:22:30 UTC (bgp); dry run: block tcp from 198.51.100.23 is proposed: a person must approve it" {
		t.Errorf("mitigation %q", got)
	}
	if i.Acknowledged = true; fact("State") != "mitigated, and acknowledged" {
		t.Errorf("state %q", fact("State"))
	}
	for k := range i.Actions {
		i.Actions[k].State, i.Actions[k].At = incident.ActionWithdrawn, i.Updated.Add(time.Duration(k%2)*time.Second)
	}
	if got := fact("Mitigation"); got != "blackhole 192.0.2.7 was taken back" {
		t.Errorf("afterwards %q", got)
	}
}

// TestHostileTexts holds every text to one printable line of bounded length.
func TestHostileTexts(t *testing.T) {
	m := notifytest.Hostile()
	m.Link = "https://tidewatch.example.org/\r\nX: y"
	w := notify.Render(m)
	all := slices.Concat([]string{w.Title, w.Standing, w.Change, w.Verdict, w.Link}, w.Evidence, w.Reasons)
	for _, f := range w.Facts {
		all = append(all, f.Name, f.Value)
	}
	for _, s := range all {
		if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
			t.Errorf("not printable: %q", s)
		}
		if n := len([]rune(s)); n > 501 {
			t.Errorf("%d runes: %.60q", n, s)
		}
	}
	if len(w.Evidence) != 5 {
		t.Errorf("%d indicators are told, want 5", len(w.Evidence))
	}
}
