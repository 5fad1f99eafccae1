// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"
	"net/netip"
	"testing"

	"tidewatch/flow"
)

// What a web server sends back in small packets is kept of a pair that is followed, and
// nothing else is; how uneven its pace is does not depend on how records are cut.
func TestHeard(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		own, server, header := flow.AddrFrom4([4]byte{10, 0, 0, 1}), flow.AddrFrom4([4]byte{192, 0, 2, 1}), uint64(0)
		if v6 {
			own, server, header = flow.AddrFrom(netip.MustParseAddr("fd00::1")), flow.AddrFrom(netip.MustParseAddr("2001:db8::1")), 20
		}
		tr := newTracker(t, nil)
		send := func(sec, lasts int64, port uint16, packets, mean uint64, back bool, change ...func(*flow.Record)) {
			r := flow.Record{
				Received: sec * 1e9, Start: (sec - lasts) * 1e9, End: sec * 1e9, Src: own, Dst: server, SrcPort: 50_000, DstPort: port,
				Proto: flow.ProtoTCP, TCPFlags: flow.ACK | flow.PSH, Packets: packets, Bytes: packets * (mean + header), Mark: flow.SrcInternal, Sampling: 1,
			}
			if back {
				r.Src, r.Dst, r.SrcPort, r.DstPort, r.Mark = r.Dst, r.Src, r.DstPort, r.SrcPort, flow.DstInternal
			}
			for _, f := range change {
				f(&r)
			}
			for tr.Now() < sec {
				tr.Tick()
				tr.Next(sec)
			}
			b := flow.NewBatch(1)
			b.Append(&r)
			tr.Add(b, 0, 1, nil)
		}
		sec := int64(1_700_000_040)
		tr.Jump(sec)
		send(sec, 59, 443, 30, 80, true) // nobody follows it yet
		send(sec, 59, 443, 30, 80, false)
		send(sec, 59, 22, 30, 80, false)
		for i, packets := range []uint64{10, 100, 10, 100} { // 110 in two minutes, twice
			sec += 60
			send(sec, 60, 443, packets, 80+uint64(i), true)
			send(sec, 60, 22, packets, 80, true)                                                // no web server
			send(sec, 60, 443, 500, 1200, true)                                                 // full packets
			send(sec, 60, 443, 500, 52, true)                                                   // acknowledgements
			send(sec, 0, 443, 3, 80, true)                                                      // a handshake
			send(sec, 60, 443, 100, 80, true, func(r *flow.Record) { r.Sampling = 100 })        // sampled
			send(sec, 60, 443, 100, 80, true, func(r *flow.Record) { r.Proto = flow.ProtoUDP }) // QUIC
		}
		w := tr.Tick()
		for i := range w.Pairs() {
			r := w.Pair(i)
			bytes, packets := r.Heard()
			index, records := r.Dispersion()
			switch r.Service() & 0xffff {
			case 22:
				if packets != 0 || records != 0 || index != 0 {
					t.Errorf("IPv6 %v, SSH: %d packets, %d records", v6, packets, records)
				}
			default:
				// Mean 55, squares of differences 45² four times, over four records.
				if packets != 220 || bytes != 10*80+100*81+10*82+100*83+220*header || records != 4 || math.Abs(index-45*45/55.) > 0.1 {
					t.Errorf("IPv6 %v: %d packets, %d bytes, dispersion %v of %d", v6, packets, bytes, index, records)
				}
			}
		}
		if n := w.Pairs(); n != 2 {
			t.Errorf("%d pairs", n)
		}
	}
}
