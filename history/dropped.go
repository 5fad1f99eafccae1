// SPDX-License-Identifier: Apache-2.0

package history

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Dropped is how many flows this run did not keep, whatever the reason.
func (r *Recorder) Dropped() uint64 {
	var sum float64
	for _, c := range [...]prometheus.Counter{r.metrics.queue, r.metrics.disk, r.metrics.broken} {
		var m dto.Metric
		if c.Write(&m) == nil {
			sum += m.GetCounter().GetValue()
		}
	}
	return uint64(sum)
}
