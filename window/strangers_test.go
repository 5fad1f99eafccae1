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
	tr, err := New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(1_700_000_000)
	b := flow.NewBatch(32)
	to := func(round, i, packets int) {
		b.Append(&flow.Record{
			Received: tr.Now() * 1e9, Start: tr.Now() * 1e9, End: tr.Now() * 1e9, Proto: flow.ProtoUDP, DstPort: 9, Sampling: 1,
			Dst: flow.AddrFrom4([4]byte{10, 0, byte(round), byte(i)}), Packets: uint64(packets), Bytes: 100, Mark: flow.DstInternal,
		})
	}
	for round := range 50 {
		b.Reset()
		if round > 0 {
			for i := range 16 { // those that are known, idle for longer than it takes to be forgotten
				to(round-1, i, 1)
			}
		}
		for i := range 16 {
			to(round, i, 1000)
		}
		tr.Add(b, 0, b.Len(), nil)
		w := tr.Tick()
		for i := range w.Devices() {
			if d, ok := w.Device(i); ok && d.Addr() == flow.AddrFrom4([4]byte{10, 0, byte(round), d.Addr()[15]}) && d.Five().Packets[In] != 1000 {
				t.Fatalf("round %d: %v has %d packets and was sent 1000", round, d.Addr(), d.Five().Packets[In])
			}
		}
		for end := tr.Now() + 4000; tr.Now() < end; {
			tr.Next(end)
			tr.Tick()
		}
	}
	if l := tr.Losses(); l.DevicesForgotten == 0 {
		t.Error("nobody was forgotten")
	}
}
