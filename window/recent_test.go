// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"
	"net/netip"
	"testing"

	"tidewatch/flow"
)

// flooded lets a flood of a protocol come for some seconds, beside customers whose pages
// carry more bytes.
func flooded(tr *Tracker, v6 bool, n int64, proto uint8, suspect uint32) {
	seconds(tr, n, func() {
		visit(tr, v6, 0, 40, func(r *flow.Record, _ int) { r.Bytes = 400_000 })
		visit(tr, v6, 1000, 1400, func(r *flow.Record, _ int) {
			r.Proto, r.TCPFlags, r.DstPort = proto, 0, 9
			if proto == flow.ProtoTCP {
				r.TCPFlags = flow.SYN
			}
		})
		for _, h := range tr.hot {
			if suspect != 0 && h.used {
				tr.Suspect(h.Addr, t0, suspect)
			}
		}
	})
}

// Of a suspected device what arrives is sampled by ten seconds, and of the suspected
// classes alone: what the attack has turned to shows at once.
func TestRecent(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		tr := newTracker(t, nil)
		tr.Jump(t0 / 60 * 60)
		flooded(tr, v6, 30, flow.ProtoUDP, 0)
		h := only(t, tr)
		if tr.Host(h.Addr) != h || tr.Host(addr("10.9.9.9")) != nil {
			t.Error("another device is found")
		}
		if got := h.Recent(tr.now - 10); got != nil {
			t.Errorf("%d samples of a device that nobody suspects", len(got))
		}
		flooded(tr, v6, 30, flow.ProtoUDP, 1<<flow.UDP)
		for back, want := range map[int64]int{5: 1, 15: 2, 25: 3, 300: 3} { // the running ten seconds have just begun, and hold nothing
			got := h.Recent(tr.now - back)
			if len(got) != want*(reserve-1) {
				t.Errorf("v6 %v, %d s back: %d samples", v6, back, len(got))
			}
			for _, s := range got {
				if s.Class != flow.UDP || s.Start < (tr.now-back)/10*10*1e9 {
					t.Fatalf("v6 %v, %d s back: %v of %d s ago", v6, back, s.Class, tr.now-s.Start/1e9)
				}
			}
		}
		sum := 0.0
		for _, s := range h.Recent(tr.now - 10) {
			sum += s.Weight
		}
		if want := 10 * 400 * 4000.0; math.Abs(sum/want-1) > 0.63 { // three standard errors of 23 samples
			t.Errorf("v6 %v: the samples of ten seconds stand for %.0f bytes of %.0f", v6, sum, want)
		}
		flooded(tr, v6, 10, flow.ProtoTCP, 1<<flow.TCPSyn)
		syns, all := 0, h.Recent(tr.now-10)
		for _, s := range all {
			if s.Class == flow.TCPSyn {
				syns++
			}
		}
		if 2*syns < len(all) || syns == 0 {
			t.Errorf("v6 %v: ten seconds after it turned to SYNs %d of %d samples are of these", v6, syns, len(all))
		}
	}
}

// The memory of it is given back when nobody has suspected the device for two minutes,
// and with its seconds, and taken again.
func TestRecentIsGivenBack(t *testing.T) {
	tr := newTracker(t, nil)
	tr.Jump(t0 / 60 * 60)
	flooded(tr, false, 10, flow.ProtoUDP, 1<<flow.UDP)
	h := only(t, tr)
	if h.near.recent == nil {
		t.Fatal("nothing is sampled")
	}
	flooded(tr, false, 200, flow.ProtoUDP, 0)
	if h.near.recent != nil || h.near.classes != 0 || len(tr.nears.freeRecent) != 1 {
		t.Errorf("after the suspicion: %v, %d given back", h.near.recent != nil, len(tr.nears.freeRecent))
	}
	flooded(tr, false, 1, flow.ProtoUDP, 1<<flow.UDP)
	if len(tr.nears.freeRecent) != 0 || h.near.recent == nil || len(h.Recent(tr.now-60)) != 0 {
		t.Error("not taken again, or not empty")
	}
	tr.cool(tr.dev.at(h.dev).hot)
	if len(tr.nears.freeRecent) != 1 || len(tr.nears.free) != 1 {
		t.Errorf("after its seconds: %d given back", len(tr.nears.freeRecent))
	}
}

// A prefix that is followed has it too.
func TestRecentOfPrefix(t *testing.T) {
	tr := newTracker(t, nil)
	tr.Jump(t0 / 60 * 60)
	net := netip.MustParsePrefix("10.0.0.0/24")
	carpet := func(n int64) {
		seconds(tr, n, func() {
			visit(tr, false, 0, 2000, func(r *flow.Record, i int) {
				r.Proto, r.TCPFlags, r.Dst = flow.ProtoUDP, 0, flow.AddrFrom4([4]byte{10, 0, 0, byte(i)})
			})
		})
	}
	carpet(20)
	x := tr.Followed(net)
	if x == nil || tr.Followed(netip.MustParsePrefix("10.0.1.0/24")) != nil {
		t.Fatal("the prefix is not followed, or another is")
	}
	tr.SuspectPrefix(net, tr.now, 1<<flow.UDP)
	carpet(5)
	if got := x.Recent(tr.now - 10); len(got) != reserve-1 || !net.Contains(got[0].Dst.Netip()) {
		t.Errorf("%d samples", len(got))
	}
}

// Booking a flow of a suspected device allocates nothing.
func TestRecentAllocatesNothing(t *testing.T) {
	tr := newTracker(t, nil)
	tr.Jump(t0 / 60 * 60)
	flooded(tr, false, 10, flow.ProtoUDP, 1<<flow.UDP)
	x, sec := flow.NewBatch(64), tr.now
	for i := range 64 {
		r := rec(sec, sec, 10, 4000)
		r.Src = client(false, i)
		x.Append(&r)
	}
	if n := testing.AllocsPerRun(50, func() { tr.Add(x, 0, x.Len(), nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// How many devices talk to an address is known of those seen, and of the others after a
// day.
func TestPrevalenceIsKnown(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		tr := newTracker(t, nil)
		far, never := addr("192.0.2.77"), addr("192.0.2.78")
		if v6 {
			far, never = addr("2001:db8::77"), addr("2001:db8::78")
		}
		day := func(from int) {
			seconds(tr, 3, func() {
				x := flow.NewBatch(8)
				for i := range 5 {
					r := rec(tr.now, tr.now, 900, 900_000)
					r.Src, r.Dst, r.SrcPort, r.DstPort, r.Mark = client(v6, from+i), far, uint16(40_000+i), 443, flow.SrcInternal
					x.Append(&r)
				}
				tr.Add(x, 0, x.Len(), nil)
			})
		}
		day(0)
		if n, known := tr.Prevalence(far); n != 5 || !known {
			t.Errorf("v6 %v: %d devices, known %v", v6, n, known)
		}
		if n, known := tr.Prevalence(never); n != 0 || known {
			t.Errorf("v6 %v: of nobody's %d are known %v on the first day", v6, n, known)
		}
		for tr.now < t0+usualSeconds {
			tr.Tick()
			tr.Next(t0 + usualSeconds + 1)
		}
		day(0)
		if n, known := tr.Prevalence(never); n != 0 || !known {
			t.Errorf("v6 %v: of nobody's %d are known %v after a day", v6, n, known)
		}
	}
}

// What another address may have pushed out is not known.
func TestPrevalenceOfAnotherPlace(t *testing.T) {
	p := newPrevalence()
	p.note(1<<32|5, 7<<48)
	if p.holds(1<<32|5) || !p.holds(2<<32|5) || p.holds(2<<32|6) {
		t.Error("a place is taken for another's, or not")
	}
}
