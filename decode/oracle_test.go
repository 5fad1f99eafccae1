// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/netsampler/goflow2/v2/decoders/netflow"
	"github.com/netsampler/goflow2/v2/decoders/netflowlegacy"
	"github.com/netsampler/goflow2/v2/decoders/sflow"
	flowmessage "github.com/netsampler/goflow2/v2/pb"
	"github.com/netsampler/goflow2/v2/producer"
	protoproducer "github.com/netsampler/goflow2/v2/producer/proto"

	"tidewatch/flow"
)

// oracle is goflow2: its decoder and the producer that makes messages of flows,
// as its collector runs them.
type oracle struct {
	templates netflow.NetFlowTemplateSystem
	produce   producer.ProducerInterface
}

func newOracle(tb testing.TB) *oracle {
	tb.Helper()
	cfg, err := (&protoproducer.ProducerConfig{}).Compile()
	if err != nil {
		tb.Fatal(err)
	}
	p, err := protoproducer.CreateProtoProducer(cfg, protoproducer.CreateSamplingSystem)
	if err != nil {
		tb.Fatal(err)
	}
	return &oracle{templates: netflow.CreateTemplateSystem(), produce: p}
}

// decode gives the messages of one datagram; the caller commits them.
func (o *oracle) decode(g *datagram) ([]producer.ProducerMessage, error) {
	buf := bytes.NewBuffer(g.payload)
	var packet any
	var err error
	switch protocolOf(g.payload) {
	case NetFlow5:
		p := &netflowlegacy.PacketNetFlowV5{}
		err, packet = netflowlegacy.DecodeMessageVersion(buf, p), p
	case NetFlow9:
		p := &netflow.NFv9Packet{}
		err, packet = netflow.DecodeMessageVersion(buf, o.templates, p, nil), p
	case IPFIX:
		p := &netflow.IPFIXPacket{}
		err, packet = netflow.DecodeMessageVersion(buf, o.templates, nil, p), p
	case SFlow5:
		p := &sflow.Packet{}
		err, packet = sflow.DecodeMessageVersion(buf, p), p
	case Unknown:
		return nil, fmt.Errorf("unknown protocol")
	}
	if err != nil {
		return nil, err
	}
	return o.produce.Produce(packet, &producer.ProduceArgs{
		Src: netip.AddrPortFrom(g.from, 2055), TimeReceived: time.Unix(0, g.received), SamplerAddress: g.from,
	})
}

// withoutCount returns a copy of a v9 datagram whose count is larger than any
// number of sets: goflow2 takes it for that number and drops the rest, where
// exporters count records (RFC 3954, 5.1). That is where goflow2 is wrong.
func withoutCount(payload []byte) []byte {
	b := bytes.Clone(payload)
	if protocolOf(b) == NetFlow9 {
		binary.BigEndian.PutUint16(b[2:], 0xffff)
	}
	return b
}

// differences compares one record with goflow2's message in what both have.
func differences(r *flow.Record, m *protoproducer.ProtoProducerMessage) []string {
	var out []string
	diff := func(name string, got, want any) {
		if got != want {
			out = append(out, fmt.Sprintf("%s %v, goflow2 %v", name, got, want))
		}
	}
	addr := func(name string, got flow.Addr, want []byte) {
		if a, ok := netip.AddrFromSlice(want); ok {
			diff(name, got.Netip(), a.Unmap())
		}
	}
	addr("src", r.Src, m.SrcAddr)
	addr("dst", r.Dst, m.DstAddr)
	diff("proto", uint32(r.Proto), m.Proto&0xff)
	if isICMP(r.Proto) {
		if m.IcmpType != 0 {
			diff("type and code", uint32(r.DstPort), m.IcmpType<<8|m.IcmpCode)
		}
	} else {
		diff("src port", uint32(r.SrcPort), m.SrcPort&0xffff)
		diff("dst port", uint32(r.DstPort), m.DstPort&0xffff)
	}
	if m.TcpFlags != 0 { // it does not know CERT's flags
		diff("flags", uint32(r.TCPFlags), m.TcpFlags&0xff)
	}
	diff("src as", r.SrcAS, m.SrcAs)
	sf := m.Type == flowmessage.FlowMessage_SFLOW_5
	if !sf || m.InIf < ifUnknown { // goflow2 leaves the bits that say no interface, or several
		diff("in", r.InIf, m.InIf)
	}
	if !sf || m.OutIf < ifUnknown {
		diff("out", r.OutIf, m.OutIf)
	}
	switch {
	case sf: // it counts the frame where we count the IP packet
		if r.Bytes > m.Bytes || r.Bytes+64 < m.Bytes {
			diff("bytes", r.Bytes, m.Bytes)
		}
	case m.Bytes != 0: // it knows fewer byte counters
		diff("bytes", r.Bytes, m.Bytes)
	}
	if m.Packets != 0 {
		diff("packets", r.Packets, m.Packets)
	}
	return out
}

// compare decodes a datagram with both and reports where they differ.
func compare(tb testing.TB, d *Decoder, o *oracle, g *datagram, b *flow.Batch) (records int) {
	tb.Helper()
	b.Reset()
	res := d.Decode(g.payload, g.from, g.received, b)
	safe := *g
	safe.payload = withoutCount(g.payload)
	msgs, err := o.decode(&safe)
	defer o.produce.Commit(msgs)
	if res.Broken == BadCount {
		return 0 // goflow2 makes as many empty messages as a broken v5 header says
	}
	if err != nil { // a template it lacks, or damage after which it drops the whole datagram
		return 0
	}
	i := 0
	for n := range b.Len() {
		r := b.Record(n)
		if r.Mark&flow.Reverse != 0 {
			continue // goflow2 knows no biflows
		}
		if i == len(msgs) {
			i++
			break
		}
		m, ok := msgs[i].(*protoproducer.ProtoProducerMessage)
		if !ok {
			tb.Fatalf("goflow2 gives %T", msgs[i])
		}
		if diffs := differences(&r, m); len(diffs) > 0 {
			tb.Errorf("record %d of %v: %q", n, res, diffs)
		}
		i++
	}
	if i != len(msgs) {
		tb.Errorf("%v: goflow2 gives %d messages, ours are %d", res, len(msgs), i)
	}
	return i
}

// TestAgainstGoflow2 compares every record of every capture with goflow2's.
func TestAgainstGoflow2(t *testing.T) {
	for _, tc := range []struct {
		files   string
		records int
	}{
		{"overflowd/netflow_v5_first1354.pcap", 39_347},
		{"overflowd/sflow_first500.pcap", 2_930},
		{"derived-softflowd/*.pcap", 3*5_770 + 6_880},
		{"derived-pmacct-sflow/*.pcap", 699},
		{"netgauze/srv6/srv6.pcap", 86},
		{"tcpdump/sflow*.pcap", 21},
		{"logstash-codec-netflow/pcap/*.pcap", 420},
	} {
		t.Run(tc.files, func(t *testing.T) {
			files, err := filepath.Glob(wire(t, tc.files))
			if err != nil || len(files) == 0 {
				t.Fatalf("no %s (%v)", tc.files, err)
			}
			slices.Sort(files)
			records := 0
			for _, file := range files {
				d, o, b := newDecoder(t, func(c *Config) { c.PendingBytes = 0 }), newOracle(t), flow.NewBatch(64)
				for _, g := range readPCAP(t, file) {
					records += compare(t, d, o, &g, b)
				}
				if t.Failed() {
					t.Fatalf("in %s", filepath.Base(file))
				}
			}
			t.Logf("%d records", records)
			if tc.records != 0 && records != tc.records {
				t.Errorf("compared %d records, want %d", records, tc.records)
			}
		})
	}
}
