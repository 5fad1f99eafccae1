// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
)

type want struct {
	kind     string
	severity detect.Severity
	subject  string
}

func TestDetect(t *testing.T) {
	type look = func(p *play, s int64)
	for name, tc := range map[string]struct {
		minutes int64
		each    look
		want    want // empty: nothing above low
	}{
		"one port of many hosts outside": {5, func(p *play, s int64) {
			if s < 60 {
				p.add(syn(ip("10.0.0.9"), nth("198.51.100.0", s), 445))
			}
		}, want{"host_scan", detect.Medium, "10.0.0.9"}},
		"of many hosts inside, refused": {5, func(p *play, s int64) {
			if s < 60 {
				r := syn(ip("10.0.0.9"), nth("10.1.0.0", s), 22)
				p.add(r)
				p.add(answer(r, rst, 1, 40))
			}
		}, want{"host_scan", detect.Medium, "10.0.0.9"}},
		"one port of many hosts, IPv6": {5, func(p *play, s int64) {
			if s < 60 {
				p.add(syn(ip("fd00::9"), nth("2001:db8::", s), 445))
			}
		}, want{"host_scan", detect.Medium, "fd00::9"}},
		"fast and wide": {3, func(p *play, s int64) {
			for i := range int64(10) {
				p.add(syn(ip("10.0.0.9"), nth("198.51.100.0", 10*s+i), 23))
			}
		}, want{"host_scan", detect.High, "10.0.0.9"}},
		"many ports of one host": {3, func(p *play, s int64) {
			if s < 60 {
				r := syn(ip("10.0.0.9"), ip("10.0.0.5"), uint16(1+s))
				p.add(r)
				p.add(answer(r, rst, 1, 40))
			}
		}, want{"port_scan", detect.Medium, "10.0.0.9"}},
		"a hundred ports of many hosts": {9, func(p *play, s int64) {
			for i := range int64(20) {
				n := 20*s + i
				p.add(syn(ip("10.0.0.9"), nth("10.2.0.0", n%100), uint16(1+n/100)))
			}
		}, want{"port_scan", detect.High, "10.0.0.9"}},
		"open ports, opened and closed": {5, func(p *play, s int64) {
			if s < 100 {
				r := syn(ip("10.0.0.9"), nth("198.51.100.0", s), 80)
				r.TCPFlags, r.Packets, r.Bytes = flow.SYN|flow.ACK|flow.RST, 3, 140
				p.add(r)
				p.add(answer(r, flow.SYN|flow.ACK, 1, 44))
			}
		}, want{"host_scan", detect.Medium, "10.0.0.9"}},
		"xmas probes": {3, func(p *play, s int64) {
			r := syn(ip("10.0.0.9"), ip("10.0.0.5"), uint16(1+s))
			r.TCPFlags = flow.FIN | flow.PSH | flow.URG
			p.add(r)
		}, want{"port_scan", detect.Medium, "10.0.0.9"}},
		"an ICMP sweep": {3, func(p *play, s int64) {
			p.session(ip("10.0.0.9"), ip("192.0.2.1"), 443, [3]uint64{20, 2000, 30000})
			for i := range int64(5) {
				p.add(flow.Record{Src: ip("10.0.0.9"), Dst: nth("10.3.0.0", 5*s+i), DstPort: 8 << 8, Proto: flow.ProtoICMP, Packets: 1, Bytes: 84})
			}
		}, want{"host_scan", detect.High, "10.0.0.9"}},
		"UDP ports of one host": {3, func(p *play, s int64) {
			p.session(ip("10.0.0.9"), ip("192.0.2.1"), 443, [3]uint64{20, 2000, 30000})
			for i := range int64(5) {
				p.add(flow.Record{Src: ip("10.0.0.9"), Dst: ip("10.0.0.5"), SrcPort: 50_000, DstPort: uint16(5*s + i + 1), Proto: flow.ProtoUDP, Packets: 1, Bytes: 40})
			}
		}, want{"port_scan", detect.Medium, "10.0.0.9"}},
		"two hosts a minute for hours": {180, func(p *play, s int64) {
			if s%30 == 0 {
				p.add(syn(ip("10.0.0.9"), nth("198.51.100.0", s/30), 3389))
			}
		}, want{"host_scan", detect.Medium, "10.0.0.9"}},
		"one host in five minutes for a day": {20 * 60, func(p *play, s int64) {
			if s%300 == 0 {
				p.add(syn(ip("10.0.0.9"), nth("198.51.100.0", s/300), 3389))
			}
		}, want{"host_scan", detect.Medium, "10.0.0.9"}},
		"the same one in a thousand": {5, func(p *play, s int64) {
			r := syn(ip("10.0.0.9"), nth("198.51.100.0", 7*s), 445)
			r.Sampling, r.Packets, r.Bytes = 1000, 1000, 44_000
			p.add(r)
		}, want{"host_scan", detect.High, "10.0.0.9"}},
		"many ports, one in a thousand packets": {5, func(p *play, s int64) {
			r := syn(ip("10.0.0.9"), ip("198.51.100.7"), uint16(1+7*s))
			r.Sampling, r.Packets, r.Bytes = 1000, 1000, 44_000
			p.add(r)
		}, want{"port_scan", detect.Medium, "10.0.0.9"}},
		"passwords of SSH": {4, func(p *play, s int64) {
			if s%2 == 0 {
				p.session(ip("10.0.0.9"), ip("10.0.0.5"), 22, [3]uint64{14, 2500, 2800})
			}
		}, want{"brute_force", detect.Medium, "10.0.0.9"}},
		"passwords of remote desktop, from outside, and one is right": {6, func(p *play, s int64) {
			switch {
			case s < 200 && s%2 == 0:
				p.session(ip("203.0.113.5"), ip("10.0.0.5"), 3389, [3]uint64{18, 3000, 4000})
			case s == 250:
				p.session(ip("203.0.113.5"), ip("10.0.0.5"), 3389, [3]uint64{900, 90_000, 900_000})
			}
		}, want{"brute_force", detect.Medium, "10.0.0.5"}},
		"a port without a pause": {2, func(p *play, _ int64) {
			for range 50 {
				r := syn(ip("10.0.0.9"), ip("10.0.0.5"), 902)
				p.add(r)
				p.add(answer(r, rst, 1, 40))
			}
		}, want{"port_scan", detect.Medium, "10.0.0.9"}},

		"a crawler, one in ten fails": {30, func(p *play, s int64) {
			for i := range int64(10) {
				to := nth("198.51.0.0", (10*s+i)%9000)
				if i == 0 {
					p.add(syn(ip("10.0.0.9"), to, 443))
					continue
				}
				p.session(ip("10.0.0.9"), to, 443, [3]uint64{30, 4000, 60_000})
			}
		}, want{}},
		"a crawler, one in five refuses": {30, func(p *play, s int64) {
			for i := range int64(10) {
				to := nth("198.51.0.0", (10*s+i)%9000)
				if i < 2 {
					r := syn(ip("10.0.0.9"), to, 443)
					p.add(r)
					p.add(answer(r, rst, 1, 40))
					continue
				}
				p.session(ip("10.0.0.9"), to, 443, [3]uint64{30, 4000, 60_000})
			}
		}, want{}},
		"a gateway of hundreds, its uplink down": {30, func(p *play, s int64) {
			for i := range int64(10) {
				to := nth("198.51.0.0", (10*s+i)%9000)
				if s > 1200 {
					p.add(syn(ip("10.0.0.9"), to, 443))
					continue
				}
				p.session(ip("10.0.0.9"), to, 443, [3]uint64{30, 4000, 60_000})
			}
		}, want{}},
		"a resolver, one answer in five is missing": {20, func(p *play, s int64) {
			for i := range int64(10) {
				r := flow.Record{Src: ip("10.0.0.9"), Dst: nth("198.51.0.0", (10*s+i)*7%9000), SrcPort: 40_000, DstPort: 53, Proto: flow.ProtoUDP, Packets: 1, Bytes: 70}
				p.add(r)
				if i%5 != 0 {
					p.add(answer(r, 0, 1, 200))
				}
			}
		}, want{}},
		"a mail server, many are gone": {60, func(p *play, s int64) {
			if s%2 == 0 {
				p.session(ip("10.0.0.9"), nth("198.51.100.0", s*7%200), 25, [3]uint64{40, 60_000, 3000})
			}
			if s%12 == 0 {
				p.add(syn(ip("10.0.0.9"), nth("203.0.113.0", s/12%100), 25))
			}
		}, want{}},
		"a worm at a client of many web servers": {20, func(p *play, s int64) {
			p.session(ip("10.0.0.9"), nth("192.0.2.0", s%200), 80, [3]uint64{30, 4000, 80_000})
			for i := range int64(10) {
				if s > 600 {
					r := syn(ip("10.0.0.9"), nth("198.51.0.0", 10*s+i), 80)
					p.add(r)
					if i == 0 {
						p.add(answer(r, rst, 1, 40))
					}
				}
			}
		}, want{"host_scan", detect.High, "10.0.0.9"}},
		"ten servers answer, thirty have moved": {10, func(p *play, s int64) {
			p.session(ip("10.0.0.9"), nth("10.7.0.0", s%10), 445, [3]uint64{300, 40_000, 400_000})
			if s%20 == 0 {
				p.add(syn(ip("10.0.0.9"), nth("10.8.0.0", s/20), 445))
			}
		}, want{}},
		"peer to peer": {20, func(p *play, s int64) {
			for i := range int64(3) {
				n := 3*s + i
				port := uint16(10_000 + n*7919%50_000)
				if n%6 == 0 {
					port = 6881
				}
				p.add(syn(ip("10.0.0.9"), nth("198.0.0.0", n*7919), port))
			}
		}, want{}},
		"a monitor, twenty of its hosts are down": {30, func(p *play, s int64) {
			to := s % 300
			if to < 20 {
				p.add(syn(ip("10.0.0.9"), nth("10.5.0.0", to), 9100))
				return
			}
			p.session(ip("10.0.0.9"), nth("10.5.0.0", to), 9100, [3]uint64{12, 1500, 40_000})
		}, want{}},
		"health checks of a load balancer": {30, func(p *play, s int64) {
			for i := range int64(40) {
				if s%5 == 0 {
					r := syn(ip("10.0.0.9"), nth("10.6.0.0", i), 8080)
					r.TCPFlags, r.Packets, r.Bytes = flow.SYN|flow.ACK|flow.FIN, 4, 212
					p.add(r)
					p.add(answer(r, r.TCPFlags, 3, 164))
				}
			}
		}, want{}},
		"sampled sessions": {20, func(p *play, s int64) {
			for i := range int64(4) {
				r := syn(ip("10.0.0.9"), nth("198.51.0.0", 4*s+i), 443)
				if i > 0 {
					r.TCPFlags = flow.ACK
				}
				r.Sampling, r.Packets, r.Bytes = 10, 10, 400
				p.add(r)
			}
		}, want{}},
		"a version check of SSH each ten seconds": {60, func(p *play, s int64) {
			if s%10 == 0 {
				p.session(ip("10.0.0.9"), ip("10.0.0.5"), 22, [3]uint64{6, 380, 400})
			}
		}, want{}},
		"a backend that is down, asked each second": {30, func(p *play, _ int64) {
			r := syn(ip("10.0.0.9"), ip("10.0.0.5"), 8080)
			p.add(r)
			p.add(answer(r, rst, 1, 40))
		}, want{}},
		"phones that ask for mail": {30, func(p *play, s int64) {
			p.session(ip("203.0.113.5"), ip("10.0.0.5"), 993, [3]uint64{14, 2500, 3000})
			if s%60 == 0 {
				p.session(ip("203.0.113.5"), ip("10.0.0.5"), 993, [3]uint64{400, 30_000, 300_000})
			}
		}, want{}},
		"an application with its database, not seen before": {10, func(p *play, _ int64) {
			for range 5 {
				p.session(ip("10.0.0.9"), ip("10.0.0.5"), 3306, [3]uint64{9, 1200, 4000})
			}
		}, want{}},
	} {
		p := newPlay(t)
		out := p.run(60*tc.minutes, func(s int64) { tc.each(p, s) })
		best := want{}
		for i := range out {
			f := &out[i]
			if f.Severity.Rank() >= detect.Medium.Rank() && f.Severity.Rank() >= best.severity.Rank() {
				best = want{f.Kind, f.Severity, f.Subject.Addr().String()}
			}
			if f.Category != detect.Reconnaissance || f.Last.Unix() > f.At.Unix() || f.Started.After(f.Last) || len(f.Indicators) == 0 {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if best != tc.want {
			t.Errorf("%s: found %v, want %v (%d findings)", name, best, tc.want, len(out))
		}
	}
}
