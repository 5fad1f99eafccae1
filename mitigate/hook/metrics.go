// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/outbound"
)

// The outcomes of a call.
const (
	outcomeOK      = "ok"
	outcomeFailed  = "failed"  // trying again may help
	outcomeTimeout = "timeout" // likewise; it may have been done
	outcomeRefused = "refused" // trying again cannot help
	outcomeBusy    = "busy"    // it was not called: as many as may were running
)

// metrics count per hook; the names of hooks come from the configuration.
type metrics struct {
	calls     *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	discarded *prometheus.CounterVec
}

// newMetrics registers them once; further hooks, and those of a changed configuration,
// count in the same.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidewatch_hook_calls_total", Help: "Calls of hooks, by change and outcome.",
		}, []string{"hook", "change", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tidewatch_hook_call_seconds", Help: "Time of a call.", Buckets: []float64{0.01, 0.05, 0.2, 1, 5, 15, 60},
		}, []string{"hook"}),
		discarded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidewatch_hook_discarded_bytes_total", Help: "Output of scripts beyond what is kept of a call.",
		}, []string{"hook"}),
	}
	if r == nil {
		return m, nil
	}
	var err error
	if m.calls, err = once(r, m.calls); err != nil {
		return nil, err
	}
	if m.seconds, err = once(r, m.seconds); err != nil {
		return nil, err
	}
	m.discarded, err = once(r, m.discarded)
	return m, err
}

func once[C prometheus.Collector](r prometheus.Registerer, c C) (C, error) {
	err := r.Register(c)
	if there, is := errors.AsType[prometheus.AlreadyRegisteredError](err); is {
		if same, ok := there.ExistingCollector.(C); ok {
			return same, nil
		}
	}
	return c, err
}

// begin shows a hook before anything happened to it.
func (m *metrics) begin(hook string) {
	for _, c := range changes() {
		for _, o := range []string{outcomeOK, outcomeFailed, outcomeTimeout, outcomeRefused, outcomeBusy} {
			m.calls.WithLabelValues(hook, c, o)
		}
	}
	m.seconds.WithLabelValues(hook)
	m.discarded.WithLabelValues(hook)
}

func (m *metrics) count(hook, verb string, err error, took time.Duration) {
	outcome := outcomeOK
	switch {
	case err == nil:
	case errors.Is(err, errBusy):
		outcome = outcomeBusy
	case outbound.IsPermanent(err):
		outcome = outcomeRefused
	case errors.Is(err, context.DeadlineExceeded):
		outcome = outcomeTimeout
	default:
		outcome = outcomeFailed
	}
	m.calls.WithLabelValues(hook, verb, outcome).Inc()
	if outcome != outcomeBusy {
		m.seconds.WithLabelValues(hook).Observe(took.Seconds())
	}
}
