// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Topic is what a message of the stream is about; it is also the name of its event.
type Topic string

// The topics.
const (
	TrafficTopic    Topic = "traffic"
	IncidentTopic   Topic = "incident"
	MitigationTopic Topic = "mitigation"
)

// queued is how many messages wait for one watcher. It is more than a second brings when
// hundreds of incidents change at once; who is further behind does not read.
const queued = 1024

// Hub passes what happens on to everybody who watches. Publishing never waits: a watcher
// whose queue is full is dropped and counted. It comes back by itself, as browsers do,
// and reads the lists anew.
type Hub struct {
	streams prometheus.Gauge
	lost    *prometheus.CounterVec

	mu     sync.Mutex // guards what follows
	most   int
	all    map[*watcher]struct{}
	closed bool
}

// watcher is one open stream. Its queue is closed by the hub, when the watcher was too
// slow or the server stops.
type watcher struct {
	topics []Topic // none: all
	queue  chan *message
}

// message is written as JSON once, by the first who sends it.
type message struct {
	topic Topic
	data  any
	text  func() ([]byte, error)
}

// Why streams were lost: closed sets of label values.
const (
	lostSlow    = "slow"
	lostRefused = "refused"
)

// NewHub is a hub that at most so many watch at once; r may be nil.
func NewHub(most int, r prometheus.Registerer) (*Hub, error) {
	h := &Hub{
		most: most, all: map[*watcher]struct{}{},
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tidewatch_api_streams", Help: "Open streams of events."}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidewatch_api_streams_lost_total",
			Help: "Streams that were cut because the client did not keep up (slow), or not begun because api.max_streams were open (refused).",
		}, []string{"reason"}),
	}
	h.lost.WithLabelValues(lostSlow)
	h.lost.WithLabelValues(lostRefused)
	if r == nil {
		return h, nil
	}
	for _, c := range [...]prometheus.Collector{h.streams, h.lost} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return h, nil
}

// Publish hands data to all who watch its topic. Nobody may change it afterwards. A nil
// hub has no watchers.
func (h *Hub) Publish(topic Topic, data any) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var m *message
	for w := range h.all {
		if !w.wants(topic) {
			continue
		}
		if m == nil {
			m = newMessage(topic, data)
		}
		select {
		case w.queue <- m:
		default:
			h.lost.WithLabelValues(lostSlow).Inc()
			h.drop(w)
		}
	}
}

func newMessage(topic Topic, data any) *message {
	return &message{topic, data, sync.OnceValues(func() ([]byte, error) { return json.Marshal(data) })}
}

// watch opens a stream; ok is false when there are too many, or the server stops.
func (h *Hub) watch(topics []Topic) (w *watcher, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.all) >= h.most {
		h.lost.WithLabelValues(lostRefused).Inc()
		return nil, false
	}
	w = &watcher{topics, make(chan *message, queued)}
	h.all[w] = struct{}{}
	h.streams.Set(float64(len(h.all)))
	return w, true
}

// leave gives the watcher's place back.
func (h *Hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(w)
}

// slow counts a stream that was cut because its client took nothing.
func (h *Hub) slow() { h.lost.WithLabelValues(lostSlow).Inc() }

// drop ends a stream once. The caller has the mutex.
func (h *Hub) drop(w *watcher) {
	if _, there := h.all[w]; !there {
		return
	}
	delete(h.all, w)
	close(w.queue)
	h.streams.Set(float64(len(h.all)))
}

// close ends all streams, so that the server can stop, and lets nobody in any more.
func (h *Hub) close() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for w := range h.all {
		h.drop(w)
	}
}

func (w *watcher) wants(t Topic) bool {
	return len(w.topics) == 0 || slices.Contains(w.topics, t)
}
