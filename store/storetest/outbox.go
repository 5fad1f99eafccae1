// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/incident"
	"tidewatch/notify"
)

// Outbox is a store of incidents that also keeps the messages about them.
type Outbox interface {
	notify.Outbox
	Save(ctx context.Context, events []incident.Event) error
}

// RunOutbox passes an outbox made by open through the suite: whatever is done, it holds
// what notify.Memory holds.
func RunOutbox(t *testing.T, open func(*testing.T, notify.Planner) Outbox) {
	t.Helper()
	t.Run("it holds what the memory holds", func(t *testing.T) {
		for seed := range uint64(2) {
			p := &planner{}
			alike(t, seed, notify.NewMemory(p), open(t, p))
			if p.lost == 0 || p.folded == 0 {
				t.Errorf("%d lost, %d folded: no queue was ever full", p.lost, p.folded)
			}
		}
	})
	t.Run("a message waits for the older one about its incident", func(t *testing.T) {
		s := open(t, &planner{status: []notify.Status{notify.Trigger, notify.Resolve}})
		events := Events(2, 5)
		for range 2 {
			if err := s.Save(t.Context(), events); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for after := int64(0); ; {
			q, b, err := s.Next(t.Context(), "a", after)
			if err != nil || b.Waiting != 4 || b.Oldest.IsZero() {
				t.Fatal(b, err)
			}
			if q == nil {
				break
			}
			after = q.Seq
			got = append(got, string(q.Message.Status))
		}
		if fmt.Sprint(got) != "[trigger trigger]" {
			t.Errorf("ready are %v", got)
		}
	})
	t.Run("what was taken out does not come back", func(t *testing.T) {
		s := open(t, &planner{})
		if err := s.Save(t.Context(), Events(1, 5)); err != nil {
			t.Fatal(err)
		}
		q, _, err := s.Next(t.Context(), "a", 0)
		if err != nil || q == nil {
			t.Fatal(q, err)
		}
		for range 2 { // the second time it is gone already, which is no error
			if err := s.Done(t.Context(), q, nil); err != nil {
				t.Fatal(err)
			}
		}
		if q, b, err := s.Next(t.Context(), "a", 0); err != nil || q != nil || b.Waiting != 0 {
			t.Errorf("%+v waits, %v", q, err)
		}
		if n, err := s.Fold(t.Context(), "a", time.Now()); err != nil || n != 0 {
			t.Errorf("%d folded of nothing, %v", n, err)
		}
	})
}

// planner tells two sinks of everything, by chance that is the same for all.
type planner struct {
	status []notify.Status // by number of the message; nil: by chance
	lost   int
	folded int
}

// MaxQueue implements notify.Planner.
func (p *planner) MaxQueue() int { return 12 }

// Queued implements notify.Planner.
func (p *planner) Queued(lost, folded map[string]int) {
	for _, n := range lost {
		p.lost += n
	}
	for _, n := range folded {
		p.folded += n
	}
}

// Plan implements notify.Planner.
func (p *planner) Plan(t incident.EventType, inc *incident.Incident, h *notify.Heard, _ time.Time) (out []notify.Note) {
	for _, sink := range []string{"a", "b"} {
		h.Notes++
		sum := fnv.New32()
		_, _ = fmt.Fprint(sum, inc.ID, sink, h.Notes)
		n := int(sum.Sum32() >> 8)
		status := []notify.Status{notify.Trigger, notify.Update, notify.Update, notify.Acknowledge, notify.Resolve}[n%5]
		if p.status != nil {
			status = p.status[(h.Notes-1)/2%len(p.status)]
		}
		out = append(out, notify.Note{Sink: sink, Message: notify.Message{
			ID: fmt.Sprintf("msg-%s-%s-%d", inc.ID, sink, h.Notes), Key: inc.ID, Status: status, At: inc.Updated, Event: t,
		}})
		h.Due = time.Time{}
		if n%3 == 0 {
			h.Due = Start().Add(time.Duration(h.Notes) * time.Hour)
		}
	}
	h.Told = []notify.Told{{Sink: "a", State: inc.State}}
	return out
}

// alike does the same to two outboxes and compares what they hold.
func alike(t *testing.T, seed uint64, oracle, s Outbox) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // reproducible test data, no secret
	events := Events(40, seed)
	now := Start()
	both := func(f func(Outbox) any) {
		t.Helper()
		if diff := cmp.Diff(f(oracle), f(s)); diff != "" {
			t.Fatal(diff)
		}
	}
	for step := range 200 {
		sink := []string{"a", "b"}[r.IntN(2)]
		skip, receipt := r.IntN(4), notify.Receipt(strconv.Itoa(r.IntN(100)))
		batch := []incident.Event{events[r.IntN(len(events))], events[r.IntN(len(events))]}
		switch r.IntN(8) {
		case 0, 1, 2:
			now = now.Add(20 * time.Minute)
			for i := range batch {
				batch[i].Incident.Updated = now
			}
			if batch[0].Incident.ID == batch[1].Incident.ID {
				batch = batch[:1]
			}
			both(func(o Outbox) any { return o.Save(t.Context(), batch) })
		case 3, 4, 5:
			both(func(o Outbox) any {
				var q *notify.Queued
				for range skip + 1 {
					after := int64(0)
					if q != nil {
						after = q.Seq
					}
					next, _, err := o.Next(t.Context(), sink, after)
					if err != nil {
						return err
					}
					if next == nil {
						break
					}
					q = next
				}
				if q == nil {
					return nil
				}
				return o.Done(t.Context(), q, &receipt)
			})
		case 6:
			both(func(o Outbox) any {
				if _, err := o.Review(t.Context(), now); err != nil {
					return err
				}
				return nil
			})
		case 7:
			if r.IntN(4) == 0 {
				both(func(o Outbox) any { n, err := o.Fold(t.Context(), sink, now); return fmt.Sprint(n, err) })
			}
		}
		if step%20 == 19 {
			both(func(o Outbox) any { return holds(t, o) })
		}
	}
}

// holds lists what is ready for the sinks.
func holds(t *testing.T, o Outbox) (out []notify.Queued) {
	t.Helper()
	for _, sink := range []string{"a", "b"} {
		for after := int64(0); ; {
			q, b, err := o.Next(t.Context(), sink, after)
			if err != nil {
				t.Fatal(err)
			}
			if q == nil {
				out = append(out, notify.Queued{Sink: sink, Seq: int64(b.Waiting)})
				break
			}
			after = q.Seq
			q.Seq, q.At = 0, time.Time{}
			out = append(out, *q)
		}
	}
	return out
}
