// SPDX-License-Identifier: Apache-2.0

package history

import "github.com/prometheus/client_golang/prometheus"

// metrics counts what is kept and what is not.
type metrics struct {
	kept                prometheus.Counter
	queue, disk, broken prometheus.Counter // dropped, by reason
	joined, expired     prometheus.Counter
	damaged             prometheus.Counter
	seconds             prometheus.Histogram
}

func newMetrics(r *Recorder, reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tidewatch_history_" + name, Help: help})
	}
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tidewatch_history_dropped_flows_total",
		Help: "Flows that are not in the history, by reason: queue (they came faster than they are written), disk (no room), error (writing failed).",
	}, []string{"reason"})
	m := &metrics{
		kept:    counter("flows_total", "Flows written to closed segments."),
		queue:   dropped.WithLabelValues("queue"),
		disk:    dropped.WithLabelValues("disk"),
		broken:  dropped.WithLabelValues("error"),
		joined:  counter("joined_segments_total", "Segments that were joined into larger ones."),
		expired: counter("expired_segments_total", "Segments dropped because of their age or the size of all."),
		damaged: counter("damaged_segments_total", "Segments found that cannot be read."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tidewatch_history_write_seconds", Help: "Time to write and sync one segment.",
			Buckets: []float64{0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30},
		}),
	}
	if reg != nil {
		gauge := func(name, help string, value func(Totals) float64) prometheus.Collector {
			return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tidewatch_history_" + name, Help: help},
				func() float64 { return value(r.Totals()) })
		}
		reg.MustRegister(m.kept, dropped, m.joined, m.expired, m.damaged, m.seconds,
			gauge("segments", "Closed segments.", func(t Totals) float64 { return float64(t.Segments) }),
			gauge("disk_bytes", "Bytes of all closed segments.", func(t Totals) float64 { return float64(t.Bytes) }),
			gauge("oldest_seconds", "When the oldest flow of the history came, Unix seconds; 0: there is none.", func(t Totals) float64 {
				if t.Oldest.IsZero() {
					return 0
				}
				return float64(t.Oldest.Unix())
			}),
		)
	}
	return m
}
