// SPDX-License-Identifier: Apache-2.0

package window

import (
	"testing"

	"tidewatch/flow"
)

// A device that is forgotten for another one of the same block gets none of its
// traffic, whichever place the other one takes.
func TestForgottenWithinABlock(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxDevices = 16
	tr, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(1_700_000_000)
	b := flow.NewBatch(32)
	sent := map[flow.Addr]uint64{}
	for round := range 200 {
		b.Reset()
		for i := range 32 {
			r := flow.Record{
				Received: tr.Now() * 1e9, Start: tr.Now() * 1e9, End: tr.Now() * 1e9, Proto: flow.ProtoUDP, DstPort: 9, Sampling: 1,
				Dst: flow.AddrFrom4([4]byte{10, 0, byte(round), byte(i)}), Packets: uint64(1 + i), Bytes: 100, Mark: flow.DstInternal,
			}
			sent[r.Dst] += r.Packets
			b.Append(&r)
		}
		tr.Add(b, 0, b.Len(), nil)
		w := tr.Tick()
		for i := range w.Devices() {
			if d, ok := w.Device(i); ok {
				if got := d.Five().Packets[In]; got > sent[d.Addr()] {
					t.Fatalf("round %d: %v has %d packets and was sent %d", round, d.Addr(), got, sent[d.Addr()])
				}
			}
		}
		tr.Next(tr.Now() + 30)
	}
	if l := tr.Losses(); l.DevicesForgotten == 0 {
		t.Error("nobody was forgotten")
	}
}
