// SPDX-License-Identifier: Apache-2.0

package triage

import "github.com/prometheus/client_golang/prometheus"

// metrics counts all that a counsel does.
type metrics struct {
	asked    prometheus.Counter
	answered prometheus.Counter
	failed   *prometheus.CounterVec // by reason
	hits     prometheus.Counter
	late     prometheus.Counter
	lost     prometheus.Counter
	tools    *prometheus.CounterVec // by tool
	tokens   *prometheus.CounterVec // by direction
	cost     prometheus.Counter
	seconds  prometheus.Histogram
	waiting  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tidewatch_triage_" + name, Help: help})
	}
	by := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tidewatch_triage_" + name, Help: help}, []string{label})
	}
	m := &metrics{
		asked:    counter("asked_total", "Incidents that a model was asked about."),
		answered: counter("answered_total", "Incidents that a model has judged, from the cache included."),
		failed:   by("failed_total", "Incidents that a model did not judge, by reason.", "reason"),
		hits:     counter("cache_hits_total", "Incidents whose evidence had been judged before."),
		late:     counter("late_total", "Answers about incidents that had changed materially meanwhile, or were over."),
		lost:     counter("lost_total", "Incidents that were not asked about because too many were waiting."),
		tools:    by("tool_calls_total", "Calls of tools, by tool.", "tool"),
		tokens:   by("tokens_total", "Tokens, by whether the model read or wrote them.", "direction"),
		cost:     counter("cost_total", "Money spent, in the currency of the configured prices."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tidewatch_triage_seconds", Help: "Time from the first question about an incident to its answer, or failure.",
			Buckets: []float64{0.5, 1, 2, 5, 10, 20, 60, 180},
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tidewatch_triage_waiting", Help: "Incidents that wait to be asked about."}),
	}
	for _, r := range reasons() {
		m.failed.WithLabelValues(string(r))
	}
	for _, t := range Tools() {
		m.tools.WithLabelValues(t.Name)
	}
	for _, d := range []string{"in", "out"} {
		m.tokens.WithLabelValues(d)
	}
	if r != nil {
		r.MustRegister(m.asked, m.answered, m.failed, m.hits, m.late, m.lost, m.tools, m.tokens, m.cost, m.seconds, m.waiting)
	}
	return m
}

func (m *metrics) spend(u Usage, cost float64) {
	m.tokens.WithLabelValues("in").Add(float64(u.Input))
	m.tokens.WithLabelValues("out").Add(float64(u.Output))
	m.cost.Add(cost)
}
