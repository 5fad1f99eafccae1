// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tidewatch/flow"
)

// Clocks that jump do not stop the probe: packets written too early wait for
// their time, a leap that others confirm is taken, a step back is bridged.
func TestJumpingClocks(t *testing.T) {
	const day = 86400
	for name, tc := range map[string]struct {
		at            []float64
		want          []float64 // times given, in the order of handing on
		clamped       int
		backs, strays uint64
	}{
		"in order":                {[]float64{0, .1, .2, .3}, []float64{0, .1, .2, .3}, 0, 0, 0},
		"a little out of order":   {[]float64{0, .1, .2, .9, .3, 1.2}, []float64{0, .1, .2, .9, .3, 1.2}, 0, 0, 0},
		"sorted at the start":     {[]float64{5000, 0, 2000, 2000.1, 5000.1}, []float64{0, 2000, 2000.1, 5000, 5000.1}, 0, 0, 0},
		"too early":               {[]float64{0, .1, .2, 3, .3, 1, 2, 2.5, 3.2}, []float64{0, .1, .2, .3, 1, 2, 2.5, 3, 3.2}, 0, 0, 0},
		"too early until the end": {[]float64{0, .1, .2, 200, .3, .4}, []float64{0, .1, .2, .3, .4, 200}, 0, 0, 0},
		"a stray in the middle":   {[]float64{0, .1, .2, 900 * day, .3, .4}, []float64{0, .1, .2, .3, .4, .4}, 1, 0, 1},
		"a stray at the start":    {[]float64{900 * day, 0, .1, .2, .3}, []float64{0, .1, .2, .3, .3}, 1, 0, 1},
		"a pause of a month":      {[]float64{0, .1, .2, 30 * day, 30*day + 1, 30*day + 2, 30*day + 3}, []float64{0, .1, .2, 30 * day, 30*day + 1, 30*day + 2, 30*day + 3}, 0, 0, 0},
		"a last late packet":      {[]float64{0, .1, .2, 30 * day}, []float64{0, .1, .2, 30 * day}, 0, 0, 0},
		"rare packets":            {[]float64{0, day, 2 * day, 3 * day, 4 * day, 5 * day}, []float64{0, day, 2 * day, 3 * day, 4 * day, 5 * day}, 0, 0, 0},
		"a step back and on":      {[]float64{0, .1, .2, .3, -day, -day + .5, -day + 1, 1.5}, []float64{0, .1, .2, .3, .3, .8, 1.3, 1.5}, 3, 1, 0},
		"a second clock":          {[]float64{0, 0, 0, -day, .5, -day + .1, .9}, []float64{0, 0, 0, 0, .5, .5, .9}, 2, 2, 0},
	} {
		tl := timeline{need: 3}
		var got []stamped
		drain := func() {
			for s, ok := tl.pop(); ok; s, ok = tl.pop() {
				got = append(got, s)
			}
		}
		for _, at := range tc.at {
			tl.push(stamped{at: sec(at)})
			drain()
		}
		tl.end()
		drain()
		clamped, times := 0, make([]float64, len(got))
		for i := range got {
			times[i] = math.Round(float64(got[i].at-sec(0))/1e6) / 1e3
			if got[i].clamped {
				clamped++
			}
		}
		if !slices.Equal(times, tc.want) || clamped != tc.clamped || tl.backs != tc.backs || tl.strays != tc.strays {
			t.Errorf("%s: %v, want %v; %d clamped, %d jumps back, %d strays", name, times, tc.want, clamped, tl.backs, tl.strays)
		}
	}
}

// A capture with packets written minutes and hours too early, as there are real
// ones, gives the flows of the same capture in order.
func TestOrderOfPacketsDoesNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const n = 20_000
	packets := make([]sent, n)
	for i := range packets {
		packets[i] = sent{float64(i) / 20, uint16(rng.IntN(300)), flow.ACK}
	}
	mixed := make([]sent, 0, n)
	early := map[int]bool{}
	for i := range packets {
		if i%90 == 80 { // one that belongs up to 16 minutes later
			if j := i + 1 + rng.IntN(n-i); j < n && !early[j] {
				early[j] = true
				mixed = append(mixed, packets[j])
			}
		}
		if !early[i] {
			mixed = append(mixed, packets[i])
		}
	}
	want, _ := flows(maxFlows, packets)
	got, p := flows(maxFlows, mixed)
	if len(early) < 100 || p.times.backs != 0 || p.times.strays != 0 || !slices.Equal(got, want) {
		t.Errorf("%d packets early: %d flows, want %d; %d jumps back, %d strays",
			len(early), len(got), len(want), p.times.backs, p.times.strays)
	}
}

// Packets that wait are bounded; what does not fit is counted, never lost.
func TestWaitingIsBounded(t *testing.T) {
	tl := timeline{need: confirm}
	n, most := 0, 0
	drain := func() {
		for _, ok := tl.pop(); ok; _, ok = tl.pop() {
			n++
		}
		most = max(most, len(tl.held))
	}
	const pairs = maxHeld + 1000
	for i := range pairs { // two clocks a day apart, packet by packet
		tl.push(stamped{at: sec(float64(i) / 1e4)})
		drain()
		tl.push(stamped{at: sec(86400 + float64(i)/1e4)})
		drain()
	}
	tl.end()
	drain()
	if n != 2*pairs || most > maxHeld || tl.strays < 1000 {
		t.Errorf("%d packets of %d, at most %d held, %d strays", n, 2*pairs, most, tl.strays)
	}
}
