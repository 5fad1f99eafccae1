// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"tidewatch/incident"
)

// Memory is an Outbox that forgets everything with the process. Tests deliver from it,
// and it is the oracle of those that last. It grows with the number of incidents.
type Memory struct {
	mu        sync.Mutex // guards what follows
	planner   Planner
	seq       int64
	incidents map[string]*incident.Incident
	heard     map[string]*Heard
	queue     []Queued
	receipts  map[[2]string]Receipt // by sink and key
}

// NewMemory returns an empty Memory.
func NewMemory(p Planner) *Memory {
	return &Memory{planner: p, incidents: map[string]*incident.Incident{}, heard: map[string]*Heard{}, receipts: map[[2]string]Receipt{}}
}

// Save takes events as a store does.
func (m *Memory) Save(_ context.Context, events []incident.Event) error {
	m.mu.Lock()
	now, sinks := time.Now(), map[string]bool{}
	for i := range events {
		inc := events[i].Incident.Clone()
		m.incidents[inc.ID] = &inc
		m.plan(events[i].Type, &inc, now, sinks)
	}
	lost, folded := m.shrink(sinks, now)
	m.mu.Unlock()
	m.planner.Queued(lost, folded)
	return nil
}

func (m *Memory) plan(t incident.EventType, inc *incident.Incident, now time.Time, sinks map[string]bool) {
	h := m.heard[inc.ID]
	if h == nil {
		h = &Heard{}
		m.heard[inc.ID] = h
	}
	notes := m.planner.Plan(t, inc, h, now)
	for i := range notes {
		n := &notes[i]
		m.queue = slices.DeleteFunc(m.queue, func(q Queued) bool {
			return q.Sink == n.Sink && q.Message.Key == n.Message.Key && slices.Contains(Supersedes(n.Message.Status), q.Message.Status)
		})
		m.put(n.Sink, &n.Message, now)
		sinks[n.Sink] = true
	}
}

func (m *Memory) put(sink string, msg *Message, now time.Time) {
	m.seq++
	m.queue = append(m.queue, Queued{Seq: m.seq, Sink: sink, At: now, Message: *msg})
}

// shrink makes room in queues that are too full.
func (m *Memory) shrink(sinks map[string]bool, now time.Time) (lost, folded map[string]int) {
	lost, folded = map[string]int{}, map[string]int{}
	for sink := range sinks {
		n, updates := 0, 0
		for i := range m.queue {
			if q := &m.queue[i]; q.Sink == sink {
				n++
				if q.Message.Status == Update {
					updates++
				}
			}
		}
		lose, fold := Excess(n, updates, m.planner.MaxQueue())
		if lose > 0 {
			lost[sink] = lose
			m.queue = slices.DeleteFunc(m.queue, func(q Queued) bool {
				if q.Sink != sink || q.Message.Status != Update || lose == 0 {
					return false
				}
				lose--
				return true
			})
		}
		if fold > 0 {
			folded[sink] = m.fold(sink, fold, now)
		}
	}
	return lost, folded
}

// Next implements Outbox.
func (m *Memory) Next(_ context.Context, sink string, after int64) (*Queued, Backlog, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b Backlog
	var first *Queued
	held := map[string]bool{}
	for i := range m.queue {
		q := &m.queue[i]
		if q.Sink != sink {
			continue
		}
		if b.Waiting++; b.Waiting == 1 {
			b.Oldest = q.At
		}
		if first == nil && q.Seq > after && !held[q.Message.Key] {
			first = q
		}
		held[q.Message.Key] = true
	}
	if first == nil {
		return nil, b, nil
	}
	out := *first
	out.Before = m.receipts[[2]string{sink, out.Message.Key}]
	if out.Message.Status != Digest {
		inc := m.incidents[out.Message.Key].Clone()
		out.Message.Incident = &inc
	}
	return &out, b, nil
}

// Done implements Outbox.
func (m *Memory) Done(_ context.Context, q *Queued, receipt *Receipt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queue = slices.DeleteFunc(m.queue, func(have Queued) bool { return have.Seq == q.Seq })
	if receipt != nil && *receipt != "" && q.Message.Status != Digest {
		m.receipts[[2]string{q.Sink, q.Message.Key}] = *receipt
	}
	return nil
}

// Fold implements Outbox.
func (m *Memory) Fold(_ context.Context, sink string, now time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fold(sink, len(m.queue), now), nil
}

// fold is Fold of the oldest most messages.
func (m *Memory) fold(sink string, most int, now time.Time) int {
	var found, updated []*incident.Incident
	var earlier []Message
	var last int64
	n := 0
	m.queue = slices.DeleteFunc(m.queue, func(q Queued) bool {
		if q.Sink != sink || n == most {
			return false
		}
		n, last = n+1, q.Seq
		if q.Message.Status == Digest {
			earlier = append(earlier, q.Message)
			return true
		}
		list := &found
		if q.Message.Status == Update {
			list = &updated
		}
		if inc := m.incidents[q.Message.Key]; !slices.Contains(*list, inc) {
			*list = append(*list, inc)
		}
		return true
	})
	if len(found)+len(earlier) == 0 {
		found = updated // an update is no incident to count again, unless nothing else waits
	}
	slices.SortFunc(found, func(x, y *incident.Incident) int {
		return cmp.Or(y.Severity.Rank()-x.Severity.Rank(), y.Detected.Compare(x.Detected), cmp.Compare(x.ID, y.ID))
	})
	worst := make([]Brief, 0, MaxBriefs)
	for _, inc := range found[:min(len(found), MaxBriefs)] {
		worst = append(worst, BriefOf(inc))
	}
	if n > 0 {
		digest := Summary(sink, last, worst, len(found), earlier)
		m.put(sink, &digest, now)
	}
	return n
}

// Review implements Outbox.
func (m *Memory) Review(_ context.Context, now time.Time) (bool, error) {
	m.mu.Lock()
	sinks := map[string]bool{}
	var due []string
	for id, h := range m.heard {
		if !h.Due.IsZero() && !now.Before(h.Due) {
			due = append(due, id)
		}
	}
	slices.SortFunc(due, func(x, y string) int { return cmp.Or(m.heard[x].Due.Compare(m.heard[y].Due), cmp.Compare(x, y)) })
	for _, id := range due {
		m.plan("", m.incidents[id], now, sinks)
	}
	lost, folded := m.shrink(sinks, now)
	m.mu.Unlock()
	m.planner.Queued(lost, folded)
	return false, nil
}
