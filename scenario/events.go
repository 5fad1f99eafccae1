// SPDX-License-Identifier: Apache-2.0

package scenario

import "tidewatch/flow"

// synSize is a SYN as attack tools send it: IP and TCP headers with one option.
const synSize = 44

// addFlood puts a flood on top of the office and tells of it.
func (s *Scenario) addFlood(f *flood, vector, note string) {
	buildOffice(s)
	f.from, f.to = s.event()
	f.victim = shop(f.v6)
	f.rate, f.sources = s.cfg.AttackRate, uint64(s.cfg.AttackSources)
	s.flood(f, vector, note)
}

// flood adds one flood and tells of it.
func (s *Scenario) flood(f *flood, vector, note string) {
	s.sources = append(s.sources, f)
	t := truthOf("ddos_attack", "ddos", vector, f.victim)
	t.Sources, t.Packets, t.Bytes, t.Note = int(f.sources), f.packets(), f.bytes(), note
	s.tell(t, f.from, f.to)
}

// synFlood is a flood of SYN on a web server that answers one flow in ten.
func synFlood(v6 bool) *flood {
	size := uint64(synSize)
	if v6 {
		size += 20
	}
	return &flood{
		proto: flow.ProtoTCP, flags: flow.SYN, dport: 443, size: size, v6: v6, victim: shop(v6),
		answers: 10, answerSize: size, answerFlags: flow.SYN | flow.ACK,
	}
}

// dnsAnswers is what open resolvers send when somebody asks in the shop's name.
func dnsAnswers(v6 bool) *flood {
	return &flood{proto: flow.ProtoUDP, sport: 53, size: 1300, sizeMore: 180, v6: v6, victim: shop(v6)}
}

func buildSYN(s *Scenario, v6 bool) {
	s.addFlood(synFlood(v6), "syn_flood", "each source opens a new flow of some SYN every second; the shop answers one in ten")
}

func buildUDP(s *Scenario) {
	s.addFlood(&flood{proto: flow.ProtoUDP, size: 300, sizeMore: 400}, "udp_flood",
		"bots send 300 to 700 byte packets to random ports")
}

func buildDNS(s *Scenario) {
	s.addFlood(dnsAnswers(false), "dns_amplification",
		"answers to questions that the shop never asked")
}

func buildICMP(s *Scenario) {
	buildOffice(s)
	f := &pings{rate: s.cfg.AttackRate, sources: uint64(s.cfg.AttackSources), size: 84}
	f.from, f.to = s.event()
	s.sources = append(s.sources, f)
	t := truthOf("ddos_attack", "ddos", "icmp_flood", shop(false))
	t.Sources, t.Packets, t.Bytes = s.cfg.AttackSources, f.packets(), f.packets()*f.size
	t.Note = "echo requests; each source is one long flow, so that its first record comes after the active timeout"
	s.tell(t, f.from, f.to)
}

func buildExfil(s *Scenario) {
	buildOffice(s)
	e := &exfil{total: s.cfg.AttackBytes}
	e.from, e.to = s.event()
	s.sources = append(s.sources, e)
	t := truthOf("data_exfiltration", "exfiltration", "", workstation(exfilHost, false))
	t.Bytes, t.Packets, t.Sources = e.total, e.total/1452, 1
	t.Note = "to " + thief().String() + ", port 443, never seen before"
	s.tell(t, e.from, e.to)
}

func buildCrowd(s *Scenario) {
	from, to := s.event()
	s.addCampaign(s.cfg.AttackRate, wave{from, to, 120, 300}, "customers of a campaign; every connection completes")
}

// shopSurge is the 60 % of the shop's busiest rate that both shop scenarios add
// within surgeRise seconds.
const (
	shopSurge = 0.6
	surgeRise = 30
)

func buildShopCampaign(s *Scenario) {
	from, to := s.event()
	rate := or(s.cfg.AttackRate, shopSurge*s.cfg.ShopRate)
	s.addCampaign(rate, wave{from, to, surgeRise, surgeRise}, "60 % more within 30 s; every connection completes")
}

func (s *Scenario) addCampaign(rate float64, w wave, note string) {
	buildOffice(s)
	s.sources = append(s.sources, campaign(rate, w))
	t := truthOf("ddos_attack", "ddos", "", shop(false))
	t.MustNotAlert, t.Note = true, note
	s.tell(t, w.from, w.to)
}

// buildShopAttack has two acts: connections that never complete, then slow HTTP
// from other sources.
func buildShopAttack(s *Scenario) {
	buildOffice(s)
	from, to := s.event()
	turn := (from + to) / 2
	rate := or(s.cfg.AttackRate, shopSurge*s.cfg.ShopRate)
	s.sources = append(s.sources,
		unfinished(rate, max(s.cfg.AttackSources, 1), wave{from, turn, surgeRise, 1}),
		slow(rate/100, wave{turn, to, 1, 1}))
	t := truthOf("ddos_attack", "ddos", "syn_flood", shop(false))
	t.Sources = s.cfg.AttackSources
	t.Note = "60 % more connections within 30 s, none of them completed, from new sources"
	s.tell(t, from, turn)
	t = truthOf("ddos_attack", "ddos", "slow_http", shop(false))
	t.Sources = slowSources
	t.Note = "connections complete and are held for four minutes, a line every ten seconds"
	s.tell(t, turn, to)
}
