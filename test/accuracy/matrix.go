// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tidewatch/detect"
	"tidewatch/evaluate"
)

// matrix is what was there beside what was said about it. It is kept by rows with
// what was named in each, since a column for every name would be mostly empty.
type matrix struct {
	attacks  []truthRow
	benign   []benignRow
	verdicts verdicts
	labelled []evaluate.SheetScore
}

// truthRow is all events of one kind from one source.
type truthRow struct {
	source, truth string
	events, right int
	missed        int
	others        map[string]int // what they were called instead
	seconds       []float64      // to detect, of those named
}

// benignRow is what was no attack.
type benignRow struct {
	source, what string
	cases        int
	alarms       [4]int          // cases by their most severe alarm
	said         map[string]bool // of medium or above
}

// event adds one event: how it was named (empty: missed), and whether that is right.
func (m *matrix) event(source, truth, named string, right bool, seconds float64) {
	at := slices.IndexFunc(m.attacks, func(r truthRow) bool { return r.source == source && r.truth == truth })
	if at < 0 {
		at = len(m.attacks)
		m.attacks = append(m.attacks, truthRow{source: source, truth: truth, others: map[string]int{}})
	}
	r := &m.attacks[at]
	r.events++
	switch {
	case named == "":
		r.missed++
		return
	case right:
		r.right++
	default:
		r.others[named]++
	}
	r.seconds = append(r.seconds, seconds)
}

// quiet adds one case in which nothing should be said. rank is that of its most
// severe alarm, below 0 for none.
func (m *matrix) quiet(source, what string, rank int, said []string) {
	at := slices.IndexFunc(m.benign, func(r benignRow) bool { return r.source == source && r.what == what })
	if at < 0 {
		at = len(m.benign)
		m.benign = append(m.benign, benignRow{source: source, what: what, said: map[string]bool{}})
	}
	r := &m.benign[at]
	r.cases++
	if rank < 0 {
		return
	}
	r.alarms[rank]++
	for _, s := range said {
		r.said[s] = true
	}
}

// text renders the two tables.
func (m *matrix) text() string {
	attacks := append(make(table, 0, 1+len(m.attacks)), []string{"what was there", "source", "events", "named right", "named otherwise", "missed", "seconds"})
	for i := range m.attacks {
		r := &m.attacks[i]
		attacks = append(attacks, []string{
			r.truth, r.source, strconv.Itoa(r.events), strconv.Itoa(r.right), counted(r.others), strconv.Itoa(r.missed), middle(r.seconds),
		})
	}
	benign := append(make(table, 0, 1+len(m.benign)), []string{"what was no attack", "source", "cases", "nothing", "low", "medium", "high", "critical", "said"})
	for i := range m.benign {
		r := &m.benign[i]
		nothing := r.cases
		for _, n := range r.alarms {
			nothing -= n
		}
		benign = append(benign, []string{
			r.what, r.source, strconv.Itoa(r.cases), strconv.Itoa(nothing),
			strconv.Itoa(r.alarms[0]), strconv.Itoa(r.alarms[1]), strconv.Itoa(r.alarms[2]), strconv.Itoa(r.alarms[3]),
			strings.Join(slices.Sorted(maps.Keys(r.said)), ", "),
		})
	}
	return attacks.String() + "\n" + benign.String()
}

func counted(names map[string]int) string {
	out := make([]string, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, fmt.Sprintf("%s %d", name, names[name]))
	}
	return strings.Join(out, ", ")
}

// middle is the median.
func middle(v []float64) string {
	if len(v) == 0 {
		return ""
	}
	slices.Sort(v)
	return fmt.Sprintf("%.1f", v[len(v)/2])
}

// worse lists the rows of an earlier text that this one falls behind: fewer named
// right of as many events, or more alarms of medium or above where nothing was.
func (m *matrix) worse(earlier string) (out []string) {
	before := map[string][]string{}
	for line := range strings.Lines(earlier) {
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) > 6 {
			before[cells[0]+"|"+cells[1]] = cells
		}
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // heads and rules have none
	for i := range m.attacks {
		r := &m.attacks[i]
		if b := before[r.truth+"|"+r.source]; len(b) > 3 && number(b[2]) == r.events && r.right < number(b[3]) {
			out = append(out, fmt.Sprintf("%s (%s): %d of %d named right, %s before", r.truth, r.source, r.right, r.events, b[3]))
		}
	}
	medium := detect.Medium.Rank()
	for i := range m.benign {
		r := &m.benign[i]
		now, then := 0, 0
		b := before[r.what+"|"+r.source]
		for rank := medium; rank < len(r.alarms); rank++ {
			now += r.alarms[rank]
			if len(b) > 4+rank {
				then += number(b[4+rank])
			}
		}
		if now > then {
			out = append(out, fmt.Sprintf("%s (%s): %d of %d alarm, %d before", r.what, r.source, now, r.cases, then))
		}
	}
	return out
}
