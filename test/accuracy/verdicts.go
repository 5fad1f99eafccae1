// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tidewatch/detect"
	"tidewatch/incident"
)

// verdicts is what incidents were judged to be beside what they were.
type verdicts struct {
	rows  []verdictRow
	model *asker // nil: none is asked
	parts ablation
}

// verdictRow is all cases of one kind.
type verdictRow struct {
	source, what string
	attack       bool
	cases        map[incident.Judgement]int // "" for those without an incident
	briefly      int                        // attacks that were called legitimate for a while
}

const (
	// must be called legitimate at least, of campaigns, backups and crowds that are told of.
	legitimateShare = 0.8
	verdictsHead    = "**Verdicts.** "
	// ends the name of a source of what is not counted: the first days of a network, in which
	// a backup cannot be told from a theft.
	early = ", first days"
)

// add counts a case. of is how many of its incidents, as they ended, got which verdict;
// briefly says whether one of them was called legitimate while it went on.
func (v *verdicts) add(source, what string, attack bool, of map[incident.Judgement]int, briefly bool) {
	at := slices.IndexFunc(v.rows, func(r verdictRow) bool { return r.source == source && r.what == what && r.attack == attack })
	if at < 0 {
		at = len(v.rows)
		v.rows = append(v.rows, verdictRow{source: source, what: what, attack: attack, cases: map[incident.Judgement]int{}})
	}
	r := &v.rows[at]
	if attack && (briefly || of[incident.Legitimate] > 0) {
		r.briefly++
	}
	r.cases[verdictOf(attack, of)]++
}

// verdictOf is the verdict of a case with several incidents. The strictest counts: an
// attack is called legitimate when one incident about it is, and what is wanted is a threat
// when one is, and legitimate only when all are.
func verdictOf(attack bool, of map[incident.Judgement]int) incident.Judgement {
	order := []incident.Judgement{incident.Threat, incident.Unclear, incident.Legitimate}
	if attack {
		order = []incident.Judgement{incident.Legitimate, incident.Threat, incident.Unclear}
	}
	for _, j := range order {
		if of[j] > 0 {
			return j
		}
	}
	return ""
}

// sum adds up the rows of one side.
func (v *verdicts) sum(attack bool) (s verdictRow) {
	s.cases = map[incident.Judgement]int{}
	for i := range v.rows {
		if r := &v.rows[i]; r.attack == attack && !strings.HasSuffix(r.source, early) {
			for j, n := range r.cases {
				s.cases[j] += n
			}
			s.briefly += r.briefly
		}
	}
	return s
}

// crowds are the campaigns, backups and crowds among what is wanted.
func crowds() []string {
	return []string{
		"flash-crowd", "shop-campaign", "backup-window", "nightly backup of the file server", "backup", "cdn-publish", "cloud-sync", "update-day",
	}
}

// share is how many of the wanted cases that were told of are called legitimate; of the
// campaigns, backups and crowds alone, or of all.
func (v *verdicts) share(alone bool) (legitimate, told int) {
	for i := range v.rows {
		r := &v.rows[i]
		if r.attack || strings.HasSuffix(r.source, early) || alone && !slices.Contains(crowds(), r.what) {
			continue
		}
		legitimate += r.cases[incident.Legitimate]
		told += r.cases[incident.Legitimate] + r.cases[incident.Unclear] + r.cases[incident.Threat]
	}
	return legitimate, told
}

// wrong lists what must not be.
func (v *verdicts) wrong() (out []string) {
	for i := range v.rows {
		if r := &v.rows[i]; r.attack && r.briefly > 0 {
			out = append(out, fmt.Sprintf("%s (%s): %d attacks called legitimate", r.what, r.source, r.briefly))
		}
	}
	if n, told := v.share(true); float64(n) < legitimateShare*float64(told) {
		out = append(out, fmt.Sprintf("%d of %d campaigns, backups and crowds called legitimate, want %.0f %%", n, told, 100*legitimateShare))
	}
	return out
}

// text renders a table of attacks and one of what is wanted.
func (v *verdicts) text() string {
	var b strings.Builder
	attacks := v.sum(true)
	n, told := v.share(false)
	k, crowded := v.share(true)
	fmt.Fprintf(&b, verdictsHead+"What `triage/rules` judges incidents to be, those of severity low as well. Of %d attacks that were told of, %d are called a threat, "+
		"%d uncertain, %d legitimate (in the end; %d at any time). Of %d campaigns, backups and crowds that were told of, %d are called legitimate; of all %d wanted cases that were told of, %d. "+
		"%d wanted cases are not told of. Not counted are the first days of the office, when nothing is known of anybody and a backup cannot be told from a theft.\n\n",
		attacks.cases[incident.Threat]+attacks.cases[incident.Unclear]+attacks.cases[incident.Legitimate],
		attacks.cases[incident.Threat], attacks.cases[incident.Unclear], attacks.cases[incident.Legitimate], attacks.briefly,
		crowded, k, told, n, v.sum(false).cases[""])
	for _, attack := range []bool{true, false} {
		head := "judged: what was wanted"
		if attack {
			head = "judged: attack or oddity"
		}
		t := append(make(table, 0, 1+len(v.rows)), []string{head, "source", "cases", "no incident", "threat", "uncertain", "legitimate"})
		for i := range v.rows {
			r := &v.rows[i]
			if r.attack != attack {
				continue
			}
			all := 0
			for _, n := range r.cases {
				all += n
			}
			t = append(t, []string{
				r.what, r.source, strconv.Itoa(all), strconv.Itoa(r.cases[""]), strconv.Itoa(r.cases[incident.Threat]),
				strconv.Itoa(r.cases[incident.Unclear]), strconv.Itoa(r.cases[incident.Legitimate]),
			})
		}
		b.WriteString(t.String())
		if attack {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// concernsCase reports whether an incident is one that an event may have caused: about its
// subject, in its time, and no silence or lull. Of what is wanted, that others are tried
// in vain or passwords guessed meanwhile is another matter.
func concernsCase(inc *incident.Incident, c *verdictCase) bool {
	return inc.Subject == c.subject && inc.Started.Before(c.end) && inc.LastSeen.After(c.start) &&
		inc.Kind != silence && inc.Metrics.Sigma >= 0 && (c.attack || inc.Category != detect.Reconnaissance)
}
