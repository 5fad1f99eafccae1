// SPDX-License-Identifier: Apache-2.0

package window

import (
	"testing"

	"tidewatch/flow"
)

// TestVainSearches has more busy devices ask for seconds than there are, all as
// busy as those that have them: few search. One that is busier than all that failed
// searches all the same, and gets them.
func TestVainSearches(t *testing.T) {
	tr := newTracker(t, func(c *Config) { c.MaxHot = 8 })
	device := func(i int) flow.Addr { return flow.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }
	add := func(from, to int, packets uint64) {
		b := flow.NewBatch(to - from)
		for i := from; i < to; i++ {
			x := rec(tr.Now(), tr.Now(), packets, 100*packets)
			x.Dst = device(i)
			b.Append(&x)
		}
		tr.Add(b, 0, b.Len(), nil)
	}
	add(0, 8, 250)
	tr.Tick()
	tr.Next(tr.Now() + 1)
	add(8, 8+4*vainSearches, 250)
	if got := tr.vain.searches; got != vainSearches {
		t.Errorf("%d vain searches in one second, want %d", got, vainSearches)
	}
	if got := tr.Losses().HotRefused; got != 4*vainSearches {
		t.Errorf("%d devices were refused, want all %d", got, 4*vainSearches)
	}
	add(5000, 5001, 100_000)
	if got := tr.Losses().HotReplaced; got != 1 {
		t.Errorf("%d devices were replaced, want one by the attacked", got)
	}
	tr.Tick()
	tr.Next(tr.Now() + 1)
	add(6000, 6001, 250)
	if got := tr.vain.searches; got != 1 {
		t.Errorf("%d vain searches in the next second, want one", got)
	}
}
