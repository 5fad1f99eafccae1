// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"time"

	"tidewatch/decision"
)

// world is a program with guards in front of a router, driven by bytes: incidents,
// people, configurations, restarts, clocks that jump. Whatever the guards let through is
// in the router until its end.
type world struct {
	bytes []byte
	make  func(*Config) (*Rails, error)
	cfg   Config
	rails *Rails

	now       time.Time
	protected []Protected
	router    []held
	begun     []time.Time          // as the program remembers
	stamps    map[string]time.Time // when rules began, by id, since the last restart

	proposed, accepted, n int
	careless              bool     // nothing is rechecked
	changed               bool     // something was let through since the last look
	broken                []string // what the checker found, each with its rail
}

// held is a rule in the router.
type held struct {
	decision.Decision
	ground Ground
}

func newWorld(data []byte, build func(*Config) (*Rails, error)) *world {
	w := &world{bytes: data, make: build, now: noon, stamps: map[string]time.Time{}}
	w.cfg = tight()
	if r, err := build(&w.cfg); err == nil {
		w.rails = r
	}
	return w
}

// next is the next byte; zeros follow the last.
func (w *world) next() int {
	if len(w.bytes) == 0 {
		return 0
	}
	b := w.bytes[0]
	w.bytes = w.bytes[1:]
	return int(b)
}

func pick[T any](w *world, of ...T) T { return of[w.next()%len(of)] }

// run plays all of the bytes and checks after each step.
func (w *world) run() {
	for len(w.bytes) > 0 && len(w.broken) == 0 {
		w.now = w.now.Add(1) // no two moments are the same
		switch w.next() % 16 {
		case 0:
			w.reconfigure()
		case 1:
			w.protect()
		case 2:
			w.restart()
		case 3:
			w.now = w.now.Add(pick(w, time.Second, 20*time.Second, time.Minute, time.Hour, 30*time.Hour, -time.Second, -time.Minute, -2*time.Hour, -1000*time.Hour))
		case 4, 5:
			w.each(func(h *held) { h.begin(w) })
		case 6:
			w.each(func(h *held) { h.State = decision.Expiring })
		case 7:
			w.each(func(h *held) { h.Until = time.Time{} }) // the router took it back
		case 8:
			w.renew()
		default:
			w.propose()
		}
		w.expire()
		w.inspect()
	}
}

// each does something with one rule, if there is any.
func (w *world) each(f func(*held)) {
	if n := w.next(); len(w.router) > 0 {
		f(&w.router[n%len(w.router)])
	}
}

// begin is the router's answer that a rule is in force.
func (h *held) begin(w *world) {
	if h.State == decision.Approved {
		h.State, h.Activated = decision.Active, w.now
		w.begun, w.stamps[h.ID] = append(w.begun, w.now), w.now
	}
}

// expire is the router's own clockwork: it needs nobody.
func (w *world) expire() {
	keep := w.router[:0]
	for _, h := range w.router {
		if h.Until.After(w.now) {
			keep = append(keep, h)
		}
	}
	w.router = keep
}

// standing leaves out one rule, by id.
func (w *world) standing(id string) *Standing {
	s := &Standing{Begun: w.begun, Protected: w.protected}
	for i := range w.router {
		if w.router[i].ID != id {
			s.Active = append(s.Active, w.router[i].Decision)
		}
	}
	return s
}

func (w *world) propose() {
	d, g := w.decision(), w.ground()
	w.proposed++
	before := d.Clone()
	ruling := w.rails.Check(w.now, &d, &g, w.standing(d.ID))
	if !reflect.DeepEqual(d, before) {
		w.broken = append(w.broken, "pure: the decision was changed")
	}
	if len(ruling.Refused) > 0 || len(ruling.Held) > 0 && !g.Person {
		return
	}
	w.accepted++
	d.State = decision.Approved
	if again := w.rails.Recheck(w.now, &d, &g, w.standing(d.ID)); len(again.Refused) > 0 || len(again.Held) > 0 && !g.Person {
		w.broken = append(w.broken, fmt.Sprintf("stable: what was just let through is not any more: %+v", again))
	}
	w.changed = true
	w.router = append(w.router, held{d, g})
	w.began(&w.router[len(w.router)-1])
}

// renew gives a rule a new end.
func (w *world) renew() {
	lease := w.lease()
	w.each(func(h *held) {
		d := h.Clone()
		d.Until = w.now.Add(lease)
		if r := w.rails.Recheck(w.now, &d, &h.ground, w.standing(d.ID)); len(r.Refused) == 0 && (len(r.Held) == 0 || h.ground.Person) {
			h.Until, w.changed = d.Until, true
			w.ends(h)
		}
	})
}

// recheck is what a program does when anything has changed around its rules.
func (w *world) recheck() {
	if w.changed = true; w.careless {
		return
	}
	var gone []string
	for i := range w.router {
		h := &w.router[i]
		r := w.rails.Recheck(w.now, &h.Decision, &h.ground, w.standing(h.ID))
		if len(r.Refused) > 0 || len(r.Held) > 0 && !h.ground.Person {
			gone = append(gone, h.ID)
		}
	}
	for _, id := range gone {
		for i := range w.router {
			if w.router[i].ID == id {
				w.router[i].Until = time.Time{}
			}
		}
	}
	w.expire()
	for i := range w.router {
		w.ends(&w.router[i])
	}
}

// restart forgets everything that is not in the ledger.
func (w *world) restart() {
	w.begun, w.stamps = nil, map[string]time.Time{}
	w.recheck()
}

func (w *world) protect() {
	p := w.network()
	if p.IsValid() {
		w.protected = append(w.protected, Protected{p, "exporter"})
	}
	if len(w.protected) > 3 {
		w.protected = w.protected[1:]
	}
	w.recheck()
}

// tight is a configuration whose caps are reached soon.
func tight() Config {
	c := config()
	c.MaxActive, c.MaxPerMinute, c.MaxPerIncident, c.MaxCutOff = 6, 5, 3, 3
	c.MaxBlackhole, c.MaxFlowSpec, c.MaxDivert, c.MaxFirewall, c.MaxQuarantine, c.MaxHook = 4, 4, 1, 2, 1, 1
	return c
}

// reconfigure draws a configuration; one that is refused changes nothing.
func (w *world) reconfigure() {
	c := tight()
	caps := []*int{
		&c.MaxActive, &c.MaxPerMinute, &c.MaxPerIncident, &c.MaxCutOff, &c.MaxBlackhole, &c.MaxFlowSpec, &c.MaxDivert, &c.MaxFirewall,
		&c.MaxQuarantine, &c.MaxHook,
	}
	for range w.next() % 5 {
		switch w.next() % 16 {
		case 0:
			c.Own = pick(w, nil, prefixes("203.0.113.0/24"), prefixes("203.0.112.0/24", "203.0.113.0/24", "203.0.112.0/20"),
				prefixes("203.0.113.0/26", "2001:db8:41::/48"), []netip.Prefix{w.network()}, prefixes("10.0.0.0/8", "2001:db8::/32"))
		case 1:
			c.Internal = pick(w, nil, []netip.Prefix{w.network()}, []netip.Prefix{netip.MustParsePrefix("::/0"), netip.MustParsePrefix("0.0.0.0/0")})
		case 2:
			c.Never = pick(w, nil, []string{"203.0.113.8", "10.1.2.0/24", "2001:db8:41::/64"}, []string{w.network().String()})
		case 3:
			c.MinPrefixV4, c.MinPrefixV6 = pick(w, 24, 16, 32, 28, 0, 8), pick(w, 48, 32, 128, 64, 0, 16)
		case 4, 5, 6, 7, 8:
			*pick(w, caps...) = pick(w, 0, 1, 2, 3, 20, -1, 100)
		case 9:
			c.MaxCutOffShare = pick(w, 1, 0.01, 0.0001, 0, math.NaN())
		case 10:
			c.MaxLease = pick(w, time.Hour, 2*time.Minute, 0, 1000*time.Hour)
		case 11:
			c.MaxLeaseAutomatic = pick(w, time.Minute, time.Second, 25*time.Hour, 24*time.Hour)
		case 12:
			c.MinConfidence, c.MaxSpoofed = pick(w, 0.8, 0, 1, -1), pick(w, 0.1, 0, 1)
		case 13:
			c.AskCollateralDrop, c.MaxCollateralDrop = pick(w, 0.1, 0, 1), pick(w, 0.5, 1, 0.01)
		case 14:
			c.AutomaticPrefixes = true
		case 15:
			c.Automatic = pick(w, nil, []string{"quarantine", "blackhole", "hook"}, []string{"sorcery"})
		}
	}
	if r, err := w.make(&c); err == nil {
		w.cfg, w.rails = c, r
		w.recheck()
	}
}

// ground is free of doubt, but for up to two.
func (w *world) ground() Ground {
	g := Ground{Verdict: "threat", Confidence: 0.9, Severity: "high", Spoofed: new(0.0), Prevalence: new(0), Person: w.next()%4 == 0}
	for range w.next() % 3 {
		switch w.next() % 6 {
		case 0:
			g.Verdict = pick(w, "legitimate", "uncertain", "")
		case 1:
			g.Confidence = pick(w, 1, 0.7, math.NaN())
		case 2:
			g.Severity = "low"
		case 3:
			g.Spoofed = pick(w, nil, new(0.9), new(math.NaN()))
		case 4:
			g.Prevalence = pick(w, nil, new(9))
		case 5:
			g.Sampled = true
		}
	}
	return g
}

func (w *world) lease() time.Duration {
	return pick(w, time.Minute, time.Minute, time.Minute, time.Minute, time.Minute, 30*time.Second, 2*time.Minute, 24*time.Hour, 24*time.Hour+1, -time.Second, 10*365*24*time.Hour)
}

// decision is one that makes sense, but for up to three hostile changes.
func (w *world) decision() decision.Decision {
	w.n++
	d := decision.Decision{
		ID: fmt.Sprint("mit-", w.n), Incident: pick(w, "a", "b", "c", "d", ""), Via: "bgp", Scope: "host",
		Action: pick(w, append(decision.Actions(), decision.FlowSpecDrop, decision.Blackhole, decision.Blackhole, decision.Quarantine)...),
		Target: pick(w, prefixes("203.0.113.7", "203.0.113.9", "203.0.113.10", "203.0.113.64/26", "203.0.114.0/24", "203.0.114.0/23", "203.0.112.5",
			"2001:db8:41::7", "2001:db8:41::8", "2001:db8:41:1::/64", "2001:db8:43::/48", "2001:db8:44::/47", "10.1.2.3", "10.1.2.4")...),
		State: decision.Proposed, Created: w.now, Until: w.now.Add(w.lease()), Rate: 1e6, Covers: new(0.9), Collateral: new(0.01), CollateralError: 0.02,
	}
	if !d.Target.IsSingleIP() {
		d.Scope = "prefix"
	}
	if !d.Action.Whole() {
		d.Match = decision.Match{Destination: d.Target, Protocol: "udp", SrcPort: pick[uint16](w, 53, 123, 0)}
		if w.next()%4 == 0 {
			d.Match.Source = pick(w, prefixes("198.51.100.9", "192.0.2.0/24", "2001:db8:ffff::9")...)
		}
	}
	for range w.next() % 4 {
		w.change(&d)
	}
	return d
}

func (w *world) change(d *decision.Decision) {
	what := w.next()
	if what %= 16; what > 1 && what < 11 && d.Action.Whole() && w.next()%4 > 0 {
		return // it has no match
	}
	switch what {
	case 0, 1:
		d.Target = w.network()
	case 2:
		d.Match.Destination = d.Target
	case 3:
		d.Match.Destination = w.network()
	case 4, 5:
		d.Match.Source = w.network()
	case 6:
		d.Match.Source, d.Match.Destination = d.Target, d.Match.Source
	case 7:
		d.Match = decision.Match{Source: d.Match.Source, Destination: d.Match.Destination}
	case 8:
		d.Match.Protocol = pick(w, "tcp", "17", "", "nonsense", "icmp")
		d.Match.Flags = pick(w, "", "SYN", "SYN+ACK", "ACK+SYN", "SIN")
	case 9:
		d.Match.PacketBytes = pick(w, &decision.Range{From: 100, To: 200}, &decision.Range{To: 65535}, &decision.Range{From: 2, To: 1})
	case 10:
		d.Match.Fragment = true
	case 11:
		d.Rate = pick[uint64](w, 12_500, 12_499, 0)
	case 12:
		d.Covers = pick(w, nil, new(0.1))
	case 13:
		d.Collateral, d.CollateralError = pick(w, new(0.2), new(0.6), nil, new(math.NaN())), pick(w, 0, 0.5, -1)
	case 14:
		d.Until, d.Via = pick(w, time.Time{}, d.Until), pick(w, "bgp", "nftables")
	case 15:
		d.Action, d.Scope = pick(w, d.Action, "nuke", decision.Quarantine), pick(w, "host", "prefix", "")
	}
}

// network draws places where guards have an edge, at lengths where they have one.
func (w *world) network() netip.Prefix {
	a := netip.MustParseAddr(pick(w,
		"203.0.113.7", "203.0.113.7", "203.0.113.8", "203.0.113.9", "203.0.114.1", "203.0.113.200", "2001:db8:41::7", "2001:db8:41::8", "2001:db8:41:1::9", "2001:db8:42::7",
		"203.0.112.1", "203.0.127.255", "203.0.128.0", "203.0.111.255", "2001:db8:42::1", "2001:db8:80::", "2001:db8:3f:ffff::1", "10.1.2.3", "10.255.0.1", "fd00::1:2:3",
		"198.51.100.9", "2001:db8:ffff::9", "192.0.2.1", "192.0.2.200", "8.8.8.8", "8.8.8.9", "1.1.1.1", "2001:4860:4860::8888", "198.41.0.4", "2001:dc3::35", "2620:fe::fe", "9.9.9.9",
		"127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "169.254.1.1", "::", "::1", "::ffff:203.0.113.7", "::ffff:8.8.8.8", "fe80::1", "ff02::1", "128.0.0.0", "8000::"))
	bits := a.BitLen()
	if w.next()%4 == 3 {
		if a.Is4() {
			bits = pick(w, 31, 28, 25, 24, 24, 23, 20, 16, 15, 8, 1, 0, 200)
		} else {
			bits = pick(w, 127, 96, 64, 49, 48, 48, 47, 42, 32, 31, 16, 7, 0, 200)
		}
	}
	p := netip.PrefixFrom(a, bits)
	if w.next()%16 != 15 {
		p = p.Masked()
	}
	return p
}
