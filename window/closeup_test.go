// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"
	"testing"

	"tidewatch/flow"
)

// client is one of many sources of a family.
func client(v6 bool, i int) flow.Addr {
	if v6 {
		return flow.Addr{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 4: byte(i >> 8), 5: byte(i), 15: 1}
	}
	return flow.AddrFrom4([4]byte{198, byte(18 + i>>16), byte(i >> 8), byte(i)})
}

// visit is what clients from to to do to the device in the running second.
func visit(tr *Tracker, v6 bool, from, to int, change func(*flow.Record, int)) {
	x, sec := flow.NewBatch(to-from), tr.now
	for i := from; i < to; i++ {
		r := rec(sec, sec, 10, 4000)
		r.Src, r.Proto, r.TCPFlags, r.DstPort, r.SrcPort = client(v6, i), flow.ProtoTCP, flow.SYN|flow.ACK|flow.PSH, 443, uint16(i)
		if v6 {
			r.Dst = flow.Addr{0: 0xfd, 15: 1}
		}
		if change != nil {
			change(&r, i)
		}
		x.Append(&r)
	}
	tr.Add(x, 0, x.Len(), nil)
}

// seconds lets n seconds pass, in each of which f happens.
func seconds(tr *Tracker, n int64, f func()) {
	for range n {
		f()
		tr.Tick()
		tr.Next(tr.now + 1)
	}
}

// only is the one busy device.
func only(t *testing.T, tr *Tracker) *Host {
	t.Helper()
	for _, h := range tr.hot {
		if h.used {
			return h
		}
	}
	t.Fatal("no busy device")
	return nil
}

// The sample of sources is one of senders, however much each sends, and tells of each
// exactly how often it came.
func TestSources(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		tr := newTracker(t, nil)
		tr.Jump(t0 / 60 * 60)
		seconds(tr, 10, func() {
			visit(tr, v6, 0, 2000, func(r *flow.Record, i int) {
				if i%4 == 0 {
					r.Bytes, r.SrcAS = 400_000, 64_500
				}
			})
		})
		got := only(t, tr).Sources(0, 1<<flow.TCPSession)
		fat := 0
		for _, s := range got {
			if s.ASN != 0 {
				fat++
			}
			// The sample begins with the eleventh flow, when the device is lively.
			if s.Flows != 10 && s.Flows != 9 {
				t.Errorf("%v came %d times, not 10", s.Addr, s.Flows)
			}
		}
		// A quarter of 64, give or take three standard errors.
		if share := float64(fat) / float64(len(got)); len(got) != buckets || math.Abs(share-0.25) > 3*math.Sqrt(0.25*0.75/64) {
			t.Errorf("v6 %v: %d of %d sampled sources are of the fat quarter", v6, fat, len(got))
		}
	}
}

// Who completes connections is known some minutes later, unless the device was
// attacked meanwhile. Who only asks never is.
func TestKnown(t *testing.T) {
	for name, tc := range map[string]struct {
		flags   uint8
		suspect bool
		want    float64
	}{
		"customers":            {flow.SYN | flow.ACK | flow.PSH, false, 1},
		"flooders":             {flow.SYN, false, 0},
		"customers and a raid": {flow.SYN | flow.ACK | flow.PSH, true, 0},
	} {
		tr := newTracker(t, nil)
		tr.Jump(t0 / 60 * 60)
		come := func() {
			visit(tr, false, 0, 200, func(r *flow.Record, _ int) { r.TCPFlags = tc.flags })
		}
		seconds(tr, 240, func() {
			come()
			if tc.suspect {
				only(t, tr).Suspect(tr.now, tr.now, 0)
			}
		})
		come()
		known, all := 0, only(t, tr).Sources(tr.now, ^uint32(0))
		for _, s := range all {
			if s.Known {
				known++
			}
		}
		if got := float64(known) / float64(len(all)); got != tc.want {
			t.Errorf("%s: %.2f of %d are known, want %.0f", name, got, len(all), tc.want)
		}
		if chance := only(t, tr).KnownByChance(); chance > 200.0/knownBits {
			t.Errorf("%s: a stranger is known in %.3f", name, chance)
		}
	}
}

// A device with very many customers remembers those with the smallest hashes, which
// are those that a sample of many holds.
func TestKnownOfMany(t *testing.T) {
	tr := newTracker(t, nil)
	tr.Jump(t0 / 60 * 60)
	seconds(tr, 480, func() {
		n := int(tr.now % 60 * 1000)
		visit(tr, false, n, n+1000, nil) // 60 000 customers come each minute
	})
	visit(tr, false, 0, 60_000, nil)
	h := only(t, tr)
	if chance := h.KnownByChance(); chance > 0.5 {
		t.Errorf("a stranger is known in %.2f", chance)
	}
	known, sure := 0, 0
	for _, s := range h.Sources(tr.now, 1<<flow.TCPSession) {
		if s.Sure {
			sure++
			if s.Known {
				known++
			}
		}
	}
	if sure < 32 || known < sure*9/10 {
		t.Errorf("%d of %d are known", known, sure)
	}
}

// Before an attack is what was before all of it, also when it is asked what was before
// its second vector. Two minutes after its end all is usual again.
func TestUnsuspected(t *testing.T) {
	tr := newTracker(t, nil)
	tr.Jump(t0 / 60 * 60)
	come := func() { visit(tr, false, 0, 50, nil) }
	seconds(tr, 130, come)
	began := tr.now
	seconds(tr, 90, func() {
		come()
		tr.Suspect(only(t, tr).Addr, tr.now, 0) // a detector knows the begin better later on
		tr.Suspect(only(t, tr).Addr, began, 0)
	})
	if got := only(t, tr).Unsuspected(tr.now); got != began {
		t.Errorf("usual until %d s after the attack began", got-began)
	}
	if got := only(t, tr).Unsuspected(began - 7); got != began-7 {
		t.Errorf("usual until %d s after what it was asked for", got-began+7)
	}
	if o, ok := only(t, tr).Ordinary(tr.now); !ok || o.Minutes != 1 {
		t.Errorf("%d ordinary minutes, not that before the one in which the attack began", o.Minutes)
	}
	seconds(tr, 130, come)
	if got := only(t, tr).Unsuspected(tr.now); got != tr.now {
		t.Errorf("usual until %d s ago, though the attack is over", tr.now-got)
	}
}

// While a device is under suspicion, the minutes before stay what they were.
func TestUsualIsKept(t *testing.T) {
	tr := newTracker(t, nil)
	tr.Jump(t0 / 60 * 60)
	seconds(tr, 240, func() { visit(tr, false, 0, 50, nil) })
	from := tr.now
	seconds(tr, 600, func() {
		visit(tr, false, 1000, 1500, func(r *flow.Record, _ int) { r.TCPFlags = flow.SYN })
		tr.Suspect(only(t, tr).Addr, tr.now, 0)
	})
	h := only(t, tr)
	o, ok := h.Ordinary(from)
	if !ok || o.Asked != 0 || o.Sessions < 50*60 || o.Packets[In] < 50*60*10 {
		t.Errorf("ordinary minutes %+v, %v", o, ok)
	}
	if n := len(h.SourcesBefore(from)); n < 25 || n > 50 {
		t.Errorf("%d of 50 sources before", n)
	}
	before := 0
	for _, s := range h.Samples() {
		if s.End < from*1e9 {
			before++
			if s.Class != flow.TCPSession {
				t.Errorf("%v before the flood", s.Class)
			}
		}
	}
	if before == 0 {
		t.Error("no sample of the time before")
	}
}

// The sample of flows estimates bytes: in all, and of any part.
func TestSamples(t *testing.T) {
	tr := newTracker(t, nil)
	tr.Jump(t0 / 60 * 60)
	var all, part float64
	seconds(tr, 20, func() {
		visit(tr, false, 0, 500, func(r *flow.Record, i int) {
			r.Bytes = uint64(100 + i*i) // some are much larger
			all += float64(r.Bytes)
			if i%2 == 0 {
				r.DstPort = 8443
				part += float64(r.Bytes)
			}
		})
	})
	samples := only(t, tr).Samples()
	var sum, of float64
	for _, s := range samples {
		sum += s.Weight
		if s.DstPort == 8443 {
			of += s.Weight
		}
	}
	// 1/sqrt(23) is the standard error; three of them.
	if len(samples) != reserve-1 || math.Abs(sum/all-1) > 0.63 || math.Abs(of/sum-part/all) > 0.31 {
		t.Errorf("%d samples stand for %.0f bytes of %.0f, %.2f of them to the port, truly %.2f", len(samples), sum, all, of/sum, part/all)
	}
}

// A close-up is given back with the seconds of its device, and taken again.
func TestCloseupsAreGivenBack(t *testing.T) {
	tr := newTracker(t, nil)
	tr.Jump(t0 / 60 * 60)
	seconds(tr, 2, func() { visit(tr, false, 0, 50, nil) })
	h := only(t, tr)
	if h.near == nil {
		t.Fatal("no close-up of a lively device")
	}
	tr.cool(tr.dev.at(h.dev).hot)
	if len(tr.nears.free) != 1 || h.near != nil {
		t.Errorf("%d close-ups given back", len(tr.nears.free))
	}
	seconds(tr, 2, func() { visit(tr, true, 0, 50, nil) })
	if len(tr.nears.free) != 0 {
		t.Error("not taken again")
	}
}

// What attackers do while a device is suspected does not decide how many of its
// customers are remembered, nor does one busy day for ever.
func TestKnownAfterAttacks(t *testing.T) {
	var k known
	minute := int64(1)
	turn := func(quiet bool, first, n int) {
		for i := first; i < first+n; i++ {
			k.learn(flow.Seed{1, 2}.Mix(uint64(i), 7))
		}
		k.turn(minute, quiet)
		minute++
	}
	turn(true, 0, 300)
	turn(true, 1000, 100_000) // an attack begins
	turn(false, 1000, 200_000)
	turn(true, 0, 300)
	if k.halved != 0 {
		t.Errorf("after an attack one of %d customers is remembered", 1<<k.halved)
	}
	turn(true, 1000, 100_000) // a crowd that nobody suspects
	turn(true, 0, 300)
	if k.halved == 0 {
		t.Error("a crowd fills the memory")
	}
	for range 10 * knownTurns {
		turn(true, 0, 300)
	}
	if k.halved != 0 {
		t.Errorf("days after a crowd still one of %d is remembered", 1<<k.halved)
	}
}
