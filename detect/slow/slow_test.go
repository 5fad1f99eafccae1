// SPDX-License-Identifier: Apache-2.0

package slow

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const firstHour = 20_513 * 24 // 1 March 2026, 00:00 UTC, a Sunday

// world feeds a ledger with synthetic days, one lesson an hour at most.
type world struct {
	t         *testing.T
	ledger    *baseline.Ledger
	d         *Detector
	r         *rand.Rand
	v6        bool
	strangers int     // that a workstation gives to each day
	median    float64 // megabytes to each
}

func newWorld(t *testing.T, v6 bool) *world {
	t.Helper()
	l, err := baseline.NewLedger(baseline.LedgerConfig{MaxDevices: 1000, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig(), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, l, d, rand.New(rand.NewPCG(5, 5)), v6, 12, 2}
}

// host is an address outside in network n.
func (w *world) host(n, host int) flow.Addr {
	s := fmt.Sprintf("100.%d.%d.%d", 64+n/256, n%256, host)
	if w.v6 {
		s = fmt.Sprintf("2001:db8:%x:%x::%x", n+1, host, host)
	}
	return flow.AddrFrom(netip.MustParseAddr(s))
}

// own is an own device.
func (w *world) own(n int) flow.Addr {
	s := fmt.Sprintf("10.0.%d.%d", n/250, 1+n%250)
	if w.v6 {
		s = fmt.Sprintf("fd00::%x", n+1)
	}
	return flow.AddrFrom(netip.MustParseAddr(s))
}

// gives books megabytes at an hour of a day.
func (w *world) gives(device flow.Addr, day, hour int, to flow.Addr, sent, received float64, port uint32) { //nolint:revive // seven numbers make a gift
	w.ledger.Learn(device, int64(firstHour+24*day+hour), []window.Peer{{
		Addr: to, Sent: uint64(sent * 1e6), Received: uint64(received * 1e6), Service: flow.ProtoTCP<<16 | port, Tie: window.Outside,
	}})
}

// judge tells what is found at the end of a day.
func (w *world) judge(day int) []detect.Finding {
	return w.d.Detect(&window.Window{Hour: true, Minute: true, Now: int64(firstHour+24*day+23)*3600 + 3599}, nil)
}

// ordinary is a day of a workstation that gives 500 MB in all, of which 450 MB to five
// services it always uses and the rest to whatever else it meets.
func (w *world) ordinary(device flow.Addr, day int) {
	for k := range 5 {
		w.gives(device, day, 9, w.host(1000+k, 1), 90*math.Exp(0.3*w.r.NormFloat64()), 200, 443)
	}
	for range w.strangers { // with a median of 2 MB, some are of 20 MB
		w.gives(device, day, 10+w.r.IntN(8), w.host(2000+w.r.IntN(3000), 1+w.r.IntN(200)), w.median*math.Exp(1.2*w.r.NormFloat64()), 5, 443)
	}
	w.gives(device, day, 11, w.host(1500, 1), 20, 900, 443) // a download, with requests
}

// drip plays half a year: a device's own days, the drip from day 30 on, and returns
// the day of the drip on which it was first found above low, 0 for never.
func drip(t *testing.T, set func(*world), busy bool, megabytes float64, host func(w *world, day int) flow.Addr) (found int, f detect.Finding) {
	t.Helper()
	const begins = 30
	w := newWorld(t, false)
	set(w)
	device := w.own(7)
	for day := range begins + 180 {
		if busy {
			w.ordinary(device, day)
		} else {
			w.gives(device, day, 3, w.host(1000, 1), 0.5, 0, 8883)
		}
		if day >= begins {
			w.gives(device, day, 14, host(w, day-begins), megabytes, 0.1, 443)
		}
		for _, g := range w.judge(day) {
			if g.Severity.Rank() <= detect.Low.Rank() {
				continue
			}
			if day < begins {
				t.Errorf("found before it began, on day %d: %+v", day, g)
			}
			if found == 0 {
				found = day - begins + 1
			}
			f = g
		}
	}
	return found, f
}

// 10 MB a day to one new destination for half a year are found within the stated days,
// and so is a drip that rotates over 200 addresses of one network.
func TestDrip(t *testing.T) {
	one := func(w *world, _ int) flow.Addr { return w.host(77, 9) }
	many := func(w *world, day int) flow.Addr { return w.host(77, 1+day%200) }
	for _, tc := range []struct {
		name      string
		v6, busy  bool
		megabytes float64
		host      func(w *world, day int) flow.Addr
		by        int // day of the drip; 0: never
	}{
		{"quiet device", false, false, 10, one, 10},
		{"quiet device, IPv6", true, false, 10, one, 10},
		{"busy workstation", false, true, 10, one, 20},
		{"busy workstation, IPv6", true, true, 10, one, 20},
		{"quiet device, rotating", false, false, 10, many, 10},
		{"busy workstation, rotating", false, true, 10, many, 20},
		{"busy workstation, rotating, IPv6", true, true, 10, many, 20},
		{"quiet device, 3 MB", false, false, 3, one, 25},
		{"quiet device, 100 KB", false, false, 0.1, one, 0},
	} {
		found, f := drip(t, func(w *world) { w.v6 = tc.v6 }, tc.busy, tc.megabytes, tc.host)
		t.Logf("%s: %g MB a day are found on day %d", tc.name, tc.megabytes, found)
		if (found > 0) != (tc.by > 0) || found > tc.by {
			t.Errorf("%s: found on day %d, want by day %d", tc.name, found, tc.by)
		}
		if found > 0 {
			for _, i := range f.Indicators {
				t.Logf("    %s: %.3g, expected %.3g %s, %g", i.Name, i.Observed, i.Expected, i.Unit, i.Weight)
			}
			if want := tc.megabytes * 179e6; math.Abs(float64(f.Metrics.Bytes)-want) > 0.12*want {
				t.Errorf("%s: %d bytes, want about %g", tc.name, f.Metrics.Bytes, want)
			}
		}
	}
}

// Whatever a device gives to strangers, up to ten times as much to each, it is found by
// the day that the highest allowance means.
func TestDripAmongStrangers(t *testing.T) {
	for _, strangers := range []struct {
		n         int
		megabytes float64
	}{{3, 20}, {6, 20}, {12, 10}, {12, 20}, {30, 2}, {40, 5}, {60, 2}} {
		set := func(w *world) { w.strangers, w.median = strangers.n, strangers.megabytes }
		found, _ := drip(t, set, true, 10, func(w *world, _ int) flow.Addr { return w.host(77, 9) })
		t.Logf("%d strangers a day, %g MB each: found on day %d", strangers.n, strangers.megabytes, found)
		if found == 0 || found > 32 {
			t.Errorf("%d strangers a day, %g MB each: found on day %d, want by day 32", strangers.n, strangers.megabytes, found)
		}
	}
}

// What gives as much, or more, in an ordinary way is not told of, mail alone of severity
// low. With a lower limit of the score what alarms the test is listed with what speaks for
// it: nothing is taken away.
func TestLookAlikes(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		for name, play := range map[string]func(w *world, day int){
			"a nightly backup as old as the device": func(w *world, day int) {
				w.gives(w.own(1), day, 2, w.host(5, 1), 4000+w.r.Float64()*500, 20, 443)
			},
			"cloud sync that five devices begin to use": func(w *world, day int) {
				for n := range 5 {
					w.gives(w.own(n), day, 8, w.host(9, 1), 1, 3, 443)
					if day >= 20+n {
						w.gives(w.own(n), day, 10, w.host(5, 1+n), 80, 20, 443)
					}
				}
			},
			"updates": func(w *world, day int) {
				w.gives(w.own(1), day, 8, w.host(9, 1), 1, 3, 443)
				if day >= 20 {
					w.gives(w.own(1), day, 12, w.host(5, 1), 60, 2000, 443)
				}
			},
			"mail": func(w *world, day int) {
				w.gives(w.own(1), day, 8, w.host(9, 1), 1, 3, 443)
				if day >= 20 {
					w.gives(w.own(1), day, 12, w.host(5, 1), 30, 1, 587)
				}
			},
			"a new employee": func(w *world, day int) {
				if day >= 10 && day%7 > 1 {
					w.ordinary(w.own(1), day)
				}
			},
			"a large upload each week": func(w *world, day int) {
				w.gives(w.own(1), day, 8, w.host(9, 1), 1, 3, 443)
				if day >= 20 && day%7 == 3 {
					w.gives(w.own(1), day, 12, w.host(5, 1), 500, 2, 443)
				}
			},
			"workstations": func(w *world, day int) {
				for n := range 10 {
					if day%7 > 1 {
						w.ordinary(w.own(n), day)
					}
				}
			},
		} {
			w := newWorld(t, v6)
			cfg := DefaultConfig()
			cfg.Score = 0.1
			if err := w.d.Configure(cfg); err != nil {
				t.Fatal(err)
			}
			excused := map[string]bool{}
			for day := range 180 {
				play(w, day)
				for _, f := range w.judge(day) {
					if f.Severity.Rank() > detect.Low.Rank() || f.Score >= DefaultConfig().Score && name != "mail" {
						t.Fatalf("%s: %s on day %d: %+v", name, f.Severity, day, f.Indicators)
					}
					for _, i := range f.Indicators {
						if i.Weight < 0 {
							excused[i.Name] = true
						}
					}
				}
			}
			for why, of := range map[string]string{
				"slow_habit": "a nightly backup as old as the device", "destination_shared": "cloud sync that five devices begin to use", "mail_or_vpn": "mail",
			} {
				if name == of && !excused[why] {
					t.Errorf("%s: %s says nothing for it", name, why)
				}
			}
		}
	}
}

// A drip is told of for as long as it lasts, over weekends too, and no longer.
func TestEnds(t *testing.T) {
	w := newWorld(t, false)
	told := func(day int) bool { return len(w.judge(day)) > 0 }
	for day := range 90 {
		w.gives(w.own(1), day, 8, w.host(9, 1), 0.5, 0, 443)
		if day >= 20 && day < 60 && day%7 > 1 {
			w.gives(w.own(1), day, 12, w.host(5, 1), 10, 0, 443)
		}
		if day >= 45 && day < 60 && !told(day) {
			t.Errorf("not told of on day %d", day)
		}
	}
	if told(70) {
		t.Error("told of ten days after its end")
	}
}

func TestQuietLedgerAllocatesNothing(t *testing.T) {
	w := newWorld(t, false)
	for day := range 40 {
		w.ordinary(w.own(1), day)
	}
	win := &window.Window{Hour: true, Now: int64(firstHour+24*40) * 3600}
	if got := w.d.Detect(win, nil); len(got) > 0 {
		t.Fatalf("found %+v", got)
	}
	if n := testing.AllocsPerRun(10, func() { w.d.Detect(win, nil) }); n != 0 {
		t.Errorf("a quiet ledger allocates %v times", n)
	}
}
