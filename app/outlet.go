// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// saver is what an outlet needs of a store.
type saver interface {
	Save(ctx context.Context, events []incident.Event) error
}

// outlet carries the changes of incidents from the engine to the store and the
// log, at its own pace: a slow disk never holds up detection. What waits is one
// change an incident, the newest, so it is bounded by the open incidents.
type outlet struct {
	store saver
	log   *slog.Logger
	wake  chan struct{}
	also  func([]incident.Event) // hears of changes as they happen, before they are saved; nil: nobody

	saving  sync.Mutex // held while something is saved
	mu      sync.Mutex
	waiting map[string]int // id -> index in queue
	queue   []incident.Event
	failed  error // of the last save, nil when it went well
}

func newOutlet(store saver, log *slog.Logger) *outlet {
	return &outlet{store: store, log: log, wake: make(chan struct{}, 1), waiting: map[string]int{}}
}

// take is the engine's sink.
func (o *outlet) take(events []incident.Event) {
	o.mu.Lock()
	o.put(events)
	o.mu.Unlock()
	for i := range events {
		o.tell(&events[i])
	}
	o.publish(slices.Clone(events)...) // the engine uses the slice again
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// publish tells of changes at once, also of those that do not wait here to be saved.
func (o *outlet) publish(events ...incident.Event) {
	if o != nil && o.also != nil {
		o.also(events)
	}
}

// put adds events to the queue, each in place of an older one of its incident.
func (o *outlet) put(events []incident.Event) {
	for i := range events {
		id := events[i].Incident.ID
		if at, ok := o.waiting[id]; ok {
			before := o.queue[at].Type
			o.queue[at] = events[i]
			if before == incident.Opened || before == incident.Reopened {
				o.queue[at].Type = before // nobody was told yet that it began
			}
			continue
		}
		o.waiting[id] = len(o.queue)
		o.queue = append(o.queue, events[i])
	}
}

// tell logs what an operator should read as it happens.
func (o *outlet) tell(e *incident.Event) {
	level := slog.LevelInfo
	switch e.Type {
	case incident.Opened, incident.Escalated, incident.Reopened:
		if e.Incident.Severity.Rank() >= detect.High.Rank() {
			level = slog.LevelWarn
		}
	case incident.ResolvedEvent, incident.AcknowledgedEvent, incident.ClosedEvent, incident.FeedbackEvent, incident.CommentedEvent, incident.ActedEvent:
	default:
		level = slog.LevelDebug
	}
	o.log.Log(context.Background(), level, "incident "+string(e.Type), //nolint:sloglint // a closed set of messages
		"id", e.Incident.ID, "what", e.Incident.Headline(), "started", e.Incident.Started.Format(time.RFC3339))
}

// run saves until ctx ends, then saves what is left.
func (o *outlet) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return o.flush(context.WithoutCancel(ctx))
		case <-o.wake:
			if err := o.flush(ctx); err != nil && ctx.Err() == nil {
				o.log.Error("incidents not saved; trying again", "error", err)
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
				select {
				case o.wake <- struct{}{}:
				default:
				}
			}
		}
	}
}

// flush saves what waits; on failure it waits on.
func (o *outlet) flush(ctx context.Context) error {
	o.saving.Lock()
	defer o.saving.Unlock()
	return o.save(ctx)
}

// alone saves what waits, and then runs f while nothing else is saved.
func (o *outlet) alone(ctx context.Context, f func() error) error {
	o.saving.Lock()
	defer o.saving.Unlock()
	if err := o.save(ctx); err != nil {
		return err
	}
	return f()
}

// save is flush for who has saving.
func (o *outlet) save(ctx context.Context) error {
	o.mu.Lock()
	queue := o.queue
	o.queue, o.waiting = nil, map[string]int{}
	o.mu.Unlock()
	if len(queue) == 0 {
		return nil
	}
	err := o.store.Save(ctx, queue)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = err
	if err == nil {
		return nil
	}
	newer := o.queue
	o.queue, o.waiting = nil, map[string]int{}
	o.put(queue)
	o.put(newer)
	return err
}

// health is the error of the last save.
func (o *outlet) health() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed
}
