// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// Health collects what must work before the program counts as ready.
type Health struct {
	mu     sync.Mutex
	checks map[string]error
}

// NewHealth returns a Health that is not ready until every named part was set.
func NewHealth(parts ...string) *Health {
	h := &Health{checks: map[string]error{}}
	for _, p := range parts {
		h.checks[p] = fmt.Errorf("not started")
	}
	return h
}

// Set says how a part is: nil is well.
func (h *Health) Set(part string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks[part] = err
}

// Alive answers /healthz: the process runs and answers.
func (h *Health) Alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// Ready answers /readyz: 200 when every part is well, else 503 and the reasons.
func (h *Health) Ready(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	status, body := http.StatusOK, ""
	for _, part := range slices.Sorted(maps.Keys(h.checks)) {
		if err := h.checks[part]; err != nil {
			status = http.StatusServiceUnavailable
			body += part + ": " + err.Error() + "\n"
		} else {
			body += part + ": ok\n"
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
