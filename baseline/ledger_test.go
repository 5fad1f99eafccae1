// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"tidewatch/flow"
	"tidewatch/window"
)

func testLedger(tb testing.TB, devices int, zone *time.Location) *Ledger {
	tb.Helper()
	l, err := NewLedger(LedgerConfig{MaxDevices: devices, Zone: zone})
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func addrOf(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// given is a peer that a device sent so many bytes to and received some from.
func given(to string, sent, received uint64) window.Peer {
	return window.Peer{Addr: addrOf(to), Sent: sent, Received: received, Service: flow.ProtoTCP<<16 | 443, Tie: window.Outside}
}

// Sums over all spans are those of the bytes that were given, within the stated error:
// a block of ten days for the long ones.
func TestLedgerSums(t *testing.T) {
	const hour0 = 20_000 * 24
	for _, tc := range []struct{ to, network string }{{"198.51.100.7", "198.51.100.0/24"}, {"2001:db8:1:2::7", "2001:db8:1::/48"}} {
		l := testLedger(t, 10, time.UTC)
		device := addrOf("10.0.0.1")
		r := rand.New(rand.NewPCG(1, 1))
		var days [400]float64
		for day := range days {
			if day > 200 && day < 230 || r.IntN(3) == 0 {
				continue // away
			}
			for _, hour := range []int{9, 17} {
				sent := 1e6 + r.Uint64N(20e6)
				days[day] += float64(sent)
				l.Learn(device, int64(hour0+24*day+hour), []window.Peer{given(tc.to, sent, 0)})
			}
			d := l.Device(device)
			a := &d.Networks()[0]
			if flow.NetworkPrefix(a.Key).String() != tc.network || len(d.Hosts()) != 1 {
				t.Fatalf("network %v of %s, %d hosts", flow.NetworkPrefix(a.Key), tc.to, len(d.Hosts()))
			}
			today := l.Day(int64(hour0 + 24*day + 17))
			sum := func(n int) (s float64) {
				for i := max(0, day-n+1); i <= day; i++ {
					s += days[i]
				}
				return s
			}
			for _, n := range []int{1, 7, 30, 90, 180} {
				least, most := sum(n), sum(n)
				if n > accountDays {
					most = sum(n + blockDays - 1)
				}
				if got := a.Sum(today, n); got < 0.999*least-1e4 || got > 1.001*most+1e4 {
					t.Fatalf("%s, day %d: %g bytes in %d days, want %g to %g", tc.to, day, got, n, least, most)
				}
			}
			if got := a.Latest(int64(hour0 + 24*day + 17)); got <= 0 || got >= days[day] {
				t.Errorf("day %d: %g bytes in the hour, of %g", day, got, days[day])
			}
		}
	}
}

func TestPackedBytes(t *testing.T) {
	for _, v := range []float32{0, 400, 1000, 12_345, 2_047_000, 2_048_400, 10e6, 1e9, 5.4e12, 1e15} {
		if got := unpack(pack(v)); math.Abs(float64(got-v)) > max(500, 0.0005*float64(v)) {
			t.Errorf("%g reads as %g", v, got)
		}
	}
}

// What is no gift: acknowledgements and requests, answers of a server, what stays inside.
func TestLedgerGifts(t *testing.T) {
	served, inside := given("198.51.100.8", 9e6, 0), given("10.0.0.9", 9e6, 0)
	served.Tie |= window.Served
	inside.Tie = 0
	l := testLedger(t, 10, time.UTC)
	l.Learn(addrOf("10.0.0.1"), 480_000, []window.Peer{served, inside, given("198.51.100.7", 9e6, 100e6)})
	d := l.Device(addrOf("10.0.0.1"))
	if first, _, active := d.Days(); first != 20_000 || active != 0 || len(d.Networks()) > 0 {
		t.Fatalf("known since day %d, %d active, gave to %d networks", first, active, len(d.Networks()))
	}
	l.Learn(addrOf("10.0.0.1"), 480_024, []window.Peer{given("198.51.100.7", 9e6, 8e6)})
	if got := l.Device(addrOf("10.0.0.1")).Total().Sum(20_001, 1); got != 8e6 {
		t.Errorf("%g bytes, want 8e6", got)
	}
}

// A day is the site's.
func TestLedgerDay(t *testing.T) {
	zone := time.FixedZone("east", 10*3600)
	l := testLedger(t, 10, zone)
	before, after := time.Date(2026, 3, 1, 23, 0, 0, 0, zone).Unix()/3600, time.Date(2026, 3, 2, 0, 0, 0, 0, zone).Unix()/3600
	if l.Day(after) != l.Day(before)+1 || l.Day(after) != uint16(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Unix()/86400) {
		t.Errorf("days %d and %d", l.Day(before), l.Day(after))
	}
}

// Whoever meets millions of destinations has as many accounts as anyone, the heavy one
// among them; what gave way is counted.
func TestLedgerBound(t *testing.T) {
	l := testLedger(t, 2, time.UTC)
	device := addrOf("10.0.0.1")
	n := 1_000_000
	if os.Getenv("TIDEWATCH_ACCURACY") == "1" {
		n = 10_000_000
	}
	peers := make([]window.Peer, 0, 24)
	var all float64
	for i := 0; i < n; i += 23 {
		peers = append(peers[:0], given("198.51.100.7", 300_000, 0))
		for k := range 23 {
			p := given("0.0.0.0", 64<<10, 0)
			v := uint32(i+k) * 2654435761 // all over the address space
			p.Addr = flow.AddrFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}))
			peers = append(peers, p)
		}
		for k := range peers {
			all += float64(peers[k].Sent)
		}
		l.Learn(device, 480_000+int64(i)*480/int64(n), peers)
	}
	d := l.Device(device)
	if len(d.Hosts()) > ledgerHosts || cap(d.Hosts()) > ledgerHosts || len(d.Networks()) > ledgerMost || cap(d.Networks()) > ledgerMost {
		t.Fatalf("%d and %d accounts", cap(d.Hosts()), cap(d.Networks()))
	}
	heavy := d.HostsOf(flow.NetworkOf(addrOf("198.51.100.7")), nil)
	if len(heavy) != 1 || heavy[0].Fed() < 10 {
		t.Errorf("the heavy destination is lost")
	}
	if _, _, displaced := l.Counts(); displaced < uint64(n)/2 || d.Lost() < 0.1*all {
		t.Errorf("%d accounts gave way with %g of %g bytes", displaced, d.Lost(), all)
	}
	l.Learn(addrOf("10.0.0.2"), 480_000, []window.Peer{given("198.51.100.7", 1e6, 0)})
	l.Learn(addrOf("10.0.0.3"), 480_000, []window.Peer{given("198.51.100.7", 1e6, 0)})
	if devices, refused, _ := l.Counts(); devices != 2 || refused != 1 {
		t.Errorf("%d devices, %d refused", devices, refused)
	}
}

// busyLedger has devices that give to some networks each day.
func busyLedger(tb testing.TB, devices, networks, days int) *Ledger {
	tb.Helper()
	l := testLedger(tb, devices, time.UTC)
	r := rand.New(rand.NewPCG(2, 2))
	for day := range days {
		for n := range devices {
			device := flow.AddrFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}))
			peers := make([]window.Peer, 0, networks)
			for k := range networks {
				peers = append(peers, given(fmt.Sprintf("100.%d.%d.%d", 64+r.IntN(4), k, r.IntN(3)), 1e5+r.Uint64N(40e6), 1e5))
			}
			l.Learn(device, int64(480_000+24*day+n%24), peers)
		}
	}
	return l
}

// The ledger goes on from what was saved as if nothing had happened, and takes no
// damaged bytes.
func TestLedgerSaved(t *testing.T) {
	l := busyLedger(t, 20, 9, 40)
	data := l.AppendBinary([]byte("before"))[6:]
	back := testLedger(t, 20, time.UTC)
	rest, err := back.Decode(append(bytes.Clone(data), "after"...))
	if err != nil || string(rest) != "after" {
		t.Fatalf("%q, %v", rest, err)
	}
	if !bytes.Equal(back.AppendBinary(nil), data) {
		t.Error("another ledger came back")
	}
	for _, x := range []*Ledger{l, back} {
		for day := range 30 {
			x.Learn(addrOf("10.0.0.5"), int64(480_000+24*(40+day)), []window.Peer{given("203.0.113.9", 10e6, 0)})
		}
	}
	a, b := l.Watch(nil), back.Watch(nil)
	if len(a) == 0 || len(a) != len(b) {
		t.Fatalf("%d drips before, %d after", len(a), len(b))
	}
	for i := range a {
		if a[i].Device != b[i].Device || *a[i].Account != *b[i].Account || a[i].Users != b[i].Users {
			t.Errorf("drip %d differs: %+v, %+v", i, a[i].Account, b[i].Account)
		}
	}
	data = busyLedger(t, 2, 3, 12).AppendBinary(nil)
	for cut := range len(data) {
		if _, err := testLedger(t, 20, time.UTC).Decode(data[:cut]); err == nil {
			t.Fatalf("took %d of %d bytes", cut, len(data))
		}
	}
}

func FuzzLedgerDecode(f *testing.F) {
	f.Add(busyLedger(f, 2, 3, 20).AppendBinary(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := testLedger(t, 5, time.UTC)
		if _, err := l.Decode(data); err != nil {
			return
		}
		l.Watch(nil)
		again := testLedger(t, 5, time.UTC)
		if _, err := again.Decode(l.AppendBinary(nil)); err != nil {
			t.Errorf("what was taken cannot be saved: %v", err)
		}
	})
}

// BenchmarkLedger prints what an hour of a device costs, and the memory of all.
func BenchmarkLedger(b *testing.B) {
	for _, devices := range []int{10_000, 100_000} {
		for name, networks := range map[string]int{"few networks": 5, "full": 48} {
			b.Run(fmt.Sprintf("%d devices/%s", devices, name), func(b *testing.B) {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				l := busyLedger(b, devices, networks, 2)
				runtime.GC()
				runtime.ReadMemStats(&after)
				peers := make([]window.Peer, 0, 24)
				for k := range 24 {
					peers = append(peers, given(fmt.Sprintf("100.64.%d.1", k%networks), 1e6, 1e5))
				}
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					n++
					l.Learn(flow.AddrFrom(netip.AddrFrom4([4]byte{10, byte(n % devices >> 16), byte(n % devices >> 8), byte(n % devices)})), 480_100, peers)
				}
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
				b.ReportMetric(float64(len(l.AppendBinary(nil)))/1e6, "MB-saved")
			})
		}
	}
}
