// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/gaissmai/bart"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"tidewatch/flow"
)

const second = int64(1e9)

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

func newEnricher(tb testing.TB, change func(*Config)) *Enricher {
	tb.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	e, err := New(&cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func TestDirection(t *testing.T) {
	e := newEnricher(t, nil)
	for name, tc := range map[string]struct {
		src, dst string
		want     flow.Mark
	}{
		"upload":                        {"10.255.255.255", "8.8.8.8", flow.SrcInternal},
		"download":                      {"11.0.0.0", "10.0.0.0", flow.DstInternal},
		"between own hosts":             {"172.31.255.255", "192.168.0.1", flow.SrcInternal | flow.DstInternal},
		"transit":                       {"172.32.0.0", "192.169.0.1", 0},
		"carrier-grade NAT":             {"100.64.0.1", "100.128.0.1", flow.SrcInternal},
		"unique local and link-local":   {"fd00::1", "fe80::1", flow.SrcInternal | flow.DstInternal},
		"global IPv6":                   {"2001:db8::1", "fec0::1", 0},
		"documentation is not internal": {"192.0.2.1", "203.0.113.1", 0},
	} {
		b := flow.NewBatch(1)
		b.Append(&flow.Record{Src: addr(tc.src), Dst: addr(tc.dst), Sampling: 1})
		e.Apply(b)
		if b.Mark[0] != tc.want {
			t.Errorf("%s: %s -> %s is marked %b, want %b", name, tc.src, tc.dst, b.Mark[0], tc.want)
		}
	}
	if s := e.Stats(); s.Outbound != 2 || s.Inbound != 1 || s.Within != 2 || s.Transit != 3 {
		t.Errorf("directions are counted as %+v", s)
	}
}

// The short maps must agree with the prefix table for prefixes of any length.
func TestNetworksAgreeWithTable(t *testing.T) {
	bytes16 := rapid.SliceOfN(rapid.Byte(), 16, 16)
	rapid.Check(t, func(t *rapid.T) {
		var prefixes []netip.Prefix
		var oracle bart.Lite
		for range rapid.IntRange(1, 8).Draw(t, "prefixes") {
			a := netip.AddrFrom16([16]byte(bytes16.Draw(t, "network")))
			if rapid.Bool().Draw(t, "v4") {
				raw := a.As16()
				a = netip.AddrFrom4([4]byte(raw[:4]))
			}
			p := netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits")).Masked()
			if p.Addr().Is4In6() {
				continue
			}
			prefixes = append(prefixes, p)
			oracle.Insert(p)
		}
		n := newNetworks(prefixes)
		for _, p := range prefixes {
			for _, a := range []netip.Addr{p.Addr(), p.Addr().Prev(), p.Addr().Next()} {
				packed := flow.AddrFrom(a)
				if got := n.contains(&packed); a.IsValid() && got != oracle.Contains(a.Unmap()) {
					t.Fatalf("%v in %v: got %v", a, prefixes, got)
				}
			}
		}
	})
}

func TestScale(t *testing.T) {
	e := newEnricher(t, nil)
	b := flow.NewBatch(4)
	for _, r := range []flow.Record{
		{Bytes: 1500, Packets: 1, Sampling: 1000},
		{Bytes: 1500, Packets: 1, Sampling: 1},
		{Bytes: math.MaxUint64, Packets: math.MaxUint64, Sampling: math.MaxUint32},
		{Bytes: 7, Packets: 7, Sampling: 0},
	} {
		b.Append(&r)
	}
	e.Apply(b)
	want := []uint64{1_500_000, 1500, maxVolume, 7}
	if diff := cmp.Diff(want, b.Bytes); diff != "" {
		t.Error(diff)
	}
	if b.Packets[0] != 1000 || b.Packets[2] != maxVolume {
		t.Errorf("packets are %v", b.Packets)
	}
	if s := e.Stats(); s.Saturated != 2 || s.Records != 4 {
		t.Errorf("stats are %+v", s)
	}
}

func TestConfigErrors(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"at least one":       func(c *Config) { c.Internal = nil },
		"write 10.0.0.0/8":   func(c *Config) { c.Internal = []netip.Prefix{netip.MustParsePrefix("10.1.2.3/8")} },
		"boundary: network":  func(c *Config) { c.Boundary = []netip.Prefix{{}} },
		"write it as IPv4":   func(c *Config) { c.Internal = []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")} },
		"max_flows is 1, mu": func(c *Config) { c.MaxFlows = 1 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(&cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}

func TestApplyAllocatesNothing(t *testing.T) {
	for name, exporters := range map[string]int{"one point": 1, "four points": 4} {
		e, b := newEnricher(t, nil), traffic(512, exporters)
		if n := testing.AllocsPerRun(20, func() { e.Apply(b) }); n != 0 {
			t.Errorf("%s: Apply allocates %v times", name, n)
		}
	}
}

func TestMetrics(t *testing.T) {
	e, reg := newEnricher(t, nil), prometheus.NewPedanticRegistry()
	if err := e.Register(reg); err != nil {
		t.Fatal(err)
	}
	b := flow.NewBatch(1)
	b.Append(&flow.Record{Src: addr("10.0.0.1"), Dst: addr("8.8.8.8"), Sampling: 1})
	e.Apply(b)
	want := `
# HELP tidewatch_enrich_records_total Flow records by direction, as seen from the internal networks.
# TYPE tidewatch_enrich_records_total counter
tidewatch_enrich_records_total{direction="inbound"} 0
tidewatch_enrich_records_total{direction="outbound"} 1
tidewatch_enrich_records_total{direction="transit"} 0
tidewatch_enrich_records_total{direction="within"} 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "tidewatch_enrich_records_total"); err != nil {
		t.Error(err)
	}
	if err := e.Register(reg); err == nil {
		t.Error("registering twice gives no error")
	}
}

// traffic makes n records of a site with 2 000 hosts, spread over exporters in
// runs of 24 as datagrams bring them.
func traffic(n, exporters int) *flow.Batch {
	b := flow.NewBatch(n)
	x := uint32(1)
	for i := range n {
		x = x*1664525 + 1013904223
		r := flow.Record{
			Received: 1_700_000_000*second + int64(i)*1000, Proto: flow.ProtoTCP, Sampling: 1, Bytes: 1000, Packets: 2,
			Src:     flow.AddrFrom4([4]byte{10, 1, byte(x >> 21 & 7), byte(x >> 13)}),
			Dst:     flow.AddrFrom4([4]byte{byte(x>>24) | 128, byte(x >> 16), byte(x >> 8), 1}),
			SrcPort: uint16(x >> 9), DstPort: 443, Exporter: uint32(i / 24 % exporters),
		}
		b.Append(&r)
	}
	return b
}

func BenchmarkApply(b *testing.B) {
	for _, bc := range []struct {
		name      string
		exporters int
		internal  []netip.Prefix
	}{
		{"one exporter", 1, nil},
		{"four exporters, duplicates looked up", 4, nil},
		{"one exporter, long own prefixes", 1, []netip.Prefix{
			netip.MustParsePrefix("10.1.0.0/22"), netip.MustParsePrefix("10.1.8.0/24"), netip.MustParsePrefix("2001:db8::/32"),
		}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			e := newEnricher(b, func(c *Config) {
				if bc.internal != nil {
					c.Internal = bc.internal
				}
			})
			const size = 1024
			rounds := 4 // in the cache, as a batch that was just decoded
			if bc.exporters > 1 {
				rounds = 64 // 65 536 flows, so that the table does not fit
			}
			batches := make([]*flow.Batch, rounds)
			all := traffic(size*rounds, bc.exporters)
			for i := range batches {
				batches[i] = flow.NewBatch(size)
				for j := range size {
					r := all.Record(i*size + j)
					r.Received += 300 * second * int64(min(i, 1)) // warm-up is over
					batches[i].Append(&r)
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				e.Apply(batches[i%rounds])
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/record")
		})
	}
}
