// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidewatch/decision"
	"tidewatch/incident"
)

// reload takes another configuration up while the desk runs.
func (h *house) reload(change func(*Config)) {
	h.t.Helper()
	change(&h.cfg)
	if err := h.desk.Configure(h.t.Context(), &h.cfg, nil); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) waiting() (out []decision.Decision) {
	for _, d := range h.ledger.latest() {
		if d.State == decision.Proposed {
			out = append(out, d)
		}
	}
	return out
}

// TestProposalsAndTime shows that a proposal brings nothing about by itself that a rule
// would not, and that none is forgotten.
func TestProposalsAndTime(t *testing.T) {
	t.Parallel()
	bubble(t, "the attack ends while a stronger step waits for a person", ladder, func(h *house) {
		h.attack()
		h.wait(40 * time.Second)
		if len(h.waiting()) != 1 {
			h.t.Fatalf("%s", h.story())
		}
		h.net.set(func(n *network) { n.attacked = false })
		h.wait(90 * time.Second) // the lease, renewed lately
		for range 60 {
			h.wait(5 * time.Second)
			h.holds() // nobody has seen the attack since
		}
	})
	bubble(t, "a stronger step that waits follows the attack", ladder, func(h *house) {
		h.attack()
		h.wait(40 * time.Second)
		h.net.set(func(n *network) {
			f := *n.inc.Filter
			f.SrcPort = 123
			n.inc.Filter = &f
		})
		h.wait(time.Minute)
		if w := h.waiting(); len(w) != 1 || w[0].Match.SrcPort != 123 {
			h.t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "the policy has another name", func(c *Config) { ladder(c); c.Policy[0].Approve = byPerson }, func(h *house) {
		h.attack()
		if len(h.waiting()) != 1 {
			h.t.Fatalf("%s", h.story())
		}
		h.reload(func(c *Config) {
			c.Policy = []Rule{{Name: "other", Category: "ddos_attack", Approve: automatic, Ladder: []Step{{Action: decision.FlowSpecDrop}}}}
		})
		h.wait(10 * time.Second)
		h.holds("flowspec_drop")
		if len(h.waiting()) != 0 {
			h.t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "the ladder is shorter", func(c *Config) { ladder(c); c.Sees = After }, func(h *house) {
		h.attack()
		h.wait(40 * time.Second)
		h.holds("flowspec_drop")
		h.reload(func(c *Config) {
			r := c.Policy[0]
			r.Ladder = r.Ladder[:1]
			c.Policy = []Rule{r}
		})
		h.wait(2 * time.Minute)
		h.holds("flowspec_rate_limit")
	})
	bubble(t, "what was read as a dry run is not approved as a real one", func(c *Config) { ladder(c); c.Mode = DryRun; c.Policy[0].Approve = byPerson }, func(h *house) {
		h.attack()
		read := h.last()
		h.reload(func(c *Config) { c.Mode = Act })
		if _, err := h.desk.Approve(h.t.Context(), read.ID, Person{By: "ann"}); !errors.Is(err, ErrState) {
			h.t.Fatal(err)
		}
		h.wait(5 * time.Second)
		h.holds()
		if w := h.waiting(); len(w) != 1 || w[0].DryRun {
			h.t.Fatalf("%s", h.story())
		}
		h.reload(func(c *Config) { c.Mode = Off })
		h.wait(time.Second)
		if len(h.waiting()) != 0 {
			h.t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "figures that never rest fill no ledger", ladder, func(h *house) {
		h.net.set(func(n *network) { n.inc.Assessment.Confidence = 0.5 })
		h.attack()
		for i := range 720 {
			h.net.set(func(n *network) {
				a := *n.inc.Assessment
				a.Confidence = 0.5 + float64(i%20)/100
				n.inc.Assessment = &a
			})
			h.wait(5 * time.Second)
		}
		if n := len(h.ledger.lines); n < 2 || n > 40 {
			h.t.Errorf("%d lines after an hour", n)
		}
	})
	bubble(t, "who approves approves what passes now", func(c *Config) { ladder(c); c.Policy[0].Approve = byPerson }, func(h *house) {
		h.attack()
		h.net.set(func(n *network) {
			f := *n.inc.Filter
			f.Collateral = new(0.9)
			n.inc.Filter = &f
		})
		h.reload(func(c *Config) { c.Guard.MaxCollateralLimit = 0.5 })
		h.wait(2 * time.Second)
		var refused *RefusedError
		if _, err := h.desk.Approve(h.t.Context(), h.last().ID, Person{By: "ann"}); !errors.As(err, &refused) {
			h.t.Fatalf("%v", err)
		}
	})
}

// TestNothingStrongerByItself shows that a step that is left out makes the next a proposal.
func TestNothingStrongerByItself(t *testing.T) {
	t.Parallel()
	bubble(t, "nobody does the milder ones", ladder, func(h *house) {
		h.router.mu.Lock()
		h.router.cannot = []decision.Action{decision.FlowSpecRateLimit, decision.FlowSpecDrop}
		h.router.mu.Unlock()
		h.attack()
		h.holds()
		if d := h.last(); d.State != decision.Proposed || d.Action != decision.Blackhole || !strings.Contains(strings.Join(d.Held, "\n"), "flowspec_drop cannot be done") {
			h.t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "what is held is not renewed", ladder, func(h *house) {
		h.attack()
		h.net.set(func(n *network) {
			a := *n.inc.Assessment
			a.Verdict = incident.Unclear
			n.inc.Assessment = &a
		})
		h.wait(70 * time.Second)
		h.holds()
		if len(h.waiting()) != 1 {
			h.t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "somebody says that it is normal, and leaves the incident open", ladder, func(h *house) {
		h.attack()
		h.net.set(func(n *network) { n.inc.Verdict = incident.VerdictNormal })
		h.wait(time.Minute)
		h.holds()
		if d := h.last(); d.Reason != decision.ByVerdict {
			h.t.Fatalf("%s", h.story())
		}
	})
}

// TestFlappingFillsNoLedger shows that a router that fails and answers by turns is told of,
// and not each time.
func TestFlappingFillsNoLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		ladder(&cfg)
		cfg.Guard.Own = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
		n := &network{inc: flood("203.0.113.7")}
		b, err := newBook(&cfg, nil, n, anybody{})
		if err != nil {
			t.Fatal(err)
		}
		b.hear(time.Now(), &n.inc)
		id := b.sorted()[0].ID
		b.applied(id, time.Now(), nil)
		before := len(b.changes)
		for i := range 600 {
			time.Sleep(time.Second)
			b.advance(time.Now())
			var failed error
			if i%2 == 0 {
				failed = fmt.Errorf("dial tcp: port %d: refused", i)
			}
			b.applied(id, time.Now(), failed)
			if got := b.live[id].Error; (got != "") != (failed != nil) {
				t.Fatalf("it says %q after %v", got, failed)
			}
		}
		if n := len(b.changes) - before; n < 2 || n > 25 {
			t.Errorf("%d lines in ten minutes", n)
		}
	})
}

// TestRevision shows what becomes of a proposal when more is known.
func TestRevision(t *testing.T) {
	t.Parallel()
	bubble(t, "what was in the way is gone", ladder, func(h *house) {
		h.net.set(func(n *network) {
			f := *n.inc.Filter
			f.Collateral = nil
			n.inc.Filter = &f
		})
		h.attack()
		h.holds()
		d := h.last()
		if d.State != decision.Proposed || !strings.Contains(strings.Join(d.Held, " "), "not known how much usual traffic") {
			t.Fatalf("%s", h.story())
		}
		h.net.set(func(n *network) { n.inc = flood("203.0.113.7") })
		h.wait(7 * time.Second)
		h.holds("flowspec_rate_limit")
		if h.last().ID != d.ID {
			t.Error("it is another decision")
		}
	})
	bubble(t, "the attack has changed", ladder, func(h *house) {
		h.net.set(func(n *network) { n.inc.Assessment.Verdict = incident.Unclear })
		h.attack()
		d := h.last()
		h.net.set(func(n *network) {
			f := *n.inc.Filter
			f.SrcPort = 123
			n.inc.Filter = &f
		})
		h.wait(20 * time.Second) // long enough for a person to approve what was read
		if h.last().ID != d.ID {
			t.Fatalf("%s", h.story())
		}
		h.wait(20 * time.Second)
		if got := h.last(); got.State != decision.Proposed || got.Match.SrcPort != 123 {
			t.Fatalf("%s", h.story())
		}
		h.holds()
	})
}
