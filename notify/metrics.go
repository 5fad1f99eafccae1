// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The reasons of attempts that failed and of messages that were lost.
const (
	failedTemporary = "temporary" // trying again may help
	failedTimeout   = "timeout"   // likewise; nothing was heard in time
	failedRefused   = "refused"   // trying again cannot help
	lostRefused     = "refused"
	lostExpired     = "expired" // older than max_age
	lostFull        = "full"    // gave way in a full queue
	lostGone        = "gone"    // its incident was forgotten
	lostUnknown     = "unnamed" // its sink is no longer configured
	oldestHelp      = "Since when the oldest message waits, in seconds; 0 when none does."
	waitingHelp     = "Messages that wait for a sink."
	labelSink       = "sink"
	labelReason     = "reason"
	metricsPrefix   = "tidewatch_notify_"
	oldestName      = metricsPrefix + "oldest_seconds"
	waitingName     = metricsPrefix + "waiting"
	longestObserved = 60 // seconds of the last bucket
)

// metrics counts per sink; the names of sinks come from the configuration.
type metrics struct {
	sent, retries, folded *prometheus.CounterVec
	failed, lost          *prometheus.CounterVec
	seconds               *prometheus.HistogramVec
	waiting, oldest       *prometheus.Desc
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricsPrefix + name, Help: help}, append([]string{labelSink}, labels...))
	}
	m := &metrics{
		sent:    counter("sent_total", "Messages that a sink took."),
		retries: counter("retries_total", "Attempts that were not the first of their message."),
		folded:  counter("folded_total", "Messages that a digest stands for, because there were too many in a minute."),
		failed:  counter("failed_total", "Attempts that failed, by reason.", labelReason),
		lost:    counter("lost_total", "Messages that were given up, by reason.", labelReason),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: metricsPrefix + "send_seconds", Help: "Time of an attempt.", Buckets: []float64{0.01, 0.05, 0.2, 1, 5, 15, longestObserved},
		}, []string{labelSink}),
		waiting: prometheus.NewDesc(waitingName, waitingHelp, []string{labelSink}, nil),
		oldest:  prometheus.NewDesc(oldestName, oldestHelp, []string{labelSink}, nil),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.sent, m.retries, m.folded, m.failed, m.lost, m.seconds} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// begin shows a sink before anything happened to it.
func (m *metrics) begin(sink string) {
	for _, c := range []*prometheus.CounterVec{m.sent, m.retries, m.folded} {
		c.WithLabelValues(sink)
	}
	for _, reason := range []string{failedTemporary, failedTimeout, failedRefused} {
		m.failed.WithLabelValues(sink, reason)
	}
	for _, reason := range []string{lostRefused, lostExpired, lostFull, lostGone, lostUnknown} {
		m.lost.WithLabelValues(sink, reason)
	}
	m.seconds.WithLabelValues(sink)
}

// Describe implements prometheus.Collector for what waits.
func (d *Dispatcher) Describe(ch chan<- *prometheus.Desc) {
	ch <- d.metrics.waiting
	ch <- d.metrics.oldest
}

// Collect implements prometheus.Collector for what waits.
func (d *Dispatcher) Collect(ch chan<- prometheus.Metric) {
	now := time.Now()
	for _, c := range d.all() {
		c.mu.Lock()
		b := c.backlog
		c.mu.Unlock()
		age := 0.0
		if !b.Oldest.IsZero() {
			age = max(0, now.Sub(b.Oldest).Seconds())
		}
		ch <- prometheus.MustNewConstMetric(d.metrics.waiting, prometheus.GaugeValue, float64(b.Waiting), c.name)
		ch <- prometheus.MustNewConstMetric(d.metrics.oldest, prometheus.GaugeValue, age, c.name)
	}
}
