// SPDX-License-Identifier: Apache-2.0

package decode

import (
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
			t.Logf("%+v", s)
		})
	}
}
