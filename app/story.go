// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"tidewatch/detect"
	"tidewatch/feedback"
	"tidewatch/incident"
	"tidewatch/store"
)

// recall gives the engine what was over when the last run ended and a later incident
// about the same device may name: what was alerted, and what people confirmed.
func recall(ctx context.Context, cfg *Config, s *store.Store, e *Engine) error {
	within := cfg.Incident.StoryWithin
	if within == 0 {
		return nil
	}
	since := time.Now().Add(-within)
	f := incident.Filter{
		States:      []incident.State{incident.Resolved, incident.Closed},
		Categories:  []detect.Category{detect.Reconnaissance, detect.CommandControl},
		MinSeverity: detect.Medium, Since: since, Limit: incident.MaxLimit,
	}
	var over []incident.Incident
	for len(over) < cfg.Incident.Told() {
		page, err := s.List(ctx, &f)
		if err != nil {
			return err
		}
		over = append(over, page.Incidents...)
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	said, err := s.Verdicts(ctx, cfg.Feedback.MaxEntries)
	if err != nil {
		return err
	}
	for i := range said {
		if said[i].Verdict != feedback.Attack || said[i].At.Before(since) {
			continue
		}
		inc, err := s.Get(ctx, said[i].Incident)
		if errors.Is(err, incident.ErrNotFound) {
			continue // forgotten since
		}
		if err != nil {
			return err
		}
		over = append(over, *inc) // what is there twice is taken once
	}
	slices.SortStableFunc(over, func(x, y incident.Incident) int {
		return cmp.Or(x.LastSeen.Compare(y.LastSeen), cmp.Compare(x.ID, y.ID))
	})
	return e.Recollect(over)
}

// Recollect takes over what was over when an earlier run ended, oldest first. It comes
// after Restore and before the first batch.
func (e *Engine) Recollect(over []incident.Incident) error { return e.book.Recall(over) }
