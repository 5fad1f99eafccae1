// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

const t0 = 1_700_000_000 / 3600 * 3600 // a full hour

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

func newTracker(tb testing.TB, change func(*Config)) *Tracker {
	tb.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	t, err := New(&cfg)
	if err != nil {
		tb.Fatal(err)
	}
	t.Jump(t0)
	return t
}

// rec is a UDP flow from outside to the device 10.0.0.1, exported when it ended.
func rec(start, end int64, packets, bytes uint64) flow.Record {
	return flow.Record{
		Received: end * 1e9, Start: start * 1e9, End: end * 1e9,
		Src: addr("192.0.2.7"), Dst: addr("10.0.0.1"), SrcPort: 53, DstPort: 4000,
		Proto: flow.ProtoUDP, Packets: packets, Bytes: bytes, Sampling: 1, Mark: flow.DstInternal,
	}
}

// feed plays records in the order of their Received and ticks up to second end.
func feed(t *Tracker, end int64, each func(w *Window), recs ...flow.Record) {
	b := flow.NewBatch(1)
	next := 0
	for t.Now() <= end {
		b.Reset()
		for next < len(recs) && recs[next].Received/1e9 <= t.Now() {
			b.Append(&recs[next])
			next++
		}
		t.Add(b, 0, b.Len(), nil)
		w := t.Tick()
		if each != nil {
			each(w)
		}
		limit := end + 1
		if next < len(recs) {
			limit = recs[next].Received / 1e9
		}
		t.Next(limit)
	}
}

// A steady flow exported every 60 s by its active timeout is steady traffic,
// never a spike, and nothing of it is lost.
func TestSpreadIsSteady(t *testing.T) {
	tr := newTracker(t, nil)
	var recs []flow.Record
	for i := range int64(5) {
		recs = append(recs, rec(t0+60*i, t0+60*i+59, 60_007, 60_000_013))
	}
	var s Seconds
	var peak, sum int64
	feed(tr, t0+310, func(w *Window) {
		for i := range w.Revised() {
			w.Seconds(w.Host(i), &s)
			sum = 0
			for j := range s.N {
				peak = max(peak, s.Packets[In][j])
				sum += s.Packets[In][j]
			}
		}
	}, recs...)
	// Stamps in whole seconds leave half a second open at either end: the 60 seconds
	// may have been 59.
	if peak > 60_007/59+1 || sum != 5*60_007 {
		t.Errorf("peak %d packets/s (want at most %d), %d in all (want %d)", peak, 60_007/59+1, sum, 5*60_007)
	}
}

// Flows that are all cut at one moment, within a second, are steady traffic too.
func TestCutsAtOneMomentAreSteady(t *testing.T) {
	for _, whole := range []bool{false, true} { // stamps in seconds, or finer
		cutAtOnce(t, whole)
	}
}

func cutAtOnce(t *testing.T, whole bool) {
	t.Helper()
	tr := newTracker(t, nil)
	var recs []flow.Record
	for i := range int64(4) {
		for k := range int64(10) {
			r := rec(t0+60*i, t0+60*i+60, 6000, 600_000)
			if !whole {
				r.Start, r.End = r.Start+k*100e6+50e6, r.End+k*100e6+50e6
			}
			r.Received, r.SrcPort = r.End, uint16(k)
			recs = append(recs, r)
		}
	}
	var s Seconds
	var peak int64
	feed(tr, t0+245, func(w *Window) {
		for i := range w.Revised() {
			w.Seconds(w.Host(i), &s)
			for j := range s.N {
				peak = max(peak, s.Packets[In][j])
			}
		}
	}, recs...)
	if peak < 1000 || peak > 1010 {
		t.Errorf("a second of 1000 packets shows %d; stamps in whole seconds: %v", peak, whole)
	}
}

// Whatever flows come, the seconds add up to what was sent inside the ring.
func TestSecondsConserveVolume(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := newTracker(t, func(c *Config) { c.HotPackets = 1 })
		var recs []flow.Record
		var want, at int64
		for range rapid.IntRange(1, 40).Draw(rt, "flows") {
			at += rapid.Int64Range(0, 3).Draw(rt, "gap")
			n := rapid.Int64Range(0, 200).Draw(rt, "length")
			p := rapid.Uint64Range(1, 1e6).Draw(rt, "packets")
			r := rec(t0+200+at-n, t0+200+at, p, 100*p)
			r.End += rapid.Int64Range(0, 999).Draw(rt, "end") * 1e6
			r.Start += min(rapid.Int64Range(0, 999).Draw(rt, "start")*1e6, r.End-r.Start)
			recs = append(recs, r)
			want += int64(p)
		}
		var s Seconds
		var got, bytes int64
		feed(tr, t0+200+at, func(w *Window) {
			if w.Revised() == 1 {
				w.Seconds(w.Host(0), &s)
				got, bytes = 0, 0
				for j := range s.N {
					if s.Packets[In][j] < 0 {
						rt.Fatalf("negative second %d", j)
					}
					got += s.Packets[In][j]
					bytes += s.Bytes[In][j]
				}
			}
		}, recs...)
		if got != want || bytes != 100*want {
			rt.Errorf("seconds hold %d packets and %d bytes, sent %d and %d", got, bytes, want, 100*want)
		}
	})
}

// Minutes and hours hold the same sums, and an hour closes with its late exports.
func TestHours(t *testing.T) {
	tr := newTracker(t, nil)
	recs := []flow.Record{
		rec(t0+10, t0+20, 100, 1000),
		rec(t0+3000, t0+3599, 600, 6000),
		{},
	}
	late := rec(t0+3550, t0+3599, 50, 500)
	late.Received = (t0 + 3660) * 1e9 // a minute after the hour
	recs[2] = late
	closed := 0
	feed(tr, t0+2*3600+200, func(w *Window) {
		if !w.Hour || w.Closed < t0/3600 {
			return
		}
		d, ok := w.Device(0)
		if !ok {
			t.Fatal("the device is gone")
		}
		total, peak := d.Hour()
		closed++
		if closed == 1 && (total.Packets[In] != 750 || total.Bytes[In] != 7500 || peak.Packets[In] < 300 || peak.Packets[In] > 400) {
			t.Errorf("first hour: %+v, peak %+v", total, peak)
		}
		if closed == 2 && (total.Packets[In] != 0 || total.Flows[In] != 0) {
			t.Errorf("second hour is not empty: %+v", total)
		}
	}, recs...)
	if closed != 2 {
		t.Errorf("%d hours closed, want 2", closed)
	}
}

func TestDistinct(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 5, 16, 17, 100, 1000, 50_000, 1_000_000} {
		var d distinct
		for range n {
			h := r.Uint64()
			d.add(h)
			d.add(h)
		}
		var u union
		u.add(&d)
		got := float64(u.estimate())
		if diff := got - float64(n); diff > 0.12*float64(n)+0.5 || diff < -0.12*float64(n)-0.5 {
			t.Errorf("%d distinct estimated as %.0f", n, got)
		}
	}
}

// Every key above total/k is in a Space-Saving list, and its weight is never
// under its true weight.
func TestTopKeepsHeavyHitters(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		top, truth := newTopK(8), map[uint32]uint64{}
		var total uint64
		for range rapid.IntRange(1, 500).Draw(rt, "n") {
			k := uint32(rapid.IntRange(0, 40).Draw(rt, "key"))
			w := uint64(rapid.IntRange(1, 50).Draw(rt, "weight"))
			key := numKey(k)
			top.add(k, &key, w)
			truth[k] += w
			total += w
		}
		have := map[uint32]uint64{}
		for i := range top.entries {
			have[top.entries[i].Number()] = top.entries[i].Weight
		}
		for k, w := range truth {
			if w > total/8 && have[k] < w {
				rt.Errorf("key %d weighs %d of %d; the list has %d", k, w, total, have[k])
			}
		}
	})
}

// A table survives any order of puts and drops.
func TestTable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var p devices
		p.table = newTable(flow.Seed{})
		truth := map[flow.Addr]int32{}
		for range rapid.IntRange(1, 300).Draw(rt, "n") {
			a := flow.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 60).Draw(rt, "addr"))})
			h := uint64(a[15]%7) << 32 // few hashes: long probe runs
			if i, ok := truth[a]; ok {
				if p.find(h, &a) != i {
					rt.Fatalf("%v is not at %d", a, i)
				}
				p.remove(i)
				delete(truth, a)
			} else {
				truth[a] = p.add(h, &a, 1)
			}
		}
		if p.count() != len(truth) {
			rt.Errorf("count %d, want %d", p.count(), len(truth))
		}
	})
}

// A flood from spoofed sources inside the own networks cannot grow the tables.
func TestBounds(t *testing.T) {
	tr := newTracker(t, func(c *Config) { c.MaxDevices, c.MaxHot, c.MaxUploads, c.HotPackets = 100, 10, 10, 10 })
	r := rand.New(rand.NewPCG(3, 4))
	var recs []flow.Record
	for i := range 20_000 {
		x := rec(t0+int64(i/20), t0+int64(i/20), 20, 1_000_000)
		x.Src, x.Dst = flow.AddrFrom4([4]byte{10, 1, byte(r.Uint32()), byte(r.Uint32())}), addr("198.51.100.1")
		x.Mark = flow.SrcInternal
		recs = append(recs, x)
	}
	feed(tr, t0+1000, nil, recs...)
	if c := tr.Counts(); c.Devices > 100 || c.Hot > 10 || c.Uploads > 10 {
		t.Errorf("tables outgrew their bounds: %+v", c)
	}
	if l := tr.Losses(); l.DevicesRefused+l.DevicesForgotten == 0 {
		t.Error("a full table was not counted")
	}
}

// Absurd times cost one clamp each, never a loop.
func TestHostileTimes(t *testing.T) {
	tr := newTracker(t, func(c *Config) { c.HotPackets = 1 })
	x := rec(t0, t0, 100, 1000)
	for _, se := range [][2]int64{{0, 1 << 62}, {1 << 62, 0}, {-1 << 62, t0 * 1e9}, {(t0 + 900) * 1e9, (t0 + 901) * 1e9}, {-1 << 63, 1<<63 - 1}} {
		y := x
		y.Start, y.End = se[0], se[1]
		feed(tr, tr.Now(), nil, y)
	}
	if tr.Losses().Clamped != 5 {
		t.Errorf("clamped %d of 5", tr.Losses().Clamped)
	}
}

// A batch of known devices and a quiet tick allocate nothing.
func TestNoAllocation(t *testing.T) {
	tr := newTracker(t, nil)
	b := flow.NewBatch(64)
	r := rec(t0, t0, 500, 5000)
	for i := range 64 {
		r.Src = flow.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		b.Append(&r)
	}
	tr.Add(b, 0, b.Len(), nil)
	if n := testing.AllocsPerRun(20, func() { tr.Add(b, 0, b.Len(), nil); tr.Tick(); tr.Next(tr.Now() + 1) }); n != 0 {
		t.Errorf("%v allocations a batch and tick", n)
	}
}
