// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Sums over whole captures, against what their makers counted.
func TestCaptures(t *testing.T) {
	for _, tc := range []struct {
		file           string
		records        int
		packets, bytes uint64 // 0: not known
		flows          int    // sFlow flow samples
		counters       int
	}{
		{file: "overflowd/netflow_v5_first1354.pcap", records: 39_347, packets: 1_784_142, bytes: 1_295_567_624},
		{file: "overflowd/sflow_first500.pcap", records: 2_930, flows: 2_930, counters: 252},
		{file: "derived-softflowd/iot23-42-1.v5.pcap", records: 5_770, packets: 22_748, bytes: 2_093_699},
		{file: "derived-softflowd/iot23-42-1.v9.pcap", records: 5_770, packets: 22_748, bytes: 2_093_699},
		{file: "derived-softflowd/iot23-42-1.v10.pcap", records: 5_770, packets: 22_748, bytes: 2_093_699},
		{file: "derived-softflowd/dnsamp-netlyzer.v5.pcap", records: 6_880, packets: 7_057, bytes: 788_305},
		{file: "derived-pmacct-sflow/dnsamp.sflow.pcap", records: 699, flows: 699},
	} {
		t.Run(tc.file, func(t *testing.T) {
			d := newDecoder(t, nil)
			got := decodeAll(d, readPCAP(t, wire(t, tc.file)))
			s := only(t, d)
			if got.records != tc.records || int(s.FlowSamples) != tc.flows || int(s.Counters) != tc.counters {
				t.Errorf("%d records, %d flow samples, %d counter samples, want %d, %d, %d",
					got.records, s.FlowSamples, s.Counters, tc.records, tc.flows, tc.counters)
			}
			if tc.packets != 0 && (got.packets != tc.packets || got.bytes != tc.bytes) {
				t.Errorf("%d packets, %d bytes, want %d, %d", got.packets, got.bytes, tc.packets, tc.bytes)
			}
			wantClean(t, d)
			if s.SequenceGaps != 0 || s.Clamped != 0 || s.NoTime != 0 || s.MissingTemplate != 0 {
				t.Errorf("%d gaps, %d clamped, %d without time, %d without template", s.SequenceGaps, s.Clamped, s.NoTime, s.MissingTemplate)
			}
		})
	}
}

// TestTcpdumpGoldens counts the samples that tcpdump prints.
func TestTcpdumpGoldens(t *testing.T) {
	for _, name := range []string{"sflow_expanded", "sflow-print-v6", "sflow_multiple_counter_30_pdus", "sflow_print-segv"} {
		t.Run(name, func(t *testing.T) {
			out := string(readFile(t, wire(t, "tcpdump/"+name+".out")))
			flows := strings.Count(out, "flow sample (1)") + strings.Count(out, "expanded flow sample (3)")
			counters := strings.Count(out, "counter sample (2)") + strings.Count(out, "expanded counter sample (4)")
			d := newDecoder(t, nil)
			var got ExporterStats
			for _, g := range readPCAP(t, wire(t, "tcpdump/"+name+".pcap")) {
				if protocolOf(g.payload) != SFlow5 {
					continue // one capture has NetFlow beside it
				}
				decodeAll(d, []datagram{g})
			}
			for s := range d.Exporters() {
				got.FlowSamples += s.FlowSamples
				got.Counters += s.Counters
			}
			if int(got.FlowSamples) != flows || int(got.Counters) != counters {
				t.Errorf("%d flow and %d counter samples, tcpdump prints %d and %d", got.FlowSamples, got.Counters, flows, counters)
			}
			if name == "sflow_print-segv" && d.Totals().Broken[ShortHeader] != 1 {
				t.Error("the malformed datagram is not counted")
			}
		})
	}
}

// srv6Message is one message of NetGauze's golden, as far as it is compared.
type srv6Message struct {
	IPFIX struct {
		Sets []struct {
			Data struct {
				Records []struct {
					Scope  []map[string]any `json:"scope_fields"`
					Fields []map[string]any `json:"fields"`
				} `json:"records"`
			} `json:"Data"`
		} `json:"sets"`
	} `json:"IPFIX"`
}

// TestNetGauzeGoldens compares SRv6 records, where the inner header stands last.
func TestNetGauzeGoldens(t *testing.T) {
	d := newDecoder(t, nil)
	in := readPCAP(t, wire(t, "netgauze/srv6/srv6.pcap"))
	got := decodeAll(d, in)
	next, options := 0, 0
	dec := json.NewDecoder(strings.NewReader(string(readFile(t, wire(t, "netgauze/srv6/srv6-flow.json")))))
	for dec.More() {
		var m srv6Message
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		for _, set := range m.IPFIX.Sets {
			for _, r := range set.Data.Records {
				if len(r.Scope) > 0 {
					options++
					continue
				}
				want := map[string]string{}
				for _, f := range r.Fields {
					for k, v := range f {
						want[k] = fmt.Sprint(v) // a later one is of the inner header
					}
				}
				src, dst := cmp.Or(want["sourceIPv4Address"], want["sourceIPv6Address"]), cmp.Or(want["destinationIPv4Address"], want["destinationIPv6Address"])
				g := got.batch.Record(next)
				next++
				text := fmt.Sprint(g.Src, g.Dst, g.Packets, g.Bytes, g.InIf, g.OutIf)
				if w := fmt.Sprint(src, dst, want["packetDeltaCount"], want["octetDeltaCount"], want["ingressInterface"], want["egressInterface"]); strings.ReplaceAll(w, " ", "") != strings.ReplaceAll(text, " ", "") {
					t.Errorf("record %d: %s, want %s", next, text, w)
				}
			}
		}
	}
	if s := only(t, d); len(in) != 170 || next+options != 172 || next != got.records || options != int(s.Options) {
		t.Errorf("%d messages, %d records and %d options; want 170 and %d, %d", len(in), got.records, s.Options, next, options)
	}
	wantClean(t, d)
}
