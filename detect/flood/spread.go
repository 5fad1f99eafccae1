// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// PrefixConfig holds the limits for attacks on a whole prefix: four times those of one
// host. An attack that gives each of 256 hosts a sixtieth of the host's limit is over them.
type PrefixConfig struct {
	MinPPS   float64 `yaml:"min_pps"`   // packets/s of attack traffic to a block or network below which no packet-rate gate holds
	MinConns float64 `yaml:"min_conns"` // unanswered connections/s, likewise
	Hosts    uint64  `yaml:"hosts"`     // fewer attacked hosts are no prefix: those of a /28, the smallest that is commonly given to a customer
	Sources  uint64  `yaml:"sources"`   // unanswered connections from fewer sources are a scan
}

func defaultPrefix() PrefixConfig {
	return PrefixConfig{MinPPS: 40_000, MinConns: 400, Hosts: 16, Sources: 100}
}

// validate keeps the limits over what windows follow.
func (c *PrefixConfig) validate() error {
	if c.MinPPS < 2*window.FollowPackets || c.MinConns < 2*window.FollowFlows {
		return fmt.Errorf("prefix.min_pps must be at least %d and prefix.min_conns %d: of less, seconds are not known",
			2*window.FollowPackets, 2*window.FollowFlows)
	}
	if c.Hosts < 2 || c.Sources < 1 {
		return errors.New("prefix.hosts must be at least 2 and prefix.sources 1")
	}
	return nil
}

// noise is how many unanswered packets a second each public IPv4 address may get from
// strangers who scan all of them. Telescopes see 0.04 on an average day (CAIDA: 4e13
// packets in two years for 2^24 addresses, arXiv 2108.06653) to 0.09 (Merit: 41 500 a
// second for 475 000); five times that is no attack. IPv6 is too large to be scanned.
const noise = 0.5

// prefixLimits are the floors raised by what strangers send to any network of that size,
// and by what this one's past explains.
func (p *Prefixes) prefixLimits(net netip.Prefix, at time.Time) limits {
	cfg := &p.d.cfg
	l := limits{pps: cfg.Prefix.MinPPS, conns: cfg.Prefix.MinConns, hold: seconds(cfg.Hold), stop: cfg.Stop, basis: detect.NoBaseline()}
	if a := net.Addr(); a.Is4() && !a.IsPrivate() {
		strangers := noise * math.Exp2(float64(32-net.Bits()))
		l.pps, l.conns = max(l.pps, strangers), max(l.conns, strangers)
	}
	l.floor = l.pps
	if p.past == nil || !baseline.HasKey(net) {
		return l
	}
	key := baseline.NetworkKey(net)
	if n, ok := p.past.At(key, at, baseline.PacketsIn); ok {
		l.learn(&n, cfg.Sigma, 1)
	}
	if n, ok := p.past.At(key, at, baseline.BytesIn); ok {
		l.bytes, l.known, l.basis = n, true, detect.Baseline(n.Basis)
	}
	return l
}

// conversing reports whether the UDP traffic of a prefix is conversations: a tenth of
// the packets comes back, or as many flows and a hundredth. A host is held to that only
// when it talks to a few; a network talks to many at any time.
func conversing(x *window.Prefix, c *burst) bool {
	k, in, out := &c.kinds[kindUDP], &c.in[flow.UDP], &c.out[flow.UDP]
	return k.answered*acknowledged > k.packets ||
		x.Rate() == 1 && 2*out.flows > in.flows && k.answered*stretched > k.packets
}

// few reports whether four fifths of the packets come from three sources: a scanner
// with its helpers, or a server that sends to all (television, backup). Only when the
// packets are larger than a scanner's and the past knows no such server are they an attack.
func (p *Prefixes) few(x *window.Prefix, c *burst) bool {
	entries, total := x.HeaviestSources(p.d.top[:0], 3)
	p.d.top = entries
	var three uint64
	for i := range entries {
		three += entries[i].Weight - entries[i].Over
	}
	return 5*three >= 4*total && (!c.limits.known || c.meanPacket() < dataBytes)
}

// many reports whether enough sources ask for connections. Of a sample no more can be
// seen than was sampled: then a quarter of the samples, and a tenth of the sources.
func (p *Prefixes) many(x *window.Prefix, c *burst) bool {
	need := float64(p.d.cfg.Prefix.Sources)
	if rate := float64(x.Rate()); rate > 1 {
		need = min(need, max(need/10, c.conns*float64(c.seconds())/rate/4))
	}
	sources, _ := x.Distinct(p.d.s.First+int64(c.from), p.d.s.First+int64(c.to))
	return float64(sources) >= need
}

// hosts is how many hosts of the prefix the burst reached. Under sampling it is how
// many were seen, and there are no fewer.
func (p *Prefixes) hosts(x *window.Prefix, c *burst) uint64 {
	return x.Hosts(p.d.s.First+int64(c.from), p.d.s.First+int64(c.to))
}

const (
	alike    = 8 // so many equal hosts at least, or what is spread like over them
	standOut = 4 // so many heavier ones are left out, which have incidents of their own
	listed   = 24
)

// spread is the share of the packets that is spread over many hosts, with the few
// that stand out left aside; 0 when nothing is. How many hosts are alike is told by
// the inverse of the sum of squared shares (Simpson).
func (p *Prefixes) spread(x *window.Prefix) float64 {
	entries, total := x.Heaviest(p.d.top[:0], listed)
	p.d.top = entries
	weight := func(i int) float64 { return float64(entries[i].Weight - entries[i].Over) }
	rest, squares := float64(total), 0.0
	for i := range entries {
		squares += weight(i) * weight(i)
	}
	for i := 0; i <= standOut && rest > 0; i++ {
		if rest*rest >= alike*squares {
			return rest / float64(total)
		}
		if i < len(entries) {
			rest -= weight(i)
			squares -= weight(i) * weight(i)
		}
	}
	return 0
}

// heaviest lists the hosts that get most, and the share of the first.
func (p *Prefixes) heaviest(x *window.Prefix) (out []detect.Share, first float64) {
	entries, total := x.Heaviest(p.d.top[:0], 10)
	p.d.top = entries
	for i := range entries {
		e := &entries[i]
		out = append(out, detect.Share{
			Key: e.Key.String(), Bytes: e.Bytes, Packets: e.Packets, Flows: e.Flows,
			Share: float64(e.Weight-e.Over) / float64(max(total, 1)),
		})
	}
	if len(out) > 0 {
		first = out[0].Share
	}
	return out, first
}
