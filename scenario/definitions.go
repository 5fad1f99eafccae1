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
	again       time.Duration // from its end to a second one as long; 0 = there is none
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
		{name: "office", about: "an office and a web shop, nothing but normal", build: func(s *Scenario) { buildOffice(s); s.stage() }},
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
		{
			name: "carpet", about: "UDP flood spread over the shop's /24, 500 packets/s to each host: carpet bombing",
			learn: tenDays, hour: afternoon, lasts: floods, rate: carpetHosts * 500, sources: 2000, build: func(s *Scenario) { buildCarpet(s, false) },
		},
		{
			name: "carpet6", about: "the same over random addresses of an IPv6 /48",
			learn: tenDays, hour: afternoon, lasts: floods, rate: carpetHosts * 500, sources: 2000, build: func(s *Scenario) { buildCarpet(s, true) },
		},
		{
			name: "outbound-flood", about: "SYN flood by a workstation on a host outside, 20 000 packets/s",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 20_000, sources: 4000, build: func(s *Scenario) { buildOutbound(s, false) },
		},
		{
			name: "outbound-flood6", about: "the same over IPv6",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 20_000, sources: 4000, build: func(s *Scenario) { buildOutbound(s, true) },
		},
		{
			name: "mixed-flood", about: "SYN and UDP at once on the shop, 40 000 packets/s",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 40_000, sources: 2000, build: func(s *Scenario) { buildMixed(s, false) },
		},
		{
			name: "mixed-flood6", about: "the same over IPv6",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 40_000, sources: 2000, build: func(s *Scenario) { buildMixed(s, true) },
		},
		{
			name: "shifting-flood", about: "DNS amplification, then SYN flood, then HTTP flood on the shop",
			learn: tenDays, hour: afternoon, lasts: 6 * time.Minute, rate: 40_000, sources: 3000, build: func(s *Scenario) { buildShifting(s, false) },
		},
		{
			name: "shifting-flood6", about: "the same over IPv6",
			learn: tenDays, hour: afternoon, lasts: 6 * time.Minute, rate: 40_000, sources: 3000, build: func(s *Scenario) { buildShifting(s, true) },
		},
		{
			name: "http-flood", about: "200 bots make 4000 requests/s to the shop, all of them answered",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 4000, sources: bots, build: func(s *Scenario) { buildHTTPFlood(s, false) },
		},
		{
			name: "http-flood6", about: "the same over IPv6",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 4000, sources: bots, build: func(s *Scenario) { buildHTTPFlood(s, true) },
		},
		{
			name: "dns-query-flood", about: "500 bots ask the name server 5000 queries/s for names that do not exist",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 5000, sources: 500, build: func(s *Scenario) { buildQueryFlood(s, false) },
		},
		{
			name: "dns-query-flood6", about: "the same over IPv6",
			learn: tenDays, hour: afternoon, lasts: floods, rate: 5000, sources: 500, build: func(s *Scenario) { buildQueryFlood(s, true) },
		},
		{
			name: "pulsing-flood", about: "SYN flood that pauses for 20 s after every 40, and comes again an hour later",
			learn: tenDays, hour: afternoon, lasts: floods, again: relapse * time.Second, rate: 50_000, sources: 5000, build: buildPulsing,
		},
		{
			name: "speed-test", about: "a workstation fills a line of 1 Gbit/s downwards, then upwards; no attack",
			learn: tenDays, hour: afternoon, lasts: 40 * time.Second, rate: 85_000, build: func(s *Scenario) { buildSpeedTest(s, false) },
		},
		{
			name: "speed-test6", about: "the same over IPv6",
			learn: tenDays, hour: afternoon, lasts: 40 * time.Second, rate: 85_000, build: func(s *Scenario) { buildSpeedTest(s, true) },
		},
		{
			name: "port-scan", about: "500 probes/s, all ports of a host and one port of a network, from outside and inside; no flood",
			learn: tenDays, hour: afternoon, lasts: 4 * time.Minute, rate: 500, build: func(s *Scenario) { buildScan(s, false) },
		},
		{
			name: "port-scan6", about: "the same over IPv6",
			learn: tenDays, hour: afternoon, lasts: 4 * time.Minute, rate: 500, build: func(s *Scenario) { buildScan(s, true) },
		},
		{
			name: "elephant", about: "one connection of half an hour at 35 000 packets/s; no attack",
			learn: tenDays, hour: afternoon, lasts: 30 * time.Minute, rate: 35_000, build: func(s *Scenario) { buildElephant(s, false) },
		},
		{
			name: "elephant6", about: "the same over IPv6",
			learn: tenDays, hour: afternoon, lasts: 30 * time.Minute, rate: 35_000, build: func(s *Scenario) { buildElephant(s, true) },
		},
		{
			name: "backup-window", about: "six servers send to the backup server at once, 90 000 packets/s; no attack",
			learn: tenDays, hour: night, lasts: 30 * time.Minute, rate: 90_000, build: buildBackupWindow,
		},
		{
			name: "demo", about: "what `tidewatch demo` shows: a flood that shifts, an upload, a port scan and a campaign, every ten minutes",
			learn: tenDays, hour: 23, lasts: demoEnd * time.Second, rate: 3000, sources: 1500, bytes: 2_000_000_000, build: buildDemo,
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
