// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"tidewatch/api"
	"tidewatch/exclude"
	"tidewatch/store"
)

// Doorkeeper knows what is harmless: through the server that uses the data directory,
// or in the directory itself when none does.
type Doorkeeper struct {
	office

	excluder *excluder
}

// NewDoorkeeper finds out which of the two it is; change is false to look only.
func NewDoorkeeper(ctx context.Context, cfg *Config, change bool) (*Doorkeeper, error) {
	d := &Doorkeeper{}
	var err error
	d.office, err = openOffice(ctx, cfg, change, func(s *store.Store) (err error) {
		d.excluder, err = newExcluder(ctx, cfg, s, nil)
		return err
	})
	return d, err
}

// Harmless is what somebody calls harmless, in the words of the configuration.
type Harmless = exclude.Rule

// Add excludes something.
func (d *Doorkeeper) Add(ctx context.Context, r *Harmless, by string) (*Excluded, error) {
	if d.remote == nil {
		got, err := d.excluder.AddExclusion(ctx, r, by)
		if err != nil {
			return nil, ours(err)
		}
		return &Excluded{*got}, nil
	}
	out := &Excluded{}
	err := d.remote.call(ctx, http.MethodPost, "/api/v1/exclusions", &struct {
		*Harmless

		By string `json:"by,omitempty"`
	}{r, by}, &out.Exclusion)
	return out, err
}

// Remove takes an exclusion back that people added.
func (d *Doorkeeper) Remove(ctx context.Context, id, by, note string) error {
	if d.remote == nil {
		return ours(d.excluder.RemoveExclusion(ctx, id, by, note))
	}
	return d.remote.remove(ctx, "/api/v1/exclusions/"+url.PathEscape(id), by, note)
}

// List lists what is excluded; past also what is over.
func (d *Doorkeeper) List(ctx context.Context, origin string, past bool, limit int) (*Exclusions, error) {
	f := &api.ListFilter{Origin: origin, Past: past, Limit: limit}
	if d.remote == nil {
		page, err := d.excluder.Exclusions(ctx, f)
		if err != nil {
			return nil, ours(err)
		}
		return &Exclusions{*page}, nil
	}
	out := &Exclusions{}
	err := d.remote.list(ctx, "/api/v1/exclusions", f, &out.ExclusionPage)
	return out, err
}

// Excluded is one exclusion.
type Excluded struct{ api.Exclusion }

// WriteText prints it in a line.
func (e *Excluded) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s (%s): %s; %s\n", e.ID, e.Reason, e.What(), endText(&e.Exclusion))
	return err
}

// Exclusions is what is excluded.
type Exclusions struct{ api.ExclusionPage }

// WriteText prints a line for each.
func (e *Exclusions) WriteText(w io.Writer) error {
	if len(e.Exclusions) == 0 {
		_, err := fmt.Fprintln(w, "nothing is excluded; tidewatch exclusion add --help shows how")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "ID\tDEVICE\tDESTINATION\tPORT\tKIND\tUNTIL\tFROM\tREASON")
	any := func(s string) string {
		if s == "" {
			return "any"
		}
		return s
	}
	for i := range e.Exclusions {
		one := &e.Exclusions[i]
		from := one.By
		if from == "" {
			from = string(one.Origin)
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", one.ID, any(one.Device), any(one.Destination), any(one.Port), any(one.Kind),
			endText(one), from, one.Reason)
	}
	if e.Next != "" {
		_, _ = fmt.Fprintln(t, "\nThere are more; see --limit and --origin.")
	}
	return t.Flush()
}

func endText(e *api.Exclusion) string {
	switch {
	case e.Over:
		return "over"
	case e.Until.IsZero():
		return "as long as it is configured"
	}
	return "until " + e.Until.Format(time.RFC3339)
}
