// SPDX-License-Identifier: Apache-2.0

package repeat

import (
	"net/netip"
	"testing"

	"tidewatch/flow"
)

// quietThenLoud is two seconds of a packet now and then, and half a second of flood.
func quietThenLoud(victim netip.Addr) *flow.Batch {
	b := flow.NewBatch(64)
	add := func(at, packets int64) {
		b.Append(&flow.Record{
			Start: 1000*second + at, End: 1000*second + at, Received: 1000*second + at, Dst: flow.AddrFrom(victim),
			Src: flow.AddrFrom4([4]byte{192, 0, 2, 1}), Proto: flow.ProtoUDP, Packets: uint64(packets), Bytes: uint64(60 * packets), Sampling: 1,
		})
	}
	for at := int64(0); at < 2*second; at += second / 4 {
		add(at, 1)
	}
	for at := 2 * second; at < 5*second/2; at += second / 20 {
		add(at, 100)
	}
	return b
}

// TestOver: the capture keeps its own rate for 30 s, whichever family, and begins
// where its attack does.
func TestOver(t *testing.T) {
	for _, text := range []string{"10.0.0.9", "2001:db8::9"} {
		victim := netip.MustParseAddr(text)
		capture := quietThenLoud(victim)
		skip := Onset(capture, victim)
		if skip != 2*second {
			t.Errorf("the onset is %d ns", skip)
		}
		mixed, start := Over(capture, victim, skip)
		var packets uint64
		first, last := int64(1<<62), int64(0)
		for i := range mixed.Len() {
			if mixed.Proto[i] == flow.ProtoUDP {
				packets += mixed.Packets[i]
				first, last = min(first, mixed.Start[i]), max(last, mixed.End[i])
			}
			if i > 0 && mixed.Received[i] < mixed.Received[i-1]-1000 {
				t.Fatal("records are out of order")
			}
		}
		length := (Lasts*second + 449e6) / 450e6 // 0.45 s from its first packet to its last
		if packets != uint64(length)*1000 || first != start || last-first > (Lasts+1)*second {
			t.Errorf("%d packets from %d to %d, start %d", packets, first, last, start)
		}
	}
}
