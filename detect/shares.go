// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math"
	"net/netip"

	"tidewatch/flow"
	"tidewatch/window"
)

// Match says which packets a rule in a router or a firewall hits: those that fit every
// field that is set.
type Match struct {
	Source, Dest     netip.Prefix // zero: any
	Proto            uint8
	HasProto         bool
	SrcPort, DstPort uint16 // 0: any
	Flags            uint8  // exactly these; ECE and CWR ignored
	HasFlags         bool
	PacketBytes      Range // with the IP header; zero: any
	Fragment         bool  // fragments alone
}

// hits reports whether a rule hits the packets of a flow. Flags and size are those of all
// its packets together, as everywhere in a flow.
func (m *Match) hits(s *window.Sample) bool {
	switch {
	case m.Source.IsValid() && !m.Source.Contains(s.Src.Netip()), m.Dest.IsValid() && !m.Dest.Contains(s.Dst.Netip()):
		return false
	case m.HasProto && s.Proto != m.Proto:
		return false
	case (m.SrcPort != 0 || m.DstPort != 0) && !ported(s.Proto):
		return false
	case m.SrcPort != 0 && s.SrcPort != m.SrcPort, m.DstPort != 0 && s.DstPort != m.DstPort:
		return false
	case m.HasFlags && (s.Proto != flow.ProtoTCP || s.Mark&flow.NoTCPFlags != 0 || flagsOf(s) != m.Flags):
		return false
	case m.Fragment && s.Mark&flow.Fragment == 0:
		return false
	case m.PacketBytes != (Range{}) && (meanPacket(s) < m.PacketBytes.From || meanPacket(s) > m.PacketBytes.To):
		return false
	}
	return true
}

// Coverage is how much a given rule hits: of an attack as it is now, and of what is
// usual. Shares are of bytes; an error is half the width of the interval that holds the
// truth with 95 %. A share is nil when too little is known to say.
type Coverage struct {
	Covers      *float64
	CoversError float64
	Samples     int // flows of the attack that it was estimated from

	Collateral      *float64
	CollateralError float64
	SamplesBefore   int
}

// Shares judges a rule by flows of an attack and flows of the time before it.
func Shares(during, before []window.Sample, m *Match) (c Coverage) {
	c.Covers, c.CoversError = m.share(during)
	c.Collateral, c.CollateralError = m.share(before)
	c.Samples, c.SamplesBefore = len(during), len(before)
	return c
}

// share is how much of the bytes of some flows a rule hits.
func (m *Match) share(flows []window.Sample) (share *float64, err float64) {
	if len(flows) < fewSamples {
		return nil, 0
	}
	var hit, total, squares float64
	for i := range flows {
		w := flows[i].Weight
		total += w
		squares += w * w
		if m.hits(&flows[i]) {
			hit += w
		}
	}
	return ShareOf(hit, total, total*total/max(squares, 1e-9))
}

// ShareOf is a part of a whole with its error, estimated from as many samples as weigh
// the same; nil when there is no whole.
func ShareOf(part, whole, samples float64) (share *float64, err float64) {
	if whole <= 0 {
		return nil, 0
	}
	p := min(1, part/whole)
	at := round(p)
	return &at, shareError(p, samples)
}

// shareError is half the width of the 95 % interval of a share (Agresti and Coull 1998)
// that n samples of the same weight tell.
func shareError(share, n float64) float64 {
	p := (share*n + 2) / (n + 4)
	return round(1.96 * math.Sqrt(p*(1-p)/(n+4)))
}

// recentTen is the span of the newest samples that are taken: the running ten seconds and
// the ten before, so that what the attack has turned to shows within ten seconds. When
// that is too few flows the ten seconds before are taken, too.
const recentTen = 10

// Cover judges a rule for a device or a prefix that is under attack by the flows of the
// last ten to thirty seconds, up to the running Unix second now, of those classes that it
// is suspected for, and by those of the minutes before the attack.
func Cover(h *window.Host, now int64, m *Match) Coverage {
	during := h.Recent(now - recentTen)
	if len(during) < fewSamples {
		during = h.Recent(now - 2*recentTen)
	}
	usual := h.Unsuspected(now)
	var before []window.Sample
	all := h.Samples()
	for i := range all {
		if all[i].End < usual*1e9 {
			before = append(before, all[i])
		}
	}
	return Shares(during, before, m)
}
