// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"slices"
	"time"

	"tidewatch/detect"
)

// Basis is what an incident was when a model was asked about it, as far as it matters
// for a judgement.
type Basis struct {
	Kinds    []string        `json:"kinds" nullable:"false"`
	Vectors  []string        `json:"vectors,omitempty"`
	Severity detect.Severity `json:"severity" enum:"low,medium,high,critical"`
	Verdict  Judgement       `json:"verdict" enum:"threat,legitimate,uncertain" doc:"of the rules"`
	Bits     float64         `json:"peak_bits_per_second,omitempty"`
	Packets  float64         `json:"peak_packets_per_second,omitempty"`
	Bytes    uint64          `json:"bytes,omitempty"`
	Reopened time.Time       `json:"reopened,omitzero" doc:"when it began again last"`
}

// tenfold is how much a rate or a volume must grow to make another case of it. Attacks
// are told by orders of magnitude, and every question costs.
const tenfold = 10

// Basis is what a judgement of the incident as it is now would rest on.
func (i *Incident) Basis() Basis {
	b := Basis{
		Kinds: slices.Clone(i.Kinds), Vectors: slices.Clone(i.Vectors), Severity: i.Severity,
		Bits: i.Metrics.PeakBitsPerSecond, Packets: i.Metrics.PeakPacketsPerSecond,
	}
	if i.Category != detect.DDoSAttack { // there the rates say it: a volume only grows
		b.Bytes = i.Metrics.Bytes
	}
	if len(b.Kinds) == 0 {
		b.Kinds = []string{i.Kind}
	}
	if len(b.Vectors) == 0 && i.Vector != "" {
		b.Vectors = []string{i.Vector}
	}
	slices.Sort(b.Kinds)
	slices.Sort(b.Vectors)
	if rules := i.byRules(); rules != nil {
		b.Verdict = rules.Verdict
	}
	for k := range i.Timeline {
		if i.Timeline[k].Event == Reopened {
			b.Reopened = i.Timeline[k].At
		}
	}
	return b
}

// Differs says what has changed since then so that it must be judged anew; empty when
// nothing has.
func (b *Basis) Differs(now *Basis) string {
	grew := func(now, then float64) bool { return then > 0 && now >= tenfold*then } // what was not measured did not grow
	switch {
	case !slices.Equal(b.Kinds, now.Kinds):
		return "another kind was seen: " + vectorNames(now.Kinds)
	case !slices.Equal(b.Vectors, now.Vectors):
		return "the vectors are now " + vectorNames(now.Vectors)
	case b.Severity != now.Severity:
		return "the severity rose from " + string(b.Severity) + " to " + string(now.Severity)
	case !b.Reopened.Equal(now.Reopened):
		return "it began again"
	case b.Verdict != now.Verdict:
		return "the rules say " + string(now.Verdict) + ", before " + string(b.Verdict)
	case grew(now.Bits, b.Bits):
		return "the peak grew tenfold, to " + quantity(now.Bits, "bits/s")
	case grew(now.Packets, b.Packets):
		return "the peak grew tenfold, to " + quantity(now.Packets, "packets/s")
	case grew(float64(now.Bytes), float64(b.Bytes)):
		return "the volume grew tenfold, to " + quantity(float64(now.Bytes), "bytes")
	}
	return ""
}

func (b *Basis) clone() *Basis {
	if b == nil {
		return nil
	}
	c := *b
	c.Kinds, c.Vectors = slices.Clone(b.Kinds), slices.Clone(b.Vectors)
	return &c
}
