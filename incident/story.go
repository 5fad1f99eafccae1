// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"tidewatch/detect"
)

// Stage is the part of an intrusion that an incident about a device tells.
type Stage string

// The stages, in the order in which they follow each other.
const (
	Targeted Stage = "targeted" // others scan the device, or guess its passwords
	Scanning Stage = "scanning" // the device scans others, or guesses theirs
	Command  Stage = "command"  // the device takes orders
	Theft    Stage = "theft"    // the device gives data away
)

func stages() [4]Stage { return [...]Stage{Targeted, Scanning, Command, Theft} }

const (
	atCommand = 2 // places in stages
	atTheft   = 3
)

// Chapter is an incident about the same device that tells another stage of its story, as
// it was when the two were connected.
type Chapter struct {
	Stage    Stage           `json:"stage" enum:"targeted,scanning,command,theft"`
	ID       string          `json:"id"`
	Kind     string          `json:"kind"`
	Severity detect.Severity `json:"severity" enum:"low,medium,high,critical"`
	Started  time.Time       `json:"started"`
}

// stageOf is the place of a cause in stages, -1 for what is no stage: only devices have
// stories.
func stageOf(k *key) int {
	if !k.subject.IsSingleIP() {
		return -1
	}
	switch k.category {
	case detect.Reconnaissance:
		if k.group == beingScanned {
			return 0
		}
		return 1
	case detect.CommandControl:
		return atCommand
	case detect.DataExfiltration:
		return atTheft
	case detect.DDoSAttack, detect.BaselineAnomaly, detect.Operational:
	}
	return -1
}

// causesBefore lists what may be held of the stages before theft.
func causesBefore(subject netip.Prefix) [5]key {
	return [...]key{
		{detect.Reconnaissance, beingScanned, subject},
		{detect.Reconnaissance, "", subject},
		{detect.CommandControl, "", subject},
		{detect.CommandControl, "long_connection", subject},
		{detect.CommandControl, "threat_list", subject},
	}
}

// counts reports whether an incident is good enough to speak against its device: it was
// alerted, or a person confirmed it. One that a person called normal is not.
func (i *Incident) counts() bool {
	return !i.Verdict.harmless() && (i.Severity.Rank() >= detect.Medium.Rank() || i.Verdict == VerdictAttack)
}

// earlier finds what is known of a device's stages before one: of each the incident that
// counts, and of these the newest, among those that opened before a moment and went on
// until story_within before it. What the device did and was only listed is taken as
// ordinary; what was done to it is named as long as it might go on, though the internet
// knocks at every door. What opens in one tick has no order, so it is not earlier.
func (b *Book) earlier(subject netip.Prefix, before int, at time.Time) (found [atTheft]*entry) {
	if b.cfg.StoryWithin == 0 || before < 1 {
		return found
	}
	look := func(e *entry) {
		n := stageOf(&e.key)
		if n >= before || e.inc.Verdict.harmless() || !e.inc.Detected.Before(at) || at.Sub(e.last()) > b.cfg.StoryWithin {
			return
		}
		if !e.inc.counts() && (n > 0 || !e.inc.State.Active() && at.Sub(e.over) > b.cfg.reopenWithin(e.key.category)) {
			return
		}
		if have := found[n]; have == nil || e.newer(have) {
			found[n] = e
		}
	}
	causes := causesBefore(subject)
	for i := range causes {
		if e := b.byKey[causes[i]]; e != nil {
			look(e)
		}
	}
	for _, e := range b.told.about(subject) {
		look(e)
	}
	return found
}

// newer reports whether an incident tells its stage better than another.
func (e *entry) newer(other *entry) bool {
	x, y := &e.inc, &other.inc
	if x.counts() != y.counts() {
		return x.counts()
	}
	if !x.Detected.Equal(y.Detected) {
		return x.Detected.After(y.Detected)
	}
	return x.ID < y.ID
}

// connect makes an incident that opens and the earlier stages of its device name each
// other. Each names one of a stage, the newest, so both lists are bounded.
func (b *Book) connect(e *entry) {
	stage := stageOf(&e.key)
	for n, p := range b.earlier(e.key.subject, stage, b.now) {
		if p == nil {
			continue
		}
		e.inc.Earlier = append(e.inc.Earlier, p.inc.chapter(n))
		now := e.inc.chapter(stage)
		at := slices.IndexFunc(p.inc.Later, func(c Chapter) bool { return c.Stage == now.Stage })
		if at < 0 {
			p.inc.Later = append(p.inc.Later, now)
		} else {
			p.inc.Later[at] = now
		}
		b.told.touch(p)
		p.note(b, Related, "the device goes on: "+what(&e.inc)+" "+preposition(&e.inc)+" it ("+e.inc.ID+")", nil)
		b.stats.Connected++
	}
}

func (i *Incident) chapter(stage int) Chapter {
	return Chapter{stages()[stage], i.ID, i.Kind, i.Severity, i.Started}
}

// EarlierStages is the name of the indicator that tells what happened to a device before.
const EarlierStages = "earlier_stages"

// Context raises the score of command or theft by a device of which earlier stages are
// known, and says so; at is the tick that Apply will be called with. It is called before
// the findings are judged by what people know, since what is planned or excluded must
// stay low, and here, since nobody else knows what was found before.
//
// One stage weighs as little as the weakest evidence of the detectors, and several half
// as much more: each was an alert of its own, and all may be of one misjudged program. A
// finding just below a severity is lifted over it, one far below is not.
func (b *Book) Context(at time.Time, f *detect.Finding) {
	k := keyOf(f)
	if stage := stageOf(&k); !f.Over && stage >= atCommand {
		if at = at.UTC(); at.Before(b.now) {
			at = b.now
		}
		// What goes on is judged by what was known when it opened.
		if e := b.byKey[k]; e != nil && (e.inc.State.Active() || b.resumes(e, f, at)) {
			at = e.inc.Detected
		}
		found := b.earlier(k.subject, stage, at)
		weigh(f, &found)
	}
}

func weigh(f *detect.Finding, found *[atTheft]*entry) {
	var kinds []string
	for _, e := range found {
		if e != nil && e.inc.counts() {
			kinds = append(kinds, acronyms(spoken(e.inc.Kind)))
		}
	}
	if len(kinds) == 0 {
		return
	}
	weight := 0.1
	switch {
	case f.Ordinary:
		weight = 0 // told, and not counted
	case len(kinds) > 1:
		weight = 0.15
	}
	// The finding's list may be a part of a longer one: it is not written over.
	f.Indicators = append(slices.Clip(f.Indicators), detect.Indicator{
		Name: EarlierStages, Observed: float64(len(kinds)), Unit: "earlier stages", Weight: weight, Detail: strings.Join(kinds, ", "),
	})
	f.Rescore(detect.Plus(f.Score, weight))
}
