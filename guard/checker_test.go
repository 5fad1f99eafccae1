// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tidewatch/decision"
)

// The checker knows what must never be in a router. It is slow and obvious, and shares
// nothing with the guards: networks are spans of numbers here. There is a line of
// numbers for IPv4, on which IPv4 in IPv6 form lies, too, and one for IPv6.

// span is a network from its first to its last number.
type span struct {
	first, last *big.Int
	six         bool
}

func spanOf(p netip.Prefix) span {
	a := p.Addr().As16()
	first := new(big.Int).SetBytes(a[:])
	width := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
	first.Sub(first, new(big.Int).Mod(first, width))
	last := new(big.Int).Add(first, width)
	return span{first, last.Sub(last, big.NewInt(1)), p.Addr().Is6() && !p.Addr().Is4In6()}
}

func (s span) has(o span) bool {
	return s.six == o.six && s.first.Cmp(o.first) <= 0 && s.last.Cmp(o.last) >= 0
}

func (s span) touches(o span) bool {
	return s.six == o.six && s.first.Cmp(o.last) <= 0 && o.first.Cmp(s.last) <= 0
}

func (s span) size() *big.Int {
	n := new(big.Int).Sub(s.last, s.first)
	return n.Add(n, big.NewInt(1))
}

func anyOf(networks []netip.Prefix, p netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool {
		return n.IsValid() && spanOf(n).has(spanOf(p)) && n.Addr().Is4() == p.Addr().Is4()
	})
}

// famous are a few of the addresses that everybody lives on, from elsewhere.
var famous = []string{"8.8.8.8", "1.1.1.1", "9.9.9.9", "198.41.0.4", "2001:4860:4860::8888", "2620:fe::fe", "2001:dc3::35"}

// nobody are addresses that are no host's.
var nobody = []string{"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.1.1", "::", "::1", "fe80::1", "ff02::1"}

func (w *world) wrong(rail, format string, args ...any) {
	w.broken = append(w.broken, rail+": "+fmt.Sprintf(format, args...))
}

// inspect checks all that the router holds, when anything was let through.
func (w *world) inspect() {
	if !w.changed {
		return
	}
	w.changed = false
	for i := range w.router {
		w.inspectRule(&w.router[i])
	}
	w.inspectNumbers()
	w.inspectOutages()
}

func isAnnounced(a decision.Action) bool {
	return slices.Contains(strings.Fields("blackhole flowspec_drop flowspec_rate_limit divert"), string(a))
}

func isFlowSpec(a decision.Action) bool { return strings.HasPrefix(string(a), "flowspec_") }

func (w *world) inspectRule(h *held) {
	d := &h.Decision
	if !slices.Contains(strings.Fields("hook flowspec_rate_limit rate_limit flowspec_drop block divert quarantine blackhole"), string(d.Action)) {
		w.wrong("addresses", "action %s", d.Action)
	}
	named := []netip.Prefix{d.Target}
	for _, p := range []netip.Prefix{d.Match.Source, d.Match.Destination} {
		if p != (netip.Prefix{}) {
			named = append(named, p)
		}
	}
	for _, p := range named {
		if !p.IsValid() || p.Addr().Is4In6() {
			w.wrong("addresses", "%v of %v", p, d)
			return
		}
		w.inspectNetwork(p, d)
	}
	if isAnnounced(d.Action) && !anyOf(w.cfg.Own, d.Target) {
		w.wrong("own", "%s of %v, own %v", d.Action, d.Target, w.cfg.Own)
	}
	if !isAnnounced(d.Action) && !anyOf(w.cfg.Own, d.Target) && !anyOf(w.cfg.Internal, d.Target) {
		w.wrong("own", "%s of %v inside, own %v, internal %v", d.Action, d.Target, w.cfg.Own, w.cfg.Internal)
	}
	w.inspectMatch(d)
	if strings.HasSuffix(string(d.Action), "rate_limit") && d.Rate < w.cfg.MinRate {
		w.wrong("rate", "%d bytes/s", d.Rate)
	}
	w.inspectDoubts(h)
}

func (w *world) inspectNetwork(p netip.Prefix, d *decision.Decision) {
	s := spanOf(p)
	least, bits := max(w.cfg.MinPrefixV6, 32), 128
	if p.Addr().Is4() {
		least, bits = max(w.cfg.MinPrefixV4, 16), 32
	}
	if s.size().Cmp(new(big.Int).Lsh(big.NewInt(1), uint(bits-least))) > 0 {
		w.wrong("length", "%v of %s", p, d.Action)
	}
	if s.first.Cmp(new(big.Int).SetBytes(addressBytes(p.Addr()))) != 0 {
		w.wrong("addresses", "%v has bits beyond its length", p)
	}
	touches := func(rail, text string) {
		if !strings.Contains(text, "/") {
			text += map[bool]string{true: "/128", false: "/32"}[strings.Contains(text, ":")]
		}
		if o := netip.MustParsePrefix(text); s.touches(spanOf(o)) {
			w.wrong(rail, "%v of %s touches %s", p, d.Action, text)
		}
	}
	for _, text := range famous {
		touches("never", text)
	}
	for _, text := range w.cfg.Never {
		touches("never", text)
	}
	for _, n := range w.protected {
		touches("never", n.Prefix.String())
	}
	for _, text := range nobody {
		touches("addresses", text)
	}
}

func addressBytes(a netip.Addr) []byte {
	b := a.As16()
	return b[:]
}

// inspectMatch sends packets: what has nothing to do with the target is never hit, and
// what drops all of it says so.
func (w *world) inspectMatch(d *decision.Decision) {
	m := &d.Match
	narrow := m.Protocol != "" || m.Fragment || m.PacketBytes != nil && (m.PacketBytes.From > 20 || m.PacketBytes.To < 65535)
	if d.Scope == "host" && spanOf(d.Target).size().Cmp(big.NewInt(1)) != 0 {
		w.wrong("match", "a host %v", d.Target)
	}
	switch d.Action {
	case decision.Hook:
		return
	case decision.Blackhole, decision.Divert, decision.Quarantine:
		if narrow || m.Source.IsValid() && m.Destination.IsValid() || m.SrcPort != 0 || m.DstPort != 0 || m.Flags != "" ||
			m.Source.IsValid() && (m.Source != d.Target || d.Action != decision.Quarantine) || m.Destination.IsValid() && m.Destination != d.Target {
			w.wrong("match", "%s of %v with %v", d.Action, d.Target, m)
		}
		return
	default:
	}
	ours := spanOf(d.Target)
	strangers := []string{"192.0.2.77", "198.18.0.1", "203.0.113.201", "203.0.126.1", "10.9.9.9", "2001:db8:aaaa::1", "2001:db8:41:ffff::1", "fd00::77"}
	for _, p := range []netip.Prefix{m.Source, m.Destination} {
		if p.IsValid() { // what just lies beside, or within
			strangers = append(strangers, p.Addr().String(), p.Addr().Next().String(), p.Addr().Prev().String())
		}
	}
	for _, src := range strangers {
		for _, dst := range strangers {
			from, to := netip.MustParseAddr(src), netip.MustParseAddr(dst)
			if from.Is4() != to.Is4() || m.Source.IsValid() && !m.Source.Contains(from) || m.Destination.IsValid() && !m.Destination.Contains(to) {
				continue
			}
			fromUs, toUs := ours.has(spanOf(netip.PrefixFrom(from, from.BitLen()))), ours.has(spanOf(netip.PrefixFrom(to, to.BitLen())))
			if !toUs && (!fromUs || isFlowSpec(d.Action)) {
				w.wrong("match", "%s of %v hits a packet from %v to %v: %v", d.Action, d.Target, from, to, m)
				return
			}
		}
	}
	if (d.Action == decision.FlowSpecDrop || d.Action == decision.Block) && !narrow && m.Source.IsValid() != m.Destination.IsValid() {
		w.wrong("match", "%s of %v drops everything", d.Action, d.Target)
	}
	if m.Protocol == "nonsense" || m.Flags == "SIN" || m.PacketBytes != nil && m.PacketBytes.From > m.PacketBytes.To || m.SrcPort != 0 && m.Protocol == "" {
		w.wrong("match", "%v is no match", m)
	}
}

// inspectDoubts checks what nobody approved, and what nobody could.
func (w *world) inspectDoubts(h *held) {
	d, g, c := &h.Decision, &h.ground, &w.cfg
	filter := slices.Contains([]decision.Action{decision.FlowSpecDrop, decision.FlowSpecRateLimit, decision.Block, decision.RateLimit}, d.Action)
	ask, most := c.AskCollateralDrop, c.MaxCollateralDrop
	if d.Action == decision.Block {
		ask, most = c.AskCollateralBlock, c.MaxCollateralBlock
	}
	if strings.HasSuffix(string(d.Action), "rate_limit") {
		ask, most = c.AskCollateralLimit, c.MaxCollateralLimit
	}
	known := d.Collateral != nil && *d.Collateral == *d.Collateral
	if filter && d.Collateral != nil && (!known || min(1, *d.Collateral+max(0, d.CollateralError)) > most) {
		w.wrong("collateral", "%v±%v of at most %v", *d.Collateral, d.CollateralError, most)
	}
	if g.Person {
		return
	}
	if g.Verdict != "threat" || !(g.Confidence >= c.MinConfidence) || g.Severity == "low" || filter && d.Covers != nil && *d.Covers-d.CoversError < c.MinCovers {
		w.wrong("verdict", "%s at %v %v %s %v", d.Action, g.Verdict, g.Confidence, g.Severity, d.Covers)
	}
	if !slices.Contains(c.Automatic, string(d.Action)) || d.Action == decision.Blackhole && d.Target.Addr() != lastOf(d.Target) && !c.AutomaticPrefixes {
		w.wrong("alone", "%s of %v", d.Action, d.Target)
	}
	if filter && (!known || min(1, *d.Collateral+max(0, d.CollateralError)) > ask) {
		w.wrong("collateral", "nobody approved %v", d.Collateral)
	}
	if filter && !anyOf([]netip.Prefix{d.Target}, orTarget(d.Match.Source, d)) && (g.Sampled || g.Spoofed == nil || !(*g.Spoofed <= c.MaxSpoofed) || g.Prevalence == nil || *g.Prevalence > c.MaxPrevalence) {
		w.wrong("outer end", "from %v with %+v", d.Match.Source, g)
	}
	if filter && d.Match.Source.IsValid() && d.Match.Destination.IsValid() && anyOf(w.cfg.Own, d.Match.Source) && anyOf(w.cfg.Own, d.Match.Destination) {
		w.wrong("outer end", "between two of our own: %v", &d.Match)
	}
	if filter && !anyOf([]netip.Prefix{d.Target}, orTarget(d.Match.Destination, d)) && (g.Prevalence == nil || *g.Prevalence > c.MaxPrevalence) {
		w.wrong("outer end", "to %v with %+v", d.Match.Destination, g)
	}
}

func orTarget(p netip.Prefix, d *decision.Decision) netip.Prefix {
	if p.IsValid() {
		return p
	}
	return d.Target
}

func lastOf(p netip.Prefix) netip.Addr {
	var b [16]byte
	spanOf(p).last.FillBytes(b[:])
	if a := netip.AddrFrom16(b); p.Addr().Is4() {
		return a.Unmap()
	}
	return netip.AddrFrom16(b)
}

func (w *world) inspectNumbers() {
	by, texts := map[string]int{}, map[string]bool{}
	for i := range w.router {
		d := &w.router[i].Decision
		by["all"]++
		by["incident "+d.Incident]++
		by[string(d.Action)]++
		proto := map[string]string{"17": "udp"}[d.Match.Protocol]
		if proto == "" {
			proto = d.Match.Protocol
		}
		size := ""
		if r := d.Match.PacketBytes; r != nil {
			size = fmt.Sprint(*r)
		}
		flags := strings.Split(d.Match.Flags, "+")
		slices.Sort(flags)
		text := fmt.Sprint(d.Action, d.Target, d.Match.Source, d.Match.Destination, d.Match.SrcPort, d.Match.DstPort, d.Match.Fragment, proto, size, flags, d.Via)
		if texts[text] {
			w.wrong("twice", "%s", text)
		}
		texts[text] = true
	}
	delete(by, "incident ")
	for name, n := range by {
		var most int
		switch name {
		case "all":
			most = w.cfg.MaxActive
		case "blackhole":
			most = w.cfg.MaxBlackhole
		case "flowspec_drop", "flowspec_rate_limit":
			n, most = by["flowspec_drop"]+by["flowspec_rate_limit"], w.cfg.MaxFlowSpec
		case "divert":
			most = w.cfg.MaxDivert
		case "block", "rate_limit":
			n, most = by["block"]+by["rate_limit"], w.cfg.MaxFirewall
		case "quarantine":
			most = w.cfg.MaxQuarantine
		case "hook":
			most = w.cfg.MaxHook
		default:
			most = w.cfg.MaxPerIncident
		}
		if n > most {
			w.wrong("caps", "%d %s, at most %d", n, name, most)
		}
	}
}

// inspectOutages lays what is cut off side by side.
func (w *world) inspectOutages() {
	var cut []span
	for i := range w.router {
		if a := w.router[i].Action; a != decision.Blackhole && a != decision.Quarantine || !anyOf(w.cfg.Own, w.router[i].Target) {
			continue
		}
		s := spanOf(w.router[i].Target)
		if !slices.ContainsFunc(cut, func(o span) bool { return o.first.Cmp(s.first) == 0 && o.last.Cmp(s.last) == 0 }) {
			cut = append(cut, s)
		}
	}
	if len(cut) == 0 {
		return
	}
	for _, v4 := range []bool{true, false} {
		own, lost := new(big.Int), new(big.Int)
		var spans []span
		for _, p := range w.cfg.Own {
			if p.Addr().Is4() != v4 {
				continue
			}
			spans = append(spans, spanOf(p))
			n := 0
			for _, s := range cut {
				if spanOf(p).has(s) {
					n++
				}
			}
			if n > w.cfg.MaxCutOff {
				w.wrong("cut off", "%d within %v, at most %d", n, p, w.cfg.MaxCutOff)
			}
		}
		for _, s := range union(spans) {
			own.Add(own, s.size())
		}
		for _, s := range union(cut) {
			if slices.ContainsFunc(spans, func(o span) bool { return o.has(s) }) {
				lost.Add(lost, s.size())
			}
		}
		if own.Sign() == 0 {
			continue
		}
		share, _ := new(big.Rat).SetFrac(lost, own).Float64()
		if share > w.cfg.MaxCutOffShare+1e-9 {
			w.wrong("cut off", "%v of what is own, at most %v", share, w.cfg.MaxCutOffShare)
		}
	}
}

// union leaves out spans that lie in others: networks do never overlap halfway.
func union(spans []span) []span {
	var out []span
	for i, s := range spans {
		inside := false
		for j, o := range spans {
			equal := o.first.Cmp(s.first) == 0 && o.last.Cmp(s.last) == 0
			inside = inside || i != j && o.has(s) && (!equal || j < i)
		}
		if !inside {
			out = append(out, s)
		}
	}
	return out
}

// began checks what can be said in the moment when a rule is accepted alone: how many
// there were within the minute, and its end.
func (w *world) began(h *held) {
	minute := map[string]bool{}
	for id, t := range w.stamps {
		if t.After(w.now.Add(-time.Minute)) {
			minute[id] = true
		}
	}
	for i := range w.router { // this one included, and those that a restart has found
		if t := w.router[i].Activated; t.IsZero() || t.After(w.now.Add(-time.Minute)) {
			minute[w.router[i].ID] = true
		}
	}
	n := len(minute)
	if n > w.cfg.MaxPerMinute {
		w.wrong("pace", "%d within the minute, at most %d", n, w.cfg.MaxPerMinute)
	}
	w.ends(h)
}

func (w *world) ends(h *held) {
	most := w.cfg.MaxLeaseAutomatic
	if h.ground.Person {
		most = min(w.cfg.MaxLease, 24*time.Hour)
	}
	if h.Until.IsZero() || !h.Until.After(w.now) || h.Until.After(w.now.Add(most)) {
		w.wrong("end", "%v at %v, at most %v", h.Until, w.now, most)
	}
}
