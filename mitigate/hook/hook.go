// SPDX-License-Identifier: Apache-2.0

// Package hook has somebody's own program or web service act: scrubbing providers,
// firewalls, network access control, directories of accounts.
package hook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/decision"
	"tidewatch/mitigate"
	"tidewatch/outbound"
)

// Deps is what a hook is given. Nil means: no log, no metrics.
type Deps struct {
	Logger     *slog.Logger
	Registerer prometheus.Registerer // the same for all hooks
}

// caller is one way to tell the other side.
type caller interface {
	call(ctx context.Context, c *change) error
	Close() error
}

// Hook carries decisions out by telling one program or web service. Calls about one
// decision follow each other in the order in which they were made.
type Hook struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	caller  caller
	// Places of calls that may run at a time. Those that take back have their own: the
	// panic button must not wait behind a service that hangs.
	forward, back chan struct{}

	mu    sync.Mutex       // guards what follows
	rules map[string]*rule // by id of decision
}

var _ mitigate.Actuator = (*Hook)(nil)

var errBusy = errors.New("as many calls as may are running")

// New takes a configuration whose secrets are filled (Config.Filled).
func New(cfg *Config, deps Deps) (*Hook, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	h := &Hook{cfg: *cfg, log: deps.Logger, rules: map[string]*rule{}}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.cfg.Timeout == 0 {
		h.cfg.Timeout = usualTimeout
	}
	if h.cfg.MaxRunning == 0 {
		h.cfg.MaxRunning = usualRunning
	}
	if len(h.cfg.Match) == 0 {
		h.cfg.Match = []string{"source", "destination"}
	}
	h.forward, h.back = make(chan struct{}, h.cfg.MaxRunning), make(chan struct{}, h.cfg.MaxRunning)
	var err error
	if h.metrics, err = newMetrics(deps.Registerer); err != nil {
		return nil, err
	}
	h.metrics.begin(cfg.Name)
	if cfg.Script != nil {
		h.caller = &script{cfg.Name, slices.Clone(cfg.Script.Command), h.cfg.Timeout, grace, h.log, h.metrics.discarded.WithLabelValues(cfg.Name)}
		return h, nil
	}
	to, err := outbound.NewWebhook(cfg.Webhook)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	h.caller = &webhook{cfg.Name, to, h.cfg.Timeout}
	return h, nil
}

// Name is what policies call it.
func (h *Hook) Name() string { return h.cfg.Name }

// Expires reports whether the other side ends each rule by itself at its Until. Where it
// does not, a rule stays in force while the program is dead, until it is started again.
func (h *Hook) Expires() bool { return h.cfg.Expires }

// Longest is how long one call takes at most. A context that ends sooner cuts it short.
func (h *Hook) Longest() time.Duration {
	if h.cfg.Script != nil {
		return h.cfg.Timeout + grace
	}
	return h.cfg.Timeout
}

// Can implements mitigate.Actuator.
func (h *Hook) Can(d *decision.Decision) error {
	if d.Via != "" && d.Via != h.cfg.Name {
		return fmt.Errorf("the decision is for %s, not for the hook %s", d.Via, h.cfg.Name)
	}
	if !slices.Contains(h.cfg.Actions, d.Action) {
		return fmt.Errorf("the hook %s is not for the action %s", h.cfg.Name, d.Action)
	}
	if err := plain(d); err != nil {
		return err
	}
	if d.Action.Whole() {
		return nil
	}
	beyond := slices.DeleteFunc(set(&d.Match), func(f string) bool { return slices.Contains(h.cfg.Match, f) })
	if len(beyond) > 0 {
		return fmt.Errorf("the hook %s does not obey %s, and would hit too much", h.cfg.Name, strings.Join(beyond, ", "))
	}
	return nil
}

// Apply implements mitigate.Actuator. A rule that was taken back is not brought in force
// again: a call that comes late would otherwise leave behind what nobody knows of.
func (h *Hook) Apply(ctx context.Context, d *decision.Decision) error {
	if err := h.Can(d); err != nil {
		return outbound.Permanent(err)
	}
	if d.DryRun {
		return outbound.Permanent(errors.New("a decision of a dry run is not carried out"))
	}
	if !d.Until.After(time.Now()) {
		return outbound.Permanent(errors.New("the time of the decision is over"))
	}
	if h.full(d.ID) {
		return errors.New("too many decisions at a time")
	}
	r, err := h.enter(ctx, d)
	if err != nil {
		return err
	}
	defer h.leave(r)
	if r.gone {
		return outbound.Permanent(errors.New("the decision was taken back already"))
	}
	if r.told.Equal(d.Until) {
		return nil
	}
	verb := apply
	if !r.told.IsZero() || !d.Activated.IsZero() {
		verb = renew
	}
	h.arm(r, d)
	if err := h.call(ctx, verb, d); err != nil {
		return err
	}
	r.told = d.Until
	return nil
}

// Withdraw implements mitigate.Actuator.
func (h *Hook) Withdraw(ctx context.Context, d *decision.Decision) error {
	if err := plain(d); err != nil {
		return outbound.Permanent(err) // it never was in force
	}
	r, err := h.enter(ctx, d)
	if err != nil {
		return err
	}
	defer h.leave(r)
	if r.done {
		return nil
	}
	return h.takeBack(ctx, r, d)
}

// Held implements mitigate.Actuator: nobody can ask a program what it did.
func (*Hook) Held(context.Context) (held map[string]time.Time, known bool, err error) {
	return nil, false, nil
}

// Test tells the other side that nothing is to be done, so that people see that it
// would hear of something.
func (h *Hook) Test(ctx context.Context) error { return h.call(ctx, test, nil) }

// call waits for a place, tells the other side, and counts.
func (h *Hook) call(ctx context.Context, verb string, d *decision.Decision) error {
	places := h.forward
	if verb == withdraw {
		places = h.back
	}
	var err error
	began := time.Now()
	select {
	case places <- struct{}{}:
		began = time.Now()
		err = h.caller.call(ctx, &change{verb, began, d})
		<-places
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", errBusy, ctx.Err())
	}
	h.metrics.count(h.cfg.Name, verb, err, time.Since(began))
	if err != nil {
		return fmt.Errorf("hook %s: %s: %w", h.cfg.Name, verb, err)
	}
	return nil
}

// Close gives connections back.
func (h *Hook) Close() error { return h.caller.Close() }
