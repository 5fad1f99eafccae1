// SPDX-License-Identifier: Apache-2.0

package app

import (
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// What people read about rules at night.
func TestMitigationText(t *testing.T) {
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	third := 1.0 / 3
	limit := decision.Decision{
		ID: "mit-1", Action: decision.FlowSpecRateLimit, Rate: 125_000, Target: netip.MustParsePrefix("2001:db8::/48"), State: decision.Failed,
		Match: decision.Match{Destination: netip.MustParsePrefix("2001:db8::/48"), Protocol: "tcp", Flags: "SYN"}, Error: "no session is up",
	}
	hole := decision.Decision{
		ID: "mit-2", Action: decision.Blackhole, Target: netip.MustParsePrefix("203.0.113.7/32"), State: decision.Active, Until: now.Add(90 * time.Minute), Covers: &third,
	}
	for name, tc := range map[string]struct {
		text interface{ WriteText(w io.Writer) error }
		want []string
	}{
		"a limit that failed": {
			&Mitigation{limit, now},
			[]string{"mit-1 has failed: flowspec rate limit of tcp with flags SYN to 2001:db8::/48 to 125000 bytes/s; the actuator says: no session is up\n"},
		},
		"a blackhole": {&Mitigation{hole, now}, []string{"mit-2 is active: blackhole of 203.0.113.7, until 2026-03-01T04:30:00Z (in 1 h 30 min)\n"}},
		"a list": {
			&Mitigations{Mitigations: []decision.Decision{hole, limit}, now: now, Halted: &mitigate.Halt{At: now}},
			[]string{"HALTED  by nobody knows whom since 2026-03-01T03:00:00Z. Nothing", "203.0.113.7    2026-03-01T04:30:00Z (in 1 h 30 min)  33 %    ?", "failed", "  over  "},
		},
		"a story without an incident": {
			&MitigationStory{Decision: &limit, now: now}, []string{"FAILED  flowspec rate limit", "hits nobody knows what share of the attack", "error: no session is up"},
		},
		"nothing was in force":   {&Stopped{Withdrawn: 1, now: now}, []string{"1 decision marked as taken back", "nothing is left in force"}},
		"some does not end":      {&Stopped{Left: 1, now: now, Stays: []string{"scrubber"}}, []string{"done by scrubber does not end by itself"}},
		"all ended by itself":    {&Stopped{Left: 2, now: now}, []string{"(2 rules) has ended by itself"}},
		"what acts":              {&Acting{Status: mitigate.Status{Mode: "act", Active: 2}}, []string{"rules are brought in force\n2 decisions in force"}},
		"what acts on nobody":    {&Acting{Status: mitigate.Status{Mode: "off"}}, []string{"off: nothing is decided"}},
		"a proposal of somebody": {&Mitigations{Mitigations: []decision.Decision{{ID: "mit-3", State: decision.Proposed}}}, []string{"mit-3 waits for a person:\n  - nobody said why\n"}},
	} {
		var b strings.Builder
		if err := tc.text.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		for _, want := range tc.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, b.String())
			}
		}
	}
	for d, want := range map[time.Duration]string{-time.Minute: "(1 min 0 s ago)", 59 * time.Second: "(in 59 s)", 61*time.Second + 400*time.Millisecond: "(in 1 min 1 s)", 25 * time.Hour: "(in 25 h 0 min)"} {
		if got := moment(now.Add(d), now); !strings.HasSuffix(got, want) {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
