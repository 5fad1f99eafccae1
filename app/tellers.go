// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"tidewatch/api"
	"tidewatch/config"
	"tidewatch/notify"
	"tidewatch/store"
)

// effectiveText is the configuration in effect as `tidewatch check` prints it.
func (s *Server) effectiveText() (string, error) {
	cfg := s.effective.Load()
	var out bytes.Buffer
	err := config.Print(&out, cfg, cfg.origins)
	return out.String(), err
}

// testFor is how long a test may take: the server's answer must still get through.
const testFor = 25 * time.Second

// tellers are the sinks of a running server, and the hooks of its mitigation.
type tellers struct {
	server *Server
	mu     sync.Mutex // one test at a time
}

// Sinks implements api.Sinks.
func (t *tellers) Sinks(context.Context) ([]api.Sink, error) {
	states := map[string]notify.SinkState{}
	known := t.server.alerts.States()
	for i := range known {
		states[known[i].Name] = known[i]
	}
	cfg := t.server.effective.Load()
	sinks := cfg.Notify.all()
	out := make([]api.Sink, 0, len(sinks)+len(cfg.Mitigation.Hooks))
	for _, e := range sinks {
		s := states[e.name]
		out = append(out, api.Sink{Name: e.name, Kind: e.kind, Health: s.Failed, Pending: s.Wait, LastSent: s.Sent.UTC()})
	}
	for i := range cfg.Mitigation.Hooks {
		out = append(out, api.Sink{Name: cfg.Mitigation.Hooks[i].Name, Kind: "hook"})
	}
	for i := range out {
		if out[i].LastSent.Unix() <= 0 {
			out[i].LastSent = time.Time{}
		}
	}
	return out, nil
}

// Test implements api.Sinks.
func (t *tellers) Test(ctx context.Context, name, by string) (*api.SinkTest, error) {
	if !t.mu.TryLock() {
		return nil, &api.RefusedError{Status: http.StatusTooManyRequests, Detail: "another test runs; wait for it"}
	}
	defer t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, testFor)
	defer cancel()
	var said bytes.Buffer
	err := SendTest(ctx, t.server.effective.Load(), name, &said)
	if _, unknown := errors.AsType[*unknownSinkError](err); unknown {
		return nil, &api.RefusedError{Status: http.StatusNotFound, Detail: err.Error()}
	}
	out := &api.SinkTest{OK: err == nil, Detail: strings.TrimSpace(said.String())}
	outcome := "it took the message"
	if err != nil {
		out.Detail, outcome = inLine(err), "it did not take the message"
	}
	// Whoever went away meanwhile has sent it all the same.
	return out, t.server.store.Record(context.WithoutCancel(ctx), &store.Change{
		Audit: store.Audit{At: time.Now(), Who: by, What: "sink.test", Target: name, Detail: outcome},
	})
}
