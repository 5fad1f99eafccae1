// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"tidewatch/api"
	"tidewatch/schedule"
	"tidewatch/store"
)

// Diary plans events: through the server that uses the data directory, or in the
// directory itself when none does.
type Diary struct {
	office

	planner *planner
}

// NewDiary finds out which of the two it is; change is false to look only.
func NewDiary(ctx context.Context, cfg *Config, change bool) (*Diary, error) {
	d := &Diary{}
	var err error
	d.office, err = openOffice(ctx, cfg, change, func(s *store.Store) (err error) {
		d.planner, err = newPlanner(ctx, cfg, s, nil)
		return err
	})
	return d, err
}

// Event is an event that somebody plans, in the words of the configuration.
type Event = schedule.Event

// Add plans an event.
func (d *Diary) Add(ctx context.Context, e *Event, by, note string) (*Planned, error) {
	if d.remote == nil {
		got, err := d.planner.AddEvent(ctx, e, by, note)
		if err != nil {
			return nil, ours(err)
		}
		return &Planned{*got}, nil
	}
	out := &Planned{}
	err := d.remote.call(ctx, http.MethodPost, "/api/v1/events", &struct {
		*Event
		api.Reason
	}{e, api.Reason{By: by, Note: note}}, &out.Event)
	return out, err
}

// Remove takes an event back that people added.
func (d *Diary) Remove(ctx context.Context, id, by, note string) error {
	if d.remote == nil {
		return ours(d.planner.RemoveEvent(ctx, id, by, note))
	}
	return d.remote.remove(ctx, "/api/v1/events/"+url.PathEscape(id), by, note)
}

// List lists what is planned; past also what is over.
func (d *Diary) List(ctx context.Context, origin string, past bool, limit int) (*Events, error) {
	f := &api.ListFilter{Origin: origin, Past: past, Limit: limit}
	if d.remote == nil {
		page, err := d.planner.Events(ctx, f)
		if err != nil {
			return nil, ours(err)
		}
		return &Events{*page}, nil
	}
	out := &Events{}
	err := d.remote.list(ctx, "/api/v1/events", f, &out.EventPage)
	return out, err
}

// ours makes a refusal an error of who typed the command.
func ours(err error) error {
	if refused, ok := errors.AsType[*api.RefusedError](err); ok {
		return &InputError{refused}
	}
	return err
}

// Planned is one event.
type Planned struct{ api.Event }

// WriteText prints it in a line.
func (p *Planned) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s (%s): %s; next %s\n", p.ID, p.Name, effectText(&p.Effects), nextText(&p.Event))
	return err
}

// Events is what is planned.
type Events struct{ api.EventPage }

// WriteText prints a line for each.
func (e *Events) WriteText(w io.Writer) error {
	if len(e.Events) == 0 {
		_, err := fmt.Fprintln(w, "nothing is planned; tidewatch event add --help shows how")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(t, "ID\tNAME\tFROM\tFOR\tEFFECT\tNEXT (%s)\n", e.Zone)
	for i := range e.Events {
		one := &e.Events[i]
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", one.ID, one.Name, fromText(one), targetText(one.Targets), effectText(&one.Effects), nextText(one))
	}
	if e.Next != "" {
		_, _ = fmt.Fprintln(t, "\nThere are more; see --limit and --origin.")
	}
	return t.Flush()
}

func fromText(e *api.Event) string {
	switch {
	case e.File != "":
		return e.File
	case e.By != "":
		return e.By
	}
	return string(e.Origin)
}

func targetText(targets []string) string {
	const shown = 3
	switch {
	case len(targets) == 0:
		return "all"
	case len(targets) > shown:
		return fmt.Sprintf("%s and %d more", strings.Join(targets[:shown], ", "), len(targets)-shown)
	}
	return strings.Join(targets, ", ")
}

func effectText(e *schedule.Effects) string {
	var out []string
	if e.Alert != nil && !*e.Alert {
		text := "no alert"
		if len(e.Kinds) > 0 {
			text += " about " + strings.Join(e.Kinds, ", ")
		}
		out = append(out, text)
	}
	if e.Learn != nil && !*e.Learn {
		out = append(out, "no learning")
	}
	if e.Expect > 1 {
		out = append(out, fmt.Sprintf("expect %g times", e.Expect))
	}
	return strings.Join(out, "; ")
}

func nextText(e *api.Event) string {
	if e.Over {
		return "over"
	}
	return occurrencesText(e.Next)
}
