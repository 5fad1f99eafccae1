// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
)

// surgePlay plays two minutes of a shop and returns the first finding and the second of it.
func surgePlay(t *testing.T, all ...traffic) (f detect.Finding, at int) {
	t.Helper()
	tr, d := fresh(t)
	b := flow.NewBatch(4096)
	for sec := range 120 {
		b.Reset()
		for _, x := range all {
			if sec < x.from || x.to > 0 && sec >= x.to {
				continue
			}
			for i := range x.flows {
				r := x.record(t0+int64(sec), i)
				b.Append(&r)
				if x.back > 0 {
					o := turned(&r)
					o.Packets, o.Bytes, o.TCPFlags = uint64(x.back), uint64(x.back*x.bytes), x.backFlags
					b.Append(&o)
				}
			}
		}
		tr.Add(b, 0, b.Len(), nil)
		for _, f := range d.Detect(tr.Tick(), nil) {
			if f.Vector == "syn_flood" {
				return f, sec
			}
		}
		tr.Next(tr.Now() + 1)
	}
	return f, -1
}

// Unanswered connections that grow from nearly none are a sign before they are a
// fifth of the answered ones, unless those grow as well.
func TestSurge(t *testing.T) {
	busy := answered(tcp(whole, 1000, 8).sized(300), 10, whole)
	crowd := answered(tcp(whole, 1000, 8).sized(300), 10, whole).during(60, 120)
	syn := func(n int) traffic { return tcp(flow.SYN, n, 1) }
	for name, tc := range map[string]struct {
		all   []traffic
		found bool
	}{
		"an attack of a seventh":              {[]traffic{busy, syn(10), syn(150).during(60, 120)}, true},
		"a crowd that the shop drops some of": {[]traffic{busy, syn(10), crowd, syn(150).during(60, 120)}, false},
		"a shop that always drops some":       {[]traffic{busy, syn(80), syn(100).during(60, 120)}, false},
		"one in thirty":                       {[]traffic{busy, busy, busy, busy, syn(10), syn(120).during(60, 120)}, false},
		"under the limit":                     {[]traffic{busy, syn(2), syn(90).during(60, 120)}, false},
	} {
		for _, v6 := range []bool{false, true} {
			for i := range tc.all {
				tc.all[i].v6 = v6
			}
			f, at := surgePlay(t, tc.all...)
			if (at >= 0) != tc.found {
				t.Errorf("%s (IPv6 %v): found at %d: %+v", name, v6, at, f.Indicators)
			}
			if tc.found && (at > 66 || f.Severity.Rank() < detect.High.Rank() || f.Started.Unix()-t0 < 59 || f.Started.Unix()-t0 > 61) {
				t.Errorf("%s: severity %s at %d, started %v", name, f.Severity, at, f.Started.Unix()-t0)
			}
		}
	}
}
