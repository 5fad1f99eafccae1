// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"context"
	"errors"
	"fmt"

	"tidewatch/decision"
)

// Approve lets a proposal be done. The error wraps ErrNotFound or ErrState, or is a
// *RefusedError; so for the other orders.
func (d *Desk) Approve(ctx context.Context, id string, who Person) (*decision.Decision, error) {
	return d.decided(ctx, id, func(b *book) error { return b.approve(id, &who) })
}

// Reject ends a proposal.
func (d *Desk) Reject(ctx context.Context, id string, who Person) (*decision.Decision, error) {
	return d.decided(ctx, id, func(b *book) error { return b.reject(id, &who) })
}

// Withdraw takes a rule back. That it is gone is known a moment later.
func (d *Desk) Withdraw(ctx context.Context, id string, who Person) (*decision.Decision, error) {
	return d.decided(ctx, id, func(b *book) error { return b.withdraw(id, &who) })
}

// Request makes a rule that a person asks for; its error may wrap ErrRequest, too.
func (d *Desk) Request(ctx context.Context, q *Request, who Person) (*decision.Decision, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	var id string
	if err := d.order(ctx, func(b *book) (err error) {
		id, err = b.request(q, &who)
		return err
	}); err != nil {
		return nil, err
	}
	return d.read(ctx, id)
}

// Panic takes everything back, and lets nothing be done until Resume. It does so also
// when it cannot be written down; then the error says so, and it is tried again. Until
// that succeeds, the halt ends with the program.
func (d *Desk) Panic(ctx context.Context, who Person) (withdrawn int, err error) {
	err = d.order(ctx, func(b *book) error {
		withdrawn = b.halt(&who)
		return nil
	})
	d.deps.Logger.Warn("panic button pressed: everything is taken back, and nothing is done until somebody resumes", "rules", withdrawn, "by", who.By, "note", who.Note)
	if failed := d.keepHalt(ctx); failed != nil {
		err = fmt.Errorf("%w: %w", ErrLedger, failed)
	}
	return withdrawn, err
}

// Resume releases the panic button.
//
// The error wraps ErrState when nobody pressed it. Who presses it meanwhile is not undone.
func (d *Desk) Resume(ctx context.Context, who Person) error {
	d.braking.Lock()
	defer d.braking.Unlock()
	d.mu.Lock()
	halted := d.book.halted
	d.mu.Unlock()
	if halted == nil {
		return fmt.Errorf("%w: nothing is halted", ErrState)
	}
	released := &Halt{At: d.deps.Clock(), By: who.By, Note: who.Note, Released: true}
	if err := d.deps.Ledger.Halt(context.WithoutCancel(ctx), released); err != nil {
		return err
	}
	d.mu.Lock()
	if d.kept = nil; d.book.halted == halted {
		d.book.halted = nil
	}
	d.mu.Unlock()
	d.deps.Logger.Info("mitigation resumed", "by", who.By, "note", who.Note)
	return nil
}

// Status tells how acting stands.
func (d *Desk) Status(context.Context) (*Status, error) {
	d.mu.Lock()
	s := &Status{Mode: string(d.book.cfg.Mode), Halted: d.book.halted, Actuators: []ActuatorStatus{}}
	for _, x := range d.book.live {
		if x.State == decision.Proposed {
			s.Proposed++
		} else {
			s.Active++
		}
	}
	d.mu.Unlock()
	for i := range d.deps.Actuators {
		a := ActuatorStatus{Name: d.deps.Actuators[i].Name}
		if d.deps.State != nil {
			a = d.deps.State(a.Name)
		}
		s.Actuators = append(s.Actuators, a)
	}
	return s, nil
}

// decided carries an order about one decision out and returns it as it is then.
func (d *Desk) decided(ctx context.Context, id string, f func(*book) error) (*decision.Decision, error) {
	err := d.order(ctx, f)
	if errors.Is(err, ErrNotFound) {
		x, _, missing := d.deps.Reader.Decision(ctx, id)
		if missing != nil {
			return nil, missing
		}
		return nil, fmt.Errorf("%w: it is %s", ErrState, x.State)
	}
	if err != nil {
		return nil, err
	}
	return d.read(ctx, id)
}

// read returns a decision, over or not.
func (d *Desk) read(ctx context.Context, id string) (*decision.Decision, error) {
	d.mu.Lock()
	if x := d.book.live[id]; x != nil {
		c := x.Clone()
		d.mu.Unlock()
		return &c, nil
	}
	d.mu.Unlock()
	x, _, err := d.deps.Reader.Decision(ctx, id)
	return x, err
}
