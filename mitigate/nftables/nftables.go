// SPDX-License-Identifier: Apache-2.0

// Package nftables blocks and limits traffic on a Linux gateway that runs tidewatch
// itself, in a table of its own.
//
// A decision is one element of a set, with a timeout that the kernel keeps: rules have
// none, so every rule is a lookup in such a set and does nothing once its elements are
// gone. What a killed program leaves are empty sets, which the next start removes. The
// kernel is asked each time and nothing is assumed of it, so that what somebody flushed
// is noticed and comes back. Other tables are not touched.
//
// At the head of our chain the machine's own loopback traffic, neighbour discovery
// (RFC 4861) and management networks are let through, and decisions about loopback,
// link-local, multicast and broadcast addresses are refused: no decision locks its
// owner out of a machine, or a machine out of its network.
package nftables

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

var _ mitigate.Actuator = (*Actuator)(nil)

// maxID is how much text nft shows of an element.
const maxID = 127

// maxRate is the most that the kernel's limiter can count: tokens are nanoseconds times
// bytes in 64 bits.
const maxRate = 10_000_000_000

// patience is how long the kernel may take when the caller sets no limit.
const patience = 10 * time.Second

// Actuator carries out block, rate_limit and quarantine.
type Actuator struct {
	cfg    Config
	log    *slog.Logger
	kernel kernel
	busy   chan struct{}    // holds one thing while a call is under way
	places map[string]place // where each decision stood when last seen, by id
	ids    map[place]string // the same, the other way round
}

// New checks the configuration and asks the kernel nothing. Without a log it is silent.
func New(cfg *Config, log *slog.Logger) (*Actuator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	a := &Actuator{cfg: *cfg, log: log, busy: make(chan struct{}, 1)}
	a.kernel = kernel{cfg: &a.cfg}
	return a, nil
}

// Can says why a decision cannot be carried out here.
func (a *Actuator) Can(d *decision.Decision) error {
	if d.ID == "" || len(d.ID) > maxID {
		return fmt.Errorf("an id of %d characters does not fit", len(d.ID))
	}
	switch d.Action {
	case decision.Quarantine:
		if err := checkPrefix(d.Target); err != nil {
			return err
		}
	case decision.Block, decision.RateLimit:
		if err := checkMatch(&d.Match); err != nil {
			return err
		}
	case decision.Blackhole, decision.FlowSpecDrop, decision.FlowSpecRateLimit, decision.Divert, decision.Hook:
		return fmt.Errorf("nftables cannot %s", d.Action)
	default:
		return fmt.Errorf("nftables does not know %q", d.Action)
	}
	if d.Action == decision.RateLimit && (d.Rate == 0 || d.Rate > maxRate) {
		return fmt.Errorf("the kernel can limit to 1 to %d bytes/s, not %d", uint64(maxRate), d.Rate)
	}
	return capable()
}

// Apply brings the rule in force until d.Until, or renews it. A decision whose rule
// another decision holds takes it over.
func (a *Actuator) Apply(ctx context.Context, d *decision.Decision) error {
	if err := a.Can(d); err != nil {
		return err
	}
	ctx, done, err := a.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	left := time.Until(d.Until)
	if left < time.Millisecond { // the kernel counts milliseconds, and takes 0 as for ever
		return errors.New("its end has passed")
	}
	old, known := a.places[d.ID]
	if !known && (a.ids == nil || len(a.ids) >= a.cfg.MaxElements) {
		if _, err := a.look(ctx); err != nil {
			return err
		}
		if old, known = a.places[d.ID]; !known && len(a.ids) >= a.cfg.MaxElements {
			return fmt.Errorf("%d rules are in force, and max_elements allows no more", len(a.ids))
		}
	}
	s, key := placeOf(d)
	to := place{s.name(), string(key)}
	if known && old != to { // the match was changed
		if err := a.kernel.remove(ctx, old); err != nil {
			return err
		}
	}
	holder, taken := a.ids[to]
	if err := a.kernel.put(ctx, &s, to, &element{id: d.ID, left: left, rate: d.Rate, taken: taken}); err != nil {
		return err
	}
	a.forget(holder)
	a.forget(d.ID)
	a.places[d.ID], a.ids[to] = to, d.ID
	return nil
}

// Withdraw takes the rule back; nil when it is not there, or another decision's by now.
func (a *Actuator) Withdraw(ctx context.Context, d *decision.Decision) error {
	ctx, done, err := a.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	p, known := a.places[d.ID]
	if !known {
		if _, err := a.look(ctx); err != nil {
			return err
		}
		if p, known = a.places[d.ID]; !known {
			return nil
		}
	}
	if err := a.kernel.remove(ctx, p); err != nil {
		return err
	}
	a.forget(d.ID)
	return nil
}

func (a *Actuator) forget(id string) {
	delete(a.ids, a.places[id])
	delete(a.places, id)
}

// Held lists the decisions in force as the kernel has them at this moment, with the
// ends that it keeps.
func (a *Actuator) Held(ctx context.Context) (held map[string]time.Time, known bool, err error) {
	ctx, done, err := a.enter(ctx)
	if err != nil {
		return nil, false, err
	}
	defer done()
	if held, err = a.look(ctx); err != nil {
		return nil, false, err
	}
	return held, true, nil
}

// look asks the kernel what is in force, and keeps where.
func (a *Actuator) look(ctx context.Context) (map[string]time.Time, error) {
	found, err := a.kernel.list(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	held := make(map[string]time.Time, len(found))
	a.places, a.ids = make(map[string]place, len(found)), make(map[place]string, len(found))
	for i := range found {
		f := &found[i]
		a.ids[f.place] = f.id
		if f.id == "" { // somebody added it by hand
			continue
		}
		a.places[f.id] = f.place // also to be withdrawn when it is not in force
		if f.inForce {
			held[f.id] = now.Add(f.left)
		}
	}
	return held, nil
}

// Run removes what expired rules leave, until ctx ends, and then once more: when no
// decision is in force nothing of ours stays in the kernel. It is to run longer than
// anybody withdraws.
func (a *Actuator) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for failed := ""; ; {
		failed = a.clean(ctx, failed)
		select {
		case <-ctx.Done():
			a.clean(context.WithoutCancel(ctx), failed)
			return nil
		case <-tick.C:
		}
	}
}

// clean removes what is left over. A failure costs memory alone: it is logged once.
func (a *Actuator) clean(ctx context.Context, before string) (failed string) {
	ctx, done, err := a.enter(ctx)
	if err != nil {
		return before // it is stopping
	}
	defer done()
	if err := a.kernel.tidy(ctx); err != nil {
		if failed = err.Error(); failed != before {
			a.log.Warn("nftables: leftovers cannot be removed", "err", err)
		}
	}
	return failed
}

// enter waits for other calls to end, and bounds this one.
func (a *Actuator) enter(ctx context.Context) (bounded context.Context, done func(), err error) {
	select {
	case a.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("wait for nftables: %w", context.Cause(ctx))
	}
	if err := ctx.Err(); err != nil {
		<-a.busy
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	return ctx, func() { cancel(); <-a.busy }, nil
}

// element is what a set is told about a decision.
type element struct {
	id    string
	left  time.Duration
	rate  uint64 // bytes/s, of limits alone
	taken bool   // there seems to be an element of that key
}

// found is what a set tells about a decision.
type found struct {
	place
	id      string
	left    time.Duration
	inForce bool // a rule asks for it
}
