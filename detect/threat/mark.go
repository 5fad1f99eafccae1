// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"net/netip"
	"slices"

	"tidewatch/detect"
	"tidewatch/flow"
)

// Indicator is the name of the indicator that names a list and its entry.
const Indicator = "threat_list"

// part is the share of what was found that must go to listed addresses for them to
// weigh: a tenth of a theft is a theft, one of a hundred web sites is none.
const part = 0.1

// Mark adds an indicator to a finding of another detector that involves listed
// addresses. Where data went to them it weighs as much as RITA's modifiers; of what came
// in, or floods, it only tells: anybody's address is on an attack's packets.
func Mark(list List, f *detect.Finding) bool {
	if list == nil || f.Kind == Kind || f.Over {
		return false
	}
	i := detect.Indicator{Name: Indicator, Unit: "share"}
	peers := f.Top.Destinations
	if f.About > 0 {
		peers = peers[:min(f.About, len(peers))]
	}
	out := look(list, peers, &i)
	if !out && !look(list, f.Top.Sources, &i) {
		return false
	}
	if out && i.Observed >= part && f.Category != detect.DDoSAttack {
		i.Weight = more
		f.Rescore(detect.Plus(f.Score, more))
	}
	// The finding's list may be a part of a longer one: it is not written over.
	f.Indicators = append(slices.Clip(f.Indicators), i)
	return true
}

// look adds up the shares of the listed among some peers, and names the first.
func look(list List, peers []detect.Share, i *detect.Indicator) (found bool) {
	for k := range peers {
		a, err := netip.ParseAddr(peers[k].Key)
		if err != nil {
			continue // a network
		}
		entry, name, ok := list.Match(flow.AddrFrom(a))
		if !ok {
			continue
		}
		if i.Detail == "" {
			i.Detail = source(name, entry)
		}
		i.Observed += peers[k].Share
		found = true
	}
	i.Observed = min(i.Observed, 1)
	return found
}
