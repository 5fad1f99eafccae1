// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/incident"
	"tidewatch/telemetry"
)

// Counsel asks a model about incidents, at its own pace: what happens to incidents never
// waits for it. It asks once about an incident, and again when that has changed
// materially (incident.Basis) or a failure may have passed.
type Counsel struct {
	cfg     *Config
	model   Model
	deps    Deps
	log     *slog.Logger
	metrics *metrics
	queue   *queue
	purse   *purse
	cache   *cache
	told    *telemetry.Burst // of failures in the log
}

// Deps are what a Counsel works with.
type Deps struct {
	Surroundings Surroundings // needed
	Archive      Archive      // needed when tools are on
	// Deliver puts an opinion beside the rules' assessment; incident.Book says what its
	// error means. Needed.
	Deliver    func(id string, o *incident.Opinion) error
	Zone       *time.Location        // of the site; nil: UTC
	Ledger     Ledger                // nil: a restart forgets what was spent today
	Logger     *slog.Logger          // nil: discarded
	Registerer prometheus.Registerer // nil: not counted anywhere
}

// New returns a Counsel that asks nobody until Run.
func New(cfg *Config, m Model, deps *Deps) (*Counsel, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("triage: %w", err)
	}
	if m == nil || deps.Surroundings == nil || deps.Deliver == nil || cfg.Tools && deps.Archive == nil {
		return nil, errors.New("triage: a model, what it is told, and where its answers go are needed")
	}
	c := &Counsel{cfg: cfg, model: m, deps: *deps, log: deps.Logger, metrics: newMetrics(deps.Registerer), cache: newCache(cfg.Cache), told: telemetry.NewBurst(5, time.Minute, nil)}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.queue = newQueue(cfg, c.metrics)
	var err error
	if c.purse, err = newPurse(cfg, deps.Ledger); err != nil {
		return nil, fmt.Errorf("triage: read what was spent today: %w", err)
	}
	return c, nil
}

// Model is the name of the model that is asked.
func (c *Counsel) Model() string { return c.model.Name() }

// Take looks at changes of incidents. It keeps what it needs of them, takes little time
// and calls nobody.
func (c *Counsel) Take(events []incident.Event) { c.queue.take(events, time.Now()) }

// Ask asks about one incident at once, without waiting for Run, and reports whether it is
// one to ask about. What came of it has gone to Deliver by then.
func (c *Counsel) Ask(ctx context.Context, inc *incident.Incident) bool {
	if !c.queue.wants(inc, time.Now()) {
		return false
	}
	c.handle(ctx, inc)
	return true
}

// Run asks until ctx ends. What is under way then is given up, and asked anew after a
// restart.
func (c *Counsel) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, c.cfg.Concurrency)
	for {
		select {
		case <-ctx.Done():
			return nil
		case places <- struct{}{}:
		}
		inc := c.queue.next(ctx)
		if inc == nil {
			return nil
		}
		wg.Go(func() {
			defer func() { <-places }()
			c.handle(ctx, inc)
		})
	}
}

// handle brings an opinion about one incident, or says why there is none.
func (c *Counsel) handle(ctx context.Context, inc *incident.Incident) {
	o := incident.Opinion{Basis: inc.Basis()}
	a, err := c.opinion(ctx, inc)
	var again time.Time
	switch {
	case ctx.Err() != nil:
		c.queue.done(inc.ID, again) // we stop: nothing failed
		return
	case err != nil:
		f, ok := errors.AsType[*FailedError](err)
		if !ok {
			f = Fail(Malformed, "")
		}
		o.Error = f.Error()
		if f.Reason.passes() {
			again = time.Now().Add(max(c.cfg.RetryAfter, f.Wait))
		}
		c.metrics.failed.WithLabelValues(string(f.Reason)).Inc()
		if n, ok := c.told.Allow(); ok {
			c.log.Warn("a model did not judge an incident; what the rules say stands", "id", inc.ID, "model", c.model.Name(), "why", o.Error, "suppressed", n)
		}
	default:
		o.Assessment = *a
	}
	switch err := c.deps.Deliver(inc.ID, &o); {
	case err != nil:
		c.metrics.late.Inc()
		c.log.Debug("an opinion came too late", "id", inc.ID, "why", err)
	case o.Error == "":
		c.metrics.answered.Inc()
	}
	c.queue.done(inc.ID, again)
}

// opinion is the model's assessment of an incident. Its error is a *FailedError.
func (c *Counsel) opinion(ctx context.Context, inc *incident.Incident) (*incident.Assessment, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.TimeLimit)
	defer cancel()
	known, err := around(ctx, c.deps.Surroundings, inc)
	if err != nil {
		return nil, err
	}
	known.Zone = c.deps.Zone
	var mask *Mask
	if c.cfg.Pseudonyms {
		mask = NewMask(c.deps.Surroundings.Internal)
	}
	evidence, err := Build(inc, known, mask)
	if err != nil {
		return nil, Fail(Lookup, "")
	}
	at := key(c.model.Name(), evidence)
	a, hit := c.cache.get(at, time.Now())
	if hit {
		c.metrics.hits.Inc()
	} else {
		start := time.Now()
		t := talk{c: c, id: inc.ID, box: &toolbox{c.deps.Archive, inc, mask}}
		a, err = t.judge(ctx, evidence)
		c.metrics.seconds.Observe(time.Since(start).Seconds())
		if err != nil {
			return nil, err
		}
		c.cache.put(at, a, time.Now())
	}
	say(a, func(s string) string { return Plain(mask.Restore(s), 2*maxText) })
	return a, nil
}

// maxText is the most letters that a text of an answer may have; what pseudonyms stand
// for may be longer than they.
const maxText = 400
