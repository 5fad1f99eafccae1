// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// Panic takes all rules back and halts. Without a server it writes so into the ledger:
// the next start takes back what is left, and does nothing by itself.
func (d *Dispatcher) Panic(ctx context.Context, by, note string) (*Stopped, error) {
	if d.remote == nil {
		return d.panicHere(ctx, by, note)
	}
	out := &Stopped{Server: true, now: time.Now()}
	err := d.remote.call(ctx, http.MethodPost, mitigations+"/panic", &remarked{by, note}, out)
	if _, input := errors.AsType[*InputError](err); err != nil && !input {
		return nil, fmt.Errorf("%w; if it does not answer, end its process: then its BGP sessions end, and every other rule at its own time", err)
	}
	return out, err
}

func (d *Dispatcher) panicHere(ctx context.Context, by, note string) (*Stopped, error) {
	if err := checkRemark(by, note); err != nil {
		return nil, err
	}
	l, now := d.store.Ledger(), time.Now().UTC()
	by = cmp.Or(by, somebody)
	if err := l.Halt(ctx, &mitigate.Halt{At: now, By: by, Note: note}); err != nil {
		return nil, err
	}
	halted := func(err error) error {
		return fmt.Errorf("the next start is halted, but not all is taken back: %w", err)
	}
	all, err := l.Unfinished(ctx)
	if err != nil {
		return nil, halted(err)
	}
	out := &Stopped{now: now}
	var lines []mitigate.Entry
	for i := range all {
		one := &all[i]
		if one.State == decision.Expiring {
			continue // somebody takes it back already
		}
		out.Withdrawn++
		one.Reason, one.By, one.Updated, one.Detail = decision.ByPanic, by, now, told("panic button, by "+by, note)
		if one.State.Wanted() && !one.DryRun {
			one.State = decision.Expiring // the next start takes it back
		} else {
			one.State, one.Ended = decision.Withdrawn, now
		}
		lines = append(lines, mitigate.Entry{At: now, By: by, Text: one.Detail, Decision: *one})
	}
	if err := l.Append(ctx, lines); err != nil {
		return nil, halted(err)
	}
	left, err := d.left(ctx)
	out.Left, out.Ends, out.Stays = len(left), lastEnd(left), d.stays(left)
	return out, err
}

// Resume ends the halt, of the server or of its next start.
func (d *Dispatcher) Resume(ctx context.Context, by, note string) (*Acting, error) {
	if d.remote != nil {
		out := &Acting{now: time.Now()}
		return out, d.remote.call(ctx, http.MethodPost, mitigations+"/resume", &remarked{by, note}, &out.Status)
	}
	if err := checkRemark(by, note); err != nil {
		return nil, err
	}
	l := d.store.Ledger()
	h, err := l.Halted(ctx)
	if err != nil {
		return nil, err
	}
	if h == nil {
		return nil, &InputError{errors.New("nothing is halted")}
	}
	if err := l.Halt(ctx, &mitigate.Halt{At: time.Now(), By: cmp.Or(by, somebody), Note: note, Released: true}); err != nil {
		return nil, err
	}
	return d.Status(ctx)
}

// Status says how acting stands; of a server that does not run, what the ledger says.
func (d *Dispatcher) Status(ctx context.Context) (*Acting, error) {
	out := &Acting{now: time.Now()}
	if d.remote != nil {
		return out, d.remote.call(ctx, http.MethodGet, mitigations+"/status", nil, &out.Status)
	}
	out.Actuators, out.NoServer = []mitigate.ActuatorStatus{}, true
	if d.store == nil {
		return out, nil
	}
	var err error
	if out.Halted, err = d.store.Ledger().Halted(ctx); err != nil {
		return nil, err
	}
	all, err := d.store.Ledger().Unfinished(ctx)
	for i := range all {
		if all[i].State == decision.Proposed {
			out.Proposed++
		} else {
			out.Active++
		}
	}
	return out, err
}
