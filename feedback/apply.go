// SPDX-License-Identifier: Apache-2.0

package feedback

import (
	"math"
	"net/netip"
	"time"

	"tidewatch/detect"
)

// Indicator is the name of the indicator that tells of a moved threshold.
const Indicator = "feedback"

// Factor is how many times as high the thresholds of a subject and kind are, 1
// without verdicts, and the last verdict that counts.
func (b *Book) Factor(subject netip.Prefix, kind string, now time.Time) (factor float64, last Entry) {
	factor = 1
	for _, i := range b.byKey[key{subject.Masked(), kind}] {
		e := &b.entries[i]
		if now.Sub(e.At) >= b.cfg.Expires {
			continue
		}
		if e.Verdict == Normal {
			factor = min(factor*step, most)
		} else {
			factor = max(factor/step, least)
		}
		last = *e
	}
	return factor, last
}

// Apply moves the score of a finding as the verdicts on its subject and kind say,
// and its severity with it. It reports whether it did.
func (b *Book) Apply(now time.Time, f *detect.Finding) bool {
	if len(b.entries) == 0 {
		return false
	}
	factor, last := b.Factor(f.Subject, f.Kind, now)
	if factor == 1 {
		return false
	}
	// As detect.Plus does: no crumbs of binary fractions at the borders.
	f.Rescore(math.Round(min(max(f.Score/math.Sqrt(factor), 0), 1)*1000) / 1000)
	note := "since " + last.At.UTC().Format(time.DateOnly)
	if last.By != "" {
		note += " by " + last.By
	}
	// The finding's list may be a part of a longer one: it is not written over.
	list := make([]detect.Indicator, 0, len(f.Indicators)+1)
	f.Indicators = append(append(list, f.Indicators...), detect.Indicator{
		Name: Indicator, Observed: factor, Expected: 1, Detail: note,
	})
	b.stats.Applied++
	return true
}

// List returns the verdicts that count, oldest first.
func (b *Book) List(now time.Time) []Entry {
	b.expire(now)
	b.index()
	return append([]Entry{}, b.entries...)
}
