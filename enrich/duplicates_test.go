// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

// report is one record of the flow between an own host and the world.
func report(exporter uint32, at int64, change func(*flow.Record)) flow.Record {
	r := flow.Record{
		Received: at * second, Src: addr("10.0.0.1"), Dst: addr("198.51.100.1"), SrcPort: 40000, DstPort: 443,
		Proto: flow.ProtoTCP, Bytes: 1000, Packets: 1, Sampling: 1, Exporter: exporter,
	}
	if change != nil {
		change(&r)
	}
	return r
}

// countedBytes applies the records, batch by batch, and sums what counts.
func countedBytes(e *Enricher, batches ...[]flow.Record) (sum uint64) {
	for _, records := range batches {
		b := flow.NewBatch(len(records))
		for i := range records {
			b.Append(&records[i])
		}
		e.Apply(b)
		for i, m := range b.Mark {
			if m&flow.Duplicate == 0 {
				sum += b.Bytes[i]
			}
		}
	}
	return sum
}

func TestDuplicates(t *testing.T) {
	egress := func(r *flow.Record) { r.Mark |= flow.Egress }
	sampled := func(port uint16) func(*flow.Record) {
		return func(r *flow.Record) { r.Sampling, r.SrcPort = 10, port }
	}
	type batches = [][]flow.Record
	for name, tc := range map[string]struct {
		in   batches
		want uint64
	}{
		"one exporter, one flow twice": {batches{{report(0, 1, nil), report(0, 61, nil)}}, 2000},
		"two exporters, one batch":     {batches{{report(0, 1, nil), report(1, 1, nil)}}, 1000},
		"two exporters, two batches":   {batches{{report(0, 1, nil)}, {report(1, 2, nil)}}, 1000},
		"ingress and egress":           {batches{{report(0, 1, nil), report(0, 1, egress)}}, 1000},
		"other port is another flow": {batches{{report(0, 1, nil), report(1, 1, func(r *flow.Record) {
			r.SrcPort++
		})}}, 2000},
		"the way back is another flow": {batches{{report(0, 1, nil), report(1, 1, func(r *flow.Record) {
			r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
		})}}, 2000},
		"owner stays owner": {batches{
			{report(0, 1, nil), report(1, 1, nil)}, {report(1, 61, nil), report(0, 61, nil)},
		}, 2000},
		"owner silent for ten minutes": {batches{
			{report(0, 1, nil), report(1, 1, nil)}, {report(1, 602, nil)}, {report(0, 603, nil)},
		}, 2000},
		"late report does not make the owner idle": {batches{
			{report(0, 1000, nil), report(1, 1000, nil)}, {report(0, 300, nil)}, {report(1, 1001, nil)},
		}, 2000},
		"two samplers own by pair of addresses": {batches{
			{report(0, 1, sampled(1)), report(1, 1, sampled(2)), report(1, 1, sampled(3)), report(0, 1, sampled(4))},
		}, 20_000},
	} {
		if got := countedBytes(newEnricher(t, nil), tc.in...); got != tc.want {
			t.Errorf("%s: counted %d bytes, want %d", name, got, tc.want)
		}
	}
}

// Whatever the order in which two exporters' reports mix, every flow counts once.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []flow.Record
		flows := rapid.IntRange(1, 20).Draw(t, "flows")
		exporters := rapid.IntRange(1, 4).Draw(t, "exporters")
		times := rapid.IntRange(1, 3).Draw(t, "reports")
		for f := range flows {
			for e := range exporters {
				for n := range times {
					all = append(all, report(uint32(e), int64(n), func(r *flow.Record) { r.SrcPort = uint16(f) }))
				}
			}
		}
		all = rapid.Permutation(all).Draw(t, "order")
		cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
		cfg := DefaultConfig()
		cfg.MaxFlows = 1 << 12
		e, err := New(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := countedBytes(e, all[:cut], all[cut:]), uint64(1000*flows*times); got != want {
			t.Fatalf("counted %d bytes, want %d", got, want)
		}
		if s := e.Stats(); s.Duplicates != uint64(flows*times*(exporters-1)) || s.Points != uint64(exporters) {
			t.Fatalf("stats are %+v", s)
		}
	})
}

func TestBoundary(t *testing.T) {
	within := func(r *flow.Record) { r.Dst = addr("10.0.0.2") }
	border := func(c *Config) {
		c.Boundary = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")}
		c.Exporter = func(i uint32) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
	}
	// Exporters 1 and 2 stand at the border, 3 and 4 inside.
	type batches = [][]flow.Record
	for name, tc := range map[string]struct {
		in     batches
		change func(*Config)
		want   uint64
	}{
		"border first": {batches{{report(1, 1, nil)}, {report(3, 1, nil)}}, border, 1000},
		"inside first": {batches{{report(3, 1, nil)}, {report(1, 1, nil)}}, border, 1000},
		"inside first, border takes over": {batches{
			{report(3, 1, nil)},
			{report(1, 2, nil)},
			{report(3, 61, nil), report(1, 62, nil)},
		}, border, 2000},
		"inside alone is not lost":       {batches{{report(3, 1, nil)}, {report(4, 1, nil)}}, border, 1000},
		"border sees no inside flow":     {batches{{report(1, 1, nil), report(3, 1, within), report(4, 1, within)}}, border, 2000},
		"two at the border":              {batches{{report(2, 1, nil), report(1, 1, nil), report(3, 1, nil)}}, border, 1000},
		"border silent for ten minutes":  {batches{{report(1, 1, nil)}, {report(3, 700, nil)}, {report(4, 701, nil)}}, border, 2000},
		"border heard by the run before": {batches{{report(1, 1, nil)}, {report(1, 500, nil)}, {report(3, 700, nil)}}, border, 2000},
		"without addresses no preference": {batches{{report(3, 1, nil)}, {report(1, 1, nil)}}, func(c *Config) {
			border(c)
			c.Exporter = nil
		}, 1000},
	} {
		if got := countedBytes(newEnricher(t, tc.change), tc.in...); got != tc.want {
			t.Errorf("%s: counted %d bytes, want %d", name, got, tc.want)
		}
	}
}

// A single point must not pay for the table after the warm-up, and a second one
// must make use of it from then on.
func TestSecondExporterLater(t *testing.T) {
	e := newEnricher(t, nil)
	countedBytes(e, []flow.Record{report(0, 1, nil)}, []flow.Record{report(0, 200, func(r *flow.Record) { r.SrcPort = 7 })})
	taken := 0
	for i := range e.owners.places {
		if e.owners.places[i].key != 0 {
			taken++
		}
	}
	if taken != 1 {
		t.Errorf("%d flows are remembered, want the one of the warm-up", taken)
	}
	got := countedBytes(e, []flow.Record{report(1, 201, nil)}, []flow.Record{report(0, 202, nil), report(1, 260, nil), report(0, 261, nil)})
	if got != 2000 {
		t.Errorf("counted %d bytes after the second exporter came, want 2000", got)
	}
}

func TestFullTableIsCounted(t *testing.T) {
	e := newEnricher(t, func(c *Config) { c.MaxFlows = 4 })
	b := flow.NewBatch(100)
	for i := range 100 {
		r := report(0, 1, func(r *flow.Record) { r.SrcPort = uint16(i) })
		b.Append(&r)
	}
	e.Apply(b)
	if s := e.Stats(); s.Overwritten != 96 {
		t.Errorf("%d flows lost their owner, want 96", s.Overwritten)
	}
}
