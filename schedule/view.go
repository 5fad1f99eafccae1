// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"cmp"
	"slices"
	"time"

	"tidewatch/flow"
)

// View answers questions about a schedule. It remembers what is on in the
// minutes asked about lately, so that asking again costs next to nothing; time
// may go on, stand still or go back. It belongs to one goroutine.
type View struct {
	s        *Schedule
	from, to int64  // what was unrolled, in Unix seconds
	spans    []span // by start
	walls    []wall // memory to work in
	sets     [4]set // what is on, for the ranges asked about lately
	turn     int
	years    [2]year
}

// set is which events are on at some time within a range.
type set struct {
	from, to int64
	on       []int32
	flags    []uint64 // bit i: event i
	known    bool
}

// Range is the longest time that Over looks at.
const Range = 24 * time.Hour

// View returns a new view.
func (s *Schedule) View() *View { return &View{s: s} }

// Turn makes the view look at another schedule from now on, for all who hold it.
func (v *View) Turn(s *Schedule) { *v = View{s: s} }

// At tells what is planned for a device in the minute that holds at. An event
// counts from the minute in which it begins to that in which it ends. kind is
// the kind of incident that NoAlert is asked about, "" for all of them.
func (v *View) At(addr flow.Addr, at time.Time, kind string) Effect {
	return v.Over(addr, at, at.Add(time.Second), kind)
}

// Over is At for all minutes that [from,to) touches; of a time longer than
// Range, only its end counts.
func (v *View) Over(addr flow.Addr, from, to time.Time, kind string) Effect {
	e := Effect{Expect: 1}
	if len(v.s.events) == 0 {
		return e
	}
	at := v.set(from.Unix(), to.Add(time.Second-1).Unix())
	if len(at.on) == 0 {
		return e
	}
	for _, i := range v.s.targets.all {
		if at.has(i) {
			e.apply(&v.s.events[i], kind)
		}
	}
	p, _ := v.s.targets.table.Lookup(addr.Netip())
	for ; p != nil; p = p.wider {
		for _, i := range p.events {
			if at.has(i) {
				e.apply(&v.s.events[i], kind)
			}
		}
	}
	return e
}

func (s *set) has(i int32) bool { return s.flags[i/64]>>(i%64)&1 != 0 }

// set returns what is on in the minutes that [from,to) touches.
func (v *View) set(from, to int64) *set {
	from, to = floor(from, 60), floor(max(to, from+1)+59, 60)
	from = max(from, to-int64(Range.Seconds()))
	for i := range v.sets {
		if s := &v.sets[i]; s.known && s.from == from && s.to == to {
			return s
		}
	}
	v.unroll(from, to)
	v.turn = (v.turn + 1) % len(v.sets)
	s := &v.sets[v.turn]
	if s.flags == nil {
		s.flags = make([]uint64, len(v.s.events)/64+1)
	}
	for _, i := range s.on {
		s.flags[i/64] = 0
	}
	s.from, s.to, s.known, s.on = from, to, true, s.on[:0]
	for i := range v.spans {
		sp := &v.spans[i]
		if sp.start >= to {
			break
		}
		if sp.end > from && !s.has(sp.event) {
			s.flags[sp.event/64] |= 1 << (sp.event % 64)
			s.on = append(s.on, sp.event)
		}
	}
	return s
}

// unroll makes sure that the occurrences within [from,to) are known. Two days
// are worked out at once, so that what looks back over midnight finds both.
func (v *View) unroll(from, to int64) {
	if from >= v.from && to <= v.to {
		return
	}
	v.from = floor(from, day)
	v.to = v.from + 2*day
	v.spans = v.spans[:0]
	for i := range v.s.events {
		at := len(v.spans)
		v.spans = v.s.events[i].spans(v.from, v.to, v.spans, &v.walls)
		for k := range v.spans[at:] {
			v.spans[at+k].event = int32(i)
		}
	}
	slices.SortFunc(v.spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
}

// year holds the public holidays of one year of the site.
type year struct {
	number int
	days   [6]uint64 // bit: day of the year, from 0
	known  bool
}

// Holiday reports whether the site's day that holds at is a public holiday.
func (v *View) Holiday(at time.Time) bool {
	if len(v.s.holidays) == 0 {
		return false
	}
	at = at.In(v.s.zone)
	n := at.YearDay() - 1
	y := v.year(at.Year())
	return y.days[n/64]>>(n%64)&1 != 0
}

func (v *View) year(number int) *year {
	y := &v.years[number&1] // last year and this one, around New Year
	if y.known && y.number == number {
		return y
	}
	*y = year{number: number, known: true}
	first, end := civil(number, 1, 1), civil(number+1, 1, 1)
	var spans []span
	for i := range v.s.holidays {
		spans = v.s.holidays[i].spans(first.unix(v.s.zone), end.unix(v.s.zone), spans[:0], &v.walls)
		for _, s := range spans {
			w := wallOf(time.Unix(s.start, 0).In(v.s.zone)).midnight()
			last := wallOf(time.Unix(s.end-1, 0).In(v.s.zone))
			for ; w <= last; w += day {
				if n := int(w-first) / day; w >= first && w < end {
					y.days[n/64] |= 1 << (n % 64)
				}
			}
		}
	}
	return y
}
