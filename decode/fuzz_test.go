// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"os"
	"path/filepath"
	"testing"

	"tidewatch/flow"
)

// smallConfig makes every bound easy to reach.
func smallConfig(c *Config) {
	c.Clock = ClockArrival
	c.MaxExporters, c.MaxTemplates, c.MaxFields, c.MaxTemplateBytes, c.PendingBytes = 2, 8, 64, 16<<10, 2<<10
}

// checkInvariants holds after any datagram: what came out is sound and what is
// kept is within bounds.
func checkInvariants(tb testing.TB, d *Decoder, payload []byte, res Result, b *flow.Batch) {
	tb.Helper()
	if n := len(payload) + d.cfg.PendingBytes; res.Records > n {
		tb.Fatalf("%d records of %d bytes, held ones included", res.Records, n)
	}
	n := b.Len()
	for _, got := range []int{
		len(b.Received), len(b.End), len(b.Src), len(b.Dst), len(b.SrcPort), len(b.DstPort), len(b.Proto), len(b.TCPFlags), len(b.Mark),
		len(b.Bytes), len(b.Packets), len(b.Sampling), len(b.Exporter), len(b.InIf), len(b.OutIf), len(b.SrcAS), len(b.DstAS),
	} {
		if got != n {
			tb.Fatalf("a column has %d entries, Start has %d", got, n)
		}
	}
	for i := range n {
		s, e, r := b.Start[i], b.End[i], b.Received[i]
		if s > e || e > r+endSlack || r-e > maxAge || e-s > maxAge {
			tb.Fatalf("record %d: start %d, end %d relative to its receipt", i, s-r, e-r)
		}
		if b.Sampling[i] == 0 || b.Exporter[i] >= uint32(d.cfg.MaxExporters) {
			tb.Fatalf("record %d: sampling %d, exporter %d", i, b.Sampling[i], b.Exporter[i])
		}
	}
	if len(d.exporters) > d.cfg.MaxExporters {
		tb.Fatalf("%d exporters", len(d.exporters))
	}
	for _, ex := range d.exporters {
		cost, held, samplers := 0, 0, 0
		for _, t := range ex.templates {
			cost += t.cost
			if t.size < 1 {
				tb.Fatal("a template without bytes")
			}
		}
		for _, s := range ex.pending.live() {
			held += len(s.body) + pendingCost
		}
		for _, st := range ex.streams {
			samplers += len(st.sampling.keyed)
		}
		if len(ex.templates) > d.cfg.MaxTemplates || cost > d.cfg.MaxTemplateBytes || cost != ex.templateBytes {
			tb.Fatalf("%d templates of %d bytes, booked as %d", len(ex.templates), cost, ex.templateBytes)
		}
		if held > d.cfg.PendingBytes || held != ex.pending.bytes {
			tb.Fatalf("%d bytes held, booked as %d", held, ex.pending.bytes)
		}
		if len(ex.streams) > maxStreams || samplers > maxSamplers || samplers != ex.samplers {
			tb.Fatalf("%d domains, %d samplers, booked as %d", len(ex.streams), samplers, ex.samplers)
		}
	}
}

// payloads are the stored datagrams of one protocol.
func payloads(tb testing.TB, p Protocol) [][]byte {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "payloads", "*.bin"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no payloads (%v)", err)
	}
	var out [][]byte
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		if protocolOf(b) == p {
			out = append(out, b)
		}
	}
	return out
}

// fuzz runs pairs of datagrams, the first of which may hold the templates of the
// second, and both again, which must go the way of a refresh.
func fuzz(f *testing.F, p Protocol, version []byte, more ...[]byte) {
	f.Helper()
	seeds := append(payloads(f, p), more...)
	for i, s := range seeds {
		f.Add(s, seeds[(i+1)%len(seeds)])
	}
	f.Fuzz(func(t *testing.T, first, next []byte) {
		d, b := newDecoder(t, smallConfig), flow.NewBatch(64)
		for i, payload := range [][]byte{first, next, first, next} {
			copy(payload, version)
			b.Reset()
			res := d.Decode(payload, nth(i%3), (t0+int64(i)*400)*second, b)
			checkInvariants(t, d, payload, res, b)
			b.Reset()
			res = d.Decode(payload, exporterA, (t0+int64(i)*400)*second, b)
			checkInvariants(t, d, payload, res, b)
		}
	})
}

func FuzzNetFlow5(f *testing.F) {
	fuzz(f, NetFlow5, []byte{0, 5}, message5(0, 100, 3))
}

func FuzzNetFlow9(f *testing.F) {
	fuzz(
		f, NetFlow9, []byte{0, 9},
		message9(0, 1, setOf(0, templateOf(256, routerFields...)), setOf(256, repeat(3, routerRecord))),
		message9(0, 1, setOf(1, optionsTemplate9(300, []int{1, 4}, []int{48, 1, 50, 4})), setOf(300, u32(0), []byte{1}, u32(100))),
		message9(0, 1, setOf(0, u16(256), u16(0)), setOf(256, u32(0))),
	)
}

func FuzzIPFIX(f *testing.F) {
	fuzz(
		f, IPFIX, []byte{0, 10},
		messageIPFIX(0, 1, setOf(2, templateOf(256, router6Fields...)), setOf(256, repeat(3, router6Record))),
		messageIPFIX(0, 1, setOf(2, biflowSpec()), setOf(256, biflowRecord(0, 0), biflowRecord(9, 9))),
		messageIPFIX(0, 1, setOf(2, templateOf(256, 8, 4, 96, variable, 12, 4)), setOf(256, []byte{10, 0, 0, 1, 3, 'd', 'n', 's', 10, 0, 0, 2})),
		messageIPFIX(0, 1, setOf(2, templateOf(2)), setOf(3, templateOf(3))),
	)
}

func FuzzSFlow(f *testing.F) {
	fuzz(
		f, SFlow5, []byte{0, 0, 0, 5},
		messageSFlow(0, sampleOf(500, rawHeaderRecord(headerEthernet, ethernetTCP(5), 1518))),
		messageSFlow(0, sampleOf(500, opaque(sampledIPv4, u32(600), u32(6), u64(1), u64(2), u64(3), u64(4)))),
		messageSFlow(0, opaque(counterSample, u64(0)), opaque(expandedFlowSample, make([]byte, 44))),
	)
}
