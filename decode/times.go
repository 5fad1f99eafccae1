// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"
	"time"

	"tidewatch/flow"
)

const (
	// ntpEpoch is 1970 in NTP seconds (RFC 5905, figure 4).
	ntpEpoch = 2_208_988_800
	// endSlack is how far after the export a flow may end: headers of v9 and IPFIX
	// cut their time to whole seconds, and clocks inside one box differ.
	endSlack = int64(2 * time.Second)
	// maxAge is the oldest flow time believed; no active timeout comes near it.
	maxAge = int64(24 * time.Hour)
	// maxTime is the last time that a record can name (the year 2116). It leaves
	// room to add durations and skew without an overflow, and is always cut.
	maxTime = int64(1) << 62

	millisecond = int64(time.Millisecond)
	second      = int64(time.Second)
)

// unit is the encoding of a time element.
type unit uint8

const (
	unitNone    unit = iota
	unitSeconds      // IE 150, 151, 322
	unitMillis       // IE 152, 153, 323
	unitMicros       // IE 154, 155, 324: NTP format (RFC 7011, 6.1.9)
	unitNanos        // IE 156, 157, 325: NTP format (RFC 7011, 6.1.10)
	unitDelta        // IE 158, 159: microseconds before export
	unitUptime       // IE 21, 22: milliseconds since the exporter started
)

// unixNanos converts the raw value v to Unix ns, 0 where it gives no time.
func (u unit) unixNanos(v uint64, m *message) int64 {
	if v == 0 && u != unitUptime && u != unitDelta {
		return 0
	}
	switch u {
	case unitSeconds:
		return scaled(v, second)
	case unitMillis:
		return scaled(v, millisecond)
	case unitMicros:
		// Some exporters send plain microseconds. Those of this century have fewer
		// than a million in the upper half, which as NTP would be January 1900.
		if v>>32 < 1_000_000 {
			return scaled(v, int64(time.Microsecond))
		}
		return ntp(v)
	case unitNanos:
		// Plain nanoseconds from 2001 to 2096 would be 1907 to 1929 as NTP.
		if v >= 1e18 && v < 4e18 {
			return int64(v)
		}
		return ntp(v)
	case unitDelta:
		return m.export - min(scaled(v, int64(time.Microsecond)), 2*maxAge) // older ones are not believed
	case unitUptime:
		// The signed difference is right over the wrap at 49.7 days, and for a
		// stamp a little younger than the header.
		return m.export - int64(int32(m.upMillis-uint32(v)))*millisecond
	case unitNone:
	}
	return 0
}

// scaled multiplies without overflow.
func scaled(v uint64, scale int64) int64 {
	return int64(min(v, uint64(maxTime/scale))) * scale
}

// ntp converts a 64-bit NTP timestamp of the years 1970 to 2106.
func ntp(v uint64) int64 {
	s := int64(v>>32) - ntpEpoch
	if s < 0 {
		s += 1 << 32
	}
	return s*second + int64((v&0xffff_ffff)*uint64(second)>>32)
}

// times turns what the export said about start and end into times that can be
// trusted: filled where one is missing, moved to our clock, and cut where absurd.
// dur is a duration in ns, 0 where the export names none.
func (m *message) times(start, end, dur int64) (from, to int64, mark flow.Mark) {
	switch {
	case start == 0 && end == 0:
		return m.stamp - dur, m.stamp, flow.NoTime
	case end == 0 && dur != 0:
		end = start + dur
	case end == 0:
		end = max(start, m.stamp-m.shift)
	case start == 0:
		start = end - dur
	}
	start, end = start+m.shift, end+m.shift
	switch {
	case m.stamp-end > maxAge:
		return m.stamp, m.stamp, flow.NoTime | flow.Clamped
	case end > m.stamp+endSlack:
		end, mark = m.stamp, flow.Clamped
	}
	switch {
	case start > end:
		start, mark = end, flow.Clamped
	case end-start > maxAge:
		start, mark = end-maxAge, flow.Clamped
	}
	return start, end, mark
}

// exportTime reads a header's seconds; 0 means that the exporter has no clock,
// and then arrival is the best guess.
func exportTime(b []byte, nanos uint32, arrival int64) int64 {
	s := binary.BigEndian.Uint32(b)
	if s == 0 {
		return arrival
	}
	return int64(s)*second + int64(nanos)
}
