// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"tidewatch/detect"
)

// Memory keeps the latest snapshot of each incident, for a run that stores
// nothing. It reads as the stores do and is the oracle of their tests. It grows
// with the number of incidents and is meant for one input.
type Memory struct {
	mu   sync.RWMutex // guards byID
	byID map[string]*Incident
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{byID: map[string]*Incident{}} }

// Save keeps the incidents of the events.
func (m *Memory) Save(_ context.Context, events []Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range events {
		c := events[i].Incident.Clone()
		m.byID[c.ID] = &c
	}
	return nil
}

// Get returns one incident, or ErrNotFound.
func (m *Memory) Get(_ context.Context, id string) (*Incident, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	i := m.byID[id]
	if i == nil {
		return nil, ErrNotFound
	}
	c := i.Clone()
	return &c, nil
}

// List returns a page of the selected incidents.
func (m *Memory) List(_ context.Context, f *Filter) (Page, error) {
	after, begin, err := ParseCursor(f.Cursor)
	if err != nil {
		return Page{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var all []*Incident
	for _, i := range m.byID {
		if f.selects(i) && (begin || compare(i.Detected.UnixNano(), i.ID, after.Detected, after.ID) > 0) {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(x, y *Incident) int {
		return compare(x.Detected.UnixNano(), x.ID, y.Detected.UnixNano(), y.ID)
	})
	page := Page{Incidents: []Incident{}}
	for n, i := range all {
		if n == f.PageSize() {
			page.Next = CursorOf(&page.Incidents[n-1])
			break
		}
		page.Incidents = append(page.Incidents, i.Clone())
	}
	return page, nil
}

// compare orders incidents in lists: latest detected first, then by id.
func compare(at int64, id string, otherAt int64, otherID string) int {
	return cmp.Or(cmp.Compare(otherAt, at), strings.Compare(id, otherID))
}

func (f *Filter) selects(i *Incident) bool {
	return (len(f.States) == 0 || slices.Contains(f.States, i.State)) &&
		(len(f.Categories) == 0 || slices.Contains(f.Categories, i.Category)) &&
		i.Severity.Rank() >= f.MinSeverity.Rank() &&
		(f.Subject == "" || f.Subject == i.Subject) &&
		(len(f.Kinds) == 0 || slices.Contains(f.Kinds, i.Kind)) && (f.Text == "" || f.reads(i)) &&
		!i.Updated.Before(f.Since) && (f.Until.IsZero() || !i.Detected.After(f.Until))
}

// reads reports whether a text is in what people read first of an incident.
func (f *Filter) reads(i *Incident) bool {
	text := strings.ToLower(f.Text)
	return slices.ContainsFunc([]string{i.ID, i.Subject, i.Headline()}, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}

// Counts counts what was detected since a moment.
func (m *Memory) Counts(_ context.Context, since time.Time) (Counts, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var c Counts
	for _, i := range m.byID {
		if i.Severity.Rank() < detect.Medium.Rank() {
			continue
		}
		if i.State.Active() {
			c.Open++
		}
		if i.Detected.Before(since) {
			continue
		}
		c.Alerts++
		if i.Severity == detect.Critical {
			c.Critical++
		}
		switch i.Category {
		case detect.DDoSAttack:
			c.DDoS++
		case detect.DataExfiltration:
			c.Exfiltration++
		case detect.BaselineAnomaly:
			c.Anomalies++
		default:
		}
	}
	return c, nil
}
