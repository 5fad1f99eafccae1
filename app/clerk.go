// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/user"
	"time"

	"tidewatch/api"
	"tidewatch/detect"
	"tidewatch/feedback"
	"tidewatch/incident"
	"tidewatch/store"
)

// office is where people decide: the server that uses the data directory, or the
// directory itself when none does.
type office struct {
	store  *store.Store
	lock   *store.Lock
	remote *remote // nil: store is open
}

// openOffice finds out which of the two it is, and runs f when it is the directory.
// To look only, it takes no lock and makes nothing: of a directory in which nothing
// was saved yet, f gets no store.
func openOffice(ctx context.Context, cfg *Config, change bool, f func(*store.Store) error) (office, error) {
	o := office{}
	var err error
	if change {
		o.lock, o.remote, err = enter(cfg)
	} else {
		o.remote, err = runningServer(cfg)
	}
	if err != nil || o.remote != nil {
		return o, err
	}
	if err = o.open(ctx, cfg, change); err == nil {
		err = f(o.store)
	}
	if err != nil {
		return o, errors.Join(err, o.Close())
	}
	return o, nil
}

// kept is the store's part of the configuration; lock is the caller's, if it has it.
func (c *Config) kept(lock *store.Lock) *store.Config {
	return &store.Config{Dir: c.DataDir, MaxIncidents: c.MaxIncidents, KeepIncidents: c.KeepIncidents, MaxDecisions: c.MaxDecisions, KeepDecisions: c.KeepDecisions, Lock: lock}
}

func (o *office) open(ctx context.Context, cfg *Config, change bool) error {
	s, err := store.New(cfg.kept(o.lock))
	switch {
	case err != nil:
		return err
	case change:
		err = s.Open(ctx)
	default:
		err = s.OpenReadOnly(ctx)
	}
	if !change && errors.Is(err, store.ErrEmpty) {
		return nil
	}
	o.store = s
	return err
}

// Close gives the data directory back.
func (o *office) Close() error {
	var err error
	if o.store != nil {
		err = o.store.Close()
	}
	return errors.Join(err, o.lock.Release())
}

// Clerk decides about incidents: through the server that uses the data directory,
// or in the directory itself when none does.
type Clerk struct {
	office

	desk *desk
}

// NewClerk finds out which of the two it is; change is false to look only.
func NewClerk(ctx context.Context, cfg *Config, change bool) (*Clerk, error) {
	c := &Clerk{}
	var err error
	c.office, err = openOffice(ctx, cfg, change, func(s *store.Store) (err error) {
		c.desk, err = newDesk(ctx, cfg, s, nil, nil)
		return err
	})
	return c, err
}

// Decision is what to do about an incident: action is acknowledge, close, feedback or
// comment. Of is the other incident of a duplicate.
type Decision struct{ Action, Verdict, Of, By, Note string }

// Decide carries a decision out and returns the incident as it is then.
func (c *Clerk) Decide(ctx context.Context, id string, d *Decision) (*Case, error) {
	if c.remote != nil {
		out := &Case{}
		err := c.remote.call(ctx, http.MethodPost, "/api/v1/incidents/"+url.PathEscape(id)+"/"+d.Action, &struct {
			Verdict string `json:"verdict,omitempty"`
			Of      string `json:"of,omitempty"`
			By      string `json:"by,omitempty"`
			Note    string `json:"note,omitempty"`
		}{d.Verdict, d.Of, d.By, d.Note}, &out.Incident)
		return out, err
	}
	inc, err := c.desk.Decide(ctx, id, &incident.Decision{
		Action: incident.Act(d.Action), Verdict: incident.Verdict(d.Verdict), Of: d.Of, By: d.By, Note: d.Note,
	})
	if err != nil {
		return nil, blame(id, err)
	}
	return &Case{*inc}, nil
}

// Undo takes a verdict back.
func (c *Clerk) Undo(ctx context.Context, id, by string) error {
	if c.remote != nil {
		return c.remote.call(ctx, http.MethodDelete, "/api/v1/feedback/"+url.PathEscape(id)+"?by="+url.QueryEscape(by), nil, nil)
	}
	if err := incident.CheckName(by); err != nil {
		return &InputError{err}
	}
	return blame(id, c.desk.Undo(ctx, id, by))
}

// Feedback lists the verdicts that count.
func (c *Clerk) Feedback(ctx context.Context) (*Verdicts, error) {
	out := &Verdicts{Feedback: []api.Feedback{}}
	if c.remote != nil {
		return out, c.remote.call(ctx, http.MethodGet, "/api/v1/feedback", nil, out)
	}
	all, err := c.desk.Feedback(ctx)
	out.Feedback = append(out.Feedback, all...)
	return out, err
}

// blame tells the errors of who typed the command from the others.
func blame(id string, err error) error {
	switch {
	case errors.Is(err, incident.ErrNotFound), errors.Is(err, feedback.ErrNotFound):
		return &InputError{fmt.Errorf("%s: %w", id, err)}
	case errors.Is(err, incident.ErrDecision), errors.Is(err, incident.ErrState):
		return &InputError{err}
	}
	return err
}

// IncidentFilter selects incidents. Zero values select all.
type IncidentFilter struct {
	States, Categories []string
	MinSeverity        string
	Subject            string
	Since              time.Time
	Limit              int
}

// ListIncidents reads saved incidents, latest detected first, beside a server or
// without one.
func ListIncidents(ctx context.Context, cfg *Config, q *IncidentFilter) (*Cases, error) {
	f := incident.Filter{MinSeverity: detect.Severity(q.MinSeverity), Subject: q.Subject, Since: q.Since, Limit: q.Limit}
	for _, s := range q.States {
		f.States = append(f.States, incident.State(s))
	}
	for _, c := range q.Categories {
		f.Categories = append(f.Categories, detect.Category(c))
	}
	out := &Cases{Incidents: []incident.Incident{}}
	err := look(ctx, cfg, func(s *store.Store) error {
		page, err := s.List(ctx, &f)
		out.Incidents, out.More = page.Incidents, page.Next != ""
		return err
	})
	if errors.Is(err, store.ErrEmpty) {
		return out, nil
	}
	return out, err
}

// ShowIncident reads one saved incident.
func ShowIncident(ctx context.Context, cfg *Config, id string) (*Case, error) {
	out := &Case{}
	err := look(ctx, cfg, func(s *store.Store) error {
		inc, err := s.Get(ctx, id)
		if err == nil {
			out.Incident = *inc
		}
		return err
	})
	if errors.Is(err, store.ErrEmpty) {
		return nil, &InputError{fmt.Errorf("%s is not known: %s", id, cmp.Or(cfg.Absent(), "no incident was saved in "+cfg.DataDir+" yet"))}
	}
	return out, blame(id, err)
}

func look(ctx context.Context, cfg *Config, f func(*store.Store) error) error {
	s, err := store.New(cfg.kept(nil))
	if err != nil {
		return err
	}
	if err := s.OpenReadOnly(ctx); err != nil {
		return err
	}
	return errors.Join(f(s), s.Close())
}

// Whoami is the name of who runs the program, empty when nobody knows.
func Whoami() string {
	u, err := user.Current()
	if err != nil || incident.CheckName(u.Username) != nil {
		return ""
	}
	return u.Username
}
