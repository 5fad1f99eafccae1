// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/decision"
	"tidewatch/incident"
)

// Named is an actuator by the name that policies and decisions call it.
type Named struct {
	Name string
	Actuator
}

// Deps are what a Desk works with.
type Deps struct {
	Ledger    Ledger
	Reader    Reader
	Scene     Scene
	Actuators []Named                   // in the order in which they are asked
	Groups    map[string][]netip.Prefix // that policies may name
	// Tell hears of every decision after it was written down. It must not call the desk.
	Tell       func(d *decision.Decision, text string)
	State      func(name string) ActuatorStatus // of an actuator, for people; nil: nothing is known
	Clock      func() time.Time                 // nil: time.Now
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Desk is where decisions are made, written down and handed to the actuators. It follows
// the ledger: what is not written there is not done, and what is done and not wanted
// there is taken back.
type Desk struct {
	deps    Deps
	metrics *metrics
	wake    chan struct{}

	mu      sync.Mutex // guards the rest
	book    *book
	hands   []*hand
	unsaved []Entry // that stand and could not be written down
	failing bool    // the ledger could not be written last time
	kept    *Halt   // the halt that the ledger knows of; nil: none
	telling []Entry // that were written down, or stand all the same, in their order

	braking  sync.Mutex // held while the ledger is told of the panic button, so that the last word there is the last here
	speaking sync.Mutex // held by who tells, so that nobody hears of a change before an earlier one

	heard struct {
		sync.Mutex

		order []string
		news  map[string]*incident.Incident
		lost  uint64
	}
}

// NewDesk checks the configuration; it starts nothing and opens nothing.
func NewDesk(cfg *Config, deps *Deps) (*Desk, error) {
	d := &Desk{deps: *deps, wake: make(chan struct{}, 1)}
	if d.deps.Clock == nil {
		d.deps.Clock = time.Now
	}
	if d.deps.Logger == nil {
		d.deps.Logger = slog.New(slog.DiscardHandler)
	}
	if d.deps.Tell == nil {
		d.deps.Tell = func(*decision.Decision, string) {}
	}
	d.heard.news = map[string]*incident.Incident{}
	var err error
	if d.book, err = newBook(cfg, deps.Groups, deps.Scene, d); err != nil {
		return nil, err
	}
	if d.metrics, err = newMetrics(deps.Registerer, d); err != nil {
		return nil, fmt.Errorf("mitigation: %w", err)
	}
	for i := range deps.Actuators {
		d.hands = append(d.hands, newHand(d, &deps.Actuators[i]))
	}
	return d, nil
}

// Hear takes changes of incidents; it does not block.
func (d *Desk) Hear(events []incident.Event) {
	d.heard.Lock()
	for i := range events {
		inc := events[i].Incident // who tells of it uses the list again
		if d.heard.news[inc.ID] == nil {
			if len(d.heard.order) >= maxStories {
				d.heard.lost++
				continue
			}
			d.heard.order = append(d.heard.order, inc.ID)
		}
		d.heard.news[inc.ID] = &inc
	}
	d.heard.Unlock()
	d.nudge()
}

// lost is how many changes of incidents found no place.
func (d *Desk) lost() uint64 {
	d.heard.Lock()
	defer d.heard.Unlock()
	return d.heard.lost
}

func (d *Desk) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// news hands what was heard over.
func (d *Desk) news() []*incident.Incident {
	d.heard.Lock()
	defer d.heard.Unlock()
	out := make([]*incident.Incident, 0, len(d.heard.order))
	for _, id := range d.heard.order {
		out = append(out, d.heard.news[id])
	}
	d.heard.order = d.heard.order[:0]
	clear(d.heard.news)
	return out
}

// takingBack is how long a stop waits for the actuators.
const takingBack = 10 * time.Second

// Open takes over what an earlier run left in the ledger. Nothing is done without it.
func (d *Desk) Open(ctx context.Context) error {
	left, err := d.deps.Ledger.Unfinished(ctx)
	if err != nil {
		return err
	}
	halted, err := d.deps.Ledger.Halted(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.book.restore(d.deps.Clock(), left, halted)
	d.kept = halted
	standing := d.book.sorted()
	_ = d.commit(ctx) // logged, and tried again
	d.mu.Unlock()
	for _, x := range standing { // incidents must know what stands, too
		d.deps.Tell(x, x.Detail)
	}
	d.tell()
	return nil
}

// Run decides and acts until ctx ends; then it takes back what is in force, when the
// configuration says so, and returns.
func (d *Desk) Run(ctx context.Context) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var all sync.WaitGroup
	for _, h := range d.hands {
		all.Go(func() { h.run(working) })
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			d.leave(working)
			stop()
			all.Wait()
			return nil
		case <-d.wake:
		case <-ticker.C:
		}
		d.once(working)
	}
}

// once decides about what was heard and about what time has brought.
func (d *Desk) once(ctx context.Context) {
	d.mu.Lock()
	now := d.deps.Clock()
	for _, i := range d.news() {
		d.book.hear(now, i)
	}
	d.book.tick(now)
	_ = d.commit(ctx) // logged, and tried again
	d.mu.Unlock()
	_ = d.keepHalt(ctx) // likewise
	d.tell()
}

// leave ends what a clean stop ends.
func (d *Desk) leave(ctx context.Context) {
	d.mu.Lock()
	withdraw := d.book.cfg.WithdrawOnStop
	d.mu.Unlock()
	if !withdraw {
		return
	}
	_ = d.order(ctx, func(b *book) error { // it cannot fail
		b.takeBack(decision.ByStop, "", "the program stops")
		return nil
	})
	limit := time.NewTimer(takingBack)
	defer limit.Stop()
	for d.ending() > 0 {
		select {
		case <-limit.C:
			d.deps.Logger.Error("not everything could be taken back; it ends with its sessions and times", "rules", d.ending())
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (d *Desk) ending() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.book.those(func(x *decision.Decision) bool { return x.State == decision.Expiring && d.serves(x.Via) }))
}

// Configure decides by another configuration from now on; what may stand no more is
// taken back. Actuators stay those that NewDesk was given.
func (d *Desk) Configure(ctx context.Context, cfg *Config, groups map[string][]netip.Prefix) error {
	err := d.order(ctx, func(b *book) error {
		if err := b.configure(cfg, groups); err != nil {
			return err
		}
		b.review()
		return nil
	})
	d.nudge()
	return err
}
