// SPDX-License-Identifier: Apache-2.0

package beacon

import (
	"time"

	"tidewatch/detect"
	"tidewatch/window"
)

const (
	// quietRate is what a line that is held open for its owner's next command
	// carries at most, in bytes per second and direction: a packet a second.
	quietRate = 100
	// whole is from how many seconds on a long connection alone may be high: no
	// call, meeting or working day lasts for a day.
	whole = 86400
)

// judgeLong appends a finding when a connection of the pair has been open for long
// and still is. The scale is RITA's: 1, 4, 8 and 12 hours.
func (d *Detector) judgeLong(w *window.Window, r *window.Pair, out []detect.Finding) []detect.Finding {
	c := r.Longest()
	if w.Now-c.Last > stale {
		return out
	}
	seconds := float64(c.Last - c.First)
	base := threat(seconds, 3600, 4*3600, 8*3600, 12*3600)
	if base == 0 { // a lower limit is the operator's
		base = 0.2
	}
	sum, weights := d.weigh(w, r, base, openServices(r), 0)
	rate := float64(c.Bytes) / seconds
	silent := rate < quietRate && weights.service == 0
	if silent && weights.port != 0 {
		sum += 0.2
	}
	limit := mostMedium
	if seconds >= whole && !r.Inside() {
		limit = mostHigh
	}
	if sum = min(sum, limit); sum < d.cfg.Score {
		return out
	}
	f := d.finding(w, r, "long_connection", sum)
	f.Started, f.Last = time.Unix(c.First, 0).UTC(), time.Unix(c.Last+1, 0).UTC()
	f.Metrics = detect.Metrics{
		Bytes: c.Bytes, Packets: c.Packets, Flows: 1, Destinations: 1, Ports: 1,
		DurationSeconds: seconds, BitsPerSecond: 8 * rate,
	}
	for _, top := range [][]detect.Share{f.Top.Destinations, f.Top.Ports} {
		top[0].Bytes, top[0].Packets, top[0].Flows = c.Bytes, c.Packets, 1
	}
	add := adder(&f)
	add("connection_length", seconds, d.cfg.LongAfter.Seconds(), "s", base)
	if silent && weights.port != 0 {
		add("connection_quiet", 8*rate, 8*quietRate, "bits/s", 0.2)
	}
	weights.add(add)
	return append(out, f)
}
