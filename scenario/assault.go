// SPDX-License-Identifier: Apache-2.0

package scenario

import "tidewatch/flow"

// attacker is the own host that attacks others: a workstation with a bot on it.
const attacker = 21

// buildOutbound has one own host attack one outside: SYN from ever new ports, as
// a bot sends them, AttackSources ports a second.
func buildOutbound(s *Scenario, v6 bool) {
	buildOffice(s)
	f := synFlood(v6)
	f.from, f.to = s.event()
	f.rate, f.sources = s.cfg.AttackRate, uint64(s.cfg.AttackSources)
	f.own, f.victim, f.answers = workstation(attacker, v6), s.gen.net.stranger(kindTarget, 0, v6), 2
	s.sources = append(s.sources, f)
	t := truthOf("ddos_attack", "ddos_outbound", "syn_flood", f.own)
	t.Sources, t.Packets, t.Bytes = 1, f.packets(), f.bytes()
	t.Note = "one workstation sends SYN to " + f.victim.String() + ", port 443, from ever new ports"
	s.tell(t, f.from, f.to)
}

// buildMixed has SYN and UDP at once, half of the packets each.
func buildMixed(s *Scenario, v6 bool) {
	buildOffice(s)
	syn := synFlood(v6)
	udp := &flood{proto: flow.ProtoUDP, size: 300, sizeMore: 400, v6: v6, victim: shop(v6)}
	t := truthOf("ddos_attack", "ddos", "mixed", shop(v6))
	for _, f := range []*flood{syn, udp} {
		f.from, f.to = s.event()
		f.rate, f.sources = s.cfg.AttackRate/2, uint64(s.cfg.AttackSources)
		s.sources = append(s.sources, f)
		t.Packets, t.Bytes = t.Packets+f.packets(), t.Bytes+f.bytes()
	}
	t.Sources, t.Note = s.cfg.AttackSources, "SYN on port 443 and UDP to random ports, half of the packets each"
	s.tell(t, syn.from, syn.to)
}

// buildShifting changes its weapon twice: what a defence learned of the first is
// no use against the second.
func buildShifting(s *Scenario, v6 bool) {
	buildOffice(s)
	from, to := s.event()
	third := (to - from) / 3
	answers, syn := dnsAnswers(v6), synFlood(v6)
	answers.from, answers.to = from, from+third
	syn.from, syn.to = from+third, from+2*third
	answers.rate, syn.rate = s.cfg.AttackRate, s.cfg.AttackRate
	answers.sources, syn.sources = uint64(s.cfg.AttackSources), uint64(s.cfg.AttackSources)
	s.flood(answers, "dns_amplification", "the first act of three, on one victim")
	s.flood(syn, "syn_flood", "the second act")
	s.requests(max(s.cfg.AttackRate/10, 1), bots, wave{from + 2*third, to, 1, 1}, v6, "the third act: requests that the shop answers")
}

// pulse is the rhythm of an attack that wants to be resolved between its blows.
const (
	pulseOn  = 40 // seconds
	pulseOff = 20
	relapse  = 3600 // seconds from the end of the first attack to the second
)

// buildPulsing has a SYN flood that pauses for 20 s after every 40, and an hour
// after its end another.
func buildPulsing(s *Scenario) {
	buildOffice(s)
	from, to := s.event()
	for _, shift := range []int64{0, to - from + relapse} {
		f := synFlood(false)
		f.from, f.to, f.on, f.off = from+shift, to+shift, pulseOn, pulseOff
		f.rate, f.sources = s.cfg.AttackRate, uint64(s.cfg.AttackSources)
		note := "40 s of SYN and 20 s of nothing in turn"
		if shift > 0 {
			note = "the same again, an hour later"
		}
		s.flood(f, "syn_flood", note)
	}
}
