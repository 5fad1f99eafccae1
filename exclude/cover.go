// SPDX-License-Identifier: Apache-2.0

package exclude

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"tidewatch/detect"
)

const (
	// outside is the share of what a finding is made of that may lie outside the
	// exclusions: enough for the small change of a name look-up, far less than what
	// makes a finding.
	outside = 0.05
	// outsideBytes is the most that this share may come to: with 1 GB an upload is
	// suspicious by itself (mission row D2), however much goes to a known place.
	outsideBytes = 1e9
)

// place is one of the destinations of a finding.
type place struct {
	net   netip.Prefix
	share float64 // of what the finding is made of
	in    int     // index of the network that it is a part of, -1: none
}

// places are what a finding is made of, by destination. A finding whose list has
// something else in it than addresses and networks has none.
func places(f *detect.Finding, out []place) []place {
	top := f.Top.Destinations
	if f.About > 0 {
		sum := uint64(0)
		for i := range top[:min(f.About, len(top))] {
			sum += top[i].Bytes
		}
		for i := range top {
			out = append(out, place{net: network(top[i].Key), share: float64(top[i].Bytes) / float64(max(sum, 1)), in: -1})
		}
	} else {
		for i := range top {
			out = append(out, place{net: network(top[i].Key), share: top[i].Share, in: -1})
		}
	}
	for i := range out {
		for k := range out {
			if k != i && out[k].net.IsValid() && out[i].net.Bits() > out[k].net.Bits() && out[k].net.Contains(out[i].net.Addr()) {
				out[i].in = k
			}
		}
		if f.About > 0 && i >= f.About && out[i].in < 0 {
			out[i].share = 0 // listed, and not what it is about
		}
	}
	return out
}

func network(key string) netip.Prefix {
	if a, err := netip.ParseAddr(key); err == nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	p, err := netip.ParsePrefix(key)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// within reports whether a rule's network holds all of another.
func within(p, net netip.Prefix) bool {
	return net.IsValid() && p.Bits() <= net.Bits() && p.Contains(net.Addr())
}

// applies reports whether a rule may be about a finding at all, its destinations and
// ports left aside.
func (r *rule) applies(f *detect.Finding, at time.Time) bool {
	return (r.kind == "" || r.kind == f.Kind) && (!r.device.IsValid() || within(r.device, f.Subject)) && !r.entry.Over(at)
}

// elsewhere is the share of a finding that goes to other ports than the rule's.
func (r *rule) elsewhere(f *detect.Finding) float64 {
	if r.port == "" && r.proto == "" {
		return 0
	}
	covered := 0.0
	for i := range f.Top.Ports {
		p := &f.Top.Ports[i]
		switch number, proto, both := strings.Cut(p.Key, "/"); {
		case !both: // no port: the name of a protocol
			if r.port != "" || number != r.proto {
				continue
			}
		case number != r.port || r.proto != "" && proto != r.proto:
			continue
		}
		if f.About > 0 {
			covered += float64(p.Bytes) / float64(max(f.Metrics.Bytes, 1))
		} else {
			covered += p.Share
		}
	}
	return 1 - min(covered, 1)
}

// little reports whether a share of a finding is small enough to go unheeded.
func little(f *detect.Finding, share float64) bool {
	return share <= outside && share*float64(f.Metrics.Bytes) <= outsideBytes
}

// covered is the share of a finding that goes to the destinations of some rules,
// together, and the index of the rule that covers most. by is memory for as many.
func covered(all []place, rules []*rule, by []float64) (share float64, most int) {
	clear(by)
	of := func(p *place) int {
		return slices.IndexFunc(rules, func(r *rule) bool { return within(r.destination, p.net) })
	}
	for i := range all {
		p := &all[i]
		if p.in >= 0 && of(&all[p.in]) >= 0 {
			continue // the whole of its network is
		}
		if k := of(p); k >= 0 {
			by[k] += p.share
			share += p.share
		}
	}
	for k := range by {
		if by[k] > by[most] {
			most = k
		}
	}
	return min(share, 1), most
}
