// SPDX-License-Identifier: Apache-2.0

package app

import (
	"path/filepath"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/test/shareddata"
)

// Scans in real captures, through the whole line: one incident each, with the scanner or,
// where the internet scans, the network as its subject.
func TestRealScans(t *testing.T) {
	dir := shareddata.Dir(t)
	for _, tc := range []struct {
		file, internal, kind, subject string
		least, most                   detect.Severity
	}{
		{"scan/ndpi/synscan.pcap", "172.16.0.0/12", "port_scan", "172.16.0.8", detect.Medium, detect.Critical},
		{"nfdump/slips/test1-malicious.nfdump", "147.32.0.0/16", "port_scan", "147.32.80.119", detect.Medium, detect.Critical},
		{"scan/bro-simple-scan/445_scan.pcap", "", "host_scan", "::/0", detect.Low, detect.Low},
		{"scan/bro-simple-scan/multiport_scan.pcap", "", "host_scan", "::/0", detect.Low, detect.Low},
		{"scan/bro-simple-scan/backscatter.trace", "192.150.186.0/23", "", "", "", ""},
	} {
		cfg := testConfig()
		if tc.internal != "" {
			cfg = testConfig(tc.internal)
		}
		res, err := Analyze(t.Context(), cfg, &AnalyzeOptions{Files: []string{filepath.Join(dir, tc.file)}, KeepInternal: tc.internal != ""})
		if err != nil {
			t.Errorf("%s: %v", tc.file, err)
			continue
		}
		if tc.kind == "" {
			if len(res.Incidents) > 0 {
				t.Errorf("%s: %s", tc.file, res.Incidents[0].Headline())
			}
			continue
		}
		if len(res.Incidents) != 1 {
			t.Errorf("%s: %d incidents, want one", tc.file, len(res.Incidents))
			continue
		}
		i := &res.Incidents[0]
		if i.Category != detect.Reconnaissance || i.Kind != tc.kind || i.Subject != tc.subject ||
			i.Severity.Rank() < tc.least.Rank() || i.Severity.Rank() > tc.most.Rank() {
			t.Errorf("%s: %s of kind %s", tc.file, i.Headline(), i.Kind)
		}
	}
}

// Three days of scans from the internet, with pauses of hours, are one low incident; an
// own device that joins in is another, about it.
func TestNoiseIsOneIncident(t *testing.T) {
	told := map[string]incident.Incident{}
	e, err := NewEngine(testConfig("192.0.2.0/24"), func(events []incident.Event) {
		for i := range events {
			told[events[i].Incident.ID] = events[i].Incident
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	const start, day = int64(1_772_409_600), int64(86_400)
	b := flow.NewBatch(64)
	syn := func(at int64, from, to [4]byte, mark uint16) {
		b.Append(&flow.Record{
			Received: at * 1e9, Start: at * 1e9, End: at * 1e9, Src: flow.AddrFrom4(from), Dst: flow.AddrFrom4(to),
			SrcPort: 40_000, DstPort: mark, Proto: flow.ProtoTCP, TCPFlags: flow.SYN, Packets: 1, Bytes: 44, Sampling: 1,
		})
	}
	for at := start; at < start+3*day; at += 60 {
		b.Reset()
		if h := at / 3600 % 24; h < 2 || h > 8 {
			for k := range byte(5) {
				syn(at, [4]byte{203, 0, byte(at / 60), k}, [4]byte{192, 0, 2, byte(at/60) + 7*k}, 23)
			}
		}
		if at >= start+2*day && at < start+2*day+3*3600 {
			syn(at, [4]byte{192, 0, 2, 9}, [4]byte{198, 51, 100, byte(at / 60)}, 445)
		}
		e.Process(b)
		e.Advance(at + 59)
	}
	e.Drain()
	subjects := map[string]detect.Severity{}
	for _, i := range told {
		if i.Category == detect.Reconnaissance {
			if _, twice := subjects[i.Subject]; twice {
				t.Errorf("a second one: %s", i.Headline())
			}
			subjects[i.Subject] = i.Severity
		}
	}
	if len(subjects) != 2 || subjects["192.0.2.9"] != detect.Medium || subjects["192.0.2.0/24"] != detect.Low {
		t.Errorf("found %v", subjects)
	}
}
