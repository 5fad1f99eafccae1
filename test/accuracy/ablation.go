// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"
	"strconv"

	"tidewatch/detect"
	"tidewatch/incident"
)

// ablation tells what each indicator contributes: of every case, what its incidents
// would come to without it.
type ablation struct {
	attacks, wanted int // cases with an incident
	rows            []ablated
}

// ablated is one indicator of the incidents of one kind.
type ablated struct {
	kind, name string
	attacks    int // cases with an incident that has it
	wanted     int
	missed     int // attacks of medium or above that would not be
	milder     int // attacks of high or above that would not be
	louder     int // wanted cases below medium that would not be
	quieter    int // wanted cases of medium or above that would not be
}

// add takes the incidents about one case.
func (a *ablation) add(attack bool, about []incident.Incident) {
	if len(about) == 0 {
		return
	}
	if attack {
		a.attacks++
	} else {
		a.wanted++
	}
	seen := map[[2]string]bool{}
	for i := range about {
		for k := range about[i].Indicators {
			key := [2]string{about[i].Kind, about[i].Indicators[k].Name}
			if seen[key] {
				continue
			}
			seen[key] = true
			before, after := loudest(about, "", ""), loudest(about, key[0], key[1])
			a.row(key).count(attack, before, after)
		}
	}
}

func (a *ablation) row(key [2]string) *ablated {
	at := slices.IndexFunc(a.rows, func(r ablated) bool { return r.kind == key[0] && r.name == key[1] })
	if at < 0 {
		at = len(a.rows)
		a.rows = append(a.rows, ablated{kind: key[0], name: key[1]})
	}
	return &a.rows[at]
}

func (r *ablated) count(attack bool, before, after int) {
	medium, high := detect.Medium.Rank(), detect.High.Rank()
	fell := func(rank int) int {
		if before >= rank && after < rank {
			return 1
		}
		return 0
	}
	if attack {
		r.attacks++
		r.missed += fell(medium)
		r.milder += fell(high)
		return
	}
	r.wanted++
	r.quieter += fell(medium)
	if before < medium && after >= medium {
		r.louder++
	}
}

// loudest is the rank of the most severe incident, without an indicator of one kind.
func loudest(about []incident.Incident, kind, name string) int {
	rank := -1
	for i := range about {
		inc := &about[i]
		f := detect.Finding{Score: inc.Score, Severity: inc.Severity}
		if inc.Kind == kind {
			f.Rescore(without(inc, name))
		}
		rank = max(rank, f.Severity.Rank())
	}
	return rank
}

// without is the score of an incident without an indicator. Weights beyond a sum of 1
// had no part in it.
func without(inc *incident.Incident, name string) float64 {
	sum, weight := 0.0, 0.0
	for i := range inc.Indicators {
		sum += inc.Indicators[i].Weight
		if inc.Indicators[i].Name == name {
			weight += inc.Indicators[i].Weight
		}
	}
	if weight > 0 {
		weight = max(0, weight-max(0, sum-1))
	}
	return min(max(inc.Score-weight, 0), 1)
}

// text renders the table, kinds in alphabetical order, what contributes most first.
func (a *ablation) text() string {
	rows := slices.Clone(a.rows)
	slices.SortFunc(rows, func(x, y ablated) int {
		return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(y.missed, x.missed), cmp.Compare(y.milder, x.milder), cmp.Compare(y.louder, x.louder),
			cmp.Compare(y.attacks, x.attacks), cmp.Compare(x.name, y.name))
	})
	t := append(make(table, 0, 1+len(rows)), []string{"without: kind", "indicator", "attacks that have it", "missed", "below high", "wanted cases that have it", "alarm", "no alarm"})
	for i := range rows {
		r := &rows[i]
		t = append(t, []string{
			r.kind, "`" + r.name + "`", strconv.Itoa(r.attacks), strconv.Itoa(r.missed), strconv.Itoa(r.milder),
			strconv.Itoa(r.wanted), strconv.Itoa(r.louder), strconv.Itoa(r.quieter),
		})
	}
	return "\n**Without each indicator.** Of " + strconv.Itoa(a.attacks) + " attacks and " + strconv.Itoa(a.wanted) +
		" wanted cases with an incident: how many attacks would be below medium, and below high, and how many wanted cases would alarm or no longer alarm, if the weight of one indicator were 0.\n\n" + t.String()
}
