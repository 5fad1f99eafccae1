// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tidewatch/flow"
)

// An exporter that does not wait tells of flows of half a second to one and a half as
// they end. From the first it tells of to the finding pass so many seconds, wherever in
// a second the attack begins.
func TestDelay(t *testing.T) {
	for _, tc := range []struct {
		sources       int
		times         float64 // the limit
		median, worst time.Duration
	}{
		{500, 1.1, 5 * time.Second, 7 * time.Second},
		{500, 1.5, 2500 * time.Millisecond, 3700 * time.Millisecond},
		{500, 2, 1500 * time.Millisecond, 2 * time.Second},
		{500, 10, time.Second, 1500 * time.Millisecond},
		{50, 1.1, 6 * time.Second, 7 * time.Second}, // so few that packets alone tell
		{50, 1.5, 3 * time.Second, 3500 * time.Millisecond},
		{50, 2, 2 * time.Second, 2500 * time.Millisecond},
		{50, 10, time.Second, 1500 * time.Millisecond},
	} {
		var took []time.Duration
		for phase := range int64(8) {
			for _, v6 := range []bool{false, true} {
				took = append(took, delay(t, tc.sources, tc.times, phase*1e9/8, v6))
			}
		}
		slices.Sort(took)
		t.Logf("%d sources, %g times the limit: %v", tc.sources, tc.times, took)
		if m, w := took[len(took)/2], took[len(took)-1]; m > tc.median || w > tc.worst {
			t.Errorf("%d sources, %g times the limit: median %v, worst %v, not %v and %v", tc.sources, tc.times, m, w, tc.median, tc.worst)
		}
	}
}

// delay is how many seconds after the one with the first record an attack that begins
// at a point of a second is found.
func delay(t *testing.T, sources int, times float64, phase int64, v6 bool) time.Duration {
	t.Helper()
	tr, d := fresh(t)
	random := rand.New(rand.NewPCG(uint64(phase), 1))
	length := func() int64 { return 5e8 + random.Int64N(1e9) }
	var records []flow.Record
	x := traffic{proto: flow.ProtoUDP, flows: sources, bytes: 400, sources: sources, port: 7, v6: v6}
	for i := range sources {
		for at := t0*int64(1e9) + 20e9 + phase; at < t0*1e9+60e9; {
			r := x.record(t0, i)
			r.Start, r.End = at, at+length()
			r.Received = r.End
			r.Packets = uint64(times*DefaultConfig().MinPPS/float64(sources)*float64(r.End-r.Start)/1e9 + random.Float64())
			if r.Bytes = 400 * r.Packets; r.Packets > 0 {
				records = append(records, r)
			}
			at = r.End
		}
	}
	slices.SortFunc(records, func(a, b flow.Record) int { return int(a.Received - b.Received) })
	batch, next := flow.NewBatch(len(records)), 0
	for sec := int64(t0); sec < t0+60; sec++ {
		batch.Reset()
		for ; next < len(records) && records[next].Received < (sec+1)*1e9; next++ {
			batch.Append(&records[next])
		}
		tr.Add(batch, 0, batch.Len(), nil)
		if len(d.Detect(tr.Tick(), nil)) > 0 {
			return time.Duration((sec+1)*1e9 - records[0].Received)
		}
		tr.Next(sec + 1)
	}
	t.Errorf("%g times the limit: not found", times)
	return 0
}
