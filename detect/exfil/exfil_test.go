// SPDX-License-Identifier: Apache-2.0

package exfil

import (
	"net/netip"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const night = 1_700_000_000/86400*86400 + 3*3600 // 03:00 UTC

// upload is one connection, sent in pieces of a minute.
type transfer struct {
	to               string
	srcPort, port    uint16
	minutes          int
	megabytes, reply int // a minute
	at               int64
	packet           int // bytes of each packet sent; 0: 1428
}

// run plays transfers of one device and returns the last finding.
func run(t *testing.T, all ...transfer) (f detect.Finding, found bool) {
	t.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	device := flow.AddrFrom(netip.MustParseAddr("10.0.0.9"))
	tr.Jump(all[0].at)
	b := flow.NewBatch(16)
	for sec := all[0].at; sec < all[0].at+4*3600; sec = tr.Now() {
		b.Reset()
		for _, x := range all {
			if m := (sec - x.at) / 60; (sec-x.at)%60 != 59 || m < 0 || m >= int64(x.minutes) {
				continue
			}
			r := flow.Record{
				Received: sec * 1e9, Start: (sec - 59) * 1e9, End: sec * 1e9, Src: device,
				Dst: flow.AddrFrom(netip.MustParseAddr(x.to)), SrcPort: x.srcPort, DstPort: x.port,
				Proto: flow.ProtoTCP, TCPFlags: flow.ACK, Mark: flow.SrcInternal,
				Packets: uint64(x.megabytes) * 700, Bytes: uint64(x.megabytes) * 1e6, Sampling: 1,
			}
			if x.packet > 0 {
				r.Packets = r.Bytes / uint64(x.packet)
			}
			b.Append(&r)
			r.Src, r.Dst, r.SrcPort, r.DstPort, r.Mark = r.Dst, r.Src, r.DstPort, r.SrcPort, flow.DstInternal
			r.Bytes, r.Packets = uint64(x.reply)*1e6, uint64(x.reply)*700
			b.Append(&r)
		}
		tr.Add(b, 0, b.Len(), nil)
		for _, g := range d.Detect(tr.Tick(), nil) {
			f, found = g, true
		}
		tr.Next(sec + 1)
	}
	return f, found
}

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		transfers []transfer
		severity  detect.Severity // empty: nothing to find
	}{
		"5.4 GB at night to one address": {[]transfer{{"198.51.100.7", 50000, 443, 120, 45, 0, night, 0}}, detect.Critical},
		"the same to IPv6":               {[]transfer{{"2001:db8::7", 50000, 443, 120, 45, 0, night, 0}}, detect.Critical},
		"a large download at night":      {[]transfer{{"198.51.100.7", 50000, 443, 120, 0, 45, night, 0}}, ""},
		"a web server at night":          {[]transfer{{"198.51.100.7", 443, 50000, 120, 45, 1, night, 0}}, ""},
		"half a gigabyte at noon":        {[]transfer{{"198.51.100.7", 50000, 443, 10, 50, 0, night + 9*3600, 0}}, ""},
		"two gigabytes at noon, one address": {
			[]transfer{{"198.51.100.7", 50000, 22, 40, 50, 30, night + 9*3600, 0}}, detect.Critical,
		},
		"multicast": {[]transfer{{"239.1.1.1", 50000, 5000, 120, 45, 0, night, 0}}, ""},
	} {
		f, found := run(t, tc.transfers...)
		if found != (tc.severity != "") || f.Severity != tc.severity {
			t.Errorf("%s: %q, found %v; want %q: %+v", name, f.Severity, found, tc.severity, f.Indicators)
		}
		if found && f.Started.Unix() != tc.transfers[0].at {
			t.Errorf("%s: started %v", name, f.Started)
		}
	}
}
