// SPDX-License-Identifier: Apache-2.0

// Package enrich adds to flow records what only the site knows: whether an
// address is one of its own (longest-prefix match, IPv4 and IPv6), the true
// volume of sampled traffic, and which records report a flow that another
// observation point already reported.
//
// The rule for duplicates. An observation point is an exporter and a direction
// (ingress or egress metering, RFC 5102 flowDirection). A flow, that is a
// 5-tuple, belongs to the first point that reports it until it was silent for
// ten minutes; records of it from other points are marked Duplicate and not
// counted. Flows between inside and outside belong to the exporters named as
// boundary, when there are any. While only one point was ever seen nothing is
// looked up. The table holds 262 144 flows; two that fall on one place push
// each other out, and what is pushed out may be counted twice (Stats.Replaced).
// Sampled records of two exporters are different packets of one flow; the rule
// then halves, not doubles, the error: a flow that only the second exporter
// happened to sample is still counted.
package enrich

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"tidewatch/flow"
)

// Config names the own networks.
type Config struct {
	Internal []netip.Prefix `yaml:"internal"` // networks whose addresses are devices
	Boundary []netip.Addr   `yaml:"boundary"` // exporters at the edge to outside, preferred for flows that cross it
	Seed     flow.Seed      `yaml:"-"`
}

// DefaultConfig takes the private networks as the own: RFC 1918, RFC 6598, RFC
// 4193 and link-local IPv6.
func DefaultConfig() Config {
	return Config{Internal: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
	}}
}

// Stats counts what was done.
type Stats struct {
	Duplicates uint64 // records marked
	Replaced   uint64 // flows pushed out of the table before they were silent
	Saturated  uint64 // volumes too large to scale
}

// Enricher is not safe for concurrent use.
type Enricher struct {
	internal *bart.Lite
	boundary []flow.Addr
	seed     flow.Seed
	// cache remembers recent answers: a few thousand addresses make most of the traffic.
	cache  [cacheSize]cached
	owners owners
	stats  Stats
}

const cacheSize = 1 << 12

type cached struct {
	addr     flow.Addr
	internal bool
	known    bool
}

// New refuses an empty list of own networks and prefixes with host bits.
func New(cfg Config) (*Enricher, error) {
	if len(cfg.Internal) == 0 {
		return nil, fmt.Errorf("enrich: no internal network is configured")
	}
	e := &Enricher{internal: new(bart.Lite), seed: cfg.Seed}
	for _, p := range cfg.Internal {
		if !p.IsValid() {
			return nil, fmt.Errorf("enrich: internal network %v is not a prefix", p)
		}
		e.internal.Insert(p.Masked())
	}
	for _, a := range cfg.Boundary {
		e.boundary = append(e.boundary, flow.AddrFrom(a))
	}
	return e, nil
}

// Stats returns the counts so far.
func (e *Enricher) Stats() Stats { return e.stats }

// Apply marks and scales every record of b. It allocates nothing.
func (e *Enricher) Apply(b *flow.Batch) {
	n := b.Len()
	for i := range n {
		var m flow.Mark
		if e.own(&b.Src[i]) {
			m |= flow.SrcInternal
		}
		if e.own(&b.Dst[i]) {
			m |= flow.DstInternal
		}
		b.Mark[i] |= m
	}
	for i, rate := range b.Sampling {
		if rate > 1 {
			b.Bytes[i] = e.scale(b.Bytes[i], rate)
			b.Packets[i] = e.scale(b.Packets[i], rate)
		}
	}
	e.duplicates(b)
}

// limit keeps sums of many volumes inside 64 bits.
const limit = 1 << 50

func (e *Enricher) scale(v uint64, rate uint32) uint64 {
	if v > limit/uint64(rate) {
		e.stats.Saturated++
		return limit
	}
	return v * uint64(rate)
}

// own reports whether the address is inside the own networks.
func (e *Enricher) own(a *flow.Addr) bool {
	c := &e.cache[e.seed.Hash(a)%cacheSize]
	if c.known && c.addr == *a {
		return c.internal
	}
	*c = cached{addr: *a, internal: e.internal.Contains(a.Netip()), known: true}
	return c.internal
}

// Internal reports whether the address is inside the own networks.
func (e *Enricher) Internal(a netip.Addr) bool { return e.internal.Contains(a.Unmap()) }

// Add takes more networks as own, from now on.
func (e *Enricher) Add(p ...netip.Prefix) {
	for _, p := range p {
		e.internal.Insert(p.Masked())
	}
	e.cache = [cacheSize]cached{}
}

func (e *Enricher) atBoundary(exporter flow.Addr) bool { return slices.Contains(e.boundary, exporter) }
