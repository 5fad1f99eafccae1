// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"tidewatch/incident"
)

// modelRow is all cases of one kind that were told of.
type modelRow struct {
	source, what string
	attack       bool
	told, asked  int
	said, stands map[incident.Judgement]int // said: "" for those without an answer
}

// add counts a case with the incidents about it, of what was asked about last. A nil
// asker counts nothing.
func (a *asker) add(source, what string, attack bool, ids []string) {
	if a == nil || len(ids) == 0 {
		return
	}
	at := slices.IndexFunc(a.rows, func(r modelRow) bool { return r.source == source && r.what == what && r.attack == attack })
	if at < 0 {
		at = len(a.rows)
		a.rows = append(a.rows, modelRow{
			source: source, what: what, attack: attack, said: map[incident.Judgement]int{}, stands: map[incident.Judgement]int{},
		})
	}
	r := &a.rows[at]
	asked, said, stands := false, map[incident.Judgement]int{}, map[incident.Judgement]int{}
	for _, id := range ids {
		o := a.opinions[id]
		asked = asked || o.asked
		said[o.said]++
		stands[o.stands]++
	}
	r.told++
	r.stands[verdictOf(attack, stands)]++
	if asked {
		r.asked++
		r.said[verdictOf(attack, said)]++
	}
}

// sum adds up the rows of one side, as verdicts.sum does.
func (a *asker) sum(attack bool) (s modelRow) {
	s.said, s.stands = map[incident.Judgement]int{}, map[incident.Judgement]int{}
	for i := range a.rows {
		if r := &a.rows[i]; r.attack == attack && !strings.HasSuffix(r.source, early) {
			s.told, s.asked = s.told+r.told, s.asked+r.asked
			for j, n := range r.said {
				s.said[j] += n
			}
			for j, n := range r.stands {
				s.stands[j] += n
			}
		}
	}
	return s
}

// tell prints the table and puts it into a file, if one is named. Without a model, or
// when nothing was judged, there is nothing to tell.
func (a *asker) tell(out io.Writer, path string) error {
	if a == nil || len(a.rows) == 0 {
		return nil
	}
	if _, err := io.WriteString(out, a.text()); err != nil {
		return err
	}
	if path == "" {
		return nil
	}
	return os.WriteFile(path, []byte(a.text()), 0o644) //nolint:gosec // a table, for everybody
}

// text renders a table of attacks and one of what is wanted.
func (a *asker) text() string {
	var b strings.Builder
	attacks, wanted := a.sum(true), a.sum(false)
	tokens, cost := a.spent.total()
	silent := 0
	for _, n := range a.failures {
		silent += n
	}
	fmt.Fprintf(&b, "**Verdicts of a model.** `%s` was asked about %d incidents of severity %s or above, each once, as it ended; %d got no answer. %d tokens, cost %.2f. "+
		"Of %d attacks that it was asked about, it calls %d a threat, %d uncertain, %d legitimate, and of %d there is no answer. "+
		"Of %d attacks that were told of, %d were called legitimate by it before the fuse, and %d are after it. "+
		"Of %d wanted cases that it was asked about, it calls %d legitimate; after the fuse %d of %d that were told of are.\n",
		a.name, a.number, a.cfg.MinSeverity, silent, tokens, cost,
		attacks.asked, attacks.said[incident.Threat], attacks.said[incident.Unclear], attacks.said[incident.Legitimate], attacks.said[""],
		attacks.told, attacks.said[incident.Legitimate], attacks.stands[incident.Legitimate],
		wanted.asked, wanted.said[incident.Legitimate], wanted.stands[incident.Legitimate], wanted.told)
	if silent > 0 {
		fmt.Fprintf(&b, "\nNo answer: %s.\n", counted(a.failures))
	}
	for _, attack := range []bool{true, false} {
		head := "judged by a model: what was wanted"
		if attack {
			head = "judged by a model: attack or oddity"
		}
		t := append(make(table, 0, 1+len(a.rows)), []string{
			head, "source", "told of", "model asked", "no answer", "threat", "uncertain", "legitimate", "legitimate after the fuse",
		})
		for i := range a.rows {
			if r := &a.rows[i]; r.attack == attack {
				t = append(t, []string{
					r.what, r.source, strconv.Itoa(r.told), strconv.Itoa(r.asked), strconv.Itoa(r.said[""]), strconv.Itoa(r.said[incident.Threat]),
					strconv.Itoa(r.said[incident.Unclear]), strconv.Itoa(r.said[incident.Legitimate]), strconv.Itoa(r.stands[incident.Legitimate]),
				})
			}
		}
		b.WriteString("\n" + t.String())
	}
	return b.String()
}
