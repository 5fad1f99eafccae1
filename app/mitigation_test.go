// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tidewatch/decision"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/mitigate"
	"tidewatch/scenario"
)

// lines is a ledger that forgets with the test.
type lines struct {
	mu  sync.Mutex
	all []mitigate.Entry
}

func (l *lines) Append(_ context.Context, changes []mitigate.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, changes...)
	return nil
}

func (l *lines) Unfinished(context.Context) ([]decision.Decision, error) { return nil, nil }
func (l *lines) Halt(context.Context, *mitigate.Halt) error              { return nil }

func (l *lines) Halted(context.Context) (*mitigate.Halt, error) {
	return nil, nil //nolint:nilnil // nothing is halted
}

func (l *lines) Decisions(context.Context, *mitigate.ListFilter) (mitigate.Page, error) {
	return mitigate.Page{}, nil
}

func (l *lines) Decision(context.Context, string) (*decision.Decision, []mitigate.Entry, error) {
	return nil, nil, mitigate.ErrNotFound
}

// doesAll does whatever it is told, and remembers it.
type doesAll struct {
	mu   sync.Mutex
	done map[string]decision.Decision
}

func (e *doesAll) Can(*decision.Decision) error { return nil }

func (e *doesAll) Apply(_ context.Context, d *decision.Decision) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done[d.ID] = d.Clone()
	return nil
}

func (e *doesAll) Withdraw(context.Context, *decision.Decision) error { return nil }

func (e *doesAll) Held(context.Context) (map[string]time.Time, bool, error) {
	return nil, false, nil
}

// eager is a policy that does all that guard rails let it about any attack, with the
// steps in order.
func eager(own []netip.Prefix, steps ...decision.Action) *mitigate.Config {
	cfg := mitigate.DefaultConfig()
	cfg.Mode, cfg.Guard.Own, cfg.Guard.Internal = mitigate.Act, own, own
	r := mitigate.Rule{Name: "eager", Category: "ddos_attack", Approve: "automatic"}
	for _, a := range steps {
		r.Ladder = append(r.Ladder, mitigate.Step{Action: a})
	}
	cfg.Policy = []mitigate.Rule{r}
	return &cfg
}

// defended is an engine whose incidents are answered, in the bubble's time.
type defended struct {
	*mitigate.Desk

	engine *Engine
	ledger lines
	does   doesAll
}

// defend runs f beside a desk, in a bubble whose clock is that of the flows.
func defend(t *testing.T, internal []netip.Prefix, cfg *mitigate.Config, f func(t *testing.T, d *defended)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		of := testConfig()
		of.Enrich.Internal, of.Shards = internal, 1
		d := &defended{does: doesAll{done: map[string]decision.Decision{}}}
		var err error
		if d.engine, err = NewEngine(of, func([]incident.Event) {}); err != nil {
			t.Fatal(err)
		}
		place := &scene{engine: d.engine, exporters: func() []netip.Addr { return nil }}
		d.Desk, err = mitigate.NewDesk(cfg, &mitigate.Deps{
			Ledger: &d.ledger, Reader: &d.ledger, Scene: place, Actuators: []mitigate.Named{{Name: "all", Actuator: &d.does}},
		})
		if err != nil {
			t.Fatal(err)
		}
		d.engine.Also(d.Hear)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		f(t, d)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// second judges what came until now, and lets a second pass.
func (d *defended) second(b *flow.Batch) {
	d.engine.Process(b)
	b.Reset()
	time.Sleep(time.Second)
	d.engine.Advance(time.Now().Unix())
	synctest.Wait()
}

// The customers of a campaign are left alone, whatever the policy would like to do: there
// is not even a proposal.
func TestNothingIsDoneToACrowd(t *testing.T) {
	for _, name := range []string{"flash-crowd", "shop-campaign"} {
		t.Run(name, func(t *testing.T) {
			c := scenario.Config{Seed: 7, AttackAt: 3 * time.Minute, AttackFor: 4 * time.Minute, Duration: 8 * time.Minute}
			if name == "shop-campaign" {
				c.ShopRate, c.AttackRate = 500, 300
			}
			nets, err := scenario.New(name, c)
			if err != nil {
				t.Fatal(err)
			}
			defend(t, nets.Internal(), eager(nets.Internal(), decision.FlowSpecRateLimit, decision.RateLimit, decision.FlowSpecDrop, decision.Blackhole), func(t *testing.T, d *defended) { //nolint:thelper // it is the test
				c.Start = time.Now()
				s, err := scenario.New(name, c)
				if err != nil {
					t.Fatal(err)
				}
				truth := s.Truth()
				if slices.ContainsFunc(truth, func(x scenario.Truth) bool { return !x.MustNotAlert }) {
					t.Fatalf("%+v", truth)
				}
				for b := flow.NewBatch(4096); s.Next(b); {
					d.second(b)
				}
				if n := d.engine.Input().Flows; n < 20_000 {
					t.Errorf("the crowd is %d flows", n)
				}
				for i := range d.ledger.all {
					e := &d.ledger.all[i]
					t.Errorf("%s %s of %s: %s; held: %v", e.Decision.State, e.Decision.Action, e.Decision.Match.String(), e.Text, e.Decision.Held)
				}
			})
		})
	}
}

// An attack in the name of resolvers that all the world asks never has them blocked: not
// by a policy that does all it may, and not when a person asks.
func TestResolversAreNotBlocked(t *testing.T) {
	tempted := false
	for _, tc := range []struct {
		name      string
		own       string
		host      netip.Addr
		resolvers []netip.Addr
		other     func(i int) flow.Addr
	}{
		{"IPv4", "203.0.113.0/24", netip.MustParseAddr("203.0.113.9"), []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("1.1.1.1")}, func(i int) flow.Addr {
			return flow.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
		}},
		{"IPv6", "2001:db8:7::/48", netip.MustParseAddr("2001:db8:7::9"), []netip.Addr{netip.MustParseAddr("2001:4860:4860::8888"), netip.MustParseAddr("2606:4700:4700::1111")}, func(i int) flow.Addr {
			return flow.Addr{0: 0x20, 1: 2, 4: byte(i >> 8), 5: byte(i), 15: 1}
		}},
	} {
		for _, share := range []int{1, 50, 100} { // in a hundred flows, those of resolvers
			t.Run(tc.name, func(t *testing.T) {
				own := []netip.Prefix{netip.MustParsePrefix(tc.own)}
				cfg := eager(own, decision.Block, decision.FlowSpecDrop)
				cfg.Guard.MaxSpoofed, cfg.Guard.MaxPrevalence, cfg.Guard.MinConfidence, cfg.Guard.MinCovers = 1, 1000, 0, 0
				cfg.Guard.AskCollateralDrop, cfg.Guard.AskCollateralBlock, cfg.Guard.MaxCollateralDrop, cfg.Guard.MaxCollateralBlock = 1, 1, 1, 1
				defend(t, own, cfg, func(t *testing.T, d *defended) { //nolint:thelper // it is the test
					b, from := flow.NewBatch(4096), &reflection{tc.host, tc.resolvers, tc.other, share}
					for sec := range 150 {
						from.second(b, sec >= 120)
						d.second(b)
					}
					names := func(m *decision.Match) bool {
						return slices.ContainsFunc(tc.resolvers, func(a netip.Addr) bool { return m.Source.IsValid() && m.Source.Contains(a) })
					}
					for _, x := range d.does.done {
						if names(&x.Match) {
							t.Errorf("share %d: done: %s of %s", share, x.Action, x.Match.String())
						}
					}
					for i := range d.ledger.all {
						x := &d.ledger.all[i].Decision
						tempted = tempted || names(&x.Match)
						if names(&x.Match) && x.State != decision.Rejected {
							t.Errorf("share %d: %s: %s of %s", share, x.State, x.Action, x.Match.String())
						}
					}
					if len(d.ledger.all) == 0 {
						t.Errorf("share %d: nothing was decided about the attack", share)
					}
					for _, a := range tc.resolvers {
						for _, bits := range []int{a.BitLen(), a.BitLen() - 8} {
							from, err := a.Prefix(bits)
							if err != nil {
								t.Fatal(err)
							}
							q := &mitigate.Request{Target: netip.PrefixFrom(tc.host, tc.host.BitLen()), Action: decision.Block, Match: decision.Match{Source: from, Destination: netip.PrefixFrom(tc.host, tc.host.BitLen())}}
							_, err = d.Request(t.Context(), q, mitigate.Person{By: "anna"})
							if _, refused := errors.AsType[*mitigate.RefusedError](err); !refused {
								t.Errorf("a person asks for a block of %s: %v", from, err)
							}
						}
					}
				})
			})
		}
	}
	if !tempted {
		t.Error("no filter named a resolver, so that nothing was refused")
	}
}

// reflection is a host with customers, and a flood of answers of name servers.
type reflection struct {
	host      netip.Addr
	resolvers []netip.Addr
	other     func(i int) flow.Addr // anybody else's address
	share     int                   // of a hundred flows of the flood those in the name of resolvers
}

// second adds what comes in one.
func (r *reflection) second(b *flow.Batch, attacked bool) {
	at, to := time.Now().UnixNano(), flow.AddrFrom(r.host)
	resolvers, other := r.resolvers, r.other
	add := func(x flow.Record) {
		x.Received, x.Start, x.End, x.Sampling = at+5e8, at, at+25e7, 1
		b.Append(&x)
	}
	for i := range 40 {
		x := flow.Record{Src: other(i), Dst: to, SrcPort: 40_000, DstPort: 443, Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, Packets: 20, Bytes: 8000}
		add(x)
		x.Src, x.Dst, x.SrcPort, x.DstPort = x.Dst, x.Src, x.DstPort, x.SrcPort
		add(x)
		// Answers as those of the attack, so that only their sources tell them apart.
		add(flow.Record{Src: other(i), Dst: to, SrcPort: 53, DstPort: 4444, Proto: flow.ProtoUDP, Packets: 10, Bytes: 14_000})
	}
	for i := range 400 {
		if !attacked {
			return
		}
		x := flow.Record{Src: other(5000 + i), Dst: to, SrcPort: 53, DstPort: 4444, Proto: flow.ProtoUDP, Packets: 100, Bytes: 140_000}
		if i%100 < r.share {
			x.Src = flow.AddrFrom(resolvers[min(i%10/8, len(resolvers)-1)]) // mostly the first
		}
		add(x)
	}
}
