// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
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

// pick finds who carries a decision out. Of a dry run without anybody nobody needs to.
func (d *Desk) pick(what *decision.Decision) (via string, ok bool) {
	for i := range d.deps.Actuators {
		a := &d.deps.Actuators[i]
		if (what.Via == "" || what.Via == a.Name) && a.Can(what) == nil {
			return a.Name, true
		}
	}
	return what.Via, d.book.cfg.Mode == DryRun && (len(d.deps.Actuators) == 0 || what.DryRun && what.Via == "")
}

// lasts reports whether what an actuator does stays in force when this program dies.
func (d *Desk) lasts(name string) bool {
	for i := range d.deps.Actuators {
		if a, ok := d.deps.Actuators[i].Actuator.(interface{ Expires() bool }); ok && d.deps.Actuators[i].Name == name {
			return !a.Expires()
		}
	}
	return false
}

// serves reports whether somebody of that name is configured.
func (d *Desk) serves(name string) bool {
	return slices.ContainsFunc(d.deps.Actuators, func(a Named) bool { return a.Name == name })
}

// Hear takes changes of incidents; it does not block.
func (d *Desk) Hear(events []incident.Event) {
	d.heard.Lock()
	for i := range events {
		inc := &events[i].Incident
		if d.heard.news[inc.ID] == nil {
			if len(d.heard.order) >= maxStories {
				d.heard.lost++
				continue
			}
			d.heard.order = append(d.heard.order, inc.ID)
		}
		d.heard.news[inc.ID] = inc
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

// keepHalt writes down that everything is halted; when it cannot be, it is tried again
// at each tick, for a start must know it. The desk is not locked: the button works at
// once, whatever the ledger is busy with.
func (d *Desk) keepHalt(ctx context.Context) error {
	d.braking.Lock()
	defer d.braking.Unlock()
	d.mu.Lock()
	h, kept := d.book.halted, d.kept
	d.mu.Unlock()
	if h == nil || h == kept {
		return nil
	}
	if err := d.deps.Ledger.Halt(context.WithoutCancel(ctx), h); err != nil {
		return err
	}
	d.mu.Lock()
	d.kept = h
	d.mu.Unlock()
	return nil
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

// order has somebody change the book, and writes down what changed. The error is that of
// f, or that of the ledger: then nothing stands that would bring something in force, and
// all that takes something back.
func (d *Desk) order(ctx context.Context, f func(b *book) error) error {
	d.mu.Lock()
	d.book.advance(d.deps.Clock())
	err := f(d.book)
	if failed := d.commit(ctx); err == nil {
		err = failed
	}
	d.mu.Unlock()
	d.tell()
	return err
}

// commit writes down what changed, also when whoever asked for it has gone. The desk is
// locked.
func (d *Desk) commit(ctx context.Context) (failed error) {
	changes := d.book.changes
	d.book.changes = nil
	if len(changes) == 0 && len(d.unsaved) == 0 {
		return nil
	}
	lines := make([]Entry, 0, len(d.unsaved)+len(changes))
	lines = append(lines, d.unsaved...)
	for i := range changes {
		lines = append(lines, changes[i].entry)
	}
	err := d.deps.Ledger.Append(context.WithoutCancel(ctx), lines)
	stand := d.book.settle(changes, err == nil)
	if err != nil {
		failed = fmt.Errorf("%w: %w", ErrLedger, err)
		if !d.failing {
			d.deps.Logger.Error("decisions cannot be written down: until they can, no rule begins or is renewed; rules still end and are still taken back", "error", err)
		}
		d.metrics.unwritten.Inc()
		d.failing = true
		d.unsaved = newest(append(d.unsaved, stand...))
	} else {
		if d.failing {
			d.deps.Logger.Info("decisions are written down again")
		}
		d.failing, d.unsaved = false, nil
		stand = lines[len(lines)-len(changes):] // the others were told when they were made
	}
	d.telling = append(d.telling, stand...)
	for _, h := range d.hands {
		h.nudge()
	}
	return failed
}

// newest keeps of lines about one decision the last, so that what waits is bounded by the
// decisions.
func newest(lines []Entry) []Entry {
	last := map[string]int{}
	for i := range lines {
		last[lines[i].Decision.ID] = i
	}
	out := lines[:0]
	for i := range lines {
		if last[lines[i].Decision.ID] == i {
			out = append(out, lines[i])
		}
	}
	return out
}

// tell logs what happened and tells who wants to know.
func (d *Desk) tell() {
	d.speaking.Lock()
	defer d.speaking.Unlock()
	d.mu.Lock()
	lines := d.telling
	d.telling = nil
	d.mu.Unlock()
	for i := range lines {
		e := &lines[i]
		x := &e.Decision
		d.metrics.changed.WithLabelValues(string(x.Action), string(x.State)).Inc()
		level := slog.LevelInfo
		if x.State == decision.Failed || x.Error != "" {
			level = slog.LevelWarn
		}
		d.deps.Logger.Log(context.Background(), level, "decision against traffic", "state", string(x.State), "id", x.ID, "action", string(x.Action), "target", decision.PrefixText(x.Target),
			"match", x.Match.String(), "dry_run", x.DryRun, "incident", x.Incident, "text", e.Text, "by", e.By)
		d.deps.Tell(x, e.Text)
	}
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
