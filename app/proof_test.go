// SPDX-License-Identifier: Apache-2.0

//go:build !race

package app

import (
	"slices"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/scenario"
)

// attackOn plays a scenario on its first day, before anything is learned, and
// returns its attack incidents above low and what the truth says of attacks.
func attackOn(t *testing.T, name string, lasts time.Duration) (floods []incident.Incident, acts []scenario.Truth) {
	t.Helper()
	got, truth, _ := play(t, name, scenario.Config{Seed: 7, AttackAt: 3 * time.Minute, AttackFor: lasts}, 1)
	for i := range got {
		if got[i].Category == detect.DDoSAttack && got[i].Severity.Rank() > detect.Low.Rank() {
			floods = append(floods, got[i])
		}
	}
	for i := range truth {
		if truth[i].Category == string(detect.DDoSAttack) {
			acts = append(acts, truth[i])
		}
	}
	return floods, acts
}

// claim is a scenario with the vectors that its one incident must name.
type claim struct {
	scenario string
	vectors  []string // all of them, in any order
}

// proven lists the attacks that are found as what they are.
func proven() []claim {
	return []claim{
		{"outbound-flood", []string{"syn_flood"}},
		{"outbound-flood6", []string{"syn_flood"}},
		{"mixed-flood", []string{"syn_flood", "udp_flood"}},
		{"mixed-flood6", []string{"syn_flood", "udp_flood"}},
		{"carpet", []string{"udp_flood"}},
		{"carpet6", []string{"udp_flood"}},
		{"http-flood", []string{"http_flood"}},
		{"http-flood6", []string{"http_flood"}},
		{"dns-query-flood", []string{"dns_query_flood"}},
		{"dns-query-flood6", []string{"dns_query_flood"}},
		{"shifting-flood", []string{"dns_amplification", "syn_flood", "http_flood"}},
		{"shifting-flood6", []string{"dns_amplification", "syn_flood", "http_flood"}},
	}
}

// exported is how long after its last packet a flow of the scenarios is exported,
// when nothing ends it.
const exported = 17 * time.Second

// Each attack is one incident, about the right host or network and with all of its
// vectors, and is open within two seconds of its first flows.
func TestAttacks(t *testing.T) {
	t.Parallel()
	for _, c := range proven() {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			floods, acts := attackOn(t, c.scenario, 2*time.Minute)
			subject := acts[0].Subject.String()
			if acts[0].Network.IsValid() {
				subject = acts[0].Network.String()
			}
			if len(floods) != 1 {
				t.Errorf("%d incidents, want one about %s", len(floods), subject)
				for i := range floods {
					t.Log(floods[i].Headline())
				}
				return
			}
			f := &floods[0]
			seen := f.Vectors
			if len(seen) == 0 {
				seen = []string{f.Vector}
			}
			named := slices.DeleteFunc(slices.Clone(seen), func(v string) bool { return v == "mixed" })
			slices.Sort(named)
			want := slices.Sorted(slices.Values(c.vectors))
			if f.Subject != subject || f.Kind != acts[0].Kind || f.Severity.Rank() < detect.High.Rank() || !slices.Equal(named, want) {
				t.Errorf("%s about %s, severity %s, vectors %v; want %s about %s, %v", f.Kind, f.Subject, f.Severity, named, acts[0].Kind, subject, want)
			}
			if d := f.Detected.Sub(acts[0].Start); d > exported+2*time.Second {
				t.Errorf("open %v after the first packet", d)
			}
		})
	}
}

// lookAlike is a scenario without an attack; zero lasts as long as by default.
type lookAlike struct {
	scenario string
	lasts    time.Duration
}

// innocent lists what is known to raise nothing.
func innocent() []lookAlike {
	return []lookAlike{
		{"speed-test", 0},
		{"speed-test6", 0},
		{"elephant", 0},
		{"elephant6", 0},
		{"elephant", 5 * time.Minute},
		{"backup-window", 0},
		{"backup-window", 50 * time.Second},
		{"flash-crowd", 10 * time.Minute},
		{"port-scan", 2 * time.Minute},
		{"port-scan6", 2 * time.Minute},
	}
}

// What only looks like an attack gives none above low.
func TestLookAlikes(t *testing.T) {
	for _, tc := range innocent() {
		floods, acts := attackOn(t, tc.scenario, tc.lasts)
		if len(acts) == 0 || !acts[0].MustNotAlert {
			t.Errorf("%s: the truth is %+v", tc.scenario, acts)
		}
		for i := range floods {
			t.Errorf("%s: %s", tc.scenario, floods[i].Headline())
		}
	}
}

// Nor is a test of the line, the acknowledgements of a large download, or a backup
// data theft above low on the first day, when nothing is known of the devices.
func TestLookAlikesOfTheft(t *testing.T) {
	for _, name := range []string{"speed-test", "speed-test6", "elephant", "elephant6", "backup-window"} {
		got, _, _ := play(t, name, scenario.Config{Seed: 7, AttackAt: 3 * time.Minute}, 1)
		for i := range got {
			if got[i].Category == detect.DataExfiltration && got[i].Severity.Rank() > detect.Low.Rank() {
				t.Errorf("%s: %s", name, got[i].Headline())
			}
		}
	}
}

// An attack that pauses for 20 s is one incident that is never resolved between
// its pulses; it is resolved when its quiet time has passed after its last flows were
// exported; and the one an hour later is another that names it.
func TestPulsingFlood(t *testing.T) {
	floods, acts := attackOn(t, "pulsing-flood", 160*time.Second) // ends with a pulse
	if len(floods) != 2 || len(acts) != 2 {
		t.Fatalf("%d incidents of %d attacks", len(floods), len(acts))
	}
	quiet := incident.DefaultConfig().QuietAfter.DDoS
	for i := range floods {
		f, act := &floods[i], &acts[i]
		var resolved []time.Time
		for _, line := range f.Timeline {
			switch line.Event {
			case incident.ResolvedEvent:
				resolved = append(resolved, line.At)
			case incident.Reopened:
				t.Errorf("attack %d was resolved and began again at %v", i, line.At)
			default:
			}
		}
		if d := f.Started.Sub(act.Start); d < -time.Second || d > time.Second {
			t.Errorf("attack %d started %v after the truth", i, d)
		}
		if len(resolved) != 1 || f.State != incident.Resolved {
			t.Errorf("attack %d is %s, resolved at %v", i, f.State, resolved)
			continue
		}
		if d := f.Ended.Sub(act.End); d < -2*time.Second || d > time.Second {
			t.Errorf("attack %d ended %v after the truth", i, d)
		}
		if d := resolved[0].Sub(act.End); d < quiet || d > exported+quiet+2*time.Second {
			t.Errorf("attack %d is resolved %v after its last packet", i, d)
		}
	}
	if floods[0].Previous != "" || floods[1].Previous != floods[0].ID || floods[0].ID == floods[1].ID {
		t.Errorf("the second is %s and names %q, the first is %s", floods[1].ID, floods[1].Previous, floods[0].ID)
	}
}
