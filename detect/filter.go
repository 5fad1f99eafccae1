// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"tidewatch/flow"
	"tidewatch/window"
)

// Filter is the shortest combination of fields that most of an attack has and little
// of what is usual: what a router could drop (RFC 8955, FlowSpec). The destination
// is always that of the finding. Shares are of bytes and estimated from samples; an
// error is half the width of the interval that holds the truth with 95 %.
type Filter struct {
	Protocol     string `json:"protocol,omitempty"`
	SrcPort      uint16 `json:"source_port,omitempty"`
	DstPort      uint16 `json:"destination_port,omitempty"`
	Flags        string `json:"tcp_flags,omitempty" doc:"exactly these, of all packets of a flow together; ECE and CWR ignored"`
	PacketBytes  *Range `json:"packet_bytes,omitempty" doc:"mean packet of a flow"`
	Fragment     bool   `json:"fragment,omitempty"`
	SourcePrefix string `json:"source_prefix,omitempty"`

	Covers      float64 `json:"covers" minimum:"0" maximum:"1" doc:"share of the attack's bytes that it matches"`
	CoversError float64 `json:"covers_error"`
	Samples     int     `json:"samples" doc:"flows of the attack that it was estimated from"`

	Collateral      *float64 `json:"collateral,omitempty" minimum:"0" maximum:"1" doc:"share of the bytes of the minutes before that it matches; absent when nothing is known of them"`
	CollateralError float64  `json:"collateral_error,omitempty"`
	SamplesBefore   int      `json:"samples_before,omitempty"`
}

// Range holds both its ends.
type Range struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

const (
	covering = 0.9 // of the attack's bytes a filter must match
	// harmless is how much of what is usual it may match for the shortest to be taken:
	// less could not be told from none with so few samples.
	harmless   = 0.05
	fewSamples = 8    // below that nothing is estimated
	outer      = 0.02 // of the bytes that a range of packet sizes leaves out at each end
)

// The fields, in the order in which one is preferred to another.
const (
	byProtocol = 1 << iota
	bySrcPort
	byDstPort
	byFlags
	byFragment
	bySourcePrefix
	byPacketBytes // last, since a flow tells only the mean of its packets
	allFields     = 1<<iota - 1
)

// filterOf chooses a filter, nil when too little of the attack was sampled.
//
// A field can only be part of it with one value, the heaviest, since a combination
// covers no more than each of its fields. So there are few combinations, and all are tried.
func filterOf(during, before []window.Sample) *Filter {
	if len(during) < fewSamples {
		return nil
	}
	v := valuesOf(during)
	attack, usual := v.matches(during), v.matches(before)
	best, found := choice{}, false
	for fields := range allFields + 1 {
		if fields&^v.usable != 0 || fields&byProtocol != v.usable&byProtocol || fields&(byDstPort|bySrcPort|byFlags) != 0 && fields&byProtocol == 0 {
			continue // the protocol comes first, and a port without one means nothing
		}
		c := choice{fields: fields, size: bits.OnesCount(uint(fields)), covers: attack.share(fields), hits: -1}
		if c.covers < covering {
			continue
		}
		if len(before) >= fewSamples {
			c.hits = usual.share(fields)
		}
		if !found || c.better(&best) {
			best, found = c, true
		}
	}
	return v.filter(&best, attack, usual)
}

// choice is one combination of fields.
type choice struct {
	fields, size int
	covers       float64
	hits         float64 // of what is usual; -1: unknown
}

// better prefers the shortest that does no harm, else the one that does least. When
// nobody knows, the longest does least.
func (c *choice) better(o *choice) bool {
	if c.hits < 0 {
		return cmp.Or(o.size-c.size, cmp.Compare(o.covers, c.covers), c.fields-o.fields) < 0
	}
	mine, others := c.hits <= harmless, o.hits <= harmless
	if mine != others {
		return mine
	}
	if mine {
		return cmp.Or(c.size-o.size, cmp.Compare(c.hits, o.hits), cmp.Compare(o.covers, c.covers), c.fields-o.fields) < 0
	}
	return cmp.Or(cmp.Compare(c.hits, o.hits), c.size-o.size, cmp.Compare(o.covers, c.covers), c.fields-o.fields) < 0
}

// values are the heaviest value of each field; usable are the fields that cover
// enough by themselves.
type values struct {
	proto            uint8
	srcPort, dstPort uint16
	flags            uint8
	size             Range
	prefix           netip.Prefix
	usable           int
}

func valuesOf(flows []window.Sample) *values {
	v := &values{}
	v.proto = heaviest(flows, func(s *window.Sample) uint8 { return s.Proto })
	v.dstPort = heaviest(flows, func(s *window.Sample) uint16 { return s.DstPort })
	v.srcPort = heaviest(flows, func(s *window.Sample) uint16 { return s.SrcPort })
	v.flags = heaviest(flows, flagsOf)
	v.prefix = heaviest(flows, func(s *window.Sample) netip.Prefix { return networkOf(s.Src) })
	v.size = sizes(flows)
	m := v.matches(flows)
	for field := 1; field <= allFields; field <<= 1 {
		if m.share(field) >= covering {
			v.usable |= field
		}
	}
	return v
}

func flagsOf(s *window.Sample) uint8 { return s.Flags &^ (flow.ECE | flow.CWR) }

// networkOf is the /24 of an address, of IPv6 the /48.
func networkOf(a flow.Addr) netip.Prefix {
	ip := a.Netip()
	n := 48
	if ip.Is4() {
		n = 24
	}
	return netip.PrefixFrom(ip, n).Masked()
}

func heaviest[K comparable](flows []window.Sample, key func(*window.Sample) K) (best K) {
	sums, most := map[K]float64{}, 0.0
	for i := range flows {
		k := key(&flows[i])
		if sums[k] += flows[i].Weight; sums[k] > most {
			best, most = k, sums[k]
		}
	}
	return best
}

func meanPacket(s *window.Sample) uint64 { return s.Bytes / max(s.Packets, 1) }

// sizes is the range of packet sizes without its ends.
func sizes(flows []window.Sample) (r Range) {
	sorted, total := slices.Clone(flows), 0.0
	slices.SortStableFunc(sorted, func(a, b window.Sample) int { return cmp.Compare(meanPacket(&a), meanPacket(&b)) })
	for i := range sorted {
		total += sorted[i].Weight
	}
	sum, begun := 0.0, false
	for i := range sorted {
		if sum += sorted[i].Weight; !begun && sum > outer*total {
			r.From, begun = meanPacket(&sorted[i]), true
		}
		if r.To = meanPacket(&sorted[i]); sum >= (1-outer)*total {
			break
		}
	}
	return r
}

// match is a sample as bytes by the fields that its flows have.
type match struct {
	with    [allFields + 1]float64 // all of these fields, and maybe more
	total   float64
	squares float64 // of the weights
	n       int
}

func (v *values) matches(flows []window.Sample) *match {
	m := &match{n: len(flows)}
	for i := range flows {
		s, has := &flows[i], 0
		for field, ok := range [...]bool{ // in the order of the constants
			s.Proto == v.proto,
			v.srcPort != 0 && s.SrcPort == v.srcPort && ported(s.Proto),
			v.dstPort != 0 && s.DstPort == v.dstPort && ported(s.Proto),
			s.Proto == flow.ProtoTCP && s.Mark&flow.NoTCPFlags == 0 && flagsOf(s) == v.flags,
			s.Mark&flow.Fragment != 0,
			networkOf(s.Src) == v.prefix,
			meanPacket(s) >= v.size.From && meanPacket(s) <= v.size.To,
		} {
			if ok {
				has |= 1 << field
			}
		}
		m.with[has] += s.Weight
		m.total += s.Weight
		m.squares += s.Weight * s.Weight
	}
	for field := 1; field <= allFields; field <<= 1 {
		for fields := range m.with {
			if fields&field == 0 {
				m.with[fields] += m.with[fields|field]
			}
		}
	}
	return m
}

// ported reports whether a protocol has ports; those of ICMP are a type and a code.
func ported(proto uint8) bool { return proto == flow.ProtoTCP || proto == flow.ProtoUDP }

// share is how much of the bytes has all of the fields.
func (m *match) share(fields int) float64 { return min(1, m.with[fields]/max(m.total, 1)) }

// filter writes a choice out.
func (v *values) filter(c *choice, attack, usual *match) *Filter {
	f := &Filter{Covers: round(c.covers), CoversError: attack.err(c.covers), Samples: attack.n}
	if c.hits >= 0 {
		hits := round(c.hits)
		f.Collateral, f.CollateralError, f.SamplesBefore = &hits, usual.err(c.hits), usual.n
	}
	has := func(field int) bool { return c.fields&field != 0 }
	if has(byProtocol) {
		f.Protocol = flow.ProtoName(v.proto)
	}
	if has(byDstPort) {
		f.DstPort = v.dstPort
	}
	if has(bySrcPort) {
		f.SrcPort = v.srcPort
	}
	if has(byFlags) {
		f.Flags = FlagWords(v.flags)
	}
	if has(byPacketBytes) {
		size := v.size
		f.PacketBytes = &size
	}
	f.Fragment = has(byFragment)
	if has(bySourcePrefix) {
		f.SourcePrefix = v.prefix.String()
	}
	return f
}

// FlagWords writes flags as people say them: SYN+ACK, or none.
func FlagWords(flags uint8) string {
	var out []string
	for i, name := range [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG"} {
		if flags&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, "+")
}

// err is the error of a share, from as many samples as weigh the same (Kish 1965).
func (m *match) err(share float64) float64 {
	return shareError(share, m.total*m.total/max(m.squares, 1e-9))
}
