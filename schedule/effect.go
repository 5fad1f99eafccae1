// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"tidewatch/flow"
)

// Effect is what the events of a device and a time say together.
type Effect struct {
	Name    string  // of the event that keeps alerts back, else of the first that holds; "" when none does
	NoAlert bool    // do not alert
	NoLearn bool    // do not learn
	Expect  float64 // so many times the usual volume is normal; at least 1
}

// effects are those of one event.
type effects struct {
	prefixes []netip.Prefix
	kinds    []string
	noAlert  bool
	noLearn  bool
	expect   float64
}

// silences reports whether the event keeps alerts about a kind of incident
// back; "" asks about every kind.
func (e *effects) silences(kind string) bool {
	return e.noAlert && (len(e.kinds) == 0 || slices.Contains(e.kinds, kind))
}

// apply adds an event to what is said so far.
func (e *Effect) apply(ev *event, kind string) {
	if e.Name == "" {
		e.Name = ev.name
	}
	if !e.NoAlert && ev.silences(kind) {
		e.NoAlert, e.Name = true, ev.name
	}
	e.NoLearn = e.NoLearn || ev.noLearn
	e.Expect = max(e.Expect, ev.expect)
}

// effects checks what somebody wrote about effects.
func (b *builder) effects(w *Effects) (fx effects, err error) {
	if w.Expect != 0 && !(w.Expect >= 1 && w.Expect <= maxExpect) {
		return fx, fmt.Errorf("expect %g: must lie between 1 and %d times the usual volume", w.Expect, maxExpect)
	}
	fx = effects{noAlert: w.Alert != nil && !*w.Alert, noLearn: w.Learn != nil && !*w.Learn, expect: max(w.Expect, 1)}
	if !fx.noAlert && !fx.noLearn && fx.expect == 1 {
		return fx, errors.New("it has no effect; write alert: false, learn: false or expect: N")
	}
	if len(w.Kinds) > 0 && !fx.noAlert {
		return fx, errors.New("kinds say what alert: false is about; write it, or leave kinds out")
	}
	for _, k := range w.Kinds {
		if !regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`).MatchString(k) {
			return fx, fmt.Errorf("kinds: %q is no kind of incident; write one such as ddos, exfiltration or volume", k)
		}
	}
	fx.kinds = w.Kinds
	if b.targets += len(w.Targets); b.targets > maxTargets {
		return fx, fmt.Errorf("more than %d targets; name networks in place of addresses", maxTargets)
	}
	for _, text := range w.Targets {
		p, err := flow.ParseNetwork(text)
		if err != nil {
			return fx, fmt.Errorf("targets: %w", err)
		}
		fx.prefixes = append(fx.prefixes, p)
	}
	return fx, nil
}
