// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"testing"
	"time"

	"tidewatch/flow"
)

// TestNaturalRate holds the constants that thinning stands on.
func TestNaturalRate(t *testing.T) {
	t.Parallel()
	week := 7 * 24 * time.Hour
	rate := func(cfg Config) float64 {
		n := 0
		cfg.Duration = week
		s := build(t, "office", cfg)
		b := flow.NewBatch(1024)
		for s.Next(b) {
			n += b.Len()
			b.Reset()
		}
		return float64(n) / week.Seconds()
	}
	base := 4 * rate(Config{Seed: 11, Scale: 0.25}) // a quarter is quicker and as good
	if want := (&Config{Scale: 1, ShopRate: 1.6}).natural(); !near(base, want, 0.06) {
		t.Errorf("%.2f records per second, want about %.2f", base, want)
	}
	if base < 5 || base > 20 {
		t.Errorf("%.2f records per second is no rate at which a month stays tractable", base)
	}
	if thin := rate(Config{Seed: 11, FlowsPerSecond: 1}); !near(thin, 1, 0.12) {
		t.Errorf("thinned to one record per second there are %.2f", thin)
	}
}

// TestThinningKeepsVolumes: fewer records, the same packets and bytes.
func TestThinningKeepsVolumes(t *testing.T) {
	t.Parallel()
	volume := func(fps float64) (bytes, packets float64) {
		each(build(t, "office", Config{Seed: 4, FlowsPerSecond: fps, Start: noon(), Duration: 6 * time.Hour}), func(r *flow.Record) {
			bytes += float64(r.Bytes)
			packets += float64(r.Packets)
		})
		return bytes, packets
	}
	bytes, packets := volume(0)
	thinBytes, thinPackets := volume(2.5)
	if !near(thinBytes, bytes, 0.1) || !near(thinPackets, packets, 0.1) {
		t.Errorf("thinned %.3g bytes, %.3g packets; whole %.3g, %.3g", thinBytes, thinPackets, bytes, packets)
	}
}

// TestDiurnalShape: days, nights, lunch and weekends as people have them, in
// the zone where they live.
func TestDiurnalShape(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("four hours east", 4*3600)
	var office, shopping [2][24]float64 // working day, weekend; per day
	s := build(t, "office", Config{Seed: 2, Zone: zone, Scale: 0.25})
	each(s, func(r *flow.Record) {
		at := time.Unix(0, r.Start).In(zone)
		kind, days := 0, 5.0
		if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
			kind, days = 1, 2
		}
		switch {
		case r.DstPort == 443 && r.OutIf == ifShop:
			shopping[kind][at.Hour()] += 1 / days
		case r.InIf == ifOffice && r.OutIf == ifInternet:
			office[kind][at.Hour()] += 1 / days
		}
	})
	for what, ok := range map[string]bool{
		"an office morning has ten times a night's flows": office[0][10] > 10*office[0][3],
		"there is a dip at lunch":                         office[0][12] < 0.85*office[0][10] && office[0][12] < 0.85*office[0][15],
		"weekends are quiet in the office":                office[1][10] < 0.2*office[0][10],
		"the night is not silent":                         office[0][3] > 5,
		"the shop is busiest in the evening":              shopping[0][20] > 1.2*shopping[0][11] && shopping[0][20] > 5*shopping[0][4],
		"the shop is quieter at weekends":                 shopping[1][20] < shopping[0][20] && shopping[1][20] > 0.5*shopping[0][20],
	} {
		if !ok {
			t.Errorf("it does not hold that %s:\noffice %.0f\nshop %.0f", what, office, shopping)
		}
	}
}

// TestDaysDiffer: a baseline needs noise to learn, but no outliers.
func TestDaysDiffer(t *testing.T) {
	t.Parallel()
	var days [15]float64
	s := build(t, "office", Config{Seed: 8, Start: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), Duration: 15 * 24 * time.Hour})
	b := flow.NewBatch(1024)
	for d := range days {
		s.Seek(s.Config().Start.AddDate(0, 0, d))
		for range 1800 {
			b.Reset()
			s.Next(b)
			days[d] += float64(b.Len())
		}
	}
	lo, hi := days[0], days[0]
	for d, v := range days {
		if d%7 < 5 {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if hi < 1.05*lo || hi > 2*lo {
		t.Errorf("working days at ten: %.0f", days)
	}
}

// TestBackupEveryNight: some gigabytes to the same address at two, and nothing
// of that size to it at other hours.
func TestBackupEveryNight(t *testing.T) {
	t.Parallel()
	night := map[int]float64{}
	s := build(t, "office", Config{Seed: 6, FlowsPerSecond: 0.3, Duration: 3 * 24 * time.Hour})
	each(s, func(r *flow.Record) {
		if r.Dst == backupCloud() {
			at := time.Unix(0, r.Start).UTC()
			if r.Src != backupServer() || at.Hour() != uploadHour {
				t.Fatalf("backup at %v: %+v", at, r)
			}
			night[at.Day()] += float64(r.Bytes)
		}
	})
	if len(night) != 3 {
		t.Errorf("backups in %d of 3 nights", len(night))
	}
	for day, bytes := range night {
		if bytes < 2e9 || bytes > 7e9 {
			t.Errorf("day %d: %.0f bytes", day, bytes)
		}
	}
	truth := s.Truth()
	if len(truth) != 1 || !truth[0].MustNotAlert || truth[0].Subject != backupServer().Netip() {
		t.Errorf("the backup is not among the look-alikes: %+v", truth)
	}
}

// TestBackgroundIsHealthy: both families, both directions, and few connections
// that fail.
func TestBackgroundIsHealthy(t *testing.T) {
	var flows, six, in, out float64
	var classes [flow.NumClasses]float64
	nets := build(t, "office", Config{}).Internal()
	inside := func(a flow.Addr) bool {
		for _, n := range nets {
			if n.Contains(a.Netip()) {
				return true
			}
		}
		return false
	}
	peers := map[flow.Addr]bool{}
	cfg := Config{Seed: 3, Start: time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC), Duration: 2 * time.Hour}
	each(build(t, "office", cfg), func(r *flow.Record) {
		flows++
		classes[flow.ClassOf(r.Proto, r.TCPFlags, r.Mark)]++
		if !r.Src.Is4() {
			six++
		}
		switch src, dst := inside(r.Src), inside(r.Dst); {
		case src && !dst:
			out++
			peers[r.Dst] = true
		case dst && !src:
			in++
		case !src && !dst:
			t.Fatalf("a flow between strangers: %+v", r)
		}
	})
	if six/flows < 0.1 || six/flows > 0.4 {
		t.Errorf("%.0f%% of flows are IPv6", 100*six/flows)
	}
	if !near(in, out, 0.1) {
		t.Errorf("%.0f flows in, %.0f out", in, out)
	}
	if classes[flow.TCPSyn] > 0.03*flows || classes[flow.TCPSession] < 0.25*flows || classes[flow.TCPOther]+classes[flow.TCPNull] > 0 {
		t.Errorf("classes of %.0f flows: %.0f", flows, classes)
	}
	if len(peers) < 200 {
		t.Errorf("only %d external peers", len(peers))
	}
}
