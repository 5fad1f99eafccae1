// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// checkTimeout bounds one check, so that a hanging part shows as not ready
// instead of hanging the page too. Probes usually wait one to ten seconds.
const checkTimeout = 2 * time.Second

// Check tells whether one part can do its work; the error says why not. It
// should return when ctx ends, and must not change anything.
type Check func(ctx context.Context) error

// Degraded marks an error of a check that should be seen and does not make the program
// unready: a restart or other traffic would not mend it.
func Degraded(err error) error { return &degraded{err} }

type degraded struct{ error }

func (d *degraded) Unwrap() error { return d.error }

func isDegraded(err error) bool {
	_, is := errors.AsType[*degraded](err)
	return is
}

// Health gathers the checks of all parts and serves two pages: alive (the process
// answers) and ready (every part can work).
type Health struct {
	mu     sync.Mutex // guards what follows
	names  []string
	checks map[string]Check
}

// NewHealth returns a Health without checks, which is ready.
func NewHealth() *Health { return &Health{checks: map[string]Check{}} }

// Add puts a named check on the ready page, or replaces the one of that name.
func (h *Health) Add(name string, c Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.checks[name]; !ok {
		h.names = append(h.names, name)
	}
	h.checks[name] = c
}

// Ready runs all checks side by side and returns the failures by name; none
// means ready.
func (h *Health) Ready(ctx context.Context) map[string]error {
	_, failed := h.run(ctx)
	maps.DeleteFunc(failed, func(_ string, err error) bool { return isDegraded(err) })
	return failed
}

func (h *Health) run(ctx context.Context) (names []string, failed map[string]error) {
	h.mu.Lock()
	names = append(names, h.names...)
	checks := make([]Check, len(names))
	for i, name := range names {
		checks[i] = h.checks[name]
	}
	h.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	results := make([]chan error, len(names))
	for i, check := range checks {
		results[i] = make(chan error, 1) // a check that ignores ctx can still end
		go func() { results[i] <- safely(ctx, check) }()
	}
	failed = map[string]error{}
	for i, name := range names {
		select {
		case err := <-results[i]:
			if err != nil {
				failed[name] = err
			}
		case <-ctx.Done():
			select { // this one may have answered while a slower one was waited for
			case err := <-results[i]:
				if err != nil {
					failed[name] = err
				}
			default:
				failed[name] = fmt.Errorf("no answer within %v", checkTimeout)
			}
		}
	}
	return names, failed
}

// safely turns a panic in a check into a failure: the page must not take the
// program down.
func safely(ctx context.Context, check Check) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("check panicked: %v", p)
		}
	}()
	return check(ctx)
}

// AliveHandler is /healthz: it answers 200 as long as the process serves at all.
func (h *Health) AliveHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeHealth(w, http.StatusOK, healthPage{Status: "alive"})
	})
}

// ReadyHandler is /readyz: 200 when every check passes, else 503; the body names
// each check with "ok" or what is wrong.
func (h *Health) ReadyHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		names, failed := h.run(r.Context())
		page, code := healthPage{Status: "ready", Checks: map[string]string{}}, http.StatusOK
		for _, name := range names {
			page.Checks[name] = "ok"
			if err := failed[name]; err != nil {
				page.Checks[name] = strings.ReplaceAll(err.Error(), "\n", "; ")
				if isDegraded(err) {
					page.Checks[name] = "degraded: " + page.Checks[name]
					continue
				}
				page.Status, code = "not ready", http.StatusServiceUnavailable
			}
		}
		writeHealth(w, code, page)
	})
}

type healthPage struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

func writeHealth(w http.ResponseWriter, code int, page healthPage) {
	body, err := json.Marshal(page)
	if err != nil { // strings always marshal
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n'))
}
