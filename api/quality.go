// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Quality says how far what an exporter sends can be relied on, since the program started.
type Quality struct {
	Score   float64  `json:"score" minimum:"0" maximum:"1" doc:"1 when nothing is wrong; each reason takes something off"`
	Reasons []string `json:"reasons" nullable:"false" doc:"what takes something off, worst first"`
}

// What each flaw takes off; docs/reference/api.md has the same table. Shares are of all that
// should have come: a tenth of it lost, unread or without template is as bad as it gets.
const (
	silentCost   = 0.5
	lossCost     = 0.5
	templateCost = 0.3
	errorCost    = 0.3
	samplingCost = 0.1
	skewCost     = 0.3 // beyond worstSkew; a third of it beyond someSkew
	someSkew     = 5 * time.Second
	worstSkew    = time.Minute
	worstShare   = 0.1
)

// QualityOf judges an exporter.
func QualityOf(e *Exporter, now time.Time) Quality {
	type flaw struct {
		cost   float64
		reason string
	}
	var flaws []flaw
	add := func(cost float64, format string, args ...any) {
		if cost > 0 {
			flaws = append(flaws, flaw{cost, fmt.Sprintf(format, args...)})
		}
	}
	if quiet := now.Sub(e.LastSeen); quiet > silentAfter {
		add(silentCost, "silent for %v", quiet.Round(time.Minute))
	}
	came, unit := e.Records, "records"
	if len(e.Protocols) > 0 && !slices.ContainsFunc(e.Protocols, countsRecords) {
		came, unit = e.Datagrams, "datagrams"
	}
	add(costOf(e.Lost, came+e.Lost, lossCost), "%d of %d %s lost, in %d gaps", e.Lost, came+e.Lost, unit, e.SequenceGaps)
	add(costOf(e.MissingTemplates, e.Datagrams, templateCost), "%d data sets came before their template", e.MissingTemplates)
	failed := uint64(0)
	for _, n := range e.Errors {
		failed += n
	}
	add(costOf(failed, e.Datagrams, errorCost), "%d parts of %d datagrams could not be read", failed, e.Datagrams)
	if !e.SamplingKnown && e.Records > 0 {
		add(samplingCost, "it does not tell its sampling rate; volumes may be too small")
	}
	switch skew := math.Abs(e.SkewSeconds); {
	case skew > worstSkew.Seconds():
		add(skewCost, "its clock is %.0f s off", skew)
	case skew > someSkew.Seconds():
		add(skewCost/3, "its clock is %.0f s off", skew)
	}
	slices.SortStableFunc(flaws, func(a, b flaw) int { return int(math.Copysign(1, b.cost-a.cost)) })
	q := Quality{Score: 1, Reasons: make([]string, 0, len(flaws))}
	for _, f := range flaws {
		q.Score -= f.cost
		q.Reasons = append(q.Reasons, f.reason)
	}
	q.Score = math.Round(100*max(q.Score, 0)) / 100
	return q
}

// countsRecords tells protocols whose sequence numbers count records, not datagrams.
func countsRecords(protocol string) bool { return protocol == "netflow5" || protocol == "ipfix" }

// costOf grows with the share of what is wrong, up to the whole cost.
func costOf(wrong, all uint64, whole float64) float64 {
	if wrong == 0 {
		return 0
	}
	return whole * min(1, float64(wrong)/float64(max(all, 1))/worstShare)
}
