// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"net/netip"
	"testing"
	"time"

	"tidewatch/flow"
)

// brief is a minute of any event on a quiet network.
func brief() Config {
	return Config{Seed: 1, Start: noon(), AttackAt: 30 * time.Second, AttackFor: 60 * time.Second, Duration: 3 * time.Minute, ShopRate: 0.1}
}

// TestCarpetSparesEachHost: the network gets all of it, and no host more than 5 %
// of what a host may get.
func TestCarpetSparesEachHost(t *testing.T) {
	t.Parallel()
	for name, network := range map[string]string{"carpet": "10.20.0.0/24", "carpet6": "fd10:14::/48"} {
		s := build(t, name, brief())
		truth := event(t, s)
		if truth.Network != netip.MustParsePrefix(network) || truth.Vector != "udp_flood" {
			t.Errorf("%s: truth is %+v", name, truth)
		}
		hosts, packets := map[flow.Addr]uint64{}, uint64(0)
		each(s, func(r *flow.Record) {
			if r.Proto == flow.ProtoUDP && truth.Network.Contains(r.Dst.Netip()) && r.Packets == carpetFlow {
				hosts[r.Dst], packets = hosts[r.Dst]+r.Packets, packets+r.Packets
			}
		})
		if !near(float64(packets), float64(truth.Packets), 0.01) || len(hosts) < carpetHosts {
			t.Errorf("%s: %d packets of %d to %d hosts", name, packets, truth.Packets, len(hosts))
		}
		for a, n := range hosts {
			if n > 60*500*11/10 {
				t.Fatalf("%s: %v alone gets %d packets in a minute", name, a, n)
			}
		}
	}
}

// TestOutboundIsOneHostAndOneTarget in both families.
func TestOutboundIsOneHostAndOneTarget(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"outbound-flood", "outbound-flood6"} {
		s := build(t, name, brief())
		truth := event(t, s)
		targets, packets := map[flow.Addr]bool{}, uint64(0)
		each(s, func(r *flow.Record) {
			if r.Src.Netip() == truth.Subject && isSYN(r) && r.Packets > 3 {
				targets[r.Dst], packets = true, packets+r.Packets
			}
		})
		if truth.Kind != "ddos_outbound" || len(targets) != 1 || !near(float64(packets), float64(truth.Packets), 0.01) {
			t.Errorf("%s: %d packets of %d to %d targets", name, packets, truth.Packets, len(targets))
		}
	}
}

// TestPulsesPause: in the pauses nothing comes, and an hour later all of it again.
func TestPulsesPause(t *testing.T) {
	t.Parallel()
	s := build(t, "pulsing-flood", Config{Start: noon(), AttackAt: 30 * time.Second, AttackFor: 3 * time.Minute, ShopRate: 0.1, AttackRate: 1000, AttackSources: 100})
	var truths []Truth
	for _, truth := range s.Truth() {
		if truth.Vector != "" {
			truths = append(truths, truth)
		}
	}
	if len(truths) != 2 || truths[1].Start.Sub(truths[0].End) != time.Hour {
		t.Fatalf("truth is %+v", truths)
	}
	got := [2]uint64{}
	each(s, func(r *flow.Record) {
		for i := range truths {
			if at := r.Start/1e9 - truths[i].Start.Unix(); isSYN(r) && r.Packets > 3 && at >= 0 && at < 180 {
				got[i] += r.Packets
				if at%60 >= pulseOn {
					t.Fatalf("%d packets %d s after the begin", r.Packets, at)
				}
			}
		}
	})
	for i := range got {
		if got[i] != truths[i].Packets || got[i] != 3*40*1000 {
			t.Errorf("%d packets, truth has %d", got[i], truths[i].Packets)
		}
	}
}

// TestShiftsInThirds: each weapon has its own time, and the victim stays.
func TestShiftsInThirds(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"shifting-flood", "shifting-flood6"} {
		s := build(t, name, brief())
		var acts []Truth
		for _, truth := range s.Truth() {
			if truth.Vector != "" {
				acts = append(acts, truth)
			}
		}
		for i, want := range []string{"dns_amplification", "syn_flood", "http_flood"} {
			if i >= len(acts) || acts[i].Vector != want || acts[i].Subject != acts[0].Subject ||
				acts[i].Start != acts[0].Start.Add(time.Duration(20*i)*time.Second) || acts[i].End.Sub(acts[i].Start) != 20*time.Second {
				t.Fatalf("%s: acts are %+v", name, acts)
			}
		}
		requests, answered := 0, 0
		each(s, func(r *flow.Record) {
			if r.Start < acts[2].Start.UnixNano() || r.Start > acts[2].End.UnixNano() || r.Proto != flow.ProtoTCP || r.TCPFlags != wholeTCP {
				return
			}
			switch acts[0].Subject {
			case r.Dst.Netip():
				requests++
			case r.Src.Netip():
				answered++
			}
		})
		if !near(float64(requests), 20*4000, 0.1) || requests-answered > requests/50 {
			t.Errorf("%s: %d requests, %d answered", name, requests, answered)
		}
	}
}

// TestLookAlikesAreHeavy: what must not alarm is over the limits of packets that
// an attack is judged by, else it proves nothing.
func TestLookAlikesAreHeavy(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]float64{"speed-test": 10_000, "speed-test6": 10_000, "elephant": 10_000, "elephant6": 10_000, "backup-window": 10_000, "port-scan": 100, "port-scan6": 100} {
		s := build(t, name, brief())
		for _, truth := range s.Truth() {
			if !truth.MustNotAlert || truth.Category != "ddos_attack" {
				continue
			}
			packets := 0.0
			each(build(t, name, brief()), func(r *flow.Record) {
				if r.Dst.Netip() == truth.Subject && r.Start >= truth.Start.UnixNano() && r.Start < truth.End.UnixNano() {
					packets += float64(r.Packets)
				}
			})
			if rate := packets / truth.End.Sub(truth.Start).Seconds(); rate < limit {
				t.Errorf("%s: only %.0f packets/s to %v", name, rate, truth.Subject)
			}
		}
	}
}
