// SPDX-License-Identifier: Apache-2.0

package window

import (
	"testing"
	"unsafe"

	"tidewatch/flow"
)

// A source that asks from the begin on, and one that comes later: only the second
// is heavy, at a server that many others ask.
func TestHeavySources(t *testing.T) {
	tr := newTracker(t, nil)
	tr.Jump(t0)
	web := rec(t0, t0, 6, 600)
	web.Proto, web.DstPort, web.SrcPort, web.TCPFlags = flow.ProtoTCP, 443, 40000, flow.SYN|flow.ACK|flow.PSH|flow.FIN
	ask := func(sec int64, src flow.Addr, n int) {
		b := flow.NewBatch(n)
		for range n {
			web.Src, web.Received, web.Start, web.End = src, sec*1e9, sec*1e9, sec*1e9
			b.Append(&web)
		}
		tr.Add(b, 0, n, nil)
	}
	var r *Requests
	for sec := int64(t0); sec < t0+300; sec++ {
		for i := range 100 {
			ask(sec, flow.AddrFrom4([4]byte{198, byte(sec), byte(sec >> 8), byte(i)}), 1)
		}
		ask(sec, flow.AddrFrom4([4]byte{192, 0, 2, 1}), 40)
		if sec >= t0+200 {
			ask(sec, flow.AddrFrom4([4]byte{192, 0, 2, 2}), 30)
		}
		w := tr.Tick()
		r = w.Host(0).Web()
		sources, requests := r.Heavy(sec-10, 100)
		switch {
		case sec > t0+60 && sec < t0+200 && sources != 0:
			t.Fatalf("%v heavy sources after %d s", sources, sec-t0)
		case sec > t0+220 && (sources != 1 || requests < 280 || requests > 320):
			t.Fatalf("%v heavy sources with %v requests after %d s, want one with 300", sources, requests, sec-t0)
		}
		tr.Next(sec + 1)
	}
	if a := r.Asked(t0 + 290); a.Requests < 1580 || a.Requests > 1710 || a.Sources < 850 || a.Sources > 950 || a.Usual < 1200 || a.Usual > 1450 {
		t.Errorf("%+v", a)
	}
	if size := unsafe.Sizeof(*r); size > 18<<10 {
		t.Errorf("%d bytes, documented are 18 KiB", size)
	}
}

// Sizes are alike within two fifths, whatever the version of IP.
func TestSizeClass(t *testing.T) {
	v4, v6 := flow.AddrFrom4([4]byte{10, 0, 0, 1}), flow.Addr{0: 0x20}
	last := -1
	for bytes := uint64(0); bytes < 10<<20; bytes += 1 + bytes/50 {
		c := sizeClass(bytes, 6, &v4)
		if c < last || c >= sizeClasses {
			t.Fatalf("class %d of %d bytes after %d", c, bytes, last)
		}
		last = c
	}
	if last != sizeClasses-1 {
		t.Errorf("the last class is %d", last)
	}
	if a, b := sizeClass(600, 6, &v4), sizeClass(720, 6, &v6); a != b {
		t.Errorf("class %d over IPv4, %d over IPv6", a, b)
	}
	if a, b := sizeClass(1000, 6, &v4), sizeClass(1500, 6, &v4); b < a+2 {
		t.Errorf("classes %d and %d of sizes that are half as much again", a, b)
	}
}

// What is usual doubles in an hour at most, and takes an hour to reach the floor.
func TestUsual(t *testing.T) {
	var u usual
	u.follow(500, 1000, true)
	for range 360 {
		u.follow(1e6, 1000, false)
	}
	if u < 1000 || u > 1510 {
		t.Errorf("%v after an hour, began at 500", u)
	}
	for range 360 {
		u.follow(0, 1000, false)
	}
	if u < 300 || u > 800 {
		t.Errorf("%v after an hour of nothing", u)
	}
}
