// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"tidewatch/api"
	"tidewatch/detect"
	"tidewatch/incident"
)

// A device is as much at risk as the worst of its open incidents says; those that are over
// do not count.
func TestRisk(t *testing.T) {
	e, err := NewEngine(testConfig("10.0.0.0/8", "fd00::/8"), nil)
	if err != nil {
		t.Fatal(err)
	}
	hour := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC).Unix() / 3600
	hourly(e, hour, "10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::5")
	at := time.Unix(hour*3600, 0).UTC()
	about := func(id, subject string, score float64, s incident.State) incident.Incident {
		inc := incident.Incident{
			ID: id, Category: detect.Reconnaissance, Kind: "port_scan", Subject: subject, Scope: incident.ScopeHost, Severity: detect.SeverityOf(score),
			Score: score, State: s, Started: at, Detected: at, LastSeen: at, Updated: at,
		}
		if !s.Active() {
			inc.Ended = at
		}
		return inc
	}
	if err := e.Restore([]incident.Incident{
		about("inc-a", "10.0.0.2", 0.7, incident.Open), about("inc-b", "fd00::5", 0.95, incident.Acknowledged),
		about("inc-c", "10.0.0.3", 0.99, incident.Resolved),
	}); err != nil {
		t.Fatal(err)
	}
	d := &directory{e, &exporterNames{}, time.UTC}
	var got []string
	f := api.DeviceFilter{Sort: "risk", Limit: 3}
	for {
		page, err := d.Devices(t.Context(), &f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Devices {
			one := &page.Devices[i]
			got = append(got, one.Address.String())
			if want := map[string]float64{"fd00::5": 0.95, "10.0.0.2": 0.7}[one.Address.String()]; one.Risk != want {
				t.Errorf("%s: risk %v, want %v", one.Address, one.Risk, want)
			}
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	if want := "fd00::5 10.0.0.2 10.0.0.1 10.0.0.3"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	one, err := d.Device(t.Context(), netip.MustParseAddr("10.0.0.2"), "bytes_in")
	if err != nil || one.Risk != 0.7 {
		t.Errorf("%+v %v", one, err)
	}
}
