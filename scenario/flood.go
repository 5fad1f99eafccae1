// SPDX-License-Identifier: Apache-2.0

package scenario

import "tidewatch/flow"

// flood sends rate packets per second to a victim from many sources, in flows
// that last within one second: each source changes its port every second. The
// packet sum is exact in every second.
type flood struct {
	from, to       int64
	on, off        int64 // seconds of attack and of pause in turn; on 0 = no pause
	victim         flow.Addr
	own            flow.Addr // the only source, an own host; zero = strangers
	rate           float64
	sources        uint64
	proto, flags   uint8
	sport, dport   uint16 // 0 = drawn for each flow
	size, sizeMore uint64 // bytes of a packet: size to size+sizeMore
	v6             bool
	spoofed        bool // every flow has a source of its own, made up
	crowded        bool // the exporter's table is full of it, so that flows are told at once
	// answers of 100 flows are answered by one packet of answerSize bytes each.
	answers     int
	answerSize  uint64
	answerFlags uint8
}

func (f *flood) reach() int64 { return 1 + overhead }

func (f *flood) second(g *generator, sec int64) {
	if sec < f.from || sec >= f.to || f.on > 0 && (sec-f.from)%(f.on+f.off) >= f.on {
		return
	}
	// Packets are dealt to sources like cards; who gets the odd one changes.
	total := uint64(f.rate*float64(sec-f.from+1)) - uint64(f.rate*float64(sec-f.from))
	each, odd := total/f.sources, total%f.sources
	turn := g.Uint64N(f.sources)
	for i := range f.sources {
		packets := each
		if (i+turn)%f.sources < odd {
			packets++
		}
		if packets == 0 {
			continue
		}
		size := f.size
		if f.sizeMore > 0 {
			size += g.Uint64N(f.sizeMore + 1)
		}
		begin := g.Int64N(500e6)
		s := session{
			start: sec*1e9 + begin, duration: g.Int64N(999e6 - begin), proto: f.proto,
			client: f.own, cport: f.sport, cif: ifOffice,
			server: f.victim, sport: f.dport, sif: ifInternet,
			up: side{packets: packets, bytes: packets * size, flags: f.flags},
		}
		if f.own.IsZero() {
			s.client, s.cif, s.sif = g.net.stranger(kindAttacker, i, f.v6), ifInternet, ifShop
		}
		if f.spoofed {
			s.client = public(g.Uint64(), f.v6)
		}
		s.closed = f.crowded
		if f.sport == 0 {
			s.cport = uint16(1024 + g.IntN(64_000))
		}
		if f.dport == 0 {
			s.sport = uint16(1024 + g.IntN(64_000))
		}
		if f.answers > 0 && g.IntN(100) < f.answers {
			s.down = side{packets: packets, bytes: packets * f.answerSize, flags: f.answerFlags}
		}
		g.emit(&s)
	}
}

func (f *flood) packets() uint64 {
	seconds := f.to - f.from
	if f.on > 0 { // whole turns, and what is left
		turn := f.on + f.off
		seconds = seconds/turn*f.on + min(seconds%turn, f.on)
	}
	return uint64(f.rate * float64(seconds))
}
func (f *flood) bytes() uint64 { return f.packets() * (2*f.size + f.sizeMore) / 2 }

// pings is an ICMP flood. ICMP has no ports, so that each source is one flow
// from begin to end, which the active timeout cuts every minute: a collector
// hears of it a minute late. Sources start within the first five seconds.
type pings struct {
	from, to int64
	rate     float64
	sources  uint64
	size     uint64
}

const pingStart = 5 // seconds within which the sources join in

func (f *pings) reach() int64 { return activeTimeout + overhead }

func (f *pings) second(g *generator, sec int64) {
	if sec < f.from || sec >= f.to {
		return
	}
	for i := range f.sources {
		begin := f.from + int64(i%pingStart)
		if sec < begin || (sec-begin)%activeTimeout != 0 {
			continue
		}
		length := min(activeTimeout, f.to-sec)
		packets := uint64(f.rate*float64(length)*float64(i+1)/float64(f.sources)) - uint64(f.rate*float64(length)*float64(i)/float64(f.sources))
		if packets == 0 {
			continue
		}
		jitter := int64(mix(g.seed, i) % 900e6)
		g.piece(&flow.Record{
			Src: g.net.stranger(kindAttacker, i, false), Dst: shop(false), DstPort: 8 << 8, Proto: flow.ProtoICMP,
			Start: sec*1e9 + jitter, End: (sec+length)*1e9 - 900e6 + jitter, InIf: ifInternet, OutIf: ifShop,
			Packets: packets, Bytes: packets * f.size,
		})
	}
}

func (f *pings) packets() uint64 {
	late := float64(pingStart-1) / 2
	return uint64(f.rate * max(float64(f.to-f.from)-late, 0))
}
