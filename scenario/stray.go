// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"

	"tidewatch/flow"
)

// strays are acts of machines that nobody sits at.
func strays() []act {
	return []act{
		{name: "printer-smtp", hour: 10, who: 100, about: "a printer mails 40 MB within two hours to a stranger", build: func(s *Scenario, a *act) {
			buildStray(s, a, printer(0), 25)
		}},
		{name: "camera-ssh", hour: 10, who: 101, about: "a camera sends 40 MB within two hours to a stranger over SSH", build: func(s *Scenario, a *act) {
			buildStray(s, a, camera(), 22)
		}},
		{name: "printer-scans", hour: 9, who: 102, about: "a printer mails 20 MB of scans each working day through the same provider", build: buildScans},
	}
}

func buildStray(s *Scenario, a *act, device flow.Addr, port uint16) {
	t := transfers{
		from: a.from, to: a.from + 2*3600, client: device, server: one(a.other(s, 0)),
		hours: [2]int64{10, 12}, n: 40, bytes: 40e6, weekends: true, lasts: 20,
	}
	s.transfer(&t)
	t.port = port
	a.tells(s, "data_exfiltration", "protocol_tunnel", device, t.to)
}

func buildScans(s *Scenario, a *act) {
	t := transfers{
		from: math.MinInt64, to: math.MaxInt64, client: printer(1), server: one(a.other(s, 0)),
		hours: [2]int64{9, 17}, n: 20, bytes: 20e6, spread: 0.6, lasts: 20,
	}
	s.transfer(&t)
	t.port = 587
	a.tells(s, "data_exfiltration", "", t.client, a.from+errandDays)
}
