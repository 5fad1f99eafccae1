// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"tidewatch/api"
	"tidewatch/store"
)

// auditor reads the audit.
type auditor struct{ store *store.Store }

// Lines implements api.Audit.
func (a auditor) Lines(ctx context.Context, before int64, limit int) ([]api.AuditLine, error) {
	all, err := a.store.Audits(ctx, before, limit)
	out := make([]api.AuditLine, 0, len(all))
	for i := range all {
		l := &all[i]
		out = append(out, api.AuditLine{Number: l.Seq, At: l.At, Who: l.Who, What: l.What, Target: l.Target, Detail: l.Detail})
	}
	return out, err
}

// Audit is what people decided, newest first.
type Audit struct {
	Lines []api.AuditLine `json:"audit"`
}

// ReadAudit reads the newest lines, beside a server or without one.
func ReadAudit(ctx context.Context, cfg *Config, limit int) (*Audit, error) {
	out := &Audit{Lines: []api.AuditLine{}}
	err := look(ctx, cfg, func(s *store.Store) error {
		lines, err := auditor{s}.Lines(ctx, 0, limit)
		out.Lines = lines
		return err
	})
	if errors.Is(err, store.ErrEmpty) {
		return out, nil
	}
	return out, err
}

// WriteText prints a line for each.
func (a *Audit) WriteText(w io.Writer) error {
	if len(a.Lines) == 0 {
		_, err := fmt.Fprintln(w, "nobody decided anything yet")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "AT\tWHO\tWHAT\tTARGET\tDETAIL")
	for i := range a.Lines {
		l := &a.Lines[i]
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", l.At.Format(time.RFC3339), l.Who, l.What, l.Target, l.Detail)
	}
	return t.Flush()
}
