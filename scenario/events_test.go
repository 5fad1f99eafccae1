// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"testing"
	"time"

	"tidewatch/flow"
)

// noon is a quiet start for events: Wednesday, 12:00.
func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// event returns the truth of a scenario that is not the backup's.
func event(t *testing.T, s *Scenario) Truth {
	t.Helper()
	for _, truth := range s.Truth() {
		if truth.Subject != backupServer().Netip() {
			return truth
		}
	}
	t.Fatal("the scenario tells of no event")
	return Truth{}
}

// TestFloodsAreWhatTheTruthSays: packets, bytes, sources, times and flags of
// what reaches the victim.
func TestFloodsAreWhatTheTruthSays(t *testing.T) {
	for name, tc := range map[string]struct {
		vector  string
		belongs func(r *flow.Record) bool
		pps     float64
		sources int
		maxSize float64
	}{
		"syn-flood":         {"syn_flood", isSYN, 50_000, 5000, 60},
		"syn-flood6":        {"syn_flood", isSYN, 50_000, 5000, 80},
		"udp-flood":         {"udp_flood", func(r *flow.Record) bool { return r.Proto == flow.ProtoUDP && r.SrcPort != 123 }, 40_000, 400, 700},
		"dns-amplification": {"dns_amplification", func(r *flow.Record) bool { return r.Proto == flow.ProtoUDP && r.SrcPort == 53 }, 30_000, 3000, 1500},
		"icmp-flood":        {"icmp_flood", func(r *flow.Record) bool { return r.Proto == flow.ProtoICMP && r.DstPort == 8<<8 }, 30_000, 2000, 100},
	} {
		t.Run(name, func(t *testing.T) {
			s := build(t, name, Config{
				Seed: 1, Start: noon(), AttackAt: 30 * time.Second, AttackFor: 70 * time.Second,
				Duration: 3 * time.Minute, ShopRate: 0.1,
			})
			truth := event(t, s)
			if truth.Category != "ddos_attack" || truth.Kind != "ddos" || truth.Vector != tc.vector || truth.MustNotAlert || truth.Sources != tc.sources {
				t.Errorf("truth is %+v", truth)
			}
			var packets, bytes float64
			first, last := int64(1<<62), int64(0)
			sources := map[flow.Addr]bool{}
			each(s, func(r *flow.Record) {
				if r.Dst.Netip() != truth.Subject || !tc.belongs(r) || r.Src.Netip().IsPrivate() {
					return
				}
				packets, bytes = packets+float64(r.Packets), bytes+float64(r.Bytes)
				sources[r.Src] = true
				first, last = min(first, r.Start), max(last, r.End)
			})
			seconds := truth.End.Sub(truth.Start).Seconds()
			if !near(packets, float64(truth.Packets), 0.05) || !near(packets/seconds, tc.pps, 0.05) {
				t.Errorf("%.0f packets in %v s, truth has %d", packets, seconds, truth.Packets)
			}
			if !near(bytes, float64(truth.Bytes), 0.05) || bytes/packets > tc.maxSize {
				t.Errorf("%.0f bytes of %.0f packets, truth has %d", bytes, packets, truth.Bytes)
			}
			if !near(float64(len(sources)), float64(tc.sources), 0.01) {
				t.Errorf("%d sources, want %d", len(sources), tc.sources)
			}
			if first < truth.Start.UnixNano() || first > truth.Start.UnixNano()+1e9 || last > truth.End.UnixNano() || last < truth.End.UnixNano()-2e9 {
				t.Errorf("from %v to %v, truth has %v to %v", time.Unix(0, first).UTC(), time.Unix(0, last).UTC(), truth.Start, truth.End)
			}
		})
	}
}

func isSYN(r *flow.Record) bool { return r.Proto == flow.ProtoTCP && r.TCPFlags == flow.SYN }

// TestFloodIsSteady: every second of it has its packets.
func TestFloodIsSteady(t *testing.T) {
	s := build(t, "syn-flood", Config{Start: noon(), AttackAt: 10 * time.Second, AttackFor: 20 * time.Second, AttackRate: 1234.5, AttackSources: 700, ShopRate: 0.1})
	truth := event(t, s)
	perSecond := map[int64]uint64{}
	each(s, func(r *flow.Record) {
		if isSYN(r) && r.Dst.Netip() == truth.Subject && r.Src.Is4() && r.Start >= truth.Start.UnixNano() && r.Start < truth.End.UnixNano() {
			perSecond[r.Start/1e9] += r.Packets
		}
	})
	for sec := truth.Start.Unix(); sec < truth.End.Unix(); sec++ {
		if n := perSecond[sec]; n < 1234 || n > 1240 { // noise of the Internet adds some
			t.Errorf("second %d has %d packets", sec-truth.Start.Unix(), n)
		}
	}
}

func TestExfiltrationMovesItsBytes(t *testing.T) {
	t.Parallel()
	s := build(t, "exfiltration", Config{
		Seed: 1, Start: time.Date(2026, 3, 4, 2, 30, 0, 0, time.UTC), AttackAt: 30 * time.Minute,
		Duration: 3 * time.Hour, FlowsPerSecond: 1,
	})
	truth := event(t, s)
	if truth.Category != "data_exfiltration" || truth.Kind != "exfiltration" || truth.Start.Hour() != 3 || truth.End.Sub(truth.Start) != 2*time.Hour {
		t.Errorf("truth is %+v", truth)
	}
	var sent, back, packets float64
	var open, closed int
	quarters := [8]float64{}
	each(s, func(r *flow.Record) {
		switch {
		case r.Dst == thief():
			if r.Src.Netip() != truth.Subject {
				t.Fatalf("%v sends to the thief", r.Src)
			}
			sent, packets = sent+float64(r.Bytes), packets+float64(r.Packets)
			quarters[(r.Start-truth.Start.UnixNano())/(15*60e9)] += float64(r.Bytes)
			open += int(r.TCPFlags >> 1 & 1)
			closed += int(r.TCPFlags & 1)
		case r.Src == thief():
			back += float64(r.Bytes)
		}
	})
	if !near(sent, 5.4e9, 0.01) || back > 0.05*sent || sent/packets > 1500 {
		t.Errorf("%.0f bytes in %.0f packets sent, %.0f back", sent, packets, back)
	}
	if open != 12 || closed != 12 {
		t.Errorf("%d connections begin, %d end; want one every ten minutes", open, closed)
	}
	for q, bytes := range quarters {
		if bytes < 0.4*sent/8 || bytes > 1.6*sent/8 {
			t.Errorf("quarter %d of two hours moves %.0f bytes", q, bytes)
		}
	}
	// The thief is new: nobody talked to it on the day before.
	before := build(t, "exfiltration", Config{Seed: 1, Start: noon().AddDate(0, 0, -1), AttackAt: 15 * time.Hour, Duration: 12 * time.Hour})
	each(before, func(r *flow.Record) {
		if r.Dst == thief() {
			t.Fatal("the thief was known before")
		}
	})
}

// connections counts, per second of their begin, what clients ask of the shop
// and how many of that complete.
func connections(s *Scenario) (asked, completed map[int64]int, sources map[flow.Addr]bool) {
	asked, completed, sources = map[int64]int{}, map[int64]int{}, map[flow.Addr]bool{}
	each(s, func(r *flow.Record) {
		if (r.Dst != shop(false) && r.Dst != shop(true)) || r.TCPFlags&flow.SYN == 0 || r.InIf != ifInternet {
			return
		}
		asked[r.Start/1e9]++
		sources[r.Src] = true
		if r.TCPFlags&flow.ACK != 0 {
			completed[r.Start/1e9]++
		}
	})
	return asked, completed, sources
}

func mean(of map[int64]int, from, to time.Time) float64 {
	n := 0
	for sec := from.Unix(); sec < to.Unix(); sec++ {
		n += of[sec]
	}
	return float64(n) / to.Sub(from).Seconds()
}

// TestShopSurges: the attack and the campaign have the same 60 % within 30 s;
// what tells them apart is whether connections complete.
func TestShopSurges(t *testing.T) {
	t.Parallel()
	cfg := Config{Seed: 7, Start: noon(), AttackAt: time.Minute, AttackFor: 4 * time.Minute, Duration: 6 * time.Minute, ShopRate: 200}
	at := cfg.Start.Add(cfg.AttackAt)
	for name, good := range map[string]float64{"shop-attack": 1, "shop-campaign": 1.6} {
		s := build(t, name, cfg)
		asked, completed, _ := connections(s)
		before := mean(asked, cfg.Start, at)
		surge := mean(asked, at.Add(30*time.Second), at.Add(110*time.Second)) / (before + 120)
		done := mean(completed, at.Add(30*time.Second), at.Add(110*time.Second)) / mean(completed, cfg.Start, at)
		if !near(before, 200, 0.35) || !near(surge, 1, 0.05) || !near(done, good, 0.1) {
			t.Errorf("%s: %.0f connections/s before, then %.2f of what is expected; %.2f times as many complete, want %.2f",
				name, before, surge, done, good)
		}
		if half := mean(asked, at.Add(14*time.Second), at.Add(17*time.Second)) - before; half < 30 || half > 95 {
			t.Errorf("%s: half-way up there are %.0f more connections/s, want about 60", name, half)
		}
		truth := event(t, s)
		if truth.MustNotAlert != (name == "shop-campaign") || truth.Subject != shop(false).Netip() {
			t.Errorf("%s: truth is %+v", name, truth)
		}
	}
}

// TestShopAttackTurnsSlow: in its second half connections complete and stay.
func TestShopAttackTurnsSlow(t *testing.T) {
	t.Parallel()
	cfg := Config{Seed: 7, Start: noon(), AttackAt: time.Minute, AttackFor: 8 * time.Minute, Duration: 12 * time.Minute, ShopRate: 200}
	s := build(t, "shop-attack", cfg)
	var acts []Truth
	for _, truth := range s.Truth() {
		if truth.Category == "ddos_attack" {
			acts = append(acts, truth)
		}
	}
	if len(acts) != 2 || acts[0].Vector != "syn_flood" || acts[1].Vector != "slow_http" || !acts[0].End.Equal(acts[1].Start) {
		t.Fatalf("acts are %+v", acts)
	}
	held, bytes, packets := 0.0, 0.0, 0.0
	sources := map[flow.Addr]bool{}
	middle := acts[1].End.Add(-time.Minute).UnixNano()
	each(s, func(r *flow.Record) {
		if r.Dst != shop(false) || r.DstPort != 80 {
			return
		}
		sources[r.Src] = true
		bytes, packets = bytes+float64(r.Bytes), packets+float64(r.Packets)
		if r.Start <= middle && r.End > middle {
			held++
		}
		if r.Start < acts[1].Start.UnixNano() || r.End > acts[1].End.UnixNano() {
			t.Fatalf("slow connection outside of its act: %+v", r)
		}
	})
	if want := 0.6 * 200 / 100 * 180; !near(held, want, 0.25) || len(sources) < 150 || bytes/packets > 80 {
		t.Errorf("%.0f connections held of %.0f, %d sources, %.0f bytes a packet", held, want, len(sources), bytes/packets)
	}
}

// TestFlashCrowdCompletes: many more customers, from many addresses, and hardly
// anyone fails.
func TestFlashCrowdCompletes(t *testing.T) {
	t.Parallel()
	s := build(t, "flash-crowd", Config{Seed: 1, Start: noon(), AttackAt: time.Minute, AttackFor: 10 * time.Minute, Duration: 5 * time.Minute})
	asked, completed, sources := connections(s)
	at := noon().Add(3 * time.Minute)
	if rate := mean(asked, at, at.Add(time.Minute)); !near(rate, 601, 0.05) {
		t.Errorf("%.0f connections/s in the crowd", rate)
	}
	if share := mean(completed, at, at.Add(time.Minute)) / mean(asked, at, at.Add(time.Minute)); share < 0.98 {
		t.Errorf("%.3f of connections complete", share)
	}
	if len(sources) < 15_000 {
		t.Errorf("only %d customers", len(sources))
	}
	if truth := event(t, s); !truth.MustNotAlert || truth.Note == "" {
		t.Errorf("truth is %+v", truth)
	}
}

// TestLoad: the rate, the hosts and half of a flood.
func TestLoad(t *testing.T) {
	for name, half := range map[string]float64{"load": 0, "flood-load": 0.5} {
		cfg := Config{Seed: 1, Duration: 5 * time.Second, LoadRate: 30_000, LoadHosts: 1000}
		n, syn, six := 0.0, 0.0, 0.0
		hosts := map[flow.Addr]bool{}
		each(build(t, name, cfg), func(r *flow.Record) {
			n++
			for _, a := range []flow.Addr{r.Src, r.Dst} {
				if a[12] == 10 {
					hosts[a] = true
				}
			}
			if isSYN(r) && r.Packets == 1 && r.Dst == loadVictim() {
				syn++
			}
			if !r.Src.Is4() {
				six++
			}
		})
		if n != 150_000 || !near(syn+1, half*n+1, 0.01) || len(hosts) < 800 || len(hosts) > 1001 {
			t.Errorf("%s: %.0f records, %.0f SYN, %d hosts", name, n, syn, len(hosts))
		}
	}
}

// TestEventsOutsideOfTheRunAreNotTold: a run that ends before its event, or
// within it, tells of what is in it.
func TestEventsOutsideOfTheRunAreNotTold(t *testing.T) {
	s := build(t, "syn-flood", Config{Start: noon(), AttackAt: time.Hour, Duration: time.Minute})
	for _, truth := range s.Truth() {
		if truth.Category == "ddos_attack" {
			t.Errorf("told of %+v", truth)
		}
	}
	s = build(t, "syn-flood", Config{Start: noon(), AttackAt: 40 * time.Second, AttackFor: time.Hour, Duration: time.Minute})
	if truth := event(t, s); truth.End.Sub(truth.Start) != 20*time.Second {
		t.Errorf("an event cut by the end of the run is told as %+v", truth)
	}
}
