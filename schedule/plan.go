// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxAdded is how many events people may add beside those of the configuration,
// about 1 KiB each. They have this bound for themselves, so that a configuration
// that grows cannot push out what people added.
const MaxAdded = 1000

// ErrNotFound says that there is no event of that id.
var ErrNotFound = errors.New("no such event")

// Origin says where an event was written down.
type Origin string

// The origins.
const (
	FromConfiguration Origin = "configuration"
	FromCalendar      Origin = "calendar" // an iCalendar file that the configuration names
	FromPeople        Origin = "people"   // added while the program runs
)

// Plan is an event with where it was written down.
type Plan struct {
	ID     string `json:"id" doc:"stays the same over restarts"`
	Origin Origin `json:"origin" enum:"configuration,calendar,people"`
	File   string `json:"file,omitempty" doc:"iCalendar file it comes from"`
	Event
	By    string    `json:"by,omitempty" doc:"who added it"`
	Note  string    `json:"note,omitempty" doc:"why"`
	Added time.Time `json:"added,omitzero" doc:"by the clock"`
}

// NewPlan is an event that somebody adds at a moment. Its id is made from its name
// and that moment.
func NewPlan(e *Event, by, note string, at time.Time) Plan {
	at = at.UTC()
	return Plan{
		ID: planID("people", e.Name, at.Format(time.RFC3339Nano)), Origin: FromPeople, Event: *e, By: by, Note: note, Added: at,
	}
}

// planID makes a short text out of what tells an event from all others: 80 bits of
// a hash, which do not collide by chance among some thousand.
func planID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "ev-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}

// id is planID, told apart from the ids before: two events of a calendar may have
// one UID, although they must not.
func (b *builder) id(parts ...string) string {
	id := planID(parts...)
	for n := 2; b.ids[id]; n++ {
		id = planID(append(parts, strconv.Itoa(n))...)
	}
	b.ids[id] = true
	return id
}

// With is the schedule of the configuration with these events of people, in place
// of those that it had. Calendars are not read again, so it is quick.
func (s *Schedule) With(added []Plan) (*Schedule, error) {
	if len(added) > MaxAdded {
		return nil, fmt.Errorf("more than %d events were added", MaxAdded)
	}
	b := newBuilder(s.zone)
	out := &Schedule{zone: s.zone, own: s.own, holidays: s.holidays, events: slices.Clip(s.events[:s.own])}
	for i := range added {
		p := &added[i]
		err := checkName(p.Name)
		if err == nil {
			var e *event
			if e, err = b.event(&p.Event); err == nil {
				e.plan = p
				out.events = append(out.events, *e)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("event %q: %w", p.Name, err)
		}
	}
	out.targets.build(out.events)
	return out, nil
}

// Plan tells of event i of Len. It must not be changed.
func (s *Schedule) Plan(i int) *Plan { return s.events[i].plan }

// Over is the moment after which event i is never on again, at the latest; ok is
// false when it goes on for ever.
func (s *Schedule) Over(i int) (at time.Time, ok bool) {
	over := s.events[i].over()
	return time.Unix(over, 0).In(s.zone), over < math.MaxInt64
}

// over is Over in Unix seconds.
func (e *event) over() int64 {
	if e.rule == nil && len(e.extra) == 0 {
		return e.fixed.end
	}
	last := e.fixed.start
	if r := e.rule; r != nil {
		last = r.limit
		if r.until < latest {
			last = min(last, r.until.unix(e.zone))
		}
		if last == math.MaxInt64 {
			return last
		}
	}
	if n := len(e.extra); n > 0 {
		last = max(last, e.extra[n-1].unix(e.zone))
	}
	return last + e.upper() + 3600 // the clock may have been put back meanwhile
}
