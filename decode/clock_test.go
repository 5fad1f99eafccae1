// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"
	"testing"
	"time"

	"tidewatch/flow"
)

// exportAt rewrites the export time of a v9 datagram.
func exportAt(payload []byte, unix int) []byte {
	b := join(payload)
	binary.BigEndian.PutUint32(b[8:], uint32(unix))
	return b
}

// Live, flow times move by the exporter's skew; in files they stay.
func TestClock(t *testing.T) {
	fields := setOf(0, templateOf(256, append(append([]int{}, flowFields...), 22, 4, 21, 4)...))
	data := setOf(256, flowBytes(17), u32(up-3000), u32(up-1000))
	for name, tc := range map[string]struct {
		clock                Clock
		skew                 int // arrival less export, s
		start, end, received int // s, relative to arrival
	}{
		"live, right clock":      {ClockArrival, 0, -3, -1, 0},
		"live, a second late":    {ClockArrival, 1, -4, -2, 0},
		"live, a year behind":    {ClockArrival, 365 * 86_400, -3, -1, 0},
		"live, an hour ahead":    {ClockArrival, -3600, -3, -1, 0},
		"file, a year behind":    {ClockExport, 365 * 86_400, -3 - 365*86_400, -1 - 365*86_400, -365 * 86_400},
		"file, the same instant": {ClockExport, 0, -3, -1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, b := newDecoder(t, func(c *Config) { c.Clock = tc.clock }), flow.NewBatch(1)
			d.Decode(exportAt(message9(0, 1, fields, data), t0-tc.skew), exporterA, t0*second, b)
			if got := (b.Start[0]/second - t0); got != int64(tc.start) {
				t.Errorf("start %d s, want %d", got, tc.start)
			}
			if got := (b.End[0]/second - t0); got != int64(tc.end) {
				t.Errorf("end %d s, want %d", got, tc.end)
			}
			if got := (b.Received[0]/second - t0); got != int64(tc.received) {
				t.Errorf("received %d s, want %d", got, tc.received)
			}
			if s := only(t, d); s.Skew != time.Duration(tc.skew)*time.Second || !s.SkewKnown {
				t.Errorf("skew %v, want %d s", s.Skew, tc.skew)
			}
		})
	}
}

// An exporter that has no clock sends zero: arrival is what is left.
func TestExporterWithoutClock(t *testing.T) {
	d := newDecoder(t, nil)
	got := decodeOne(t, d, exportAt(message9(0, 1, setOf(0, templateOf(256, append(append([]int{}, flowFields...), 22, 4, 21, 4)...)),
		setOf(256, flowBytes(17), u32(up-3000), u32(up-1000))), 0))
	if len(got) != 1 || got[0].Received != t0*second || got[0].Start != (t0-3)*second {
		t.Errorf("got %+v", got)
	}
}

// The estimate is the least delayed datagram's, follows drift, and jumps when
// the clock was set.
func TestSkew(t *testing.T) {
	var s skew
	at := int64(t0) * second
	see := func(after, skew time.Duration) int64 {
		at += int64(after)
		s.observe(at, at-int64(skew))
		return s.estimate()
	}
	for i, tc := range []struct{ after, skew, want time.Duration }{
		{0, 5 * time.Second, 5 * time.Second},
		{time.Second, 4 * time.Second, 4 * time.Second},              // less delayed
		{time.Second, 9 * time.Second, 4 * time.Second},              // more delayed
		{time.Minute, 6 * time.Second, 4 * time.Second},              // the last window still counts
		{time.Minute, 7 * time.Second, 6 * time.Second},              // drift
		{time.Second, 30 * time.Second, 30 * time.Second},            // set back
		{time.Second, -100 * time.Second, -100 * time.Second},        // set forward
		{time.Second, -100*time.Second + 3, -100 * time.Second},      // steady again
		{time.Hour, -99 * time.Second, -100 * time.Second},           // one window on
		{2 * time.Minute, -99 * time.Second, -99 * time.Second},      // two windows on
		{time.Millisecond, 91 * time.Second * -1, -99 * time.Second}, // within the jump
	} {
		if got := see(tc.after, tc.skew); got != int64(tc.want) {
			t.Errorf("step %d: %v, want %v", i, time.Duration(got), tc.want)
		}
	}
	if s.jumps != 2 {
		t.Errorf("%d jumps, want 2", s.jumps)
	}
}
