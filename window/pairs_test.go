// SPDX-License-Identifier: Apache-2.0

package window

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

// call is a connection of the device 10.0.0.1, or its IPv6 twin, to a service outside.
func call(at int64, port uint16) flow.Record {
	return flow.Record{
		Received: at * 1e9, Start: at * 1e9, End: at * 1e9, Src: addr("10.0.0.1"), Dst: addr("192.0.2.7"),
		SrcPort: port, DstPort: 443, Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN,
		Packets: 5, Bytes: 700, Sampling: 1, Mark: flow.SrcInternal,
	}
}

func pairsOf(t *Tracker) (out []*Pair) {
	w := &t.win
	for i := range w.Pairs() {
		if r := w.Pair(i); r != nil {
			out = append(out, r)
		}
	}
	return out
}

// The intervals and sizes of the newest connections are known, and how many each hour had.
func TestPairStarts(t *testing.T) {
	for _, ip := range []string{"10.0.0.1", "fd00::1"} {
		tr := newTracker(t, nil)
		var recs []flow.Record
		for i := range int64(100) {
			r := call(t0+300*i, uint16(40_000+i))
			r.Src, r.Bytes = addr(ip), uint64(700+i)
			recs = append(recs, r, r) // the second of two in a second is part of the first
			recs[len(recs)-1].SrcPort++
		}
		feed(tr, t0+30_000, nil, recs...)
		all := pairsOf(tr)
		if len(all) != 1 {
			t.Fatalf("%s: %d pairs, want 1", ip, len(all))
		}
		gaps, sizes := all[0].Starts(nil, nil)
		if len(gaps) != startsKept || slices.Min(gaps) != 300 || slices.Max(gaps) != 300 {
			t.Errorf("%s: intervals %v", ip, gaps)
		}
		if last := sizes[len(sizes)-1]; last < 1598-2 || last > 1598 {
			t.Errorf("%s: the newest call has %d bytes, want 1598", ip, last)
		}
		if hours := all[0].Hours(t0+29_700, nil); hours[23] != 8 && hours[23] != 6 || hours[20] < 24 || hours[10] != 0 {
			t.Errorf("%s: hours %v", ip, hours)
		}
		if all[0].First() != t0 || all[0].Last() != t0+29_700 {
			t.Errorf("%s: from %d to %d", ip, all[0].First()-t0, all[0].Last()-t0)
		}
	}
}

// Pieces of the same ports are one connection; a SYN, a pause or other ports begin another.
func TestPairJoins(t *testing.T) {
	piece := func(at int64, port uint16, flags, proto uint8) flow.Record {
		r := call(at, port)
		r.End, r.Received, r.TCPFlags, r.Proto = (at+59)*1e9, (at+60)*1e9, flags, proto
		return r
	}
	for name, c := range map[string]struct {
		recs    []flow.Record
		starts  int
		longest int64
	}{
		"cut by the active timeout": {[]flow.Record{
			piece(t0, 4000, flow.SYN|flow.ACK, 6), piece(t0+60, 4000, flow.ACK, 6), piece(t0+120, 4000, flow.ACK, 6),
		}, 1, 179},
		"an hour of silence between": {[]flow.Record{
			piece(t0, 4000, flow.SYN|flow.ACK|flow.PSH, 6), piece(t0+3600, 4000, flow.ACK, 6),
		}, 1, 3659},
		"another SYN": {[]flow.Record{
			piece(t0, 4000, flow.SYN|flow.ACK|flow.PSH, 6), piece(t0+3600, 4000, flow.SYN|flow.ACK|flow.PSH, 6),
		}, 2, 59},
		"other ports": {[]flow.Record{
			piece(t0, 4000, flow.SYN|flow.ACK|flow.PSH, 6), piece(t0+60, 4001, flow.SYN|flow.ACK|flow.PSH, 6),
		}, 2, 59},
		"UDP, kept alive":   {[]flow.Record{piece(t0, 4000, 0, 17), piece(t0+120, 4000, 0, 17), piece(t0+240, 4000, 0, 17)}, 1, 299},
		"UDP, another time": {[]flow.Record{piece(t0, 4000, 0, 17), piece(t0+600, 4000, 0, 17)}, 2, 59},
	} {
		tr := newTracker(t, nil)
		feed(tr, t0+7200, nil, c.recs...)
		all := pairsOf(tr)
		if len(all) != 1 {
			t.Errorf("%s: %d pairs", name, len(all))
			continue
		}
		l := all[0].Longest()
		if all[0].Count() != c.starts || l.Last-l.First != c.longest {
			t.Errorf("%s: %d connections, the longest %d s; want %d and %d s", name, all[0].Count(), l.Last-l.First, c.starts, c.longest)
		}
	}
}

// What is asked once or twice, comes from outside, is an answer, or stays inside and is
// short, is not followed.
func TestPairsNotFollowed(t *testing.T) {
	for name, change := range map[string]func(*flow.Record){
		"twice":         nil,
		"from outside":  func(r *flow.Record) { r.Mark = flow.DstInternal },
		"an answer":     func(r *flow.Record) { r.SrcPort, r.DstPort = 443, 50_000 },
		"inside":        func(r *flow.Record) { r.Mark |= flow.DstInternal },
		"to a group":    func(r *flow.Record) { r.Dst = addr("239.1.1.1") },
		"already known": func(r *flow.Record) { r.Mark |= flow.Duplicate },
	} {
		tr := newTracker(t, nil)
		var recs []flow.Record
		for i := range int64(20) {
			r := call(t0+100*i, uint16(40_000+i))
			if change != nil {
				change(&r)
			} else if i > 1 {
				break
			}
			recs = append(recs, r)
		}
		feed(tr, t0+3000, nil, recs...)
		if all := pairsOf(tr); len(all) != 0 {
			t.Errorf("%s: %d pairs", name, len(all))
		}
	}
}

// A device that asks ten thousand destinations, three times each, costs no more than
// its bound, takes nobody else's place, and what was lost is counted.
func TestPairBounds(t *testing.T) {
	tr := newTracker(t, func(c *Config) { c.MaxPairs = 512 })
	var recs []flow.Record
	for i := range int64(40) { // another device's pair
		r := call(t0+90*i, uint16(40_000+i))
		r.Src = addr("10.0.0.2")
		recs = append(recs, r)
	}
	for i := range int64(30_000) {
		r := call(t0+i/10, uint16(30_000+i%30_000))
		n := i / 3 % 10_000
		r.Start, r.Dst = (t0+i/10)*1e9, flow.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)})
		r.Received += i % 3 * 1e9
		r.Start, r.End = r.Received, r.Received
		recs = append(recs, r)
	}
	slices.SortStableFunc(recs, func(a, b flow.Record) int { return int((a.Received - b.Received) / 1e9) })
	feed(tr, t0+3700, nil, recs...)
	mine, other := 0, 0
	for _, r := range pairsOf(tr) {
		if tr.win.PairOf(r).Addr() == addr("10.0.0.1") {
			mine++
		} else {
			other++
		}
	}
	if mine == 0 || mine > pairsPerDevice || other != 1 {
		t.Errorf("%d pairs of the device and %d of the other, want at most %d and 1", mine, other, pairsPerDevice)
	}
	if l := tr.Losses(); l.PairsUnnoted == 0 || l.PairsRefused+l.PairsForgotten == 0 {
		t.Errorf("losses %+v", l)
	}
}

// Whatever comes and goes, the tables agree with each other.
func TestPairTables(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := newTracker(t, func(c *Config) { c.MaxPairs, c.MaxDevices = 64, 8 })
		for range rapid.IntRange(1, 40).Draw(rt, "batches") {
			b := flow.NewBatch(64)
			for range 50 {
				r := call(tr.Now()-int64(rapid.IntRange(0, 30).Draw(rt, "age")), uint16(rapid.IntRange(32_768, 32_780).Draw(rt, "port")))
				r.Src = flow.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(1, 12).Draw(rt, "device"))})
				r.Dst = flow.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(1, 30).Draw(rt, "peer"))})
				b.Append(&r)
			}
			tr.Add(b, 0, b.Len(), nil)
			tr.Tick()
			tr.Next(tr.Now() + int64(rapid.SampledFrom([]int{1, 60, 900, 4000}).Draw(rt, "step")))
			tr.now += int64(rapid.SampledFrom([]int{0, 900}).Draw(rt, "pause"))
		}
		used, byDevice, devices := 0, map[int32]int{}, 0
		for i, r := range tr.pairs.all {
			if !r.used {
				continue
			}
			used++
			byDevice[r.dev]++
			n := 0
			for _, e := range tr.pairs.set(r.hash) {
				if e.tag != 0 && e.at == int32(i) {
					n++
				}
			}
			if n != 1 {
				rt.Fatalf("pair %d stands in %d places", i, n)
			}
		}
		if used+len(tr.pairs.free) != len(tr.pairs.all) || len(tr.pairs.all) > 64 {
			rt.Fatalf("%d used, %d free, %d in all", used, len(tr.pairs.free), len(tr.pairs.all))
		}
		for i := range tr.dev.n {
			d, n := tr.dev.at(i), 0
			for at := d.pair; at != 0; at = tr.pairs.all[at-1].after {
				n++
			}
			if n != int(d.pairs) || n != byDevice[i] {
				rt.Fatalf("device %d: %d in its list, %d counted, %d there", i, n, d.pairs, byDevice[i])
			}
			if n > 0 {
				devices++
			}
		}
		sum := int64(0)
		for _, e := range tr.pairs.peers.entries {
			sum += e.count
		}
		if sum != int64(used) || devices != tr.pairs.askers {
			rt.Fatalf("%d pairs of %d devices keyCount, %d of %d there", sum, tr.pairs.askers, used, devices)
		}
	})
}

func TestPairAllocatesNothing(t *testing.T) {
	tr := newTracker(t, nil)
	b := flow.NewBatch(32)
	for i := range int64(32) {
		r := call(t0, uint16(40_000+i))
		r.Dst = flow.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		b.Append(&r)
	}
	at := int64(t0)
	add := func() {
		at++
		for i := range b.Start {
			b.Start[i], b.End[i] = at*1e9, at*1e9
			b.SrcPort[i]++
		}
		tr.now = at
		tr.Add(b, 0, b.Len(), nil)
	}
	for range 10 {
		add()
	}
	if n := testing.AllocsPerRun(100, add); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkPairs books flows of n devices to outside, each to ten services by turns,
// beside as many answers of them, which are not followed: what it costs a flow, and
// the bytes of its state.
func BenchmarkPairs(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		for _, port := range []uint16{443, 60_000} {
			b.Run(fmt.Sprintf("%d devices, port %d", n, port), func(b *testing.B) {
				tr := newTracker(b, func(c *Config) { c.MaxPairs = 1 << 17 })
				r := rand.New(rand.NewPCG(1, 1))
				batches := make([]*flow.Batch, 4096)
				for i := range batches {
					batches[i] = flow.NewBatch(24)
					for range 24 {
						d := r.IntN(n)
						x := call(t0, uint16(10_000+r.IntN(20_000)))
						x.Src, x.DstPort = flow.AddrFrom4([4]byte{10, byte(d >> 16), byte(d >> 8), byte(d)}), port
						x.Dst = flow.AddrFrom4([4]byte{192, 0, byte(d % 64), byte(r.IntN(10))})
						batches[i].Append(&x)
					}
				}
				at := int64(t0)
				add := func(i int) {
					x := batches[i%len(batches)]
					if i%64 == 0 {
						at++
						tr.now = at
					}
					for k := range x.Start {
						x.Start[k], x.End[k], x.Received[k] = at*1e9, at*1e9, at*1e9
					}
					tr.Add(x, 0, 24, nil)
				}
				for i := range 12 * len(batches) {
					add(i)
				}
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					add(i)
					i++
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i*24), "ns/flow")
				b.ReportMetric(float64(tr.PairBytes()), "bytes")
				b.ReportMetric(float64(tr.Counts().Pairs), "pairs")
			})
		}
	}
}
