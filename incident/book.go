// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"cmp"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tidewatch/detect"
)

// Stats counts what a Book did since it was made.
type Stats struct {
	Findings   uint64 // findings applied
	Stale      uint64 // findings that told nothing newer than a resolved incident
	Suppressed uint64 // findings without a place in a full book, counted in the overflow incident
	Evicted    uint64 // incidents resolved early to make room for a more severe one
	Opened     uint64
	Reopened   uint64
	Folded     uint64 // findings taken as part of another incident
	Absorbed   uint64 // incidents closed as part of another one
	Resolved   uint64 // for whatever reason
	Closed     uint64 // by a person while they went on
	Hushed     uint64 // findings about what a person has closed
	Connected  uint64 // earlier stages that an incident of the same device names
	Forgotten  uint64 // incidents that a later stage could still have named, lost for want of room
}

// Book holds the incidents that go on and those that ended lately. It is owned
// by one goroutine and reads no clock.
type Book struct {
	cfg     Config
	now     time.Time
	entries []*entry // in the order they were opened
	byKey   map[key]*entry
	graves  graves
	told    chronicle
	widths  [129]int32 // open prefix incidents by length, so that a host finds the prefix around it
	active  int        // entries whose incident goes on, the overflow incident included
	stats   Stats
	assess  func(*Incident) *Assessment // nil: nobody
	sorted  []*detect.Finding           // memory to work in
	victims []*entry                    // what may be evicted in this tick, best last; nil = not yet computed
	planned bool
}

// entry is one incident with what is needed to go on with it.
type entry struct {
	inc     Incident
	key     key
	seen    time.Time // tick at which something newly abnormal was learned
	quiet   time.Duration
	kind    string        // of the finding that it began with
	span    time.Duration // that this was about
	levels  [4]time.Time  // tick at which each severity was last reported
	vectors []vector
	holding []string // those that held when the vectors were settled last; nil: not known
	totals  totals
	noted   detect.Metrics // as of the last note of growing peaks
	top     string         // heaviest source as of that note
	notedAt time.Time
	written time.Time // last event
	pending EventType // what to tell at the end of this tick
	born    birth
	heard   time.Time // last abnormal moment reported after a person closed it
	unseen  bool      // restored, and not reported by this run
	over    time.Time // tick at which it was resolved
	gone    bool      // to be removed
	filed   bool      // it is in the chronicle
	inner   bool      // told that parts of it are over limits of their own
	eased   bool      // an action has ended lately
	doubt   []string  // actions that an earlier run left in force and nobody has spoken for
	// doubtEnds is when they are taken for over.
	doubtEnds time.Time
}

// New returns an empty book, or an error when the configuration makes no sense.
func New(cfg *Config) (*Book, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("incident: %w", err)
	}
	return &Book{cfg: *cfg, byKey: map[key]*entry{}, graves: newGraves(cfg.MaxOpen), told: newChronicle(cfg.Told())}, nil
}

// Configure folds by other times and bounds from the next tick on; what goes on
// goes on. More incidents than a smaller max_open allows are kept until they end;
// of how many ended ones is remembered follows the bound that New was given.
func (b *Book) Configure(cfg *Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("incident: %w", err)
	}
	for _, e := range b.entries {
		// One that came again has a longer quiet time of its own, and keeps it.
		if e.quiet == b.cfg.quietOf(e) {
			e.quiet = cfg.quietOf(e)
		}
	}
	b.cfg = *cfg
	return nil
}

// Apply folds the findings of one tick and appends what changed to out, at most
// one event for each incident, in the order the incidents were opened,
// behind those that a later one names and the book let go. The order
// of findings within a tick does not matter. It must be called for every tick,
// also without findings, because quiet is measured by it; a tick earlier than
// the last counts as the last.
func (b *Book) Apply(at time.Time, findings []detect.Finding, out []Event) []Event {
	b.advance(at)
	b.sort(findings)
	suppressed := b.stats.Suppressed
	for _, f := range b.sorted {
		b.take(f)
	}
	if b.stats.Suppressed > suppressed {
		b.overflow()
	}
	b.absorb()
	b.live()
	return b.emit(out)
}

// Flush writes out what is open: at the end of the input, or when the program
// stops. Incidents whose quiet time has passed are resolved; the others stay open.
func (b *Book) Flush(at time.Time, out []Event) []Event {
	b.advance(at)
	b.live()
	for _, e := range b.entries {
		if e.inc.State.Active() {
			e.mark(Updated)
		}
	}
	return b.emit(out)
}

// Restore takes over what was open when an earlier run ended. It must be called
// before the first Apply. An incident that goes on is continued; one that is not
// seen again is resolved with reason "restart" when its quiet time has passed,
// counted from the first tick of this run. One that a person closed stays closed
// while its cause goes on. Of one that was resolved only the next of its cause
// will know.
func (b *Book) Restore(incidents []Incident) error {
	for i := range incidents {
		inc := incidents[i].Clone()
		closed := inc.State == Closed
		subject, err := inc.Prefix()
		if err != nil {
			return fmt.Errorf("restore incident %s: %w", inc.ID, err)
		}
		k := key{inc.Category, groupOf(inc.Category, inc.Kind, &inc.Top), subject}
		if !inc.State.Active() && !closed {
			// Only the next one of its cause asks for it.
			if before, known := b.graves.byKey[k]; !known || before.ended.Before(inc.LastSeen) {
				b.graves.add(k, grave{birth{second: inc.LastSeen.Unix()}, inc.ID, inc.LastSeen})
			}
			continue
		}
		if b.byKey[k] != nil || b.active >= b.cfg.MaxOpen || closed && len(b.entries) >= 2*b.cfg.MaxOpen {
			continue
		}
		e := &entry{inc: inc, key: k, kind: inc.Kind, span: inc.LastSeen.Sub(inc.Started), unseen: true, noted: inc.Metrics}
		e.quiet = b.cfg.quietOf(e)
		e.totals.add(inc.LastSeen, &inc.Metrics)
		e.born.second = inc.LastSeen.Unix() // the true second is not kept, and this is no earlier
		e.restoreVectors()
		e.inc.settle()
		e.remember()
		if closed {
			b.entries, b.byKey[k] = append(b.entries, e), e
			continue
		}
		b.insert(e)
	}
	return nil
}

// All yields a copy of every incident held: those that go on and those that
// ended lately, in the order they were opened.
func (b *Book) All() iter.Seq[Incident] {
	return func(yield func(Incident) bool) {
		for _, e := range b.entries {
			if !yield(e.inc.Clone()) {
				return
			}
		}
	}
}

// Ongoing yields a copy of every incident that goes on and that is one of those asked
// for, in the order they were opened.
func (b *Book) Ongoing(of func(*Incident) bool) iter.Seq[Incident] {
	return func(yield func(Incident) bool) {
		for _, e := range b.entries {
			if e.inc.State.Active() && of(&e.inc) && !yield(e.inc.Clone()) {
				return
			}
		}
	}
}

// Active is the number of incidents that go on.
func (b *Book) Active() int { return b.active }

// Stats returns what was counted since New.
func (b *Book) Stats() Stats { return b.stats }

func (b *Book) advance(at time.Time) {
	if at = at.UTC(); at.After(b.now) {
		b.now = at
	}
	for _, e := range b.entries {
		if e.unseen && e.seen.IsZero() {
			e.seen = b.now
			if e.inc.State == Closed {
				e.unseen = false // nothing to tell
				continue
			}
			e.levels[max(e.inc.CurrentSeverity.Rank(), 0)] = b.now
			e.doubtEnds = b.now.Add(restoredHold)
			e.note(b, Restored, "taken over from an earlier run", nil)
		}
	}
	b.victims, b.planned = b.victims[:0], false
}

// sort puts the tick's findings into an order of their own: attacks before the
// anomalies that they explain, then by everything that tells two apart.
func (b *Book) sort(findings []detect.Finding) {
	b.sorted = b.sorted[:0]
	for i := range findings {
		b.sorted = append(b.sorted, &findings[i])
	}
	b.stats.Findings += uint64(len(findings))
	slices.SortStableFunc(b.sorted, func(x, y *detect.Finding) int {
		return cmp.Or(
			order(x.Category)-order(y.Category),
			x.Subject.Addr().Compare(y.Subject.Addr()),
			x.Subject.Bits()-y.Subject.Bits(),
			strings.Compare(x.Kind, y.Kind),
			cmp.Compare(y.Score, x.Score),
			strings.Compare(x.Vector, y.Vector),
			strings.Compare(x.Detector, y.Detector),
			x.Started.Compare(y.Started),
			x.Last.Compare(y.Last),
		)
	})
}

func order(c detect.Category) int {
	switch c {
	case detect.DDoSAttack:
		return 0
	case detect.DataExfiltration:
		return 1
	case detect.Reconnaissance:
		return 2
	case detect.CommandControl:
		return 3
	case detect.BaselineAnomaly:
		return 4
	case detect.Operational:
		return 5
	}
	return 6
}

func (b *Book) insert(e *entry) {
	b.entries = append(b.entries, e)
	b.byKey[e.key] = e
	b.activate(e, 1)
}

// activate keeps the counts of what goes on.
func (b *Book) activate(e *entry, by int) {
	b.active += by
	if !e.key.subject.IsSingleIP() {
		b.widths[e.key.subject.Bits()] += int32(by)
	}
}

// around finds the active prefix incident of a category that holds the subject.
func (b *Book) around(subject netip.Prefix, c detect.Category) *entry {
	for bits := subject.Bits(); bits >= 0; bits-- {
		if b.widths[bits] == 0 {
			continue
		}
		p, err := subject.Addr().Prefix(bits)
		if err != nil {
			continue
		}
		if e := b.byKey[key{c, "", p}]; e != nil && e.inc.State.Active() {
			return e
		}
	}
	return nil
}

// emit appends one event for each incident that changed, and forgets those that
// ended long enough ago.
func (b *Book) emit(out []Event) []Event {
	gone := false
	for _, e := range b.told.changed {
		out = b.tell(e, out)
	}
	b.told.changed = b.told.changed[:0]
	for _, e := range b.entries {
		out = b.tell(e, out)
		if e.gone {
			gone = true
			b.graves.add(e.key, e.grave())
			b.file(e)
			if b.byKey[e.key] == e { // else a later incident has taken its place
				delete(b.byKey, e.key)
			}
		}
	}
	if gone {
		b.entries = slices.DeleteFunc(b.entries, func(e *entry) bool { return e.gone })
	}
	return out
}

// tell appends what is to be told of an incident.
func (b *Book) tell(e *entry, out []Event) []Event {
	if e.pending == "" {
		return out
	}
	t := e.pending
	e.inc.Updated, e.written, e.pending = b.now, b.now, ""
	return append(out, Event{At: b.now, Type: t, Incident: e.inc.Clone()})
}

// grave is what must be remembered of the incident when it is forgotten.
func (e *entry) grave() grave { return grave{e.born, e.inc.ID, e.last()} }

// mark remembers the most important change of this tick.
func (e *entry) mark(t EventType) {
	if e.pending == "" || t.rank() > e.pending.rank() {
		e.pending = t
	}
}
