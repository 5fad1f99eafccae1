// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"tidewatch/detect"
	"tidewatch/enrich"
)

// openGeo opens the databases that the configuration names.
func openGeo(cfg *Config) (*enrich.Geo, error) {
	g, err := enrich.OpenGeo(cfg.Enrich.Geo)
	if err != nil {
		return nil, fmt.Errorf("networks.%w", err)
	}
	return g, nil
}

// Locate asks these databases from now on; nil is none.
func (e *Engine) Locate(g *enrich.Geo) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.geo = g
}

// place tells in which countries the heaviest peers of a finding lie, and in which AS
// when the exporters did not say.
func place(g *enrich.Geo, t *detect.Top) {
	if g == nil {
		return
	}
	peers := t.Sources
	if len(peers) == 0 {
		peers = t.Destinations
	}
	t.Countries = grouped(peers, g.Country)
	if len(t.ASNs) == 0 {
		t.ASNs = grouped(peers, func(a netip.Addr) string {
			if n := g.ASN(a); n != 0 {
				return "AS" + strconv.FormatUint(uint64(n), 10)
			}
			return ""
		})
	}
}

// grouped adds peers up by what is known of their addresses, heaviest first.
func grouped(peers []detect.Share, of func(netip.Addr) string) (out []detect.Share) {
	for i := range peers {
		p := &peers[i]
		a, err := netip.ParseAddr(p.Key)
		if err != nil {
			continue
		}
		key := of(a)
		if key == "" {
			continue
		}
		at := slices.IndexFunc(out, func(s detect.Share) bool { return s.Key == key })
		if at < 0 {
			at, out = len(out), append(out, detect.Share{Key: key})
		}
		g := &out[at]
		g.Bytes, g.Packets, g.Flows, g.Share = g.Bytes+p.Bytes, g.Packets+p.Packets, g.Flows+p.Flows, g.Share+p.Share
	}
	slices.SortStableFunc(out, func(a, b detect.Share) int { return cmp.Compare(b.Share, a.Share) })
	return out
}
