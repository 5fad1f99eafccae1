// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

// exportTime has a fraction, so that header clocks of whole seconds show.
var exportTime = time.Date(2026, 3, 4, 10, 20, 30, 456_000_000, time.UTC)

type family uint8

const (
	mixed family = iota
	only4
	only6
)

// sampleBatch holds n varied rows that ended within the minute before
// exportTime. Packets stay below max.
func sampleBatch(n int, fam family, maxPackets uint64) *flow.Batch {
	rng := rand.New(rand.NewPCG(7, uint64(fam)))
	b := flow.NewBatch(n)
	for range n {
		r := flow.Record{
			SrcPort: uint16(1024 + rng.IntN(60000)), DstPort: []uint16{80, 443, 53, 22}[rng.IntN(4)],
			Proto: flow.ProtoTCP, TCPFlags: []uint8{2, 0x1b, 0x12, 0x14, 0x10, 0x19}[rng.IntN(6)],
			Packets: 1 + rng.Uint64N(maxPackets), Sampling: 1,
			InIf: uint32(1 + rng.IntN(4)), OutIf: uint32(1 + rng.IntN(4)),
			SrcAS: 64512 + uint32(rng.IntN(900)), DstAS: 64512,
		}
		r.Bytes = r.Packets * (60 + rng.Uint64N(1400))
		r.End = exportTime.Add(-time.Duration(rng.IntN(45_000)) * time.Millisecond).UnixNano()
		r.Start = r.End - int64(rng.IntN(15_000))*1e6
		r.Received = exportTime.UnixNano()
		switch rng.IntN(6) {
		case 0:
			r.Proto, r.TCPFlags = flow.ProtoUDP, 0
		case 1:
			r.Proto, r.TCPFlags, r.SrcPort, r.DstPort = flow.ProtoICMP, 0, 0, 8<<8
		}
		if fam == only6 || fam == mixed && rng.IntN(3) == 0 {
			r.Src, r.Dst = addr6(rng.Uint64()), addr6(rng.Uint64N(50))
			if r.Proto == flow.ProtoICMP {
				r.Proto, r.DstPort = flow.ProtoICMPv6, 128<<8
			}
		} else {
			r.Src = flow.AddrFrom4([4]byte{198, 18, byte(rng.IntN(256)), byte(rng.IntN(256))})
			r.Dst = flow.AddrFrom4([4]byte{10, 20, 0, byte(rng.IntN(50))})
		}
		b.Append(&r)
	}
	return b
}

func addr6(low uint64) flow.Addr {
	a := flow.Addr{0x20, 0x01, 0x0d, 0xb8}
	binary.BigEndian.PutUint64(a[8:], low)
	return a
}

// collect encodes all of b and returns copies of the datagrams.
func collect(tb testing.TB, cfg Config, b *flow.Batch) ([][]byte, Stats) {
	tb.Helper()
	e, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	var out [][]byte
	if err := e.Encode(b, 0, b.Len(), exportTime, func(d []byte) error {
		out = append(out, bytes.Clone(d))
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	return out, e.Stats()
}

func TestConfigIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  Config
		want string
	}{
		"no protocol":  {Config{}, `protocol "" is unknown`},
		"tiny mtu":     {Config{Protocol: V9, MTU: 100}, "mtu 100"},
		"huge mtu":     {Config{Protocol: V9, MTU: 70000}, "mtu 70000"},
		"v5 rate":      {Config{Protocol: V5, Sampling: 20000}, "1:20000"},
		"v5 domain":    {Config{Protocol: V5, Domain: 70000}, "domain 70000"},
		"no templates": {Config{Protocol: IPFIX, TemplateEvery: -1}, "templates every -1"},
	} {
		if _, err := New(tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tc.want)
		}
	}
	if _, err := New(DefaultConfig()); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
}

// TestSequences checks every header's sequence against what was sent before.
func TestSequences(t *testing.T) {
	b := sampleBatch(500, mixed, 20)
	for _, p := range Protocols() {
		t.Run(string(p), func(t *testing.T) {
			cfg := Config{Protocol: p, Domain: 9, TemplateEvery: 3}
			datagrams, _ := collect(t, cfg, b)
			if len(datagrams) < 5 {
				t.Fatalf("only %d datagrams", len(datagrams))
			}
			be := binary.BigEndian
			want := uint32(0)
			for i, d := range datagrams {
				if len(d) > 1400 {
					t.Fatalf("datagram %d has %d bytes", i, len(d))
				}
				var got, step uint32
				switch p {
				case V5:
					got, step = be.Uint32(d[16:]), uint32(be.Uint16(d[2:]))
				case V9:
					got, step = be.Uint32(d[12:]), 1
				case IPFIX:
					got, step = be.Uint32(d[8:]), dataRecords(t, d[ipfixHeader:], 65)
					if int(be.Uint16(d[2:])) != len(d) {
						t.Errorf("datagram %d: length field %d of %d", i, be.Uint16(d[2:]), len(d))
					}
				case SFlow:
					got, step = be.Uint32(d[16:])-1, 1
				}
				if got != want {
					t.Fatalf("datagram %d: sequence %d, want %d", i, got, want)
				}
				want += step
			}
		})
	}
}

// dataRecords counts the data records of a message's sets, options included.
func dataRecords(t *testing.T, sets []byte, size4 int) (n uint32) {
	t.Helper()
	for len(sets) >= 4 {
		id, size := binary.BigEndian.Uint16(sets), int(binary.BigEndian.Uint16(sets[2:]))
		if size < 4 || size > len(sets) || size%4 != 0 {
			t.Fatalf("set %d has length %d of %d", id, size, len(sets))
		}
		switch id {
		case tmpl4:
			n += uint32((size - 4) / size4)
		case tmpl6:
			n += uint32((size - 4) / (size4 + extraV6))
		case tmplOptions:
			n++
		}
		sets = sets[size:]
	}
	if len(sets) != 0 {
		t.Fatalf("%d bytes after the last set", len(sets))
	}
	return n
}

// TestNetFlow9CountsAllRecords holds RFC 3954: Count is records, not sets.
func TestNetFlow9CountsAllRecords(t *testing.T) {
	datagrams, stats := collect(t, Config{Protocol: V9, TemplateEvery: 2}, sampleBatch(300, mixed, 20))
	total := uint32(0)
	for i, d := range datagrams {
		templates := uint32(0)
		if i%2 == 0 {
			templates = 3
		}
		records := dataRecords(t, d[v9Header:], 57)
		if got := uint32(binary.BigEndian.Uint16(d[2:])); got != records+templates {
			t.Errorf("datagram %d: count %d, want %d records and %d templates", i, got, records, templates)
		}
		if templates > 0 {
			records-- // the options record
		}
		total += records
	}
	if total != 300 || stats.Records != 300 {
		t.Errorf("%d records in the datagrams, %d counted, want 300", total, stats.Records)
	}
}

// TestNetFlow9ClockIsSteady: boot time must be the same whenever one exports.
func TestNetFlow9ClockIsSteady(t *testing.T) {
	boot := exportTime.Add(-time.Hour)
	e, err := New(Config{Protocol: V9, BootTime: boot})
	if err != nil {
		t.Fatal(err)
	}
	b := sampleBatch(1, only4, 5)
	for ms := range 40 {
		now := exportTime.Add(time.Duration(ms) * 31 * time.Millisecond)
		_ = e.Encode(b, 0, 1, now, func(d []byte) error {
			uptime, seconds := binary.BigEndian.Uint32(d[4:]), binary.BigEndian.Uint32(d[8:])
			if got := int64(seconds)*1000 - int64(uptime); got != boot.UnixMilli() {
				t.Errorf("exported at %v: boot is %d, want %d", now, got, boot.UnixMilli())
			}
			if at := int64(seconds) * 1e9; at < now.UnixNano() || at > now.UnixNano()+1e9 {
				t.Errorf("exported at %v: header says %d", now, seconds)
			}
			return nil
		})
	}
}

func TestNetFlow5LeavesIPv6AndSplitsWhatDoesNotFit(t *testing.T) {
	b := flow.NewBatch(2)
	b.Append(&flow.Record{Src: addr6(1), Dst: addr6(2), Packets: 1, Bytes: 60})
	b.Append(&flow.Record{
		Src: flow.AddrFrom4([4]byte{10, 0, 0, 1}), Dst: flow.AddrFrom4([4]byte{10, 0, 0, 2}),
		Packets: 7_000_000_000, Bytes: 10_000_000_000_000, Start: exportTime.UnixNano(), End: exportTime.UnixNano(),
	})
	datagrams, stats := collect(t, Config{Protocol: V5}, b)
	if stats.SkippedIPv6 != 1 {
		t.Errorf("%d IPv6 rows skipped, want 1", stats.SkippedIPv6)
	}
	var packets, octets uint64
	for _, d := range datagrams {
		for w := d[v5Header:]; len(w) >= v5Record; w = w[v5Record:] {
			packets += uint64(binary.BigEndian.Uint32(w[16:]))
			octets += uint64(binary.BigEndian.Uint32(w[20:]))
		}
	}
	if packets != b.Packets[1] || octets != b.Bytes[1] {
		t.Errorf("sums are %d packets, %d bytes, want %d and %d", packets, octets, b.Packets[1], b.Bytes[1])
	}
}

// TestSamplingHoldsSums: whatever the flows, the sampled packets times N are
// the packets within one interval, and the bytes within the size of a packet.
func TestSamplingHoldsSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, 5000).Draw(t, "n")
		s := newSampler(n)
		var truePackets, kept uint64
		for range rapid.IntRange(1, 60).Draw(t, "flows") {
			packets := rapid.Uint64Range(1, 1<<40).Draw(t, "packets")
			size := rapid.Uint64Range(20, 9000).Draw(t, "size")
			p, by, first := s.take(packets, packets*size)
			truePackets, kept = truePackets+packets, kept+p
			if by != p*size {
				t.Fatalf("%d packets of %d bytes became %d with %d bytes", packets, size, p, by)
			}
			if p > 0 && first+(p-1)*n >= packets {
				t.Fatalf("the last kept packet is number %d of %d", first+(p-1)*n, packets)
			}
		}
		if diff := math.Abs(float64(kept*n) - float64(truePackets)); diff > float64(n) {
			t.Fatalf("kept %d of %d at 1:%d", kept, truePackets, n)
		}
	})
}

func TestSendErrorEndsTheCall(t *testing.T) {
	e, err := New(Config{Protocol: IPFIX})
	if err != nil {
		t.Fatal(err)
	}
	b, down, calls := sampleBatch(300, mixed, 9), errors.New("network is down"), 0
	err = e.Encode(b, 0, 300, exportTime, func([]byte) error { calls++; return down })
	if !errors.Is(err, down) || calls != 1 {
		t.Errorf("got %v after %d calls, want the error of the first", err, calls)
	}
	if err := e.Encode(b, 200, 301, exportTime, nil); err == nil {
		t.Error("rows beyond the batch are accepted")
	}
}

// TestNothingIsAllocated is the promise that simulate's speed rests on.
func TestNothingIsAllocated(t *testing.T) {
	b := sampleBatch(2000, mixed, 50)
	for _, p := range Protocols() {
		e, err := New(Config{Protocol: p, Sampling: 10})
		if err != nil {
			t.Fatal(err)
		}
		send := func([]byte) error { return nil }
		if n := testing.AllocsPerRun(5, func() { _ = e.Encode(b, 0, b.Len(), exportTime, send) }); n != 0 {
			t.Errorf("%s: %v allocations", p, n)
		}
	}
}

// TestAnyRowIsEncoded: no row, however odd, breaks the framing.
func TestAnyRowIsEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := flow.NewBatch(8)
		for range rapid.IntRange(1, 40).Draw(t, "rows") {
			var r flow.Record
			if rapid.Bool().Draw(t, "v6") {
				copy(r.Src[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "src"))
			} else {
				r.Src, r.Dst = flow.AddrFrom4([4]byte{1, 2, 3, 4}), flow.AddrFrom4([4]byte{5, 6, 7, 8})
			}
			r.Start, r.End = rapid.Int64().Draw(t, "start"), rapid.Int64().Draw(t, "end")
			r.Proto, r.TCPFlags = rapid.Byte().Draw(t, "proto"), rapid.Byte().Draw(t, "flags")
			r.Packets, r.Bytes = rapid.Uint64Range(0, 300).Draw(t, "packets"), rapid.Uint64().Draw(t, "bytes")
			b.Append(&r)
		}
		p := rapid.SampledFrom([]Protocol{V5, V9, IPFIX, SFlow}).Draw(t, "protocol")
		mtu := rapid.IntRange(minMTU, 9000).Draw(t, "mtu")
		e, err := New(Config{Protocol: p, MTU: mtu, Sampling: rapid.Uint32Range(0, 9).Draw(t, "sampling")})
		if err != nil {
			t.Fatal(err)
		}
		if p == V5 { // a row of 2^64 bytes is four thousand million v5 records
			for i := range b.Bytes {
				b.Bytes[i] %= 1 << 36
			}
		}
		if err := e.Encode(b, 0, b.Len(), exportTime, func(d []byte) error {
			if len(d) > mtu {
				t.Fatalf("%d bytes in an MTU of %d", len(d), mtu)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFlagsOfOnePacket(t *testing.T) {
	for name, tc := range map[string]struct {
		flags   uint8
		client  bool
		packets uint64
		want    []uint8
	}{
		"client of a session": {0x1b, true, 4, []uint8{0x02, 0x18, 0x18, 0x11}},
		"server of a session": {0x1b, false, 3, []uint8{0x12, 0x18, 0x11}},
		"syn flood":           {0x02, true, 3, []uint8{2, 2, 2}},
		"syn-ack flood":       {0x12, false, 2, []uint8{0x12, 0x12}},
		"rst flood":           {0x14, true, 2, []uint8{0x14, 0x14}},
		"ack flood":           {0x10, true, 2, []uint8{0x10, 0x10}},
		"christmas tree":      {0x29, true, 2, []uint8{0x29, 0x29}},
		"reset session":       {0x1e, true, 3, []uint8{0x02, 0x18, 0x14}},
	} {
		b := flow.NewBatch(1)
		r := flow.Record{Proto: flow.ProtoTCP, TCPFlags: tc.flags, SrcPort: 443, DstPort: 50000, Packets: tc.packets}
		if tc.client {
			r.SrcPort, r.DstPort = r.DstPort, r.SrcPort
		}
		b.Append(&r)
		var got []uint8
		for at := range tc.packets {
			got = append(got, flagsOf(b, 0, at))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %x, want %x", name, got, tc.want)
		}
	}
}

func TestSFlowAgentMayBeIPv6(t *testing.T) {
	cfg := Config{Protocol: SFlow, Agent: netip.MustParseAddr("2001:db8::5"), Domain: 3}
	d, _ := collect(t, cfg, sampleBatch(1, only6, 1))
	if binary.BigEndian.Uint32(d[0][4:]) != 2 || binary.BigEndian.Uint32(d[0][24:]) != 3 {
		t.Errorf("agent and sub-agent are % x", d[0][4:28])
	}
}
