// SPDX-License-Identifier: Apache-2.0

package app

import (
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/incident"
)

// After nine learned days a server dies, and later the router in front of two
// others: the server is silent, the others are not, their router is down. Both
// end when traffic is back.
func TestSilenceIsNotOutage(t *testing.T) {
	const (
		t0       = int64(1_700_000_000) / 86400 * 86400
		dies     = t0 + 9*86400 + 14*3600 + 180
		lost     = dies + 3*3600
		back     = dies + 5*3600
		end      = dies + 7*3600
		patience = 30 * 60
	)
	r := newTwoRouters(t, nil)
	b := flow.NewBatch(8)
	for sec := t0; sec < end; sec += 60 {
		b.Reset()
		for _, device := range [][2]byte{{1, 1}, {1, 101}, {2, 2}, {2, 102}} { // router, host
			if device[0] == 2 && sec >= lost && sec < back {
				continue
			}
			out := flow.Record{
				Received: sec * 1e9, Start: sec*1e9 - 1e9, End: sec * 1e9, Exporter: uint32(device[0]), Proto: flow.ProtoTCP,
				Src: flow.AddrFrom4([4]byte{10, 0, 0, device[1]}), Dst: flow.AddrFrom4([4]byte{198, 51, 100, 1}),
				SrcPort: 443, DstPort: 50_000, Packets: 50, Bytes: 2e6, Sampling: 1,
			}
			in := out
			in.Src, in.Dst, in.SrcPort, in.DstPort, in.Bytes = out.Dst, out.Src, out.DstPort, out.SrcPort, 2e5
			if dead := device[1] == 1 && sec >= dies && sec < back; dead {
				in.Packets, in.Bytes, in.TCPFlags = 1, 60, flow.SYN // clients go on asking
			} else {
				b.Append(&out)
			}
			b.Append(&in)
		}
		r.Process(b)
		r.Advance(sec + 30)
	}
	for _, want := range []struct {
		kind, subject  string
		category       detect.Category
		started, ended int64
	}{
		{"silence", "10.0.0.1", detect.BaselineAnomaly, dies, back},
		{"exporter_down", "192.0.2.2", detect.Operational, lost, back},
	} {
		all := r.about(want.kind)
		if len(all) != 1 {
			t.Errorf("%d incidents of kind %s", len(all), want.kind)
			continue
		}
		i := &all[0]
		if i.Subject != want.subject || i.Category != want.category || i.Severity != detect.Medium || i.Reason != incident.ReasonRecovered {
			t.Errorf("%s %s: %s, %s, %s", i.Subject, i.Kind, i.Category, i.Severity, i.Reason)
		}
		if s, d, e := i.Started.Unix()-want.started, i.Detected.Unix()-want.started, i.Ended.Unix()-want.ended; s < -60 || s > 0 || d > patience || e < 0 || e > 120 {
			t.Errorf("%s: started %d s and detected %d s after it began, ended %d s after its end", want.kind, s, d, e)
		}
	}
	for i := range r.keep.result.Incidents {
		if g := &r.keep.result.Incidents[i]; g.Kind != "silence" && g.Kind != "exporter_down" {
			t.Errorf("%s, started %v", g.Headline(), g.Started)
		}
	}
}
