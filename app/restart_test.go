// SPDX-License-Identifier: Apache-2.0

package app

import (
	"testing"

	"tidewatch/flow"
	"tidewatch/incident"
)

// A device that calls home every half hour, and keeps a connection elsewhere, is found
// out although the server is started anew more often than either takes to show.
func TestCommandOverRestarts(t *testing.T) {
	t.Parallel()
	home, elsewhere := flow.AddrFrom4([4]byte{198, 51, 100, 66}), flow.AddrFrom4([4]byte{198, 51, 100, 67})
	device := flow.AddrFrom4([4]byte{10, 0, 0, 7})
	played := func(restarts bool) map[string]incident.Incident {
		dir := t.TempDir()
		found := map[string]incident.Incident{}
		e, m, err := openMemory(dir)
		for minute := int64(firstMinute); minute < firstMinute+30*60; minute++ {
			if err != nil {
				t.Fatal(err)
			}
			b := flow.NewBatch(2)
			end := (minute*60 + 19) * 1e9
			r := flow.Record{
				Received: end, Start: end - 60e9, End: end - 1e9, Src: device, Dst: elsewhere, SrcPort: 50_000, DstPort: 8443,
				Proto: flow.ProtoTCP, TCPFlags: flow.ACK | flow.PSH, Packets: 40, Bytes: 4000, Sampling: 1,
			}
			b.Append(&r)
			if minute%30 == 0 {
				r.Start, r.Dst, r.SrcPort, r.DstPort = end-2e9, home, uint16(minute%20_000+30_000), 443
				r.TCPFlags, r.Packets, r.Bytes = flow.SYN|flow.ACK|flow.PSH|flow.FIN, 9, 1900
				b.Append(&r)
			}
			e.Process(b)
			minuteOf(e, minute)
			if minute%(5*60) == 17 {
				for _, x := range e.Incidents() {
					found[x.Kind+" "+x.Top.Destinations[0].Key] = x
				}
				if restarts {
					m.last()
					if err = m.health(); err == nil {
						e, m, err = openMemory(dir)
					}
				}
			}
		}
		for _, x := range e.Incidents() {
			found[x.Kind+" "+x.Top.Destinations[0].Key] = x
		}
		return found
	}
	want, got := played(false), played(true)
	for _, key := range []string{"beacon 198.51.100.66", "long_connection 198.51.100.67"} {
		w, known := want[key]
		g, ok := got[key]
		if !known || !ok || g.Severity != w.Severity {
			t.Errorf("%s: %v of severity %q; with no restart %v, %q", key, ok, g.Severity, known, w.Severity)
		}
	}
}
