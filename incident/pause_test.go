// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"testing"

	"tidewatch/detect"
)

// theft is a finding about an upload that goes on until a second.
func theft(from, to float64, kind, dest string) detect.Finding {
	f := detect.Finding{
		Detector: "exfil", Category: detect.DataExfiltration, Kind: kind, Subject: host("10.0.0.1"),
		At: at(to), Started: at(from), Last: at(to), Score: 0.8, Severity: detect.High, Baseline: detect.NoBaseline(),
	}
	f.Top.Destinations = []detect.Share{{Key: dest, Share: 1}}
	return f
}

// Who steals in working hours, and pauses for nights and weekends, is one story; who
// turns to another destination, or finds another way, is another.
func TestTheftPauses(t *testing.T) {
	t.Parallel()
	const day = 86400.0
	for name, tc := range map[string]struct {
		kind, dest string
		after      float64 // days
		same       bool
	}{
		"the next morning":           {"exfiltration", "198.51.100.7", 1, true},
		"after a weekend":            {"exfiltration", "198.51.100.7", 3, true},
		"after two weeks":            {"exfiltration", "198.51.100.7", 14, false},
		"to somebody else":           {"exfiltration", "198.51.100.8", 1, false},
		"by another way":             {"dns_tunnel", "198.51.100.7", 1, false},
		"the sum of days to its net": {"slow_exfiltration", "198.51.100.0/24", 2, true},
		"the sum of days to another": {"slow_exfiltration", "203.0.113.0/24", 2, false},
	} {
		b := newBook(t, nil)
		first := theft(0, 600, "exfiltration", "198.51.100.7")
		events := b.Apply(at(600), []detect.Finding{first}, nil)
		if len(events) != 1 || events[0].Type != Opened {
			t.Fatalf("%+v", events)
		}
		id := events[0].Incident.ID
		b.Apply(at(600+8*3600), nil, nil)
		start := tc.after * day
		again := theft(start, start+600, tc.kind, tc.dest)
		events = b.Apply(at(start+600), []detect.Finding{again}, nil)
		if len(events) == 0 || (events[len(events)-1].Incident.ID == id) != tc.same {
			t.Errorf("%s: the same incident is wanted: %v; got %+v", name, tc.same, events)
		}
	}
}
