// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tidewatch/api"
	"tidewatch/decision"
	"tidewatch/incident"
	"tidewatch/mitigate"
	"tidewatch/store"
)

// Dispatcher decides about rules against attacks, through the server that uses the data
// directory. Without one nothing can be carried out: then it says no to proposals, and
// stops or lets go on what the next start does.
type Dispatcher struct {
	office

	cfg *Config
}

// NewDispatcher finds out which of the two it is; change is true for what can be done
// without a server.
func NewDispatcher(ctx context.Context, cfg *Config, change bool) (*Dispatcher, error) {
	d := &Dispatcher{cfg: cfg}
	// Whoever stops everything in a folder that is not there has the wrong one.
	if text := cfg.Absent(); change && text != "" {
		return nil, &InputError{errors.New(text)}
	}
	var err error
	d.office, err = openOffice(ctx, cfg, change, func(*store.Store) error { return nil })
	return d, err
}

const mitigations = "/api/v1/mitigations"

// remarked is who decides and why, as the API takes it.
type remarked struct {
	By   string `json:"by,omitempty"`
	Note string `json:"note,omitempty"`
}

// Approve lets a proposed rule be brought in force.
func (d *Dispatcher) Approve(ctx context.Context, id, by, note string) (*Mitigation, error) {
	return d.tell(ctx, id, "approve", by, note)
}

// Withdraw takes a rule back.
func (d *Dispatcher) Withdraw(ctx context.Context, id, by, note string) (*Mitigation, error) {
	return d.tell(ctx, id, "withdraw", by, note)
}

// Reject says no to a proposed rule.
func (d *Dispatcher) Reject(ctx context.Context, id, by, note string) (*Mitigation, error) {
	if d.remote == nil {
		return d.rejectHere(ctx, id, by, note)
	}
	return d.tell(ctx, id, "reject", by, note)
}

func (d *Dispatcher) tell(ctx context.Context, id, what, by, note string) (*Mitigation, error) {
	if d.remote == nil {
		return nil, d.nobody(ctx)
	}
	return d.post(ctx, "/"+url.PathEscape(id)+"/"+what, &remarked{by, note})
}

func (d *Dispatcher) post(ctx context.Context, path string, body any) (*Mitigation, error) {
	out := &Mitigation{now: time.Now()}
	err := d.remote.call(ctx, http.MethodPost, mitigations+path, body, &out.Decision)
	return out, err
}

// Wish is a rule that somebody asks for, in the words of the API.
type Wish = api.Wish

// WishMatch is the traffic of a Wish.
type WishMatch = api.WishMatch

// Request asks for a rule; guard rails may refuse it.
func (d *Dispatcher) Request(ctx context.Context, w *Wish, by, note string) (*Mitigation, error) {
	if d.remote == nil {
		return nil, d.nobody(ctx)
	}
	return d.post(ctx, "", &struct {
		*Wish
		remarked
	}{w, remarked{by, note}})
}

// nobody says that no server runs, and what becomes of the rules of a dead one.
func (d *Dispatcher) nobody(ctx context.Context) error {
	left, err := d.left(ctx)
	if err != nil {
		return err
	}
	text := "no tidewatch serve uses " + d.cfg.DataDir + ", so nothing can be carried out"
	if by := d.stays(left); len(by) > 0 {
		text += "; what was done by " + strings.Join(by, " and ") + " stays in force until a server starts"
	}
	if last := lastEnd(left); !last.IsZero() {
		return fmt.Errorf("%s; rules of a dead server end by themselves, the last of %d at %s", text, len(left), moment(last, time.Now()))
	}
	return errors.New(text + "; no rule of a dead server is left in force")
}

// left are the decisions of which something may be in force without a server.
func (d *Dispatcher) left(ctx context.Context) (out []decision.Decision, err error) {
	if d.store == nil { // nothing was ever saved
		return nil, nil
	}
	all, err := d.store.Ledger().Unfinished(ctx)
	for i := range all {
		if one := &all[i]; !one.DryRun && (one.State.Wanted() || one.State == decision.Expiring) {
			out = append(out, *one)
		}
	}
	return out, err
}

// stays names the hooks of which something may be in force that does not end by itself.
func (d *Dispatcher) stays(left []decision.Decision) (names []string) {
	for i := range d.cfg.Mitigation.Hooks {
		h := &d.cfg.Mitigation.Hooks[i]
		if !h.Expires && slices.ContainsFunc(left, func(one decision.Decision) bool { return one.Via == h.Name }) {
			names = append(names, h.Name)
		}
	}
	return names
}

// lastEnd is when the last of them ends by itself, zero when all have.
func lastEnd(all []decision.Decision) (last time.Time) {
	now := time.Now()
	for i := range all {
		if u := all[i].Until; u.After(now) && u.After(last) {
			last = u
		}
	}
	return last
}

// rejectHere writes it into the ledger: it was proposed, so nothing has to be carried out.
func (d *Dispatcher) rejectHere(ctx context.Context, id, by, note string) (*Mitigation, error) {
	l, now := d.store.Ledger(), time.Now().UTC()
	if err := checkRemark(by, note); err != nil {
		return nil, err
	}
	one, _, err := l.Decision(ctx, id)
	if err != nil {
		return nil, blameRule(id, err)
	}
	if one.State != decision.Proposed {
		return nil, &InputError{fmt.Errorf("%s is %s: only what is proposed can be rejected", id, one.State)}
	}
	by = cmp.Or(by, somebody)
	one.State, one.Reason, one.By, one.Updated, one.Ended = decision.Rejected, decision.ByPerson, by, now, now
	one.Detail = told("rejected by "+by, note)
	if err := l.Append(ctx, []mitigate.Entry{{At: now, Text: one.Detail, By: by, Decision: *one}}); err != nil {
		return nil, err
	}
	return &Mitigation{Decision: *one, now: now}, nil
}

// somebody decides when nobody knows who; the API says the same.
const somebody = "administrator"

func checkRemark(by, note string) error {
	if err := cmp.Or(incident.CheckName(by), incident.CheckText("the note", note)); err != nil {
		return &InputError{err}
	}
	return nil
}

// blameRule tells the errors of who typed the command from the others.
func blameRule(id string, err error) error {
	if errors.Is(err, mitigate.ErrNotFound) {
		return &InputError{fmt.Errorf("%s: %w; tidewatch mitigation list shows what there is", id, err)}
	}
	return err
}

// MitigationFilter selects decisions. Zero values select all.
type MitigationFilter struct {
	States   []string
	Incident string
	Target   string // address or prefix, exactly
	Limit    int
}

// ListMitigations reads what was decided, latest first, beside a server or without one.
func ListMitigations(ctx context.Context, cfg *Config, q *MitigationFilter) (*Mitigations, error) {
	f := mitigate.ListFilter{Incident: q.Incident, Target: q.Target, Limit: q.Limit}
	for _, s := range q.States {
		f.States = append(f.States, decision.State(s))
	}
	out := &Mitigations{Mitigations: []decision.Decision{}, now: time.Now()}
	err := look(ctx, cfg, func(s *store.Store) error {
		page, err := s.Ledger().Decisions(ctx, &f)
		if err != nil {
			return err
		}
		out.Mitigations, out.More = append(out.Mitigations, page.Decisions...), page.Next != ""
		out.Halted, err = s.Ledger().Halted(ctx)
		return err
	})
	if errors.Is(err, store.ErrEmpty) {
		return out, nil
	}
	return out, err
}

// ShowMitigation reads one decision with all that happened to it.
func ShowMitigation(ctx context.Context, cfg *Config, id string) (*MitigationStory, error) {
	out := &MitigationStory{now: time.Now()}
	err := look(ctx, cfg, func(s *store.Store) (err error) {
		out.Decision, out.Ledger, err = s.Ledger().Decision(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrEmpty) {
		return nil, &InputError{fmt.Errorf("%s is not known: %s", id, cmp.Or(cfg.Absent(), "nothing was saved in "+cfg.DataDir+" yet"))}
	}
	return out, blameRule(id, err)
}
