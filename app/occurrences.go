// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"time"

	"tidewatch/api"
)

// Occurrences implements api.Events.
func (p *planner) Occurrences(_ context.Context, from, to time.Time) ([]api.EventOccurrence, error) {
	p.mu.Lock()
	all := p.both // it never changes
	p.mu.Unlock()
	dated := all.Between(from, to, api.MaxOccurrences+1)
	out := make([]api.EventOccurrence, 0, len(dated))
	for _, d := range dated {
		e := all.Plan(d.I)
		out = append(out, api.EventOccurrence{ID: e.ID, Name: e.Name, Start: d.Start, End: d.End, Origin: e.Origin})
	}
	return out, nil
}
