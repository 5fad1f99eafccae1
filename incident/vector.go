// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"slices"
	"strings"
	"time"

	"tidewatch/detect"
)

const (
	mixed = "mixed"
	// maxVectors bounds what one incident remembers; the contract names about 40.
	maxVectors = 16
	// vectorTicks is how many ticks must report a vector before an incident that
	// has one takes it up: one odd second changes no name.
	vectorTicks = 3
	// vectorHold is how long after its last report a vector still holds. It is the
	// flood detector's longest horizon for naming, so that alternating reports of
	// two vectors are "mixed" and a change from one to the other is a change.
	vectorHold = 5 * time.Second
	// vectorPause is the longest pause after which a vector that is reported again is
	// taken to have gone on: that of exporters that tell of a long flow every two minutes.
	// Once is enough to wait for it as long the next time, else the name would change with
	// each export.
	vectorPause = 2 * time.Minute
)

// vector is one way in which the subject is attacked.
type vector struct {
	name  string
	last  time.Time     // tick of the last report that told of a newer moment
	until time.Time     // that moment
	told  time.Time     // tick of the last report
	ticks int           // ticks that reported it
	taken bool          // part of the incident
	pause time.Duration // longest after which it was reported again
}

// holds reports whether a vector still holds when the newest report is this.
func (v *vector) holds(newest time.Time) bool { return newest.Sub(v.last) < vectorHold+v.pause }

// observeVectors notes the vectors of a finding. The first finding's are taken
// at once.
func (e *entry) observeVectors(f *detect.Finding, now time.Time) {
	if f.Vector != mixed {
		e.observeVector(f.Vector, f.Last, now)
		return
	}
	for _, name := range f.Vectors {
		e.observeVector(name, f.Last, now)
	}
}

func (e *entry) observeVector(name string, until, now time.Time) {
	if name == "" {
		return
	}
	i := slices.IndexFunc(e.vectors, func(v vector) bool { return v.name == name })
	if i < 0 {
		if len(e.vectors) == maxVectors {
			return
		}
		e.vectors = append(e.vectors, vector{name: name})
		i = len(e.vectors) - 1
	}
	v := &e.vectors[i]
	if v.ticks == 0 || now.After(v.told) {
		v.ticks++
	}
	v.told = now
	v.taken = v.taken || v.ticks >= vectorTicks
	if !until.After(v.until) {
		return // what has ended is reported for a while and goes on no longer
	}
	if pause := now.Sub(v.last); v.taken && pause >= vectorHold && pause <= vectorPause {
		v.pause = max(v.pause, pause)
	}
	v.last, v.until = now, until
}

// restoreVectors takes over the vectors of an earlier run. That which the incident was
// named by held when it was last seen, the others did not; of a mixed one all did, as far
// as is known.
func (e *entry) restoreVectors() {
	for _, name := range append(slices.Clone(e.inc.Vectors), e.inc.Vector) {
		known := slices.ContainsFunc(e.vectors, func(v vector) bool { return v.name == name })
		if name == "" || name == mixed || known || len(e.vectors) == maxVectors {
			continue
		}
		v := vector{name: name, ticks: vectorTicks, taken: true}
		if e.inc.Vector == mixed || e.inc.Vector == name {
			v.last = e.inc.LastSeen
		}
		e.vectors = append(e.vectors, v)
	}
}

// resumeVectors lets the first report of this run follow the last of the earlier one
// without a pause: what held then has as long to be reported again as at any time.
func (e *entry) resumeVectors(now time.Time) {
	for i := range e.vectors {
		if v := &e.vectors[i]; !v.last.IsZero() {
			v.last = now
		}
	}
}

// settleVectors names the incident by the vectors that hold now.
func (e *entry) settleVectors(b *Book) {
	if len(e.vectors) == 0 {
		return
	}
	var newest time.Time
	first := !slices.ContainsFunc(e.vectors, func(v vector) bool { return v.taken })
	for i := range e.vectors {
		v := &e.vectors[i]
		v.taken = v.taken || first
		if v.taken && v.last.After(newest) {
			newest = v.last
		}
	}
	var all, holding []string
	for i := range e.vectors {
		v := &e.vectors[i]
		if !v.taken {
			continue
		}
		all = append(all, v.name)
		if v.holds(newest) {
			holding = append(holding, v.name)
		}
	}
	name := mixed
	if len(holding) == 1 {
		name = holding[0]
	}
	if len(all) < 2 {
		all = nil
	}
	before, held := e.inc.Vector, e.holding
	e.inc.Vector, e.inc.Vectors, e.holding = name, all, holding
	if before == "" || before == name && (held == nil || slices.Equal(held, holding)) {
		return
	}
	text := "the vector changed from " + vectorNames([]string{before}) + " to " + vectorNames(holding)
	switch mixed {
	case name:
		text = "several vectors hold at once: " + vectorNames(holding)
	case before:
		text = "of several vectors only " + vectorNames(holding) + " goes on"
	}
	e.note(b, VectorChanged, text, nil)
}

// vectorNames lists vectors as people read them.
func vectorNames(names []string) string {
	spokenNames := make([]string, len(names))
	for i, name := range names {
		spokenNames[i] = acronyms(spoken(name))
	}
	return join(spokenNames)
}

// spoken writes a name of the contract as people read it.
func spoken(name string) string { return strings.ReplaceAll(name, "_", " ") }
