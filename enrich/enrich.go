// SPDX-License-Identifier: Apache-2.0

// Package enrich completes the records of a batch with what only the receiving
// side knows: which addresses are our own (one longest-prefix match per
// address), true volumes (bytes and packets times the sampling rate), and
// whether the same traffic was already reported by somebody else.
//
// # Counted once
//
// An observation point is one exporter looking one way: (exporter, ingress) or
// (exporter, egress). The first point that reports a flow key owns it until it
// has not reported it for ten minutes. Records of that key from any other point
// are marked flow.Duplicate: they stay in the batch, so that every exporter can
// be shown, but volumes leave them out. Who reports first is left to chance, and
// it does not matter, because each point reports the whole flow.
//
// The key is the five-tuple for unsampled records and the ordered pair of
// addresses for sampled ones: two sampling points pick different packets, so
// two small flows of one pair would each be owned by whoever happened to see
// them, and be counted twice in sum.
//
// When boundary exporters are configured, flows between inside and outside are
// counted there: as long as any of them was heard in the last ten minutes,
// reports of such flows from other exporters are duplicates. Among the boundary
// points the first reporter owns, as above. A boundary point that finds a flow
// owned by another one takes it over; that one record is marked, because its
// time was counted at the former owner.
//
// What the rule cannot see, and how it errs:
//   - Address translation between two points changes the key: counted twice.
//   - A sampled and an unsampled point on one path have different keys: counted
//     twice. Boundary exporters settle it.
//   - Sampled traffic with one packet per pair (spoofed floods) is counted at
//     each point it passes. Boundary exporters settle it.
//   - Sampled flows of one pair that take parallel paths through two exporters
//     are counted at one of them only, so too low.
//   - A flow that is rerouted from one exporter to another in mid-life is not
//     counted until its former owner was silent for ten minutes.
//   - The table of owners is bounded (Config.MaxFlows). A flow whose place is
//     taken loses its owner, and the next point that reports it becomes the
//     owner: at worst one report counted twice. Stats.Overwritten counts that.
//   - While only one point was ever heard the table is not used, except for the
//     first half minute; flows already reported when a second point appears
//     after that may be counted twice once.
package enrich

import (
	"math/bits"
	"net/netip"
	"sync/atomic"

	"tidewatch/flow"
)

// maxVolume caps the bytes and packets of one record, so that sums over many
// hostile records do not wrap. An hour at 2 Tbit/s is under 2^50 bytes.
const maxVolume = 1 << 50

// Enricher completes batches. Apply must not run twice at once; Stats may be
// called from anywhere.
type Enricher struct {
	own      *networks
	boundary *networks // nil: no exporter is preferred
	exporter func(uint32) netip.Addr
	owners   owners
	count    counters
}

// New returns an error when the configuration is not valid.
func New(cfg *Config) (*Enricher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Enricher{own: newNetworks(cfg.Internal), exporter: cfg.Exporter}
	if len(cfg.Boundary) > 0 && cfg.Exporter != nil {
		e.boundary = newNetworks(cfg.Boundary)
	}
	e.owners.init(cfg.MaxFlows, cfg.Seed)
	return e, nil
}

// Apply completes all records of b. It is to be called once per batch, because
// it multiplies. It allocates nothing after the table of owners is there.
func (e *Enricher) Apply(b *flow.Batch) {
	var s Stats
	s.Records = uint64(b.Len())
	e.direction(b, &s)
	s.Saturated = scale(b)
	e.duplicates(b, &s)
	e.count.add(&s)
}

// Internal reports whether a lies inside the own networks.
func (e *Enricher) Internal(a netip.Addr) bool {
	packed := flow.AddrFrom(a)
	return e.own.contains(&packed)
}

// SetInternal takes these networks as the own from the next batch on; who owns
// which flow stays. It must not run beside Apply.
func (e *Enricher) SetInternal(own []netip.Prefix) error {
	cfg := DefaultConfig()
	cfg.Internal = own
	if err := cfg.Validate(); err != nil {
		return err
	}
	e.own = newNetworks(own)
	return nil
}

func (e *Enricher) direction(b *flow.Batch, s *Stats) {
	var kinds [4]uint64
	src, dst, mark := b.Src, b.Dst[:len(b.Src)], b.Mark[:len(b.Src)]
	for i := range src {
		var m flow.Mark
		var kind int
		if e.own.contains(&src[i]) {
			m, kind = flow.SrcInternal, 1
		}
		if e.own.contains(&dst[i]) {
			m |= flow.DstInternal
			kind |= 2
		}
		mark[i] = mark[i]&^(flow.SrcInternal|flow.DstInternal) | m
		kinds[kind]++
	}
	s.Transit, s.Outbound, s.Inbound, s.Within = kinds[0], kinds[1], kinds[2], kinds[3]
}

// scale multiplies by the sampling rate and returns how many values were cut.
func scale(b *flow.Batch) (cut uint64) {
	bytes, packets := b.Bytes[:len(b.Sampling)], b.Packets[:len(b.Sampling)]
	for i, rate := range b.Sampling {
		bytes[i] = times(bytes[i], rate, &cut)
		packets[i] = times(packets[i], rate, &cut)
	}
	return cut
}

func times(v uint64, rate uint32, cut *uint64) uint64 {
	hi, lo := bits.Mul64(v, uint64(max(rate, 1)))
	if hi != 0 || lo > maxVolume {
		*cut++
		return maxVolume
	}
	return lo
}

// Stats counts what Apply did since New.
type Stats struct {
	Records uint64
	// Inbound to Transit split the records by direction; Transit has no own address.
	Inbound, Outbound, Within, Transit uint64
	Duplicates                         uint64 // records marked as counted elsewhere
	Saturated                          uint64 // byte or packet counts cut to 2^50
	Overwritten                        uint64 // owned flows whose place in the table was taken
	Points                             uint64 // observation points heard so far, at most 65536 are told apart
}

// counters are Stats that other goroutines may read.
type counters struct {
	records, inbound, outbound, within, transit atomic.Uint64
	duplicates, saturated, overwritten, points  atomic.Uint64
}

func (c *counters) add(s *Stats) {
	c.records.Add(s.Records)
	c.inbound.Add(s.Inbound)
	c.outbound.Add(s.Outbound)
	c.within.Add(s.Within)
	c.transit.Add(s.Transit)
	c.saturated.Add(s.Saturated)
	if s.Duplicates|s.Overwritten != 0 {
		c.duplicates.Add(s.Duplicates)
		c.overwritten.Add(s.Overwritten)
	}
	if s.Points != 0 {
		c.points.Add(s.Points)
	}
}

// Stats returns the sums so far.
func (e *Enricher) Stats() Stats {
	c := &e.count
	return Stats{
		Records: c.records.Load(),
		Inbound: c.inbound.Load(), Outbound: c.outbound.Load(), Within: c.within.Load(), Transit: c.transit.Load(),
		Duplicates: c.duplicates.Load(), Saturated: c.saturated.Load(),
		Overwritten: c.overwritten.Load(), Points: c.points.Load(),
	}
}
