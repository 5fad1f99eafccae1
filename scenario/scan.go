// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"encoding/binary"

	"tidewatch/flow"
)

// scanner is the own host that scans: a workstation.
const scanner = 33

// buildScan has four acts, of a quarter of the event each: somebody outside tries
// all ports of the shop, then one port of all addresses; a workstation does the
// same to the file server and to the office. AttackRate is probes a second.
func buildScan(s *Scenario, v6 bool) {
	buildOffice(s)
	from, to := s.event()
	quarter := (to - from) / 4
	stranger, inside := prober(v6), workstation(scanner, v6)
	for i, act := range []*struct {
		kind   string
		who    flow.Addr
		victim flow.Addr // zero: all addresses of a network
		net    byte      // 10.<net>.0.0/16
		note   string
	}{
		{"port_scan", stranger, shop(v6), 0, "somebody outside tries all ports of the shop"},
		{"host_scan", stranger, flow.Addr{}, 20, "the same looks for port 445 at all addresses of the shop's network"},
		{"port_scan", inside, internal(10, 1, 10, v6), 0, "a workstation tries all ports of the file server"},
		{"host_scan", inside, flow.Addr{}, 10, "the same looks for port 445 at all addresses of the office"},
	} {
		begin, end := from+int64(i)*quarter, from+int64(i+1)*quarter
		cif := uint32(ifOffice)
		if act.who == stranger {
			cif = ifInternet
		}
		s.sources = append(s.sources, &once{begin, end, 1, func(g *generator, sec int64) {
			first, last := uint64(s.cfg.AttackRate*float64(sec-begin)), uint64(s.cfg.AttackRate*float64(sec-begin+1))
			for k := first; k < last; k++ {
				q := session{start: g.moment(sec), client: act.who, cport: g.port(), server: act.victim, sport: 445, cif: cif, sif: ifShop}
				if act.victim.IsZero() {
					q.server = internal(act.net, 0, 0, v6)
					binary.BigEndian.PutUint16(q.server[14:], uint16(k))
				} else {
					q.sport = uint16(1 + k%65_535)
				}
				if q.server == q.client {
					continue
				}
				// A host that is there refuses; most addresses are nobody's, and silent.
				q.fail(1, !act.victim.IsZero())
				g.emit(&q)
			}
		}})
		t := truthOf("reconnaissance", act.kind, "", act.who)
		t.Sources, t.Packets, t.Note = 1, uint64(s.cfg.AttackRate*float64(end-begin)), act.note
		s.tell(t, begin, end)
		if !act.victim.IsZero() {
			s.innocent(act.victim, begin, end, "it is scanned: many ports, an answer to each, no flood")
		}
	}
}
