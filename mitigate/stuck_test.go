// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"tidewatch/decision"
	"tidewatch/incident"
)

// left is a decision as an earlier run wrote it.
func left(state decision.State, via string, until time.Time, dry bool) decision.Decision {
	target := netip.MustParsePrefix("203.0.113.7/32")
	return decision.Decision{
		ID: "mit-left", Incident: "inc-1", Category: "ddos_attack", Kind: "ddos", Severity: "critical", Action: decision.Blackhole, Scope: "host",
		Target: target, Match: decision.Match{Destination: target}, Via: via, State: state, Policy: "all", Step: 3, Origin: originAutomatic,
		Reason: decision.ByPolicy, Effect: decision.EffectUnknown, DryRun: dry,
		Created: time.Now(), Approved: time.Now(), Activated: time.Now(), Until: until, Updated: time.Now(),
	}
}

func (h *house) again(d *decision.Decision) {
	h.t.Helper()
	h.stop()
	if err := h.ledger.Append(h.t.Context(), []Entry{{At: time.Now(), Decision: *d}}); err != nil {
		h.t.Fatal(err)
	}
	h.start()
}

// TestNothingStaysExpiring shows that what is being taken back comes to an end, also when
// nobody is left who could do it: else it would count, and its incident stay open, for ever.
func TestNothingStaysExpiring(t *testing.T) {
	t.Parallel()
	over := func(h *house, what string) {
		h.t.Helper()
		if d, _, err := h.ledger.Decision(h.t.Context(), "mit-left"); err != nil || d.State != decision.Withdrawn {
			h.t.Errorf("%s: it is %+v, %v; ledger:\n%s", what, d, err, h.story())
		}
	}
	bubble(t, "a dry run that was stopped while no server ran", func(c *Config) { ladder(c); c.Mode = DryRun }, func(h *house) {
		d := left(decision.Expiring, "bgp", time.Now().Add(time.Minute), true)
		h.again(&d)
		h.wait(2 * time.Second)
		over(h, "nothing was there")
	})
	for _, state := range []decision.State{decision.Active, decision.Expiring} {
		bubble(t, "whoever did it is configured no more: "+string(state), ladder, func(h *house) {
			d := left(state, "scrubbers", time.Now().Add(10*time.Minute), false)
			h.again(&d)
			h.wait(9 * time.Minute)
			if d := h.last(); d.State != decision.Expiring {
				h.t.Errorf("it may be in force, and it is %s", d.State)
			}
			h.wait(3 * time.Minute)
			over(h, "its time is over")
		})
	}
	bubble(t, "the actuator fails until the rule has ended there by itself", ladder, func(h *house) {
		h.attack()
		h.router.mu.Lock()
		h.router.down = errors.New("no answer")
		h.router.mu.Unlock()
		h.net.set(func(n *network) { n.attacked = false })
		if _, err := h.desk.Withdraw(h.t.Context(), h.last().ID, Person{By: "ann"}); err != nil {
			h.t.Fatal(err)
		}
		h.wait(30 * time.Second)
		if d := h.last(); d.State != decision.Expiring {
			h.t.Errorf("it may be in force, and it is %s", d.State)
		}
		h.wait(5 * time.Minute)
		if d := h.last(); d.State != decision.Withdrawn {
			h.t.Errorf("its time is over; ledger:\n%s", h.story())
		}
	})
}

// TestHarmOfAPersonsRule shows that a rule of no policy is taken back, too, when it hurts.
func TestHarmOfAPersonsRule(t *testing.T) {
	t.Parallel()
	bubble(t, "asked for", func(c *Config) {
		ladder(c)
		c.Sees = Before
		c.Policy[0].Ladder = c.Policy[0].Ladder[2:]
		c.Policy[0].Approve = byPerson
	}, func(h *house) {
		h.router.mu.Lock()
		h.router.cannot = []decision.Action{decision.Blackhole}
		h.router.mu.Unlock()
		h.attack()
		h.net.set(func(n *network) { n.coverage = &Coverage{Covers: new(0.9), Collateral: new(0.9)} })
		target := netip.MustParsePrefix("203.0.113.7/32")
		if _, err := h.desk.Request(h.t.Context(), &Request{
			Incident: "inc-1", Action: decision.FlowSpecDrop, Match: decision.Match{Destination: target, Protocol: "udp"},
		}, Person{By: "ann"}); err != nil {
			h.t.Fatal(err)
		}
		synctest.Wait()
		h.holds("flowspec_drop")
		h.wait(30 * time.Second)
		h.holds()
	})
}

// slow lets one call through at a time, when told.
type slow struct {
	*router

	gate chan struct{}
	back time.Duration // that taking back takes
}

func (s *slow) Withdraw(ctx context.Context, d *decision.Decision) error {
	time.Sleep(s.back)
	return s.router.Withdraw(ctx, d)
}

func (s *slow) Apply(ctx context.Context, d *decision.Decision) error {
	select {
	case <-s.gate:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.router.Apply(ctx, d)
}

// TestPanicWhileBusy shows that what was taken back while the actuator was busy with
// something else is not brought in force after all.
func TestPanicWhileBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, cfg: DefaultConfig(), ledger: &memory{}, router: &router{rules: map[string]decision.Decision{}}, net: &network{inc: flood("203.0.113.7")}}
		h.cfg.Guard.Own = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
		ladder(&h.cfg)
		s := &slow{router: h.router, gate: make(chan struct{})}
		d, err := NewDesk(&h.cfg, &Deps{Ledger: h.ledger, Reader: h.ledger, Scene: h.net, Actuators: []Named{{"bgp", s}}})
		if err != nil {
			t.Fatal(err)
		}
		h.desk = d
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		synctest.Wait()
		if err := d.order(t.Context(), func(b *book) error { // two at once, so that one waits behind the other
			for _, a := range []string{"203.0.113.8/32", "203.0.113.9/32"} {
				if _, err := b.request(&Request{Action: decision.Blackhole, Target: netip.MustParsePrefix(a)}, &Person{}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the first call hangs
		if _, err := d.Panic(t.Context(), Person{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		close(s.gate)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		h.holds()
		h.router.mu.Lock()
		if n := len(h.router.log); n > 2 {
			t.Errorf("after the panic button something was brought in force: %v", h.router.log)
		}
		h.router.mu.Unlock()
		if err := d.Resume(t.Context(), Person{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if err := d.order(t.Context(), func(b *book) error {
			for i := range 8 {
				if _, err := b.request(&Request{Action: decision.Blackhole, Target: netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + i)}), 32)}, &Person{}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := len(h.router.actions()); n != 8 {
			t.Fatalf("%d rules", n)
		}
		s.back = 5 * time.Second // each
		if _, err := d.Panic(t.Context(), Person{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		h.holds() // all, side by side
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}

// TestMemoryOfPeople shows that a restart does not forget that people decide.
func TestMemoryOfPeople(t *testing.T) {
	t.Parallel()
	bubble(t, "withdrawn, and the program started again", ladder, func(h *house) {
		h.net.set(func(n *network) {
			n.inc.Actions = []incident.Action{{ID: "mit-old", Name: "flowspec_rate_limit", State: incident.ActionWithdrawn, Reason: decision.ByPerson}}
		})
		h.attack()
		h.wait(10 * time.Second)
		h.holds()
		if d := h.last(); d.State != decision.Proposed {
			h.t.Errorf("%s", h.story())
		}
	})
}

// gated holds back the line that releases the panic button.
type gated struct {
	*memory

	entered, gate chan struct{}
}

func (g *gated) Halt(ctx context.Context, h *Halt) error {
	if h.Released {
		g.entered <- struct{}{}
		<-g.gate
	}
	return g.memory.Halt(ctx, h)
}

// TestPanicDuringResume shows that the later of the two holds, here and in the ledger.
func TestPanicDuringResume(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	g := &gated{&memory{}, make(chan struct{}), make(chan struct{})}
	d, err := NewDesk(&cfg, &Deps{Ledger: g, Reader: g, Scene: &network{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Panic(t.Context(), Person{By: "ann"}); err != nil {
		t.Fatal(err)
	}
	by := func() string {
		s, err := d.Status(t.Context())
		if err != nil || s.Halted == nil {
			return ""
		}
		return s.Halted.By
	}
	resumed, pressed := make(chan error, 1), make(chan error, 1)
	go func() { resumed <- d.Resume(t.Context(), Person{By: "bob"}) }()
	<-g.entered
	go func() {
		_, err := d.Panic(t.Context(), Person{By: "eve"})
		pressed <- err
	}()
	for by() != "eve" { // at once, whatever the ledger is busy with
		time.Sleep(time.Millisecond)
	}
	close(g.gate)
	if err := errors.Join(<-resumed, <-pressed); err != nil {
		t.Fatal(err)
	}
	if by() != "eve" || g.halt == nil || g.halt.By != "eve" {
		t.Errorf("the desk is halted by %q, the ledger by %+v", by(), g.halt)
	}
}

// TestErrorsOfThisTime shows that an order is told of its own failure, and of no earlier one.
func TestErrorsOfThisTime(t *testing.T) {
	t.Parallel()
	bubble(t, "the disk was full", ladder, func(h *house) {
		h.ledger.breaks(errors.New("disk full"))
		h.attack()
		h.net.set(func(n *network) { n.inc.State = incident.Resolved })
		h.wait(time.Minute)
		h.ledger.breaks(nil)
		if n, err := h.desk.Panic(h.t.Context(), Person{By: "ann"}); n != 0 || err != nil {
			h.t.Errorf("%d, %v", n, err)
		}
	})
}
