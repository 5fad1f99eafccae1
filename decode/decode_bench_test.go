// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"path/filepath"
	"testing"

	"tidewatch/flow"
	"tidewatch/test/shareddata"
)

// load is one protocol's datagrams for a benchmark: those of setup go first.
type benchLoad struct {
	name  string
	setup []datagram
	loop  []datagram
}

func from(payloads ...[]byte) []datagram {
	var out []datagram
	for _, p := range payloads {
		out = append(out, datagram{payload: p, from: exporterA, received: t0 * second})
	}
	return out
}

// synthetic are full datagrams as a router sends them.
func synthetic() []benchLoad {
	var samples [][]byte
	for i := range 7 {
		samples = append(samples, sampleOf(1000, rawHeaderRecord(headerEthernet, ethernetTCP(i), 1518)))
	}
	return []benchLoad{
		{"NetFlow v5, 30 records a datagram", nil, from(message5(0, 100, 30))},
		{
			"NetFlow v9, 24 IPv4 records of 20 fields", from(message9(0, 1, setOf(0, templateOf(256, routerFields...)))),
			from(message9(1, 1, setOf(256, repeat(24, routerRecord)))),
		},
		{
			"IPFIX, 16 IPv6 records of 15 fields", from(messageIPFIX(0, 1, setOf(2, templateOf(256, router6Fields...)))),
			from(messageIPFIX(0, 1, setOf(256, repeat(16, router6Record)))),
		},
		{"sFlow v5, 7 sampled headers a datagram", nil, from(messageSFlow(0, samples...))},
	}
}

// captured are exports of real routers and probes, where they are to be had.
func captured(b *testing.B) []benchLoad {
	b.Helper()
	var out []benchLoad
	for _, l := range []struct{ name, file string }{
		{"NetFlow v5 of an ISP", "overflowd/netflow_v5_first1354.pcap"},
		{"NetFlow v9 of softflowd", "derived-softflowd/iot23-42-1.v9.pcap"},
		{"IPFIX of softflowd", "derived-softflowd/iot23-42-1.v10.pcap"},
		{"sFlow v5 of a switch", "overflowd/sflow_first500.pcap"},
	} {
		in := readPCAP(b, filepath.Join(shareddata.Dir(b), "wire", filepath.FromSlash(l.file)))
		for i := range in {
			in[i].payload = withoutCount(in[i].payload) // so that goflow2 does all the work, too
		}
		out = append(out, benchLoad{l.name, in, in})
	}
	return out
}

// BenchmarkDecode measures a record from datagram to columns, beside goflow2's
// decoder and producer on the same datagrams.
func BenchmarkDecode(b *testing.B) {
	run := func(b *testing.B, l *benchLoad) {
		b.Helper()
		b.Run(l.name+"/tidewatch", func(b *testing.B) { benchTidewatch(b, l) })
		b.Run(l.name+"/goflow2 decode and produce", func(b *testing.B) { benchGoflow2(b, l) })
	}
	for _, l := range synthetic() {
		run(b, &l)
	}
	b.Run("captures", func(b *testing.B) {
		for _, l := range captured(b) {
			run(b, &l)
		}
	})
}

func benchTidewatch(b *testing.B, l *benchLoad) {
	b.Helper()
	d, batch := newDecoder(b, nil), flow.NewBatch(1024)
	for _, g := range l.setup {
		d.Decode(g.payload, g.from, g.received, batch)
		batch.Reset()
	}
	records, i := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		g := &l.loop[i]
		if i++; i == len(l.loop) {
			i = 0
		}
		if batch.Len() > 900 { // a batch leaves when it holds about a thousand records
			batch.Reset()
		}
		records += d.Decode(g.payload, g.from, g.received, batch).Records
	}
	reportPerRecord(b, records)
}

func benchGoflow2(b *testing.B, l *benchLoad) {
	b.Helper()
	o := newOracle(b)
	for _, g := range l.setup {
		msgs, err := o.decode(&g)
		if err != nil {
			b.Fatal(err)
		}
		o.produce.Commit(msgs)
	}
	records, i := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		g := &l.loop[i]
		if i++; i == len(l.loop) {
			i = 0
		}
		msgs, err := o.decode(g)
		if err != nil {
			b.Fatal(err)
		}
		records += len(msgs)
		o.produce.Commit(msgs)
	}
	reportPerRecord(b, records)
}

func reportPerRecord(b *testing.B, records int) {
	b.Helper()
	if records == 0 {
		b.Fatal("no records")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(records), "ns/record")
}
