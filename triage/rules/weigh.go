// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"math"
	"slices"

	"tidewatch/incident"
)

// rule is what one sign says: a weight is added to the logit of wanted traffic, so 1
// changes the odds by a factor of 2.7 and 3 by one of 20. The weights are judgement and
// not measured; what they come to is a likelihood in that sense alone. It is told in
// the words for the side that it speaks for.
type rule struct {
	sign   string // an indicator of the incident, or a circumstance
	weight func(reading) float64
	attack string // what a weight below 0 means
	wanted string // what one above 0 means
}

// why is what a weight means.
func (r *rule) why(weight float64) string {
	if weight < 0 {
		return r.attack
	}
	return r.wanted
}

// always is the weight of a sign that says the same whatever its numbers are.
func always(w float64) func(reading) float64 { return func(reading) float64 { return w } }

// from is a weight that holds from so much on.
func from(least, w float64) func(reading) float64 {
	return func(r reading) float64 {
		if r.observed >= least {
			return w
		}
		return 0
	}
}

// reading is what an incident says about a sign.
type reading struct {
	observed, expected float64
	weight             float64 // in the detector's score
	detail             string
}

// facts are what is judged: an incident, and what is known of its subject.
type facts struct {
	*incident.Incident
	about Device
}

// read finds an indicator of the incident, or a circumstance.
func (f *facts) read(sign string) (r reading, ok bool) {
	if n := f.indicator(sign); n != nil {
		return reading{n.Observed, n.Expected, n.Weight, n.Detail}, true
	}
	return f.circumstance(sign)
}

// has reports whether a sign is there.
func (f *facts) has(sign string) bool {
	_, ok := f.read(sign)
	return ok
}

// observed is what was observed of a sign, 0 when it is not there.
func (f *facts) observed(sign string) float64 {
	r, _ := f.read(sign)
	return r.observed
}

// reason is what speaks for wanted traffic (above 0) or for a threat (below).
type reason struct {
	weight float64
	text   string
}

// weigh adds up what the tables say, beginning with what is known before; the strongest
// reason comes first.
func weigh(f *facts, prior float64, tables ...[]rule) (logit float64, all []reason) {
	logit, all = prior, make([]reason, 0, 12)
	for _, table := range tables {
		for i := range table {
			e := &table[i]
			r, ok := f.read(e.sign)
			if !ok || f.mute(e.sign) {
				continue
			}
			if w := e.weight(r); w < 0 || w > 0 && !f.customers(e.sign) {
				logit += w
				all = append(all, reason{w, e.why(w)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b reason) int { return cmp.Compare(math.Abs(b.weight), math.Abs(a.weight)) })
	return logit, all
}

// tell says what the reasons speak for. Those for the verdict stand as they are, and
// those against it are named as such; when there is none, each says its side.
func tell(all []reason, verdict incident.Judgement, side string) []string {
	out := make([]string, 0, len(all)+1)
	for _, r := range all {
		against := r.weight < 0
		switch {
		case verdict == incident.Unclear && against:
			out = append(out, "for "+side+": "+r.text)
		case verdict == incident.Unclear:
			out = append(out, "for wanted traffic: "+r.text)
		case against != (verdict == incident.Threat):
			out = append(out, "against that: "+r.text)
		default:
			out = append(out, r.text)
		}
	}
	return out
}
