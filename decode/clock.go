// SPDX-License-Identifier: Apache-2.0

package decode

import "time"

const (
	// skewMatters is the smallest skew that is corrected: headers of v9 and IPFIX
	// count whole seconds, and a datagram may be a second on its way.
	skewMatters = int64(2 * time.Second)
	// skewJump is a change that no network delay explains, so the clock was set.
	skewJump = int64(10 * time.Second)
	// skewWindow is how long one minimum is kept: long enough to see an undelayed
	// datagram, short enough to follow a drifting clock.
	skewWindow = int64(time.Minute)
)

// skew estimates arrival minus export time of one stream as the minimum over the
// last one to two windows: delay only ever adds.
type skew struct {
	now, before int64 // minima of the running and the last window
	since       int64 // arrival at which the running window began
	known       bool
	jumps       uint64
}

// observe takes one datagram's arrival and export time, both in Unix ns.
func (s *skew) observe(arrival, export int64) {
	d := arrival - export
	switch est := min(s.now, s.before); {
	case !s.known:
		*s = skew{now: d, before: d, since: arrival, known: true}
	case d-est > skewJump || est-d > skewJump:
		*s = skew{now: d, before: d, since: arrival, known: true, jumps: s.jumps + 1}
	case arrival-s.since >= skewWindow:
		s.before, s.now, s.since = s.now, d, arrival
	default:
		s.now = min(s.now, d)
	}
}

// estimate is the skew in ns: positive when the exporter's clock is behind ours.
func (s *skew) estimate() int64 { return min(s.now, s.before) }

// shift is what to add to the exporter's times: 0 while the skew is small.
func (s *skew) shift() int64 {
	if est := s.estimate(); est > skewMatters || est < -skewMatters {
		return est
	}
	return 0
}
