// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"tidewatch/detect"
)

// kindOverflow is the kind of the one incident that counts what had no room.
const kindOverflow = "incident_overflow"

// Kinds lists what incidents may be of: what findings may be of, and the one that counts
// those for which there is no room.
func Kinds() []string {
	kinds := detect.Kinds()
	return append(kinds[:], kindOverflow)
}

// evict resolves the incident that matters least to make room for a more severe
// one, and reports whether there was one: the least severe, and of those the one
// longest unseen. What is mitigated gives way to nothing: its actions would end, of which
// the guard rails allow few. Nothing gives way to its equal, so a storm cannot push out
// what came before it.
func (b *Book) evict(s detect.Severity) bool {
	if !b.planned {
		b.planned = true
		for _, e := range b.entries {
			if e.inc.State.Active() && e.inc.State != Mitigated && e.key.category != detect.Operational {
				b.victims = append(b.victims, e)
			}
		}
		slices.SortFunc(b.victims, func(x, y *entry) int { // best last
			return cmp.Or(
				y.inc.Severity.Rank()-x.inc.Severity.Rank(),
				y.seen.Compare(x.seen),
				strings.Compare(x.inc.ID, y.inc.ID),
			)
		})
	}
	for len(b.victims) > 0 {
		e := b.victims[len(b.victims)-1]
		if e.inc.Severity.Rank() >= s.Rank() {
			return false
		}
		b.victims = b.victims[:len(b.victims)-1]
		if e.inc.State.Active() {
			b.stats.Evicted++
			b.end(e, ReasonOverflow, "it gave its place to a more severe one")
			e.gone = true
			return true
		}
	}
	return false
}

// overflow tells, as an incident of its own, how many findings found no room.
func (b *Book) overflow() {
	b.take(&detect.Finding{
		Detector: "incident", Category: detect.Operational, Kind: kindOverflow,
		Subject: netip.PrefixFrom(netip.IPv4Unspecified(), 0),
		At:      b.now, Started: b.now, Last: b.now,
		Score: 0.75, Severity: detect.High, Baseline: detect.NoBaseline(),
		Indicators: []detect.Indicator{{
			Name: "suppressed_findings", Observed: float64(b.stats.Suppressed), Unit: "findings", Weight: 0.75,
		}},
	})
}
