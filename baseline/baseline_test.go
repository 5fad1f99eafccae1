// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

var device = flow.AddrFrom(netip.MustParseAddr("10.0.0.1"))

const day0 = 20_000 * 24 // a Unix hour at midnight

// taught returns a store with n days of a device that is busy from 8 to 18.
func taught(tb testing.TB, n int, zone *time.Location) *Store {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.Zone = zone
	s, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	for h := range int64(24 * n) {
		v := uint64(1_000_000)
		if hour := time.Unix((day0+h)*3600, 0).In(zone).Hour(); hour >= 8 && hour < 18 {
			v = 100_000_000 + uint64(h%7)*5_000_000
		}
		s.Learn(device, day0+h, Sample{BytesIn: v, BytesOut: v / 10, PacketsIn: v / 1000})
	}
	return s
}

func at(days, hour int) time.Time { return time.Unix((day0+int64(24*days+hour))*3600, 0).UTC() }

// The level that speaks follows from the samples: none, all hours, the hour.
func TestLevels(t *testing.T) {
	for days, want := range map[int]string{1: "", 2: "", 3: "global", 7: "global", 8: "hour_of_day", 40: "hour_of_day"} {
		n, ok := taught(t, days, time.UTC).At(device, at(days, 12), BytesIn)
		if ok != (want != "") || n.Basis.Level != want {
			t.Errorf("%d days: level %q, %v; want %q", days, n.Basis.Level, ok, want)
		}
	}
	if _, ok := taught(t, 10, time.UTC).At(flow.Addr{1}, at(10, 12), BytesIn); ok {
		t.Error("an unknown device has a past")
	}
}

// Noon is normal at noon and abnormal at night.
func TestHourOfDay(t *testing.T) {
	s := taught(t, 14, time.UTC)
	noon, _ := s.At(device, at(14, 12), BytesIn)
	night, _ := s.At(device, at(14, 3), BytesIn)
	if z := noon.Sigma(110e6); math.Abs(z) > 2 {
		t.Errorf("a normal noon is %.1f sigma", z)
	}
	if z := night.Sigma(110e6); z < 5 {
		t.Errorf("noon's traffic at night is %.1f sigma", z)
	}
	if z := noon.Sigma(1e6); z > -5 {
		t.Errorf("a silent noon is %.1f sigma", z)
	}
}

// Hours are those of the site, daylight saving included.
func TestZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := taught(t, 14, berlin)
	n, _ := s.At(device, time.Date(2024, 10, 19, 9, 0, 0, 0, berlin), BytesIn)
	if n.Median < 50e6 {
		t.Errorf("nine o'clock in Berlin is quiet: %.0f", n.Median)
	}
}

// Above and Sigma are each other's inverse.
func TestAboveInvertsSigma(t *testing.T) {
	n, _ := taught(t, 14, time.UTC).At(device, at(14, 12), BytesIn)
	rapid.Check(t, func(rt *rapid.T) {
		z := rapid.Float64Range(-1, 8).Draw(rt, "z")
		if v := n.Above(z); v > 0 && math.Abs(n.Sigma(v)-z) > 1e-6 {
			rt.Errorf("Sigma(Above(%v)) = %v", z, n.Sigma(v))
		}
	})
}

// The store keeps no more devices than it may, and counts what it refuses.
func TestBound(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxDevices = 3
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range byte(10) {
		s.Learn(flow.AddrFrom4([4]byte{10, 0, 0, i}), day0, Sample{BytesIn: 1})
	}
	if devices, refused := s.Counts(); devices != 3 || refused != 7 {
		t.Errorf("%d devices, %d refused", devices, refused)
	}
}

// Asking allocates nothing, known or not.
func TestNoAllocation(t *testing.T) {
	s := taught(t, 14, time.UTC)
	i := 0
	if n := testing.AllocsPerRun(100, func() { s.At(device, at(14, i%24), BytesOut); i++ }); n != 0 {
		t.Errorf("%v allocations a question", n)
	}
}
