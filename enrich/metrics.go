// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Register offers the Stats as metrics.
func (e *Enricher) Register(r prometheus.Registerer) error {
	c := &e.count
	var errs []error
	counter := func(name, help string, labels prometheus.Labels, value func() uint64) {
		errs = append(errs, r.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "tidewatch", Subsystem: "enrich", Name: name, Help: help, ConstLabels: labels,
		}, func() float64 { return float64(value()) })))
	}
	const help = "Flow records by direction, as seen from the internal networks."
	counter("records_total", help, prometheus.Labels{"direction": "inbound"}, c.inbound.Load)
	counter("records_total", help, prometheus.Labels{"direction": "outbound"}, c.outbound.Load)
	counter("records_total", help, prometheus.Labels{"direction": "within"}, c.within.Load)
	counter("records_total", help, prometheus.Labels{"direction": "transit"}, c.transit.Load)
	counter("duplicates_total", "Flow records already reported by another observation point.", nil, c.duplicates.Load)
	counter("saturated_total", "Byte or packet counts cut to 2^50.", nil, c.saturated.Load)
	counter("owners_overwritten_total",
		"Flows whose owner was forgotten early because the table is full.", nil, c.overwritten.Load)
	counter("observation_points_total", "Observation points (exporter and direction) heard since start.", nil, c.points.Load)
	return errors.Join(errs...)
}
