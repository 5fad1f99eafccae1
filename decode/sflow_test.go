// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"testing"

	"tidewatch/flow"
)

// Samples of every form, and what becomes of them.
func TestSamples(t *testing.T) {
	raw := rawHeaderRecord(headerEthernet, ethernetTCP(5), 1518)
	ip := ethernetTCP(5)[14:]
	v6 := join(make([]byte, 8), a16("2001:db8::1"), a16("2001:db8::2"))
	expanded := func(in, out []byte, records ...[]byte) []byte {
		return opaque(expandedFlowSample, u32(1), u32(0), u32(7), u32(500), u32(9), u32(0), in, out, u32(len(records)), join(records...))
	}
	path := opaque(extendedGateway, u32(1), []byte{192, 0, 2, 1}, u32(64_500), u32(64_501), u32(64_502), u32(2),
		u32(2), u32(2), u32(64_510), u32(64_511), u32(1), u32(1), u32(64_512), u32(0), u32(0))
	arp := join(make([]byte, 12), u16(0x0806), make([]byte, 46))
	for name, tc := range map[string]struct {
		sample []byte
		check  func(r *flow.Record) bool
		broken Reason
	}{
		"Ethernet header": {sampleOf(500, raw), func(r *flow.Record) bool { return r.Src == addr("10.0.0.5") && r.Bytes == 1500 }, None},
		"IPv4 header":     {sampleOf(500, rawHeaderRecord(headerIPv4, ip, 1500)), func(r *flow.Record) bool { return r.DstPort == 443 && r.Bytes == 1500 }, None},
		"sampled IPv4": {
			sampleOf(500, opaque(sampledIPv4, u32(600), u32(6), []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}, u32(1024), u32(80), u32(0x12), u32(0))),
			func(r *flow.Record) bool {
				return r.Src == addr("10.0.0.1") && r.SrcPort == 1024 && r.DstPort == 80 && r.TCPFlags == 0x12 && r.Bytes == 600 && r.Proto == 6
			}, None,
		},
		"sampled IPv6": {
			sampleOf(500, opaque(sampledIPv6, u32(600), u32(17), v6[8:], u32(53), u32(5353), u32(0), u32(0))),
			func(r *flow.Record) bool {
				return r.Src == addr("2001:db8::1") && r.Dst == addr("2001:db8::2") && r.SrcPort == 53 && r.DstPort == 5353 && r.Bytes == 600
			}, None,
		},
		"the header before the summary": {
			sampleOf(500, raw, opaque(sampledIPv4, u32(600), u32(6), u64(1), u64(2), u64(3))),
			func(r *flow.Record) bool { return r.Src == addr("10.0.0.5") && r.Bytes == 1500 }, None,
		},
		"gateway": {sampleOf(500, path, raw), func(r *flow.Record) bool { return r.SrcAS == 64_501 && r.DstAS == 64_512 && r.DstPort == 443 }, None},
		"expanded": {
			expanded(u64(7), u64(70_000), raw),
			func(r *flow.Record) bool {
				return r.InIf == 7 && r.OutIf == 70_000 && r.Sampling == 500 && r.Mark&flow.Egress == 0
			}, None,
		},
		"sampled on the way out": {expanded(u64(3), u64(7), raw), func(r *flow.Record) bool { return r.Mark&flow.Egress != 0 }, None},
		"discarded": {
			expanded(u64(3), join(u32(1), u32(258)), raw),
			func(r *flow.Record) bool { return r.OutIf == 0 && r.Mark&flow.NoInterface == 0 }, None,
		},
		"no interface":       {expanded(u64(ifUnknown), u64(ifUnknown), raw), func(r *flow.Record) bool { return r.Mark&flow.NoInterface != 0 }, None},
		"no rate":            {sampleOf(0, raw), func(r *flow.Record) bool { return r.Sampling == 1 && r.Mark&flow.NoRate != 0 }, None},
		"ARP":                {sampleOf(500, rawHeaderRecord(headerEthernet, arp, 64)), func(r *flow.Record) bool { return r.Src.IsZero() && r.Bytes == 60 }, NonIP},
		"an unknown link":    {sampleOf(500, rawHeaderRecord(99, ip, 64)), func(r *flow.Record) bool { return r.Src.IsZero() }, NonIP},
		"a header cut short": {sampleOf(500, rawHeaderRecord(headerIPv4, ip[:12], 1500)), func(r *flow.Record) bool { return r.Src.IsZero() && r.Bytes == 1496 }, BadPacket},
		"a short record":     {sampleOf(500, opaque(sampledIPv4, u32(600))), func(r *flow.Record) bool { return r.Src.IsZero() }, BadSample},
		"no record":          {sampleOf(500), func(r *flow.Record) bool { return r.Packets == 1 && r.Src.IsZero() }, NonIP},
		"a record past its sample": {
			opaque(flowSample, u64(1), u32(500), u64(0), u64(0), u32(1), u32(rawHeader), u32(4000), raw[8:]),
			func(r *flow.Record) bool { return r.Src == addr("10.0.0.5") }, BadSample,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, b := newDecoder(t, nil), flow.NewBatch(1)
			res := d.Decode(messageSFlow(0, tc.sample), exporterA, t0*second, b)
			if res.Records != 1 || res.Broken != tc.broken || b.Packets[0] != 1 {
				t.Fatalf("%+v, want a record and %v", res, tc.broken)
			}
			if r := b.Record(0); !tc.check(&r) {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func a16(s string) []byte { a := addr(s); return a[:] }

// What is no flow sample, or damaged, gives no record and is counted.
func TestOtherSamples(t *testing.T) {
	counter := opaque(counterSample, u32(1), u32(3), u32(0))
	good := sampleOf(10, rawHeaderRecord(headerEthernet, ethernetTCP(1), 100))
	for name, tc := range map[string]struct {
		payload           []byte
		records, counters int
		broken            Reason
	}{
		"counters":                {messageSFlow(0, counter, opaque(expandedCounterSample, u64(0)), good), 1, 2, None},
		"a vendor's sample":       {messageSFlow(0, opaque(4413<<12|1, u64(0)), good), 1, 0, UnknownSample},
		"a flow sample too short": {messageSFlow(0, opaque(flowSample, make([]byte, 28)), good), 1, 0, BadSample},
		"fewer than announced":    {join(messageSFlow(0)[:24], u32(3), good), 1, 0, Truncated},
		"more than announced":     {join(messageSFlow(0)[:24], u32(1), good, good), 1, 0, TrailingBytes},
		"cut in a frame":          {messageSFlow(0, good)[:28+8+32+8+16+50], 1, 0, Truncated},
		"a length past the end":   {messageSFlow(0, join(u32(flowSample), u32(1<<31))), 0, 0, Truncated},
	} {
		d, b := newDecoder(t, nil), flow.NewBatch(1)
		res := d.Decode(tc.payload, exporterA, t0*second, b)
		if res.Records != tc.records || res.Counters != tc.counters || res.Broken != tc.broken {
			t.Errorf("%s: %+v, want %d records, %d counters, %v", name, res, tc.records, tc.counters, tc.broken)
		}
	}
}
