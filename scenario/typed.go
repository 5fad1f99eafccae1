// SPDX-License-Identifier: Apache-2.0

package scenario

import "tidewatch/flow"

// typing is a minute of somebody's work in a shell: how many packets each way, and their
// mean sizes. A key is a packet of 88 to 104 bytes, its echo another, and the
// acknowledgement a third; who reads types nothing.
func typing(g *generator) (packets, up, down uint64) {
	if g.IntN(2) == 0 {
		return 10 + g.Uint64N(20), 80, 150 // reading, a page at a time
	}
	return 60 + g.Uint64N(300), 75 + g.Uint64N(10), 100 + g.Uint64N(100)
}

// typedLasts is for how long somebody works, in seconds.
const typedLasts = 3600

// buildTyped opens one connection from the device to a stranger's port 443, that goes on
// as the minutes tell.
func buildTyped(s *Scenario, a *act, device flow.Addr, kind string, minute func(g *generator) (packets, up, down uint64)) {
	server := a.other(s, 0)
	s.sources = append(s.sources, &once{a.from, a.from + typedLasts, 60, func(g *generator, sec int64) {
		if (sec-a.from)%60 != 0 {
			return
		}
		n, up, down := minute(g)
		x := session{
			start: sec*1e9 + 1e6, duration: 60e9 - 2e6, client: device, cport: uint16(40_000 + a.who), server: server, sport: 443,
			proto: flow.ProtoTCP, cif: ifOffice, sif: ifInternet,
			up:   side{packets: n, bytes: n * up, flags: flow.ACK | flow.PSH},
			down: side{packets: n, bytes: n * down, flags: flow.ACK | flow.PSH},
		}
		g.emit(&x)
	}})
	a.tells(s, "data_exfiltration", kind, device, a.from+typedLasts)
}
