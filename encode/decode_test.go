// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/decode"
	"tidewatch/encode"
	"tidewatch/flow"
	"tidewatch/scenario"
)

// TestDecodeReadsWhatEncodeWrites is the round trip of real traffic: a minute
// of an office under attack, exported second by second.
func TestDecodeReadsWhatEncodeWrites(t *testing.T) {
	for _, p := range []encode.Protocol{encode.V5, encode.V9, encode.IPFIX} {
		t.Run(string(p), func(t *testing.T) {
			s, enc, dec := parts(t, encode.Config{Protocol: p, Domain: 4})
			in, out := flow.NewBatch(8192), flow.NewBatch(8192)
			records := 0
			for s.Next(in) {
				send := func(d []byte) error {
					if r := dec.Decode(d, exporter(), s.Now().UnixNano(), out); r.Broken != decode.None {
						t.Fatalf("the decoder finds %v", r.Broken)
					}
					return nil
				}
				if err := enc.Encode(in, 0, in.Len(), s.Now(), send); err != nil {
					t.Fatal(err)
				}
				records += compare(t, in, out, p == encode.V5)
				in.Reset()
				out.Reset()
			}
			if records < 10_000 {
				t.Errorf("only %d records went through", records)
			}
			accounts(t, dec, 1)
		})
	}
}

// TestSampledVolumesAreTrue: what is sampled and scaled back is within chance
// what it was, for all protocols.
func TestSampledVolumesAreTrue(t *testing.T) {
	for p, n := range map[encode.Protocol]uint32{encode.V5: 64, encode.V9: 64, encode.IPFIX: 64, encode.SFlow: 64} {
		t.Run(string(p), func(t *testing.T) {
			s, enc, dec := parts(t, encode.Config{Protocol: p, Sampling: n})
			in, out := flow.NewBatch(8192), flow.NewBatch(8192)
			var truePackets, trueBytes, packets, bytes float64
			for s.Next(in) {
				send := func(d []byte) error {
					dec.Decode(d, exporter(), s.Now().UnixNano(), out)
					return nil
				}
				if err := enc.Encode(in, 0, in.Len(), s.Now(), send); err != nil {
					t.Fatal(err)
				}
				for i := range in.Len() {
					if p == encode.V5 && !in.Src[i].Is4() {
						continue
					}
					truePackets += float64(in.Packets[i])
					trueBytes += float64(in.Bytes[i])
				}
				for i := range out.Len() {
					if out.Sampling[i] != n || out.Mark[i]&flow.NoRate != 0 {
						t.Fatalf("the decoder knows a rate of %d, want %d", out.Sampling[i], n)
					}
					packets += float64(out.Packets[i]) * float64(n)
					bytes += float64(out.Bytes[i]) * float64(n)
				}
				in.Reset()
				out.Reset()
			}
			if r := packets / truePackets; r < 0.99 || r > 1.01 {
				t.Errorf("%.0f packets became %.0f", truePackets, packets)
			}
			if r := bytes / trueBytes; r < 0.9 || r > 1.1 {
				t.Errorf("%.0f bytes became %.0f", trueBytes, bytes)
			}
			accounts(t, dec, n)
		})
	}
}

// TestUnsampledSFlowCarriesEveryPacket with its size, port and direction.
func TestUnsampledSFlowCarriesEveryPacket(t *testing.T) {
	_, enc, dec := parts(t, encode.Config{Protocol: encode.SFlow})
	in, out := flow.NewBatch(8), flow.NewBatch(64)
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	in.Append(&flow.Record{
		Src: flow.AddrFrom4([4]byte{198, 51, 100, 1}), Dst: flow.AddrFrom4([4]byte{10, 0, 0, 1}), SrcPort: 50_000, DstPort: 443,
		Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, Packets: 5, Bytes: 1003,
		Start: now.UnixNano() - 1e9, End: now.UnixNano(), InIf: 3, OutIf: 4,
	})
	if err := enc.Encode(in, 0, 1, now, func(d []byte) error {
		dec.Decode(d, exporter(), now.UnixNano(), out)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var packets, bytes uint64
	var flags uint8
	for i := range out.Len() {
		packets, bytes, flags = packets+out.Packets[i], bytes+out.Bytes[i], flags|out.TCPFlags[i]
		if out.Src[i] != in.Src[0] || out.DstPort[i] != 443 || out.InIf[i] != 3 || out.OutIf[i] != 4 || out.Sampling[i] != 1 {
			t.Errorf("sample %d: %+v", i, out.Record(i))
		}
	}
	if packets != 5 || bytes != 1003 || flags != in.TCPFlags[0] {
		t.Errorf("%d packets, %d bytes, flags %s", packets, bytes, flow.TCPFlagNames(flags))
	}
}

func exporter() netip.Addr { return netip.MustParseAddr("192.0.2.1") }

func parts(t *testing.T, cfg encode.Config) (*scenario.Scenario, *encode.Encoder, *decode.Decoder) {
	t.Helper()
	s, err := scenario.New("syn-flood", scenario.Config{
		Seed: 1, Start: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), Duration: 50 * time.Second, AttackAt: 10 * time.Second,
		AttackFor: 10 * time.Second, AttackSources: 1000, AttackRate: 3000,
	})
	if err != nil {
		t.Fatal(err)
	}
	enc, err := encode.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := decode.New(decode.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return s, enc, dec
}

// compare checks that out is in, row by row, to the millisecond.
func compare(t *testing.T, in, out *flow.Batch, only4 bool) (records int) {
	t.Helper()
	for i := range in.Len() {
		want := in.Record(i)
		if only4 && !want.Src.Is4() {
			continue
		}
		if records >= out.Len() {
			t.Fatalf("record %d is missing", i)
		}
		got := out.Record(records)
		records++
		// Wires carry milliseconds; the marks are the decoder's own.
		want.Start, want.End = want.Start/1e6, want.End/1e6
		got.Start, got.End = got.Start/1e6, got.End/1e6
		want.Mark, got.Mark = 0, 0
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("record %d (-sent +read):\n%s", i, d)
		}
	}
	if records != out.Len() {
		t.Fatalf("%d records read, %d sent", out.Len(), records)
	}
	return records
}

// accounts checks that the decoder missed nothing.
func accounts(t *testing.T, dec *decode.Decoder, sampling uint32) {
	t.Helper()
	for ex := range dec.Exporters() {
		if ex.SequenceGaps+ex.SequenceReordered+ex.SequenceResets+ex.LostRecords+ex.LostDatagrams+ex.MissingTemplate+ex.Clamped > 0 {
			t.Errorf("the decoder counts losses: %+v", ex)
		}
		if ex.Sampling != sampling || ex.Skew != 0 && ex.SkewKnown {
			t.Errorf("rate %d, skew %v", ex.Sampling, ex.Skew)
		}
	}
}
