// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"tidewatch/decode/packet"
	"tidewatch/flow"
	"tidewatch/flowfile"
)

type sent struct {
	at    float64
	sport uint16
	flags byte
}

// flows runs packets through a probe that holds at most limit flows.
func flows(limit int, packets []sent) ([]flow.Record, *probe) {
	p, out := newProbe(limit, 1), flow.NewBatch(16)
	var i packet.Info
	for _, s := range packets {
		packet.DecodeIP(tcp(s.sport, s.flags), 40, &i)
		p.add(sec(s.at), &i)
		p.run(out, 1<<30)
	}
	p.flush(out, 1<<30)
	recs := make([]flow.Record, out.Len())
	for i := range recs {
		recs[i] = out.Record(i)
	}
	return recs, p
}

// A flow ends by silence, by age or by its connection's end, and is exported
// when a router would have exported it.
func TestFlowsEnd(t *testing.T) {
	type want struct {
		sport                uint16
		packets              uint64
		start, end, received float64
		flags                uint8
	}
	many := make([]sent, 70) // a packet a second
	for i := range many {
		many[i] = sent{float64(i), 1, flow.ACK}
	}
	for name, tc := range map[string]struct {
		in   []sent
		want []want
	}{
		"idle": {
			[]sent{{0, 1, flow.SYN}, {14, 1, flow.ACK}, {29.5, 1, flow.ACK}},
			[]want{{1, 2, 0, 14, 29, flow.SYN | flow.ACK}, {1, 1, 29.5, 29.5, 29.5, flow.ACK}},
		},
		"active": {many, []want{{1, 60, 0, 59, 60, flow.ACK}, {1, 10, 60, 69, 69, flow.ACK}}},
		"closed": {
			[]sent{{0, 1, flow.FIN | flow.ACK}, {0.5, 1, flow.ACK}, {5, 2, flow.SYN}},
			[]want{{1, 2, 0, 0.5, 1, flow.FIN | flow.ACK}, {2, 1, 5, 5, 5, flow.SYN}},
		},
		"a little out of order": {
			[]sent{{10, 1, flow.ACK}, {8, 1, flow.SYN}, {9, 2, flow.SYN}},
			[]want{{2, 1, 9, 9, 10, flow.SYN}, {1, 2, 8, 10, 10, flow.SYN | flow.ACK}},
		},
	} {
		got, _ := flows(maxFlows, tc.in)
		if len(got) != len(tc.want) {
			t.Errorf("%s: %d flows, want %d: %+v", name, len(got), len(tc.want), got)
			continue
		}
		for i, w := range tc.want {
			g := got[i]
			if g.SrcPort != w.sport || g.Packets != w.packets || g.Bytes != 40*w.packets || g.TCPFlags != w.flags ||
				g.Start != sec(w.start) || g.End != sec(w.end) || g.Received != sec(w.received) {
				t.Errorf("%s: flow %d is %+v, want %+v", name, i, g, w)
			}
		}
	}
}

// A full cache ends the flow that was silent for longest, and counts it.
func TestFullCache(t *testing.T) {
	got, p := flows(2, []sent{{0, 1, 0}, {1, 2, 0}, {2, 1, 0}, {3, 3, 0}})
	if p.evicted != 1 || len(got) != 3 || got[0].SrcPort != 2 || got[0].Received != sec(3) {
		t.Errorf("%d evicted: %+v", p.evicted, got)
	}
}

// Flags are known once one packet of the flow shows them.
func TestFlagsOfCutPackets(t *testing.T) {
	for name, lengths := range map[string][]int{"cut first": {28, 40}, "cut last": {40, 28}, "all cut": {28, 28}} {
		c := newClassic(binary.LittleEndian, false, packet.LinkRaw)
		for _, n := range lengths {
			c.add(sec(0), tcp(1, flow.SYN)[:n])
		}
		got, _ := read(t, c.buf)
		if len(got) != 1 || got[0].Packets != 2 || (got[0].Mark&flow.NoTCPFlags != 0) != (name == "all cut") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Whatever the times, no packet is lost, records come in the order of their
// export, and a Read hands out no more than its bound.
func TestProbeInvariants(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(rt, "limit")
		p, out, room := newProbe(limit, 1), flow.NewBatch(16), rapid.IntRange(1, 5).Draw(rt, "room")
		var packets, last uint64
		var at int64
		drain := func(step func(*flow.Batch, int) bool) {
			for done := false; !done; {
				out.Reset()
				done = step(out, room)
				if out.Len() > room {
					rt.Fatalf("%d records in a batch for %d", out.Len(), room)
				}
				for i := range out.Start {
					packets += out.Packets[i]
					if out.Start[i] > out.End[i] || out.End[i] > out.Received[i] || uint64(out.Received[i]) < last {
						rt.Fatalf("times out of order: %+v after %d", out.Record(i), last)
					}
					last = uint64(out.Received[i])
				}
			}
		}
		n := rapid.IntRange(0, 60).Draw(rt, "packets")
		for range n {
			switch rapid.IntRange(0, 5).Draw(rt, "kind") {
			case 0:
				at = rapid.Int64().Draw(rt, "anywhere")
			case 1:
				at += rapid.Int64Range(-3*ahead, 3*ahead).Draw(rt, "leap")
			default:
				at += rapid.Int64Range(-1e9, 20e9).Draw(rt, "step")
			}
			i := packet.Info{Proto: flow.ProtoTCP, SrcPort: uint16(rapid.IntRange(0, 12).Draw(rt, "port")), IPBytes: 40}
			if rapid.Bool().Draw(rt, "fin") {
				i.TCPFlags = flow.FIN
			}
			p.add(at, &i)
			drain(p.run)
			if len(p.flows) > limit {
				rt.Fatalf("%d flows held of %d", len(p.flows), limit)
			}
		}
		drain(p.flush)
		if packets != uint64(n) || len(p.flows) != 0 || p.lists != [numLists]list{} {
			rt.Fatalf("%d packets of %d, %d flows left, lists %v", packets, n, len(p.flows), p.lists)
		}
	})
}

// A flood that is over at once still comes in batches of bounded size.
func TestBatchesAreBounded(t *testing.T) {
	c := newClassic(binary.LittleEndian, false, packet.LinkRaw)
	for i := range 20_000 {
		c.add(sec(0), tcp(uint16(i), flow.SYN))
	}
	c.add(sec(20), tcp(1, flow.SYN))
	r, err := open("built", bufio.NewReader(bytes.NewReader(c.buf)), flowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for b := flow.NewBatch(records); ; b.Reset() {
		n, err := r.Read(b)
		total += n
		if n > records {
			t.Fatalf("%d records in one batch", n)
		}
		if errors.Is(err, io.EOF) {
			break
		}
	}
	if total != 20_001 || r.Stats().Records != 20_001 || r.Stats().Packets != 20_001 {
		t.Errorf("%d records, %+v", total, r.Stats())
	}
}

func BenchmarkRead(b *testing.B) {
	const packets = 200_000
	for name, ports := range map[string]int{"a hundred long flows": 100, "a flow for every packet": 1 << 30} {
		rng := rand.New(rand.NewPCG(1, 2))
		c := newClassic(binary.LittleEndian, true, packet.LinkRaw)
		for i := range packets {
			p := tcp(uint16(i%ports), flow.ACK)
			if ports > packets {
				binary.BigEndian.PutUint32(p[12:], rng.Uint32())
			}
			c.add(sec(float64(i)/10_000), p)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.buf)))
			batch, flows := flow.NewBatch(2*records), 0
			for b.Loop() {
				r, err := open("built", bufio.NewReaderSize(bytes.NewReader(c.buf), 1<<16), flowfile.Options{})
				for err == nil {
					var n int
					batch.Reset()
					n, err = r.Read(batch)
					flows += n
				}
			}
			b.ReportMetric(packets*float64(b.N)/b.Elapsed().Seconds(), "packets/s")
			b.ReportMetric(float64(flows)/b.Elapsed().Seconds(), "flows/s")
		})
	}
}
