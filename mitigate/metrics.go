// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/decision"
)

type metrics struct {
	changed   *prometheus.CounterVec
	calls     *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	unwritten prometheus.Counter
}

func newMetrics(r prometheus.Registerer, d *Desk) (*metrics, error) {
	m := &metrics{
		changed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidewatch_decisions_total", Help: "Changes of decisions against traffic, by action and the state that they came to.",
		}, []string{"action", "state"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidewatch_actuator_calls_total", Help: "Calls of actuators by what was asked and what came of it.",
		}, []string{"actuator", "call", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tidewatch_actuator_call_seconds", Help: "How long calls of actuators took.", Buckets: []float64{.001, .01, .1, .5, 1, 5, 10},
		}, []string{"actuator"}),
		unwritten: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tidewatch_ledger_failures_total", Help: "Times that decisions could not be written down. Nothing new is done then.",
		}),
	}
	if r == nil {
		return m, nil
	}
	gauge := func(name, help string, f func(*book) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			d.mu.Lock()
			defer d.mu.Unlock()
			return f(d.book)
		})
	}
	counter := func(name, help string, f func(*book) float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 {
			d.mu.Lock()
			defer d.mu.Unlock()
			return f(d.book)
		})
	}
	for _, c := range []prometheus.Collector{
		m.changed, m.calls, m.seconds, m.unwritten,
		gauge("tidewatch_decisions_wanted", "Rules that are to be in force, dry runs left out.", func(b *book) float64 {
			return float64(len(b.those(func(x *decision.Decision) bool { return x.State.Wanted() && !x.DryRun })))
		}),
		gauge("tidewatch_decisions_waiting", "Proposals that wait for a person.", func(b *book) float64 {
			return float64(len(b.those(func(x *decision.Decision) bool { return x.State == decision.Proposed })))
		}),
		counter("tidewatch_decisions_refused_total", "Decisions that a guard rail forbade.", func(b *book) float64 { return float64(b.stats.Refused) }),
		counter("tidewatch_decisions_overlooked_total", "Incidents without a place among those that are decided about.", func(b *book) float64 { return float64(b.stats.Overlooked + d.lost()) }),
		gauge("tidewatch_decisions_halted", "1 after the panic button was pressed, until somebody resumes.", func(b *book) float64 {
			if b.halted != nil {
				return 1
			}
			return 0
		}),
	} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) called(actuator, call string, err error, took time.Duration) {
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.calls.WithLabelValues(actuator, call, outcome).Inc()
	m.seconds.WithLabelValues(actuator).Observe(took.Seconds())
}
