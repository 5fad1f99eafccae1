// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"slices"
	"strings"

	"tidewatch/incident"
)

// stateOf is the state of an incident as far as people are concerned: what is mitigated
// and was taken by somebody is taken.
func stateOf(i *incident.Incident) incident.State {
	if i.State == incident.Mitigated && i.Acknowledged {
		return incident.Acknowledged
	}
	return i.State
}

// linesOf counts the lines of a timeline that are worth an update, those that gave way
// included: two things may happen in one second of flow time.
func linesOf(i *incident.Incident) int {
	n := i.TimelineDropped
	for k := range i.Timeline {
		if i.Timeline[k].Event != incident.Restored {
			n++
		}
	}
	return n
}

// maxDone is how many actions are told of; the rest is at the link.
const maxDone = 3

// doneText says what is done about an incident, or proposed; when all is over, what was
// done last.
func doneText(i *incident.Incident) string {
	var out []string
	for k := range i.Actions {
		if a := &i.Actions[k]; !a.Over() && len(out) < maxDone {
			out = append(out, a.Text())
		}
	}
	if n := len(i.Actions); len(out) == 0 && n > 0 {
		last := slices.MaxFunc(i.Actions, func(a, b incident.Action) int { return a.At.Compare(b.At) })
		out = append(out, last.Text())
	}
	return strings.Join(out, "; ")
}
