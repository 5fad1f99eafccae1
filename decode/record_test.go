// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidewatch/flow"
)

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// decodeOne feeds payloads of one exporter and returns all records.
func decodeOne(tb testing.TB, d *Decoder, payloads ...[]byte) []flow.Record {
	tb.Helper()
	b := flow.NewBatch(64)
	for _, p := range payloads {
		d.Decode(p, exporterA, t0*second, b)
	}
	var out []flow.Record
	for i := range b.Len() {
		out = append(out, b.Record(i))
	}
	return out
}

// Every column of one record per protocol.
func TestRecord(t *testing.T) {
	base := flow.Record{
		Received: t0 * second, Start: t0*second - 3*second, End: t0*second - second,
		Src: addr("10.0.0.5"), Dst: addr("198.51.100.7"), SrcPort: 40_005, DstPort: 443,
		Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK, Bytes: 1005, Packets: 15,
		Sampling: 1, InIf: 3, OutIf: 4, SrcAS: 64_500, DstAS: 15_169,
	}
	v5 := base
	v5.Received += second / 2 // the header's nanoseconds
	v5.Start += second / 2
	v5.End += second / 2
	v5.Sampling = 100
	v9 := base
	v9.Mark = flow.NoRate
	v6 := v9
	v6.Src, v6.Dst = addr("2001:db8::5"), addr("2001:db8:ffff::2")
	v6.Mark |= flow.Egress
	sample := flow.Record{
		Received: t0 * second, Start: t0 * second, End: t0 * second,
		Src: addr("10.0.0.5"), Dst: addr("198.51.100.7"), SrcPort: 40_005, DstPort: 443,
		Proto: flow.ProtoTCP, TCPFlags: flow.ACK, Bytes: 1500, Packets: 1, Sampling: 1000, InIf: 3, OutIf: 4,
	}
	for name, tc := range map[string]struct {
		payloads [][]byte
		want     flow.Record
	}{
		"NetFlow v5": {[][]byte{message5(0, 100, 6)}, v5},
		"NetFlow v9": {[][]byte{message9(0, 7,
			setOf(0, templateOf(256, routerFields...)), setOf(256, repeat(6, routerRecord)))}, v9},
		"IPFIX, IPv6": {[][]byte{messageIPFIX(0, 7,
			setOf(2, templateOf(256, router6Fields...)), setOf(256, repeat(6, router6Record)))}, v6},
		"sFlow": {[][]byte{messageSFlow(0, sampleOf(1000, rawHeaderRecord(headerEthernet, ethernetTCP(5), 1518)))}, sample},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDecoder(t, nil)
			got := decodeOne(t, d, tc.payloads...)
			if len(got) == 0 {
				t.Fatal("no record")
			}
			if diff := cmp.Diff(tc.want, got[len(got)-1]); diff != "" {
				t.Error(diff)
			}
			wantClean(t, d)
		})
	}
}

// flowFields are the least a flow has: addresses and protocol.
var flowFields = []int{8, 4, 12, 4, 4, 1}

func flowBytes(proto byte) []byte {
	return []byte{10, 0, 0, 1, 198, 51, 100, 7, proto}
}

// Elements one by one: what a field of a record becomes.
func TestElements(t *testing.T) {
	type check func(r *flow.Record) any
	bytesOf := func(r *flow.Record) any { return r.Bytes }
	packetsOf := func(r *flow.Record) any { return r.Packets }
	dstPort := func(r *flow.Record) any { return r.DstPort }
	srcPort := func(r *flow.Record) any { return r.SrcPort }
	flags := func(r *flow.Record) any { return r.TCPFlags }
	mark := func(m flow.Mark) check { return func(r *flow.Record) any { return r.Mark&m != 0 } }
	for name, tc := range map[string]struct {
		fields []int
		data   []byte
		get    check
		want   any
		proto  byte
	}{
		"octetDeltaCount":                     {[]int{1, 8}, u64(1 << 40), bytesOf, uint64(1 << 40), 6},
		"octetDeltaCount in three bytes":      {[]int{1, 3}, []byte{1, 2, 3}, bytesOf, uint64(0x010203), 6},
		"OUT_BYTES where IN_BYTES is zero":    {[]int{1, 4, 23, 4}, join(u32(0), u32(32)), bytesOf, uint64(32), 6},
		"IN_BYTES before OUT_BYTES":           {[]int{23, 4, 1, 4}, join(u32(32), u32(5)), bytesOf, uint64(5), 6},
		"octetTotalCount":                     {[]int{85, 8}, u64(99), bytesOf, uint64(99), 6},
		"layer2OctetDeltaCount":               {[]int{352, 8}, u64(77), bytesOf, uint64(77), 6},
		"packetTotalCount":                    {[]int{86, 8}, u64(9), packetsOf, uint64(9), 6},
		"OUT_PKTS":                            {[]int{24, 4}, u32(8), packetsOf, uint64(8), 6},
		"udpDestinationPort":                  {[]int{181, 2}, u16(53), dstPort, uint16(53), 17},
		"icmpTypeCodeIPv4":                    {[]int{32, 2}, u16(0x0301), dstPort, uint16(0x0301), 1},
		"icmpTypeCodeIPv6":                    {[]int{139, 2}, u16(0x8700), dstPort, uint16(0x8700), 58},
		"icmpTypeIPv4 and icmpCodeIPv4":       {[]int{176, 1, 177, 1}, []byte{3, 13}, dstPort, uint16(3<<8 | 13), 1},
		"icmpTypeIPv6 and icmpCodeIPv6":       {[]int{179, 1, 178, 1}, []byte{4, 1}, dstPort, uint16(1<<8 | 4), 58},
		"ICMP in the port":                    {[]int{11, 2, 32, 2}, join(u16(0x0800), u16(0)), dstPort, uint16(0x0800), 1},
		"no source port in ICMP":              {[]int{7, 2}, u16(0x0800), srcPort, uint16(0), 1},
		"ICMP elements mean nothing in UDP":   {[]int{11, 2, 32, 2}, join(u16(53), u16(9)), dstPort, uint16(53), 17},
		"TCP flags in two bytes":              {[]int{6, 2}, u16(0xf012), flags, uint8(0x12), 6},
		"no TCP flags":                        {[]int{5, 1}, []byte{0xff}, mark(flow.NoTCPFlags), true, 6},
		"TCP flags that are zero":             {[]int{6, 1}, []byte{0}, mark(flow.NoTCPFlags), false, 6},
		"flowDirection egress":                {[]int{61, 1}, []byte{1}, mark(flow.Egress), true, 6},
		"flowDirection ingress":               {[]int{61, 1}, []byte{0}, mark(flow.Egress), false, 6},
		"flowDirection unknown":               {[]int{61, 1}, []byte{255}, mark(flow.Egress), false, 6},
		"fragmentOffset":                      {[]int{88, 2}, u16(185), mark(flow.Fragment), true, 17},
		"fragmentOffset zero":                 {[]int{88, 2}, u16(0), mark(flow.Fragment), false, 17},
		"fragmentFlags, more fragments":       {[]int{197, 1}, []byte{0x20}, mark(flow.Fragment), true, 17},
		"fragmentFlags, do not fragment":      {[]int{197, 1}, []byte{0x40}, mark(flow.Fragment), false, 17},
		"interfaces":                          {[]int{10, 2, 14, 2}, join(u16(1), u16(0)), mark(flow.NoInterface), false, 17},
		"interfaces that are zero":            {[]int{10, 2, 14, 2}, u32(0), mark(flow.NoInterface), true, 17},
		"physical interface":                  {[]int{252, 4}, u32(9), func(r *flow.Record) any { return r.InIf }, uint32(9), 17},
		"NAT is ignored":                      {[]int{225, 4, 226, 4}, u64(1<<63 | 5), func(r *flow.Record) any { return r.Src }, addr("10.0.0.1"), 17},
		"basicList and unknown are skipped":   {[]int{291, 7, 60_000 - 30_000, 3, 1, 4}, join(make([]byte, 10), u32(5)), bytesOf, uint64(5), 17},
		"a number too wide to be one":         {[]int{1, 9}, make([]byte, 9), bytesOf, uint64(0), 17},
		"a field without bytes":               {[]int{1, 0, 23, 4}, u32(4), bytesOf, uint64(4), 17},
		"first of two equal elements":         {[]int{1, 4, 1, 4}, join(u32(3), u32(4)), bytesOf, uint64(3), 17},
		"IPv6 where IPv4 is zero":             {[]int{27, 16}, append(make([]byte, 15), 9), func(r *flow.Record) any { return r.Src }, addr("10.0.0.1"), 17},
		"inner header of a tunnel":            {[]int{4, 1, 7, 2, 11, 2}, join([]byte{6}, u16(1), u16(2)), func(r *flow.Record) any { return r.Proto }, uint8(6), 4},
		"flags of the inner header of tunnel": {[]int{6, 1, 4, 1, 6, 1}, []byte{2, 6, 0}, flags, uint8(0), 4},
	} {
		t.Run(name, func(t *testing.T) {
			for version, message := range map[string]func(int, int, ...[]byte) []byte{"v9": message9, "IPFIX": messageIPFIX} {
				set := 0
				if version == "IPFIX" {
					set = 2
				}
				d := newDecoder(t, nil)
				got := decodeOne(t, d, message(0, 1,
					setOf(set, templateOf(300, append(append([]int{}, flowFields...), tc.fields...)...)),
					setOf(300, flowBytes(tc.proto), tc.data)))
				if len(got) != 1 {
					t.Fatalf("%s: %d records", version, len(got))
				}
				if v := tc.get(&got[0]); v != tc.want {
					t.Errorf("%s: got %v, want %v", version, v, tc.want)
				}
				wantClean(t, d)
			}
		})
	}
}

// A record without addresses is kept, and counted.
func TestRecordWithoutAddresses(t *testing.T) {
	d := newDecoder(t, nil)
	got := decodeOne(t, d, message9(0, 1, setOf(0, templateOf(256, 1, 4, 2, 4)), setOf(256, u32(70), u32(1))))
	if len(got) != 1 || got[0].Bytes != 70 || !got[0].Src.IsZero() {
		t.Fatalf("got %+v", got)
	}
	if s := only(t, d); s.NoAddress != 1 || s.NoTime != 1 || s.NoRate != 1 || s.NoInterface != 1 {
		t.Errorf("marks are not counted: %+v", s)
	}
}

// Both families in a template: the one that is not zero counts.
func TestBothFamilies(t *testing.T) {
	zero4, zero6 := make([]byte, 4), make([]byte, 16)
	v6 := netip.MustParseAddr("2001:db8::9").As16()
	for name, tc := range map[string]struct {
		v4, v6 []byte
		want   string
	}{
		"IPv4": {[]byte{10, 1, 1, 1}, zero6, "10.1.1.1"},
		"IPv6": {zero4, v6[:], "2001:db8::9"},
		"none": {zero4, zero6, "0.0.0.0"},
		"both": {[]byte{10, 1, 1, 1}, v6[:], "10.1.1.1"},
	} {
		for order, fields := range map[string][]int{"IPv4 first": {8, 4, 27, 16}, "IPv6 first": {27, 16, 8, 4}} {
			data := join(tc.v4, tc.v6)
			if fields[0] == 27 {
				data = join(tc.v6, tc.v4)
			}
			got := decodeOne(t, newDecoder(t, nil), message9(0, 1, setOf(0, templateOf(256, fields...)), setOf(256, data)))
			if len(got) != 1 || got[0].Src.String() != tc.want {
				t.Errorf("%s, %s: got %+v, want %s", name, order, got, tc.want)
			}
		}
	}
}
