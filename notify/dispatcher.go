// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/incident"
)

// Outlet is a sink with its name and how often it may be spoken to.
type Outlet struct {
	Name   string
	Sink   Sink // closed when it is an io.Closer and no longer used
	Limits Limits
}

// Deps are what a Dispatcher works with.
type Deps struct {
	Logger     *slog.Logger          // nil: discarded
	Registerer prometheus.Registerer // nil: counted nowhere
	Jitter     func() float64        // 0 to 1, spreads retries; nil: random
}

// settings are what a reload replaces.
type settings struct {
	cfg    Config
	router *Router
}

// Dispatcher delivers what the outbox holds: one goroutine a sink, so that none holds
// up another. It is the Planner of the store.
type Dispatcher struct {
	deps    Deps
	metrics *metrics
	now     atomic.Pointer[settings]

	mu       sync.Mutex // guards what follows
	couriers map[string]*courier
	start    func(*courier) // nil: not running
}

// NewDispatcher starts nothing.
func NewDispatcher(deps *Deps) (*Dispatcher, error) {
	d := &Dispatcher{deps: *deps, couriers: map[string]*courier{}}
	if d.deps.Logger == nil {
		d.deps.Logger = slog.New(slog.DiscardHandler)
	}
	if d.deps.Jitter == nil {
		d.deps.Jitter = rand.Float64
	}
	var err error
	if d.metrics, err = newMetrics(deps.Registerer); err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	if deps.Registerer != nil {
		if err := deps.Registerer.Register(d); err != nil {
			return nil, fmt.Errorf("notify: %w", err)
		}
	}
	return d, nil
}

// Configure takes up rules and sinks, also while it runs: what waits for a sink of the
// same name is brought by the new one. cfg and router are from one configuration.
func (d *Dispatcher) Configure(cfg *Config, router *Router, outlets []Outlet) {
	d.now.Store(&settings{*cfg, router})
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, c := range d.couriers {
		if !slices.ContainsFunc(outlets, func(o Outlet) bool { return o.Name == name }) {
			c.end()
			delete(d.couriers, name)
		}
	}
	for _, o := range outlets {
		if c := d.couriers[o.Name]; c != nil {
			c.replace(o)
			continue
		}
		c := newCourier(d, o)
		d.couriers[o.Name] = c
		d.metrics.begin(o.Name)
		if d.start != nil {
			d.start(c)
		}
	}
}

// Names lists the sinks.
func (d *Dispatcher) Names() []string {
	all := d.all()
	out := make([]string, 0, len(all))
	for _, c := range all {
		out = append(out, c.name)
	}
	return out
}

func (d *Dispatcher) all() []*courier {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.SortedFunc(maps.Values(d.couriers), func(a, b *courier) int { return strings.Compare(a.name, b.name) })
}

// Plan implements Planner.
func (d *Dispatcher) Plan(t incident.EventType, inc *incident.Incident, h *Heard, now time.Time) []Note {
	return d.now.Load().router.Plan(t, inc, h, now)
}

// MaxQueue implements Planner.
func (d *Dispatcher) MaxQueue() int { return d.now.Load().cfg.MaxQueue }

// Queued implements Planner.
func (d *Dispatcher) Queued(lost, folded map[string]int) {
	for _, c := range d.all() {
		c.poke()
		c.full(lost[c.name], folded[c.name])
	}
}

// Unnamed counts messages that wait for sinks which are no longer configured.
func (d *Dispatcher) Unnamed(lost map[string]int) {
	for sink, n := range lost {
		d.metrics.lost.WithLabelValues(sink, lostUnknown).Add(float64(n))
		d.deps.Logger.Warn("messages to a sink that is no longer configured were lost", "sink", sink, "messages", n)
	}
}

const (
	// reviewEvery is how late an escalation or a withheld update may be.
	reviewEvery = 5 * time.Second
	// pauseAfterError is for an outbox that cannot be read, such as on a full disk.
	pauseAfterError = 5 * time.Second
)

// Run delivers until ctx ends, then goes on for the time that cfg.Drain says; what is
// left stays in the outbox.
func (d *Dispatcher) Run(ctx context.Context, box Outbox) error {
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	release := context.AfterFunc(ctx, func() { time.AfterFunc(d.now.Load().cfg.Drain, cut) })
	defer release()
	var all sync.WaitGroup
	d.mu.Lock()
	d.start = func(c *courier) { all.Go(func() { c.run(ctx, hard, box) }) }
	for _, c := range d.couriers {
		d.start(c)
	}
	d.mu.Unlock()
	d.review(ctx, box)
	d.mu.Lock()
	d.start = nil
	d.mu.Unlock()
	all.Wait()
	return nil
}

// review plans what time brings: escalations and updates that were withheld.
func (d *Dispatcher) review(ctx context.Context, box Outbox) {
	for {
		more, err := box.Review(ctx, time.Now())
		wait := reviewEvery
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.deps.Logger.Error("who is to be told again not found out; trying again", "error", err)
			wait = pauseAfterError
		case more:
			wait = 0
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
