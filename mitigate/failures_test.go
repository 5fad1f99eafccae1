// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidewatch/decision"
)

// TestFailures shows that whatever fails, fails towards doing nothing.
func TestFailures(t *testing.T) {
	t.Parallel()
	bubble(t, "the ledger cannot be written", ladder, func(h *house) {
		h.ledger.breaks(errors.New("disk full"))
		h.attack()
		h.wait(10 * time.Second)
		h.holds()
		h.ledger.breaks(nil)
		h.wait(2 * time.Second)
		h.holds("flowspec_rate_limit")
		h.ledger.breaks(errors.New("disk full"))
		if _, err := h.desk.Withdraw(t.Context(), h.last().ID, Person{}); err == nil {
			t.Error("nobody was told that it was not written down")
		}
		h.wait(time.Second)
		h.holds() // taken back all the same
		h.ledger.breaks(nil)
		h.wait(5 * time.Second)
		if left := h.ledger.latest(); left[0].State != decision.Withdrawn {
			t.Errorf("the ledger says %s", left[0].State)
		}
	})
	bubble(t, "the panic button is pressed while the ledger cannot be written", ladder, func(h *house) {
		h.attack()
		h.ledger.breaks(errors.New("disk full"))
		if _, err := h.desk.Panic(t.Context(), Person{By: "anna"}); err == nil {
			t.Error("nobody was told that it was not written down")
		}
		h.wait(2 * time.Second)
		h.holds()
		h.ledger.breaks(nil)
		h.wait(2 * time.Second)
		if halted, _ := h.ledger.Halted(t.Context()); halted == nil || halted.By != "anna" {
			t.Errorf("a start would know of %+v", halted)
		}
		if err := h.desk.Resume(t.Context(), Person{}); err != nil {
			t.Error(err)
		}
		h.wait(2 * time.Second)
		if halted, _ := h.ledger.Halted(t.Context()); halted != nil {
			t.Errorf("resumed, and a start would know of %+v", halted)
		}
		if _, err := h.desk.Request(t.Context(), &Request{Target: netip.MustParsePrefix("203.0.113.8/32"), Action: decision.Blackhole}, Person{}); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "the routers are down", ladder, func(h *house) {
		h.router.mu.Lock() // its hand looks at it already
		h.router.down = errors.New("no session")
		h.router.mu.Unlock()
		h.attack()
		h.wait(32 * time.Second)
		h.holds()
		h.router.mu.Lock()
		h.router.down = nil
		h.router.mu.Unlock()
		h.wait(35 * time.Second)
		if !strings.Contains(h.story(), "failed actuator") {
			t.Errorf("%s", h.story())
		}
		h.wait(time.Minute)
		h.holds("flowspec_rate_limit") // tried again
	})
	bubble(t, "somebody removed the rule", ladder, func(h *house) {
		h.attack()
		h.router.mu.Lock()
		clear(h.router.rules)
		h.router.rules["mit-stranger"] = decision.Decision{ID: "mit-stranger", Action: "block"}
		h.router.mu.Unlock()
		h.wait(6 * time.Second)
		h.holds("flowspec_rate_limit")
	})
	bubble(t, "a stop takes back, a start does not begin anew", ladder, func(h *house) {
		h.attack()
		h.stop()
		h.holds()
		if d := h.last(); d.State != decision.Withdrawn || d.Reason != decision.ByStop {
			t.Errorf("%s", h.story())
		}
		h.start()
	})
	bubble(t, "killed and started again", func(c *Config) { ladder(c); c.WithdrawOnStop = false }, func(h *house) {
		h.attack()
		h.stop()
		h.holds("flowspec_rate_limit")
		clear(h.router.rules) // the session ended with the process
		h.start()
		h.wait(time.Second)
		h.holds("flowspec_rate_limit")
		h.stop()
		time.Sleep(2 * time.Hour)
		h.start()
		h.net.set(func(n *network) { n.attacked = false })
		h.wait(time.Second)
		h.holds()
	})
	bubble(t, "killed, and the configuration forbids it now", func(c *Config) { ladder(c); c.WithdrawOnStop = false }, func(h *house) {
		h.attack()
		h.stop()
		h.cfg.Guard.Never = []string{"203.0.113.7"}
		h.start()
		h.wait(time.Second)
		h.holds()
	})
}

// TestClockSetBack shows that nothing lasts longer because of it.
func TestClockSetBack(t *testing.T) {
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
		now := time.Now()
		b.hear(now, &n.inc)
		if len(b.live) != 1 {
			t.Fatalf("%d decisions", len(b.live))
		}
		back := now.Add(-24 * time.Hour)
		b.tick(back)
		for _, d := range b.live {
			if left := d.Until.Sub(back); left > time.Minute {
				t.Errorf("it lasts %v", left)
			}
		}
	})
}

// TestClockSetBackAndQuiet shows that an attack whose last sight lies in the future, since
// the clock was set back, does not bring its rule back again and again.
func TestClockSetBackAndQuiet(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	ladder(&cfg)
	cfg.Guard.Own = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	n := &network{inc: flood("203.0.113.7")}
	b, err := newBook(&cfg, nil, n, anybody{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	b.hear(now, &n.inc)
	now = now.Add(-24 * time.Hour)
	for range 3600 {
		now = now.Add(time.Second)
		b.tick(now)
		for _, d := range b.sorted() {
			b.applied(d.ID, d.Until, nil) // whichever it is
			b.takenBack(d.ID, nil)
		}
	}
	begun := 0
	for i := range b.changes {
		if b.changes[i].entry.Decision.State == decision.Approved && b.changes[i].before == nil {
			begun++
		}
	}
	if left := b.sorted(); begun != 1 || len(left) > 0 {
		t.Errorf("%d are left, %d rules were begun, and nobody has seen the attack since the first", len(left), begun)
	}
}
