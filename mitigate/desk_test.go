// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/incident"
)

// TestProbing shows that a rule goes with its time, comes back when the attack does, and
// then stays for longer each time.
func TestProbing(t *testing.T) {
	t.Parallel()
	bubble(t, "an attack that the filter hides", ladder, func(h *house) {
		h.attack()
		h.holds("flowspec_rate_limit")
		if d := h.last(); *d.Covers != 0.98 || *d.Collateral != 0.01 || d.Match.String() != "udp from port 53 to 203.0.113.7" {
			t.Errorf("the decision says %+v", d)
		}
		for _, minutes := range []int{1, 2, 4, 8, 16, 30, 30} {
			lease := time.Duration(minutes) * time.Minute
			h.net.set(func(n *network) { n.attacked = false }) // the filter hides it
			left := time.Until(h.last().Until)
			if left > lease || left < lease-5*time.Second {
				t.Fatalf("%v are left, not %v; ledger:\n%s", left, lease, h.story())
			}
			h.wait(left - time.Second)
			h.holds("flowspec_rate_limit")
			h.wait(2 * time.Second)
			h.holds() // the probe
			h.wait(5 * time.Second)
			h.holds()
			h.net.set(func(n *network) { n.attacked = true }) // and there it is again
			h.wait(2 * time.Second)
			h.holds("flowspec_rate_limit")
		}
	})
	bubble(t, "an attack that is over", ladder, func(h *house) {
		h.attack()
		h.net.set(func(n *network) { n.attacked = false })
		h.wait(2 * time.Minute)
		h.holds()
		h.net.set(func(n *network) { n.inc.State = incident.Resolved })
		h.wait(time.Hour)
		h.holds()
		if got := strings.Join(h.told, ", "); got != "flowspec_rate_limit approved, flowspec_rate_limit active, flowspec_rate_limit expiring, flowspec_rate_limit withdrawn" {
			t.Error(got)
		}
	})
	bubble(t, "an attack that is seen before the filter", func(c *Config) { ladder(c); c.Sees = Before }, func(h *house) {
		h.net.set(func(n *network) { n.coverage = &Coverage{Covers: new(0.97)} })
		h.attack()
		h.wait(time.Hour)
		h.holds("flowspec_rate_limit") // renewed all the time, never probed
		if d := h.last(); d.Effect != decision.EffectHelps || time.Until(d.Until) > 30*time.Minute {
			t.Errorf("the decision says %+v", d)
		}
		if len(h.router.log) != 1 {
			t.Errorf("the router was told %v", h.router.log)
		}
		h.net.set(func(n *network) { n.attacked = false })
		h.wait(31 * time.Minute)
		h.holds()
	})
}

// TestTotal shows that a person decides when the policy's time is over.
func TestTotal(t *testing.T) {
	t.Parallel()
	bubble(t, "an attack that does not end", func(c *Config) {
		ladder(c)
		c.Sees = Before
		c.Policy[0].Ladder = []Step{{Action: decision.FlowSpecDrop, Total: 5 * time.Minute}}
	}, func(h *house) {
		h.net.set(func(n *network) { n.coverage = &Coverage{Covers: new(0.97)} })
		h.attack()
		h.wait(4 * time.Minute)
		h.holds("flowspec_drop")
		h.wait(2 * time.Minute)
		h.holds()
		if story := h.story(); !strings.Contains(story, "expiring total") || h.last().State != decision.Proposed && !strings.Contains(story, "proposed policy") {
			t.Fatalf("%s", story)
		}
	})
}

// TestLadder shows when a stronger step follows, and when a person is asked.
func TestLadder(t *testing.T) {
	t.Parallel()
	bubble(t, "behind the filter the next step follows", func(c *Config) { ladder(c); c.Sees = After }, func(h *house) {
		h.attack()
		h.wait(25 * time.Second)
		h.holds("flowspec_rate_limit")
		h.wait(10 * time.Second)
		h.holds("flowspec_drop")
		h.wait(40 * time.Second)
		h.holds("blackhole")
	})
	bubble(t, "nobody knows where the exporters stand", ladder, func(h *house) {
		h.attack()
		h.wait(40 * time.Second)
		h.holds("flowspec_rate_limit")
		if d := h.last(); d.State != decision.Proposed || d.Action != decision.FlowSpecDrop || !strings.Contains(strings.Join(d.Held, " "), "mitigation.sees") {
			t.Fatalf("the last is %+v", d)
		}
		if _, err := h.desk.Approve(t.Context(), h.last().ID, Person{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h.holds("flowspec_drop")
	})
	bubble(t, "a shift that the rule does not hit", func(c *Config) { ladder(c); c.Sees = Before }, func(h *house) {
		h.net.set(func(n *network) { n.coverage = &Coverage{Covers: new(0.97)} })
		h.attack()
		h.wait(30 * time.Second)
		h.net.set(func(n *network) {
			n.coverage = &Coverage{Covers: new(0.05), CoversError: 0.02}
			f := *n.inc.Filter
			f.SrcPort = 123
			n.inc.Filter = &f
		})
		h.wait(22 * time.Second)
		h.holds("flowspec_rate_limit")
		if d := h.last(); d.Match.SrcPort != 123 || !strings.Contains(h.story(), "no_help") {
			t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "no filter is known", ladder, func(h *house) {
		h.net.set(func(n *network) { n.inc.Filter = nil })
		h.attack()
		h.wait(10 * time.Second)
		if h.story() != "" {
			t.Fatalf("%s", h.story())
		}
		h.wait(10 * time.Second)
		h.holds() // nothing that hurts more happens by itself
		if d := h.last(); d.State != decision.Proposed || d.Action != decision.Blackhole {
			t.Fatalf("%s", h.story())
		}
	})
}

// TestRulesForPackets shows that a rule says of packets what they can be told by, and that
// what it hits beyond the filter is not hidden.
func TestRulesForPackets(t *testing.T) {
	t.Parallel()
	filter := func(n *network) {
		f := *n.inc.Filter
		f.Protocol, f.SrcPort, f.Flags, f.PacketBytes = "tcp", 0, "FIN+SYN+PSH+ACK", &detect.Range{From: 300, To: 1400}
		n.inc.Filter = &f
	}
	bubble(t, "what it hits is known", ladder, func(h *house) {
		h.net.set(func(n *network) {
			filter(n)
			n.coverage = &Coverage{Covers: new(0.99), Collateral: new(0.8)}
		})
		h.attack()
		if d := h.last(); d.State != decision.Proposed || d.Match.String() != "tcp to 203.0.113.7" || *d.Collateral != 0.8 {
			t.Fatalf("%s%+v", h.story(), d)
		}
		h.holds()
	})
	bubble(t, "nobody knows what it hits", ladder, func(h *house) {
		h.net.set(filter)
		h.attack()
		if d := h.last(); d.State != decision.Proposed || d.Collateral != nil || !strings.Contains(strings.Join(d.Held, " "), "not known how much usual traffic") {
			t.Fatalf("%s%+v", h.story(), d)
		}
		h.holds()
	})
}

// TestWhoDecides shows what a person and what a model can and cannot bring about.
func TestWhoDecides(t *testing.T) {
	t.Parallel()
	bubble(t, "a busy day", ladder, func(h *house) {
		h.net.set(func(n *network) { n.inc.Assessment.Verdict = incident.Legitimate })
		h.attack()
		h.wait(time.Minute)
		if h.story() != "" {
			t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "a model that calls a busy day an attack", ladder, func(h *house) {
		h.net.set(func(n *network) {
			n.inc.Rules = &incident.Assessment{By: "rules", Verdict: incident.Legitimate, Confidence: 0.9}
			n.inc.Assessment = &incident.Assessment{By: "anthropic:x", Verdict: incident.Threat, Confidence: 1}
		})
		h.attack()
		h.wait(time.Minute)
		if h.story() != "" {
			t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "a model that calls an attack a busy day", ladder, func(h *house) {
		h.net.set(func(n *network) {
			n.inc.Rules = n.inc.Assessment
			n.inc.Assessment = &incident.Assessment{By: "anthropic:x", Verdict: incident.Legitimate, Confidence: 1}
		})
		h.attack()
		h.holds("flowspec_rate_limit")
	})
	bubble(t, "uncertain rules", ladder, func(h *house) {
		h.net.set(func(n *network) { n.inc.Assessment.Verdict = incident.Unclear })
		h.attack()
		h.holds()
		d := h.last()
		if d.State != decision.Proposed {
			t.Fatalf("%s", h.story())
		}
		if _, err := h.desk.Reject(t.Context(), d.ID, Person{By: "ann", Note: "a launch"}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.desk.Approve(t.Context(), d.ID, Person{}); !errors.Is(err, ErrState) {
			t.Fatal(err)
		}
	})
	bubble(t, "withdrawn by a person", ladder, func(h *house) {
		h.attack()
		if _, err := h.desk.Withdraw(t.Context(), h.last().ID, Person{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		h.wait(10 * time.Second)
		h.holds() // although the attack goes on
		if d := h.last(); d.State != decision.Proposed {
			t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "dry run", func(c *Config) { ladder(c); c.Mode = DryRun }, func(h *house) {
		h.attack()
		h.holds()
		if d := h.last(); d.State != decision.Active || !d.DryRun {
			t.Fatalf("%s", h.story())
		}
		h.net.set(func(n *network) { n.attacked = false })
		h.wait(2 * time.Minute)
		if d := h.last(); d.State != decision.Withdrawn || d.Reason != decision.ByLease {
			t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "closed as normal", ladder, func(h *house) {
		h.attack()
		h.net.set(func(n *network) { n.inc.State, n.inc.Verdict = incident.Closed, incident.VerdictNormal })
		h.wait(2 * time.Second)
		h.holds()
	})
	bubble(t, "panic", ladder, func(h *house) {
		h.attack()
		if n, err := h.desk.Panic(t.Context(), Person{By: "ann"}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		h.wait(time.Minute)
		h.holds()
		if d := h.last(); d.State != decision.Proposed {
			t.Fatalf("%s", h.story())
		}
		if _, err := h.desk.Approve(t.Context(), h.last().ID, Person{}); !errors.Is(err, ErrState) {
			t.Fatal(err)
		}
		h.stop()
		h.start() // it holds over a restart
		h.wait(10 * time.Second)
		h.holds()
		if err := h.desk.Resume(t.Context(), Person{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.desk.Approve(t.Context(), h.last().ID, Person{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h.holds("flowspec_rate_limit")
	})
}
