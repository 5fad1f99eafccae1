// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"tidewatch/flow"
)

// TestThin: all packets stay at 1:1, a tenth at 1:10, and headers always.
func TestThin(t *testing.T) {
	classic := append([]byte{0xd4, 0xc3, 0xb2, 0xa1}, make([]byte, 20)...)
	ng := binary.LittleEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 0x0a0d0d0a), 16)
	ng = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(ng, 0x1a2b3c4d), 16)
	for range 10_000 {
		classic = append(classic, make([]byte, 8)...)
		classic = binary.LittleEndian.AppendUint32(classic, 4)
		classic = append(classic, make([]byte, 8)...)
		for _, v := range []uint32{6, 16, 0, 16} {
			ng = binary.LittleEndian.AppendUint32(ng, v)
		}
	}
	for name, data := range map[string][]byte{"pcap": classic, "pcapng": ng} {
		head, size := 24, 20
		if name == "pcapng" {
			head, size = 16, 16
		}
		one, err := thinCapture(data, 1, rand.New(rand.NewPCG(1, 1)))
		if err != nil || !bytes.Equal(one, data) {
			t.Errorf("%s: 1:1 changes it: %v", name, err)
		}
		ten, err := thinCapture(data, 10, rand.New(rand.NewPCG(1, 1)))
		if n := (len(ten) - head) / size; err != nil || n < 900 || n > 1100 || !bytes.Equal(ten[:head], data[:head]) {
			t.Errorf("%s: %d of 10000 at 1:10: %v", name, n, err)
		}
	}
	if _, err := thinCapture(make([]byte, 30), 1, nil); err == nil {
		t.Error("what is no capture is thinned")
	}
}

// TestThinFlows: volumes stay true on average, and flags are those of packets.
func TestThinFlows(t *testing.T) {
	all := flow.NewBatch(0)
	for range 1000 {
		all.Append(&flow.Record{Packets: 10, Bytes: 1000, TCPFlags: flow.SYN | flow.ACK | flow.FIN, Proto: flow.ProtoTCP, Sampling: 1})
	}
	got := thinFlows(all, 10, rand.New(rand.NewPCG(1, 1)))
	packets, syn := uint64(0), 0
	for i := range got.Start {
		r := got.Record(i)
		packets += r.Packets * uint64(r.Sampling)
		if r.TCPFlags&flow.SYN != 0 {
			syn++
		}
		if r.Bytes != 100*r.Packets || r.Packets == 0 {
			t.Fatalf("%+v", r)
		}
	}
	if packets < 9000 || packets > 11_000 || syn < 70 || syn > 130 {
		t.Errorf("%d packets, %d SYNs", packets, syn)
	}
}
