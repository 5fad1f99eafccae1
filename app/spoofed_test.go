// SPDX-License-Identifier: Apache-2.0

package app

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"tidewatch/flow"
	"tidewatch/incident"
)

// spoofed is a flood of made-up addresses: of sources on one victim, or of destinations
// in the own networks. Beside it, from second 10 on, another device is attacked and,
// from second 20 on, a whole prefix: both must be found.
type spoofed struct {
	destinations, v6 bool
	perSecond        int
	flows            int // how many addresses are made up
}

const (
	spoofedVictim, spoofedOther, spoofedPrefix    = "10.99.0.1", "192.0.2.9", "198.51.100.0/24"
	spoofedVictim6, spoofedOther6, spoofedPrefix6 = "fd00:99::1", "2001:db8:2::9", "2001:db8:7::/48"
)

func (s *spoofed) config() *Config {
	return testConfig("10.0.0.0/8", "fd00::/8", "192.0.2.0/24", spoofedPrefix, "2001:db8::/32")
}

// play runs it through the whole line and returns the engine.
func (s *spoofed) play(tb testing.TB, cfg *Config) *Engine {
	tb.Helper()
	e, err := NewEngine(cfg, nil)
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	b := flow.NewBatch(4096)
	at := int64(0)
	add := func(src, dst flow.Addr, proto, flags uint8, packets uint64) {
		b.Append(&flow.Record{
			Received: at, Start: at, End: at, Src: src, Dst: dst, SrcPort: 5000, DstPort: 443,
			Proto: proto, TCPFlags: flags, Packets: packets, Bytes: 60 * packets, Sampling: 1,
		})
		if b.Len() == 4096 {
			e.Process(b)
			b.Reset()
		}
	}
	for i := range s.flows {
		sec := i / s.perSecond
		at = (1_700_000_000+int64(sec))*1e9 + int64(i%s.perSecond)*1e9/int64(s.perSecond)
		x := r.Uint64()
		src := flow.AddrFrom4([4]byte{byte(x>>56)%126 + 11, byte(x >> 48), byte(x >> 40), byte(x >> 32)})
		dst := flow.AddrFrom4([4]byte{10, byte(x >> 16), byte(x >> 8), byte(x)})
		fixed, other, carpet := flow.AddrFrom4([4]byte{10, 99, 0, 1}), flow.AddrFrom4([4]byte{192, 0, 2, 9}), flow.AddrFrom4([4]byte{198, 51, 100, byte(x >> 24)})
		if s.v6 {
			src = flow.Addr{0: 0x20, 1: 0x02, 2: byte(x >> 56), 3: byte(x >> 48), 4: byte(x >> 40), 5: byte(x >> 32)}
			dst = flow.Addr{0: 0xfd, 3: byte(x >> 24), 4: byte(x >> 16), 5: byte(x >> 8), 15: byte(x)}
			fixed, other = flow.Addr{0: 0xfd, 3: 0x99, 15: 1}, flow.Addr{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 5: 2, 15: 9}
			carpet = flow.Addr{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 5: 7, 14: byte(x >> 24), 15: byte(x >> 16)}
		}
		if !s.destinations {
			dst = fixed
		}
		add(src, dst, flow.ProtoTCP, flow.SYN, 1)
		if sec >= 10 && i%(s.perSecond/1000) == 0 {
			add(src, other, flow.ProtoTCP, flow.SYN, 20)
		}
		if sec >= 20 && i%(s.perSecond/1000) == 1 {
			add(src, carpet, flow.ProtoUDP, 0, 130)
		}
	}
	e.Process(b)
	e.Drain()
	return e
}

// found checks that what came beside the flood was found, in time.
func (s *spoofed) found(tb testing.TB, e *Engine) {
	tb.Helper()
	other, prefix, victim := spoofedOther, spoofedPrefix, spoofedVictim
	if s.v6 {
		other, prefix, victim = spoofedOther6, spoofedPrefix6, spoofedVictim6
	}
	want := map[string]int64{other: 10, prefix: 20}
	if !s.destinations {
		want[victim] = 0
	}
	for _, inc := range e.Incidents() {
		begin, wanted := want[inc.Subject]
		if !wanted {
			if inc.Scope == incident.ScopeHost || !s.destinations {
				tb.Errorf("unasked for: %s", inc.Headline())
			}
			continue
		}
		delete(want, inc.Subject)
		if delay := inc.Detected.Unix() - 1_700_000_000 - begin; delay > 5 {
			tb.Errorf("%s: found after %d s", inc.Subject, delay)
		}
	}
	for subject := range want {
		tb.Errorf("the attack on %s was not found", subject)
	}
}

// However many sources or destinations are made up, every table stays within its bound,
// what does not fit is counted, and other attacks are found meanwhile.
func TestSpoofedFlood(t *testing.T) {
	for _, s := range []spoofed{{}, {v6: true}, {destinations: true}, {destinations: true, v6: true}} {
		s.perSecond, s.flows = 5_000, 130_000
		cfg := s.config()
		cfg.Window.MaxDevices, cfg.Window.MaxHot, cfg.Window.MaxPrefixes, cfg.Window.MaxHotPrefixes = 10_000, 64, 1024, 16
		e := s.play(t, cfg)
		s.found(t, e)
		c, l := e.shards[0].windows.Counts(), e.shards[0].windows.Losses()
		if c.Devices > 10_000 || c.Hot > 64 || c.HotPrefixes > 16 {
			t.Errorf("%+v: over the bounds: %+v", s, c)
		}
		if s.destinations && l.DevicesForgotten == 0 {
			t.Errorf("%+v: the losses are not counted: %+v", s, l)
		}
	}
}

// BenchmarkSpoofed is ten million made-up addresses with the shipped bounds: run it
// once (-benchtime 1x) and read the memory, in MiB of live heap after a collection.
func BenchmarkSpoofed(b *testing.B) {
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	for _, tc := range []struct {
		name string
		s    spoofed
	}{
		{"sources of IPv4", spoofed{}},
		{"sources of IPv6", spoofed{v6: true}},
		{"destinations of IPv4", spoofed{destinations: true}},
		{"destinations of IPv6", spoofed{destinations: true, v6: true}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			for b.Loop() {
				s := tc.s
				s.perSecond, s.flows = 200_000, 10_000_000
				before := heap()
				e := s.play(b, s.config())
				after := heap()
				s.found(b, e)
				c, l := e.shards[0].windows.Counts(), e.shards[0].windows.Losses()
				b.ReportMetric(before, "MiB-before")
				b.ReportMetric(after, "MiB-after")
				b.ReportMetric(float64(c.Devices), "devices")
				b.ReportMetric(float64(c.HotPrefixes), "prefixes")
				b.ReportMetric(float64(l.DevicesForgotten), "devices-forgotten")
				b.ReportMetric(float64(l.DevicesRefused), "devices-refused")
				b.ReportMetric(float64(l.PrefixesForgotten), "blocks-forgotten")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(s.flows), "ns/flow") // of one run
				runtime.KeepAlive(e)
			}
		})
	}
}
