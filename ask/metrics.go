// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/query"
)

// asked counts questions, and how long those take that run.
type asked struct {
	whole, partial          prometheus.Counter
	busy, refused, givenUp  prometheus.Counter
	failed                  prometheus.Counter
	raw, minutes, hours, of prometheus.Observer // by what answered; of single flows
}

func newAsked(reg prometheus.Registerer) *asked {
	questions := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tidewatch_questions_total",
		Help: "Questions about recorded flows, by outcome: whole, partial (the answer says what is missing), busy (too many at once), refused (cannot be asked so), given_up (the asker went away), failed.",
	}, []string{"outcome"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tidewatch_question_seconds", Help: "Time to answer a question about recorded flows, by source: raw, minutes, hours, flows (a list of single ones).",
		Buckets: []float64{0.01, 0.05, 0.1, 0.3, 1, 2, 4, 10, 20},
	}, []string{"source"})
	if reg != nil {
		reg.MustRegister(questions, seconds)
	}
	return &asked{
		whole: questions.WithLabelValues("whole"), partial: questions.WithLabelValues("partial"),
		busy: questions.WithLabelValues("busy"), refused: questions.WithLabelValues("refused"),
		givenUp: questions.WithLabelValues("given_up"), failed: questions.WithLabelValues("failed"),
		raw: seconds.WithLabelValues("raw"), minutes: seconds.WithLabelValues("minutes"),
		hours: seconds.WithLabelValues("hours"), of: seconds.WithLabelValues("flows"),
	}
}

// count counts one question that began then.
func (m *asked) count(ctx context.Context, source query.Source, partial bool, began time.Time, err error) {
	switch {
	case err == nil && partial:
		m.partial.Inc()
	case err == nil:
		m.whole.Inc()
	case errors.Is(err, query.ErrBusy):
		m.busy.Inc()
		return
	case ctx.Err() != nil:
		m.givenUp.Inc()
		return
	case errors.Is(err, query.ErrNoRollup) || errors.Is(err, query.ErrBadCursor):
		m.refused.Inc()
		return
	default:
		m.failed.Inc()
		return
	}
	seconds := map[query.Source]prometheus.Observer{query.Raw: m.raw, query.Minutes: m.minutes, query.Hours: m.hours}[source]
	if seconds == nil {
		seconds = m.of
	}
	seconds.Observe(time.Since(began).Seconds())
}

// rolledUp tells how far the roll-ups are.
type rolledUp struct {
	behind  prometheus.Gauge
	made    prometheus.Counter
	errors  prometheus.Counter
	seconds prometheus.Histogram
}

func newRolledUp(reg prometheus.Registerer) *rolledUp {
	m := &rolledUp{
		behind:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "tidewatch_rollups_behind", Help: "Roll-ups of spans that are over and are still to be made."}),
		made:    prometheus.NewCounter(prometheus.CounterOpts{Name: "tidewatch_rollups_total", Help: "Roll-ups made."}),
		errors:  prometheus.NewCounter(prometheus.CounterOpts{Name: "tidewatch_rollup_errors_total", Help: "Rounds in which a roll-up could not be made or an old one not be removed."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tidewatch_rollup_seconds", Help: "Time to make one roll-up.", Buckets: []float64{0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60}}),
	}
	if reg != nil {
		reg.MustRegister(m.behind, m.made, m.errors, m.seconds)
	}
	return m
}
