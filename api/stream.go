// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tidewatch/decision"
	"tidewatch/incident"
)

const (
	// pingEvery keeps proxies, which cut what is silent for 30 or 60 seconds, from
	// cutting, and finds clients that are gone.
	pingEvery = 15 * time.Second
	// takeWithin is how long a client may take for one message.
	takeWithin = 10 * time.Second
	// streamFor is how long one stream lasts: whoever watches asks anew then. Browsers do it
	// by themselves.
	streamFor = 10 * time.Minute
)

// Hello begins every stream.
type Hello struct {
	Version string `json:"version" doc:"of the program; another one than before: load the page anew"`
}

// TrafficEvent is what all own devices carried in one second.
type TrafficEvent struct {
	At         time.Time `json:"at" doc:"the second, in flow time"`
	In         float64   `json:"in_bits_per_second" doc:"received by own devices"`
	Out        float64   `json:"out_bits_per_second" doc:"sent by own devices"`
	PacketsIn  float64   `json:"in_packets_per_second"`
	PacketsOut float64   `json:"out_packets_per_second"`
	Flows      float64   `json:"flows_per_second" doc:"flows that exporters reported in it"`
}

// IncidentEvent is one change of an incident, as it happens: it may not be saved yet.
type IncidentEvent struct {
	Type     incident.EventType `json:"type" doc:"what happened: opened, updated, escalated, resolved, ..."`
	Incident *incident.Incident `json:"incident" doc:"as it is after that"`
}

// MitigationEvent is one change of a decision.
type MitigationEvent struct {
	Decision *decision.Decision `json:"decision" doc:"as it is after that"`
}

func (h *handlers) stream(a huma.API) {
	huma.Get(a, "/api/v1/stream", h.watch, about("watch", "What happens, as it happens: server-sent events",
		http.StatusUnprocessableEntity, http.StatusServiceUnavailable), func(o *huma.Operation) {
		o.Description = "The first event is hello; whoever was cut off reads the lists anew then. A stream ends after ten minutes, and when its client does not keep up."
		o.Responses = map[string]*huma.Response{"200": {Description: "A stream that goes on", Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: eventsSchema(a.OpenAPI().Components.Schemas)},
		}}}
	})
}

// eventsSchema describes the events by name.
func eventsSchema(r huma.Registry) *huma.Schema {
	event := func(name string, data *huma.Schema) *huma.Schema {
		return &huma.Schema{
			Type: huma.TypeObject, Required: []string{"event", "data"},
			Properties: map[string]*huma.Schema{"event": {Type: huma.TypeString, Enum: []any{name}}, "data": data},
		}
	}
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{OneOf: []*huma.Schema{
		event("hello", huma.SchemaFromType(r, reflect.TypeFor[Hello]())),
		event(string(TrafficTopic), huma.SchemaFromType(r, reflect.TypeFor[TrafficEvent]())),
		event(string(IncidentTopic), huma.SchemaFromType(r, reflect.TypeFor[IncidentEvent]())),
		event(string(MitigationTopic), huma.SchemaFromType(r, reflect.TypeFor[MitigationEvent]())),
	}}}
}

// WatchInput selects what is told.
type WatchInput struct {
	Topics []Topic `query:"topics" enum:"traffic,incident,mitigation" doc:"these topics alone"`
}

func (h *handlers) watch(ctx context.Context, in *WatchInput) (*huma.StreamResponse, error) {
	w, ok := h.deps.Hub.watch(in.Topics)
	if !ok {
		return nil, huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("too many streams are open; api.max_streams bounds them"),
			http.Header{"Retry-After": {"10"}})
	}
	who := callerOf(ctx)
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer h.deps.Hub.leave(w)
		r, to := humago.Unwrap(c)
		to.Header().Set("Content-Type", "text/event-stream")
		to.Header().Set("X-Accel-Buffering", "no") // else nginx holds events back
		if r.Method == http.MethodHead {
			return
		}
		s := sender{to, http.NewResponseController(to)}
		err := s.all(c.Context(), w, newMessage("hello", Hello{h.deps.Version}), who.still)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			h.deps.Hub.slow()
		}
	}}, nil
}

// sender writes events to one client.
type sender struct {
	http.ResponseWriter

	control *http.ResponseController
}

// all sends until the client is gone or may not read any more, the hub lets the watcher
// go, or time is up. still is nil when nobody has to be anybody.
func (s *sender) all(ctx context.Context, w *watcher, first *message, still func(context.Context) bool) (err error) {
	defer func() {
		if err == nil { // the end is written, too: the limit of the last event may have passed
			err = s.extend()
		}
	}()
	if err := s.message(first); err != nil {
		return err
	}
	ping, end := time.NewTicker(pingEvery), time.NewTimer(streamFor)
	defer ping.Stop()
	defer end.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-end.C:
			return nil
		case <-ping.C:
			if still != nil && !still(ctx) {
				return nil
			}
			if err := s.write(": ping\n\n"); err != nil {
				return err
			}
		case m, open := <-w.queue:
			if !open {
				return nil
			}
			if err := s.message(m); err != nil {
				return err
			}
		}
	}
}

func (s *sender) message(m *message) error {
	data, err := m.text()
	if err != nil {
		return fmt.Errorf("write %s as JSON: %w", m.topic, err)
	}
	return s.write("event: %s\ndata: %s\n\n", m.topic, data) // JSON has no line breaks
}

// write sends at once, and waits no longer than takeWithin. The server's limit for an
// answer does not hold for a stream.
func (s *sender) write(format string, args ...any) error {
	if err := s.extend(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s, format, args...); err != nil {
		return err
	}
	return s.control.Flush()
}

// extend gives the client time for what is written next.
func (s *sender) extend() error {
	err := s.control.SetWriteDeadline(time.Now().Add(takeWithin))
	if errors.Is(err, http.ErrNotSupported) { // a test's recorder has none
		return nil
	}
	return err
}
