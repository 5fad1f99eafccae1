// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/detect/flood"
	"tidewatch/detect/volume"
	"tidewatch/flow"
	"tidewatch/schedule"
	"tidewatch/window"
)

// networks are the totals of networks and of the site, over all shards, with their
// past. They belong to the engine: a network's devices lie in every shard.
type networks struct {
	totals   *window.NetworkTotals
	past     *baseline.Store
	planned  *schedule.View
	detector *volume.Networks
	attacked *flood.Prefixes
	windows  []*window.Window // of all shards at this tick
	spoilt   []spoilt         // by network, of the hour that closed
	found    uint64           // findings
	spent    time.Duration
	attacks  uint64 // findings about prefixes that are attacked
	looked   time.Duration
}

// spoilt is what of a network's hour must not be learned.
type spoilt struct {
	bytes [2]uint64 // of devices whose hour must not be
	blind bool      // devices were out of sight
}

func (s *spoilt) add(o *spoilt) {
	s.bytes[window.In] += o.bytes[window.In]
	s.bytes[window.Out] += o.bytes[window.Out]
	s.blind = s.blind || o.blind
}

// spoiltPart is which part of a network's bytes, in one direction, spoils its hour: a
// smaller one is learned as slowly as its sigmas say, like any other oddity.
const spoiltPart = 4

// totalsOf are the networks that the configuration asks for. Those that are internal
// need not be asked for; single addresses among them are devices.
func totalsOf(cfg *Config) *window.Networks {
	if len(cfg.Enrich.Totals) > 0 {
		return window.NewNetworks(cfg.Enrich.Totals)
	}
	var all []netip.Prefix
	for _, p := range cfg.Enrich.Internal {
		if baseline.HasKey(p) && p != baseline.Site() {
			all = append(all, p)
		}
	}
	return window.NewNetworks(all)
}

func newNetworks(cfg *Config, layout *window.Networks, planned *schedule.View, inside volume.Inside) (*networks, error) {
	bcfg := cfg.Baseline
	bcfg.Zone, bcfg.Holiday, bcfg.MaxDevices = cfg.zone(), planned.Holiday, layout.Len()
	n := &networks{totals: window.NewNetworkTotals(layout), planned: planned, spoilt: make([]spoilt, layout.Len())}
	var err error
	if n.past, err = baseline.New(bcfg); err != nil {
		return nil, err
	}
	if n.detector, err = volume.NewNetworks(cfg.Volume, n, inside); err != nil {
		return nil, err
	}
	n.attacked, err = flood.NewPrefixes(&cfg.Flood, n)
	return n, err
}

// owns tells which pasts are kept here: those of the networks that are summed. What
// an earlier configuration summed is forgotten with the next version.
func (n *networks) owns() func(flow.Addr) bool {
	keys := map[flow.Addr]bool{}
	for i := range n.totals.Len() {
		keys[baseline.NetworkKey(n.totals.Prefix(i))] = true
	}
	return func(a flow.Addr) bool { return keys[a] }
}

// At is the past of a network, raised by events that hold for all of it.
func (n *networks) At(key flow.Addr, at time.Time, m baseline.Measure) (baseline.Normal, bool) {
	v, ok := n.past.At(key, at, m)
	if p, is := baseline.Network(key); ok && is {
		v = v.Times(over(n.planned, p, at.Add(-fiveMinutes), at, "").Expect)
	}
	return v, ok
}

// Shift is baseline.Store.Shift.
func (n *networks) Shift(key flow.Addr, _ int64) (baseline.Shift, bool) { return n.past.Shift(key) }

// over is what is planned for a device, or for all of a network: for its first
// address and its last.
func over(planned *schedule.View, p netip.Prefix, from, to time.Time, kind string) schedule.Effect {
	e := planned.Over(flow.AddrFrom(p.Addr()), from, to, kind)
	if p.IsSingleIP() || e.Name == "" {
		return e
	}
	last := planned.Over(lastOf(p), from, to, kind)
	e.NoAlert, e.NoLearn, e.Expect = e.NoAlert && last.NoAlert, e.NoLearn && last.NoLearn, min(e.Expect, last.Expect)
	return e
}

// lastOf is the last address of a network.
func lastOf(p netip.Prefix) flow.Addr {
	a := flow.AddrFrom(p.Addr())
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	for i := bits; i < 8*len(a); i++ {
		a[i/8] |= 0x80 >> (i % 8)
	}
	return a
}

// tickNetworks looks for attacks on prefixes, each second. It closes the minute of the networks with that of the shards: it is judged
// after single devices, which may explain it, and an hour is learned after that.
func (e *Engine) tickNetworks(found []detect.Finding) []detect.Finding {
	n := e.networks
	n.gather(e.shards)
	if !e.lesson {
		found = n.guard(found)
	}
	e.inside.hear(found, e.now)
	if !e.shards[0].window.Minute {
		return found
	}
	n.totals.Close(n.windows)
	if !e.lesson {
		found = n.judge(found)
	}
	if e.shards[0].window.Hour {
		n.learn(e.shards, e.hurtIn)
		e.inside.sweep(e.now)
	}
	return found
}

// gather takes the windows of all shards at this tick.
func (n *networks) gather(shards []*shard) {
	n.windows = n.windows[:0]
	for _, s := range shards {
		n.windows = append(n.windows, s.window)
	}
}

// guard appends attacks on prefixes.
func (n *networks) guard(out []detect.Finding) []detect.Finding {
	before, start := len(out), time.Now()
	out = n.attacked.Detect(n.windows, out)
	n.attacks += uint64(len(out) - before)
	n.looked += time.Since(start)
	return out
}

// judge appends what the networks show.
func (n *networks) judge(out []detect.Finding) []detect.Finding {
	before, start := len(out), time.Now()
	out = n.detector.Detect(n.windows[0], n.totals, out)
	n.found += uint64(len(out) - before)
	n.spent += time.Since(start)
	return out
}

// learn hands the hour that closed to the baseline; hurt tells of networks that were
// attacked themselves.
func (n *networks) learn(shards []*shard, hurt func(key flow.Addr, hour int64) bool) {
	hour := n.windows[0].Closed
	if shards[0].unseen(hour) {
		return
	}
	clear(n.spoilt)
	for i := len(n.spoilt) - 1; i >= 0; i-- {
		for _, s := range shards {
			n.spoilt[i].add(&s.spoilt[i])
		}
		if i > 0 {
			n.spoilt[n.totals.Parent(i)].add(&n.spoilt[i])
		}
	}
	for i := range n.spoilt {
		p, t, bad := n.totals.Prefix(i), n.totals.Total(i), &n.spoilt[i]
		key := baseline.NetworkKey(p)
		h := baseline.Hour{
			Bytes: t.Hour.Bytes, Packets: t.Hour.Packets, Flows: t.Hour.Flows,
			PeakBytes: t.Peak5.Bytes, PeakPackets: t.Peak5.Packets[window.In],
		}
		from := time.Unix(hour*3600, 0)
		ignore := bad.blind || hurt(key, hour) || over(n.planned, p, from.Add(-fiveMinutes), from.Add(time.Hour), "").NoLearn
		for d, bytes := range bad.bytes {
			ignore = ignore || bytes > 0 && spoiltPart*bytes >= t.Hour.Bytes[d]
		}
		n.past.Learn(key, hour, &h, ignore)
	}
	if site := n.totals.Total(0); site.Hour.Flows[window.In]+site.Hour.Flows[window.Out] > 0 {
		n.past.Observed(hour)
	}
}
