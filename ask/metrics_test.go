// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tidewatch/query"
	"tidewatch/rollup"
)

// Each question is counted once, by what became of it.
func TestQuestionsAreCounted(t *testing.T) {
	t.Parallel()
	m, _ := recorded(200, 21)
	cfg, registry := DefaultConfig(), prometheus.NewRegistry()
	a, err := New(&cfg, m, Shelves{Minutes: shelved(t, m, rollup.Minutes())}, registry)
	if err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	q := func(s query.Source, group ...query.Dimension) *query.Question {
		return &query.Question{From: begin(), To: begin().Add(time.Hour), Group: group, By: query.Bytes, Limit: 1, Source: s}
	}
	_, errRaw := a.Answer(t.Context(), q(query.Raw))
	_, errRolled := a.Answer(t.Context(), q(query.Rollup))
	_, errList := a.List(t.Context(), &query.Selection{From: begin(), To: begin().Add(time.Hour), Limit: 1})
	if err := errors.Join(errRaw, errRolled, errList); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Answer(t.Context(), q(query.Rollup, query.Src, query.Dst)); !errors.Is(err, query.ErrNoRollup) {
		t.Error(err)
	}
	if _, err := a.Answer(gone, q(query.Raw)); err == nil {
		t.Error("nobody waits, and there is an answer")
	}
	m.fail = errors.New("the disk is gone")
	if _, err := a.Answer(t.Context(), q(query.Raw)); err == nil {
		t.Error("no error")
	}
	want := `
# HELP tidewatch_questions_total Questions about recorded flows, by outcome: whole, partial (the answer says what is missing), busy (too many at once), refused (cannot be asked so), given_up (the asker went away), failed.
# TYPE tidewatch_questions_total counter
tidewatch_questions_total{outcome="busy"} 0
tidewatch_questions_total{outcome="failed"} 1
tidewatch_questions_total{outcome="given_up"} 1
tidewatch_questions_total{outcome="partial"} 0
tidewatch_questions_total{outcome="refused"} 1
tidewatch_questions_total{outcome="whole"} 3
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "tidewatch_questions_total"); err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(registry, "tidewatch_question_seconds"); n != 4 {
		t.Errorf("times of %d sources, want 4", n)
	}
}

// A roller tells how much it has to do. What goes wrong is logged once, and is on the
// readiness page until it is over.
func TestRollerTellsHowItIs(t *testing.T) {
	t.Parallel()
	m, _ := recorded(600, 22)
	r, shelves := rolling(t, m, t.TempDir(), nil)
	var log bytes.Buffer
	r.log = slog.New(slog.NewTextHandler(&log, nil))
	m.fail = errors.New("the disk is gone")
	late := begin().Add(2 * time.Hour)
	if err := r.Step(t.Context(), late); err == nil || testutil.ToFloat64(r.metrics.behind) != 7 {
		t.Errorf("%v; %v units are to be made, want 7", err, testutil.ToFloat64(r.metrics.behind))
	}
	for range 2 {
		r.note(t.Context(), m.fail)
	}
	err := r.Health(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the disk is gone") || strings.Count(log.String(), "the disk is gone") != 1 {
		t.Errorf("health %v, log %s", err, log.String())
	}
	m.fail = nil
	r.note(t.Context(), r.Step(t.Context(), late))
	if err := r.Health(t.Context()); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		got  prometheus.Collector
		want float64
	}{"behind": {r.metrics.behind, 0}, "made": {r.metrics.made, 7}, "errors": {r.metrics.errors, 2}} {
		if got := testutil.ToFloat64(c.got); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if n := units(t, shelves.Minutes) + units(t, shelves.Hours); n != 7 {
		t.Errorf("%d roll-ups", n)
	}
}
