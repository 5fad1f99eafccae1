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
		{name: "printer-shell", hour: 10, who: 103, about: "somebody works in a shell on a printer for an hour, over port 443", build: func(s *Scenario, a *act) {
			buildTyped(s, a, printer(2), "protocol_tunnel", typing)
		}},
		{name: "server-push", hour: 10, who: 104, about: "a database begins to exchange a message a second with a service, over port 443, for an hour", build: func(s *Scenario, a *act) {
			buildTyped(s, a, database(), "", func(g *generator) (uint64, uint64, uint64) { return 118 + g.Uint64N(5), 110, 90 })
		}},
		{name: "web-chat", hour: 10, who: 56, about: "somebody chats over a web socket for an hour", build: func(s *Scenario, a *act) {
			buildTyped(s, a, a.client(), "", typing)
		}},
		{name: "remote-desktop", hour: 10, who: 57, about: "somebody works on a remote desktop over port 443 for an hour", build: func(s *Scenario, a *act) {
			buildTyped(s, a, a.client(), "", func(g *generator) (uint64, uint64, uint64) { return 200 + g.Uint64N(3000), 70, 700 })
		}},
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
