// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/mitigate/hook"
	"tidewatch/notify"
	"tidewatch/store"
)

// SendTest brings a test message to one sink, or to one hook of mitigation, directly and
// once, whether a server runs or not, and prints how that went.
func SendTest(ctx context.Context, cfg *Config, name string, w io.Writer) error {
	var names []string
	for _, e := range cfg.Notify.all() {
		if names = append(names, e.name); e.name != name {
			continue
		}
		return e.test(ctx, cfg, w)
	}
	for i := range cfg.Mitigation.Hooks {
		h := &cfg.Mitigation.Hooks[i]
		if names = append(names, h.Name); h.Name == name {
			return testHook(ctx, h, w)
		}
	}
	return &InputError{&unknownSinkError{name, names}}
}

// unknownSinkError says that nothing of that name is configured.
type unknownSinkError struct {
	name  string
	names []string // that are
}

func (u *unknownSinkError) Error() string {
	if len(u.names) == 0 {
		return "there is no sink or hook " + u.name + ": the configuration has none (notify, mitigation.hooks)"
	}
	return "there is no sink or hook " + u.name + "; there are " + strings.Join(u.names, ", ")
}

// testHook tells a program or web service that nothing is to be done.
func testHook(ctx context.Context, of *hook.Config, w io.Writer) error {
	full, err := of.Filled(store.ReadSecret)
	if err != nil {
		return &InputError{fmt.Errorf("hook %s: %w", of.Name, err)}
	}
	h, err := hook.New(&full, hook.Deps{})
	if err != nil {
		return &InputError{fmt.Errorf("hook %s: %w", of.Name, err)}
	}
	ctx, cancel := context.WithTimeout(ctx, h.Longest())
	defer cancel()
	began := time.Now()
	if err := errors.Join(h.Test(ctx), h.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s (hook) took the test, in %v\n", of.Name, time.Since(began).Round(time.Millisecond))
	return err
}

func (e *sinkEntry) test(ctx context.Context, cfg *Config, w io.Writer) error {
	s, err := e.open()
	if err != nil {
		return &InputError{fmt.Errorf("sink %s: %w", e.name, err)}
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Notify.Timeout)
	defer cancel()
	began := time.Now()
	_, err = s.Send(ctx, testMessage(began), "")
	if c, ok := s.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	switch {
	case err == nil:
		_, err = fmt.Fprintf(w, "%s (%s) took the test message, in %v\n", e.name, e.kind, time.Since(began).Round(time.Millisecond))
		return err
	case notify.IsPermanent(err):
		return fmt.Errorf("%s (%s) refused the test message, and trying again would not help: %w", e.name, e.kind, err)
	case notify.RetryAfter(err) > 0:
		return fmt.Errorf("%s (%s) did not take the test message and asks to try again in %v: %w", e.name, e.kind, notify.RetryAfter(err), err)
	}
	return fmt.Errorf("%s (%s) did not take the test message; serve would try again: %w", e.name, e.kind, err)
}

// testMessage is about an attack that never was, on an address that nobody has (RFC 5737).
func testMessage(now time.Time) *notify.Message {
	now = now.UTC()
	id := "test-" + strings.ToLower(rand.Text()[:16])
	return &notify.Message{ID: id, Key: id, Status: notify.Test, At: now, Event: incident.Opened, Incident: &incident.Incident{
		ID: id, Category: detect.DDoSAttack, Kind: "ddos", Vector: "syn_flood", Subject: "192.0.2.1", Scope: incident.ScopeHost,
		Severity: detect.Medium, CurrentSeverity: detect.Medium, Score: 0.6, State: incident.Open,
		Started: now, Detected: now, LastSeen: now, Updated: now,
		Indicators: []incident.Indicator{}, Baseline: detect.NoBaseline(), Actions: []incident.Action{},
		Timeline: []incident.Entry{{At: now, Event: incident.Opened, Text: "this is a test of tidewatch; nothing has happened"}},
	}}
}
