// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/guard"
	"tidewatch/incident"
)

// chance deals out what a sequence does, from a seed or from what a fuzzer chose.
type chance interface{ IntN(n int) int }

type dealt struct{ data []byte }

func (d *dealt) IntN(n int) int {
	if len(d.data) == 0 {
		return 0
	}
	v := int(d.data[0])
	d.data = d.data[1:]
	return v % n
}

// anybody does everything.
type anybody struct{}

func (anybody) pick(*decision.Decision) (string, bool) { return "router", true }
func (anybody) lasts(string) bool                      { return false }
func (anybody) serves(string) bool                     { return true }

func one[T any](c chance, from ...T) T { return from[c.IntN(len(from))] }

// crowd is a scene of many incidents.
type crowd struct {
	all       map[string]*incident.Incident
	protected []guard.Protected
}

func (w *crowd) Incident(id string) (incident.Incident, bool) {
	i, ok := w.all[id]
	if !ok {
		return incident.Incident{}, false
	}
	return i.Clone(), true
}

func (w *crowd) Coverage(netip.Prefix, *decision.Match) (Coverage, bool) {
	return Coverage{}, false
}

func (w *crowd) Prevalence(a netip.Addr) (int, bool) { return int(a.AsSlice()[0]) % 3, true }
func (w *crowd) Protected() []guard.Protected        { return w.protected }

// subjects lie inside and outside of what is ours, and where nothing may be done.
func subjects() []string {
	return []string{
		"203.0.113.7", "203.0.113.8", "203.0.113.250", "203.0.113.0/24", "203.0.112.0/22", "203.0.113.64/26", "198.51.100.9", "0.0.0.0/0", "::/0",
		"2001:db8::7", "2001:db8:1::/48", "2001:db8::/32", "2001:db9::1", "8.8.8.8", "127.0.0.1", "224.0.0.1", "::ffff:203.0.113.7", "fe80::1", "10.1.2.3", "",
	}
}

func (w *crowd) grow(c chance, now time.Time) *incident.Incident {
	id := fmt.Sprintf("inc-%d", c.IntN(12))
	hits := float64(c.IntN(100)) / 100
	i := &incident.Incident{
		ID: id, Category: one(c, detect.DDoSAttack, detect.DDoSAttack, detect.DataExfiltration, detect.CommandControl),
		Kind: one(c, "ddos", "ddos", "ddos_outbound", "exfiltration"), Vector: "dns_amplification", Subject: one(c, subjects()...),
		CurrentSeverity: one(c, detect.Critical, detect.High, detect.Medium), State: one(c, incident.Open, incident.Open, incident.Open, incident.Acknowledged, incident.Resolved, incident.Closed),
		Started: now, Detected: now.Add(-time.Duration(c.IntN(60)) * time.Second), LastSeen: now,
		Assessment: &incident.Assessment{By: "rules", Verdict: one(c, incident.Threat, incident.Threat, incident.Legitimate, incident.Unclear), Confidence: 0.9},
		Filter: &incident.TrafficFilter{Filter: detect.Filter{
			Protocol: one(c, "udp", "tcp", ""), SrcPort: one[uint16](c, 0, 53), Covers: 0.9, Collateral: &hits,
			SourcePrefix: one(c, "", "8.8.8.0/24", "192.0.2.0/24", "203.0.113.0/24", "0.0.0.0/0", "nonsense"),
		}},
		Top: detect.Top{Destinations: []detect.Share{{Key: one(c, "192.0.2.9", "8.8.8.8", "203.0.113.250", "x", "2001:db8::9"), Share: 0.9}}},
	}
	w.all[id] = i
	return i
}

func lottery(c chance) Config {
	cfg := DefaultConfig()
	ladder(&cfg)
	cfg.Policy = append(cfg.Policy, Rule{Name: "rest", Approve: automatic, Ladder: []Step{{Action: decision.Block}, {Action: decision.Quarantine}, {Action: decision.Blackhole, Scope: "prefix"}}})
	cfg.Mode = one(c, Act, Act, Act, DryRun, Off)
	cfg.Sees = one(c, Before, After, NobodyKnows)
	g := &cfg.Guard
	g.Own = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	if c.IntN(4) == 0 {
		g.Own = g.Own[:1]
	}
	g.Internal = append(slices.Clone(g.Own), netip.MustParsePrefix("10.0.0.0/8"))
	g.Never = one(c, nil, []string{"203.0.113.7"}, []string{"203.0.113.0/26", "2001:db8::7"})
	g.MaxActive = 1 + c.IntN(8)
	g.MaxBlackhole, g.MaxFlowSpec = 1+c.IntN(4), 1+c.IntN(4)
	g.AutomaticPrefixes = c.IntN(2) == 0
	g.Automatic = append(g.Automatic, string(decision.Quarantine))
	g.MaxCollateralDrop, g.AskCollateralDrop = 1, 1
	return cfg
}

// breach is the slow and obvious judge: it looks at what is in force with nothing of the
// guard's own code. Addresses are tried one by one where networks are small.
func breach(cfg *Config, protected []guard.Protected, now time.Time, rules []*decision.Decision) error {
	var announced, active int
	for _, d := range rules {
		if d.DryRun {
			continue
		}
		active++
		if cfg.Mode != Act {
			return fmt.Errorf("%s is in force with mode %s", d.ID, cfg.Mode)
		}
		if d.State.Wanted() && (d.Until.IsZero() || d.Until.Sub(now) > 24*time.Hour) {
			return fmt.Errorf("%s ends at %v, and it is %v", d.ID, d.Until, now)
		}
		a := d.Target.Addr()
		if a.Is4In6() || a.IsLoopback() || a.IsMulticast() || a.IsUnspecified() || a.IsLinkLocalUnicast() {
			return fmt.Errorf("%s is against %s", d.ID, d.Target)
		}
		least := 24
		if a.Is6() {
			least = 48
		}
		if d.Target.Bits() < least {
			return fmt.Errorf("%s is against %s, which is short", d.ID, d.Target)
		}
		switch d.Action {
		case decision.Blackhole, decision.FlowSpecDrop, decision.FlowSpecRateLimit, decision.Divert:
			announced++
			if d.Match.Destination != d.Target {
				return fmt.Errorf("%s announces %s for %s", d.ID, d.Match.Destination, d.Target)
			}
			ours := false
			for _, own := range cfg.Guard.Own {
				ours = ours || own.Contains(d.Target.Masked().Addr()) && own.Bits() <= d.Target.Bits()
			}
			if !ours {
				return fmt.Errorf("%s announces %s, which is not ours", d.ID, d.Target)
			}
		case decision.Block, decision.RateLimit, decision.Quarantine, decision.Hook:
		}
		for _, text := range cfg.Guard.Never {
			p, err := netip.ParsePrefix(text)
			if err != nil {
				p = netip.PrefixFrom(netip.MustParseAddr(text), netip.MustParseAddr(text).BitLen())
			}
			if p.Overlaps(d.Target) {
				return fmt.Errorf("%s touches %s, which nothing may", d.ID, text)
			}
		}
		for _, p := range protected {
			if p.Prefix.Overlaps(d.Target) {
				return fmt.Errorf("%s touches the %s %s", d.ID, p.Why, p.Prefix)
			}
		}
		if d.Match.Source.IsValid() && d.Match.Source.Contains(netip.MustParseAddr("8.8.8.8")) || d.Match.Destination.IsValid() && d.Match.Destination.Contains(netip.MustParseAddr("8.8.8.8")) {
			return fmt.Errorf("%s touches a resolver that all the world uses: %s", d.ID, d.Match.String())
		}
	}
	if active > cfg.Guard.MaxActive {
		return fmt.Errorf("%d rules, and %d may be", active, cfg.Guard.MaxActive)
	}
	return nil
}

// live plays one sequence and returns the first breach.
func live(c chance, steps int) (done map[string]int, err error) {
	cfg := lottery(c)
	done = map[string]int{}
	w := &crowd{all: map[string]*incident.Incident{}, protected: []guard.Protected{{Prefix: netip.MustParsePrefix("203.0.113.250/32"), Why: "exporter"}}}
	ledger := &memory{}
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	b, err := newBook(&cfg, nil, w, anybody{})
	if err != nil {
		return done, err
	}
	commit := func() {
		changes := b.changes
		b.changes = nil
		written := c.IntN(8) != 7
		if written {
			for i := range changes {
				ledger.lines = append(ledger.lines, changes[i].entry)
				done[string(changes[i].entry.Decision.State)]++
			}
		}
		ledger.lines = append(ledger.lines, b.settle(changes, written)...) // a moment later
	}
	for range steps {
		switch c.IntN(12) {
		case 0, 1, 2:
			b.hear(now, w.grow(c, now))
		case 3, 4:
			now = now.Add(time.Duration(c.IntN(90)) * time.Second)
			b.tick(now)
		case 5: // a jump, to either side
			now = now.Add(time.Duration(c.IntN(96)-48) * time.Hour)
			b.tick(now)
		case 6: // actuators answer, or do not
			for _, d := range b.sorted() {
				var failed error
				if c.IntN(4) == 0 {
					failed = errors.New("no")
				}
				if d.State == decision.Expiring {
					b.takenBack(d.ID, failed)
				} else if d.State.Wanted() {
					b.applied(d.ID, d.Until, failed)
				}
			}
		case 7: // people
			for _, d := range b.sorted() {
				switch who := (&Person{By: "ann"}); c.IntN(4) {
				case 0, 1:
					_ = b.approve(d.ID, who)
				case 2:
					_ = b.withdraw(d.ID, who)
				case 3:
					_ = b.reject(d.ID, who)
				}
			}
		case 8:
			target, err := netip.ParsePrefix(one(c, subjects()...))
			if err != nil {
				target = netip.MustParsePrefix(one(c, "203.0.113.9/32", "0.0.0.0/0", "203.0.0.0/8", "2001:db8::9/128", "198.51.100.0/24"))
			}
			q := &Request{Target: target.Masked(), Action: one(c, decision.Actions()...), Minutes: c.IntN(MaxMinutes)}
			if q.Action.Limits() {
				q.Rate = 1_000_000
			}
			_, _ = b.request(q, &Person{})
		case 9:
			if c.IntN(3) == 0 {
				b.halt(&Person{})
			} else {
				b.halted = nil
			}
		case 10: // another configuration
			cfg = lottery(c)
			if err := b.configure(&cfg, nil); err != nil {
				return done, err
			}
			b.review()
		case 11: // killed, and started again with what the ledger knows
			left, _ := ledger.Unfinished(nil) //nolint:staticcheck // it asks nobody
			halted := b.halted
			if b, err = newBook(&cfg, nil, w, anybody{}); err != nil {
				return done, err
			}
			b.restore(now, left, halted)
		}
		commit()
		wanted := b.those(func(d *decision.Decision) bool { return d.State.Wanted() })
		if err := breach(&cfg, w.protected, now, wanted); err != nil {
			return done, err
		}
		if b.halted != nil && len(wanted) > 0 {
			return done, fmt.Errorf("%d rules are wanted although everything is halted", len(wanted))
		}
	}
	return done, nil
}

// TestNothingEscapesTheGuards plays random lives of desks against the obvious judge.
func TestNothingEscapesTheGuards(t *testing.T) {
	t.Parallel()
	total := map[string]int{}
	for seed := range uint64(150) {
		done, err := live(rand.New(rand.NewPCG(seed, 7)), 120)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for state, n := range done {
			total[state] += n
		}
	}
	t.Logf("changes: %v", total)
	for _, s := range []decision.State{decision.Proposed, decision.Approved, decision.Active, decision.Expiring, decision.Withdrawn, decision.Rejected, decision.Failed} {
		if total[string(s)] == 0 {
			t.Errorf("no decision ever became %s", s)
		}
	}
}

func FuzzDesk(f *testing.F) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		data := make([]byte, 600)
		for i := range data {
			data[i] = byte(r.IntN(256))
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := live(&dealt{data}, min(len(data)/4, 300)); err != nil {
			t.Fatal(err)
		}
	})
}
