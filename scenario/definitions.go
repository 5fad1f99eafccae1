// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"time"

	"tidewatch/flow"
)

// definition is one named scenario: its defaults and how it is put together.
type definition struct {
	name, about string
	learn       time.Duration // background before the event, at least
	hour        int           // local hour of the event, -1 = right after learn
	lasts       time.Duration // the event; 0 = there is none
	rate        float64       // AttackRate
	sources     int           // AttackSources
	bytes       uint64        // AttackBytes
	shopRate    float64       // ShopRate, kept at all hours; 0 = a small shop that follows the clock
	build       func(s *Scenario)
}

// Ten days give each hour of the day more than the seven samples that a
// baseline wants before it speaks.
const tenDays = 10 * 24 * time.Hour

// definitions lists the scenarios in the order of their reference page.
func definitions() []definition {
	const afternoon, evening, night, now = 14, 20, 3, -1
	floods := 5 * time.Minute
	return []definition{
		{name: "office", about: "an office and a web shop, nothing but normal", build: buildOffice},
		{
			name: "syn-flood", about: "SYN flood on the shop from 5000 sources, 50 000 packets/s",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 50_000, sources: 5000, build: func(s *Scenario) { buildSYN(s, false) },
		},
		{
			name: "syn-flood6", about: "the same SYN flood over IPv6",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 50_000, sources: 5000, build: func(s *Scenario) { buildSYN(s, true) },
		},
		{
			name: "udp-flood", about: "UDP flood on the shop from 400 bots, 40 000 packets/s to random ports",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 40_000, sources: 400, build: buildUDP,
		},
		{
			name: "dns-amplification", about: "answers of 3000 open resolvers, 30 000 packets/s of 1.4 kB",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 30_000, sources: 3000, build: buildDNS,
		},
		{
			name: "icmp-flood", about: "ping flood on the shop from 2000 sources, 30 000 packets/s",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 30_000, sources: 2000, build: buildICMP,
		},
		{
			name: "exfiltration", about: "5.4 GB leave a workstation at 03:00 within two hours, to one new address",
			learn: tenDays, hour: night, lasts: 2 * time.Hour, bytes: 5_400_000_000, build: buildExfil,
		},
		{
			name: "flash-crowd", about: "a campaign: 600 more connections/s to the shop, all complete; no attack",
			learn: tenDays, hour: evening, lasts: 20 * time.Minute, rate: 600, build: buildCrowd,
		},
		{
			name: "shop-attack", about: "a shop of 5000 connections/s gets 60 % more within 30 s that never complete, then slow HTTP",
			learn: 15 * time.Minute, hour: now, lasts: 10 * time.Minute, sources: 4000, shopRate: 5000, build: buildShopAttack,
		},
		{
			name: "shop-campaign", about: "the same shop gets the same 60 % as customers; no attack",
			learn: 15 * time.Minute, hour: now, lasts: 10 * time.Minute, shopRate: 5000, build: buildShopCampaign,
		},
		{name: "fleet", about: "hundreds of devices of nine roles for months, few and heavy flows, nothing but normal", build: buildFleet},
		{name: "load", about: "plain flows at any rate, for benchmarks", build: func(s *Scenario) { s.load = newLoad(&s.cfg, false) }},
		{
			name: "flood-load", about: "load of which half is a SYN flood of single-packet flows on one host",
			build: func(s *Scenario) {
				s.load = newLoad(&s.cfg, true)
				t := truthOf("ddos_attack", "ddos", "syn_flood", loadVictim())
				t.Note = "spoofed sources, one packet a flow, for the whole run"
				seconds := uint64(s.end - s.first)
				t.Packets = uint64(s.cfg.LoadRate/2) * seconds
				t.Bytes = t.Packets * synSize
				s.tell(t, s.first, s.end)
			},
		},
	}
}

// defaultAt is the offset of the event: its hour of day, the first after learn.
func (d *definition) defaultAt(start time.Time) time.Duration {
	if d.hour < 0 {
		return d.learn
	}
	at := start.Add(d.learn)
	at = time.Date(at.Year(), at.Month(), at.Day(), d.hour, 0, 0, 0, start.Location())
	if at.Sub(start) < d.learn {
		at = at.AddDate(0, 0, 1)
	}
	return at.Sub(start)
}

func truthOf(category, kind, vector string, subject flow.Addr) *Truth {
	return &Truth{Category: category, Kind: kind, Vector: vector, Subject: subject.Netip()}
}

// buildOffice is the background that all scenarios stand on.
func buildOffice(s *Scenario) {
	for _, list := range [][]*population{office(s.cfg.Scale), machines(s.cfg.Scale), webShop(s.cfg.ShopRate, s.cfg.steady)} {
		for _, p := range list {
			s.sources = append(s.sources, p)
		}
	}
	s.sources = append(s.sources, surveillance{}, nightly{})
	t := truthOf("data_exfiltration", "exfiltration", "", backupServer())
	t.MustNotAlert = true
	t.Note = "the backup to " + backupCloud().String() + " at 02:00 every night, about 4 GB"
	s.tell(t, s.first, s.end)
}

// event is when it happens, in Unix seconds.
func (s *Scenario) event() (from, to int64) {
	at := s.cfg.Start.Add(s.cfg.AttackAt)
	return at.Unix(), at.Add(s.cfg.AttackFor).Unix()
}
