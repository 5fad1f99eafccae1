// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// builder turns what people wrote into events, and keeps count of the bounds.
type builder struct {
	zone    *time.Location
	list    []event
	days    []event // holidays
	targets int
	dates   int
	budget  int
	ids     map[string]bool
}

func newBuilder(zone *time.Location) *builder {
	return &builder{zone: zone, budget: countBudget, ids: map[string]bool{}}
}

// add takes one event, if there is room.
func (b *builder) add(to *[]event, e *event) error {
	if len(b.list)+len(b.days) >= maxEvents {
		return fmt.Errorf("more than %d events; merge some into recurring ones", maxEvents)
	}
	*to = append(*to, *e)
	return nil
}

// events reads those of the configuration.
func (b *builder) events(all []Event) error {
	names := map[string]bool{}
	for i := range all {
		w := &all[i]
		if err := checkName(w.Name); err != nil {
			return fmt.Errorf("event %d: %w", i+1, err)
		}
		if names[w.Name] {
			return fmt.Errorf("event %q: there are two of this name; incidents could not tell which", w.Name)
		}
		names[w.Name] = true
		e, err := b.event(w)
		if err == nil {
			e.plan = &Plan{ID: b.id("configuration", w.Name), Origin: FromConfiguration, Event: *w}
			err = b.add(&b.list, e)
		}
		if err != nil {
			return fmt.Errorf("event %q: %w", w.Name, err)
		}
	}
	return nil
}

func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, control) {
		return fmt.Errorf("a name of 1 to %d characters in one line is needed; incidents tell it", maxName)
	}
	return nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

func (b *builder) event(w *Event) (*event, error) {
	fx, err := b.effects(&w.Effects)
	if err != nil {
		return nil, err
	}
	if w.Start == "" {
		return nil, errors.New("it has no start; write one such as 2026-12-01 02:30")
	}
	start, err := parseMoment(w.Start, b.zone)
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	e := &event{name: w.Name, zone: b.zone, start: start.wall, effects: fx}
	end, err := b.lasts(e, w, &start)
	if err != nil {
		return nil, err
	}
	e.fixed = span{start: start.unix(), end: end}
	if err := b.exdates(e, w.ExDates); err != nil {
		return nil, err
	}
	if w.RRule != "" {
		if e.rule, err = parseRule(w.RRule, e.start, &b.budget); err != nil {
			return nil, fmt.Errorf("rrule: %w", err)
		}
	}
	return e, b.check(e)
}

// lasts works out the length, and the end of the first occurrence.
func (b *builder) lasts(e *event, w *Event, start *moment) (end int64, err error) {
	switch {
	case w.End != "" && w.Duration != "":
		return 0, errors.New("it has an end and a duration; leave one out")
	case w.Duration != "":
		if e.secs, err = wholeSeconds(w.Duration); err != nil {
			return 0, err
		}
		return start.unix() + e.secs, nil
	case w.End == "" && start.date:
		e.length = length{days: 1, clock: true}
		return (start.wall + day).unix(b.zone), nil
	case w.End == "":
		return 0, errors.New("it has neither end nor duration; write one, or a start without a time of day for the whole day")
	}
	m, err := parseMoment(w.End, b.zone)
	if err != nil {
		return 0, fmt.Errorf("end: %w", err)
	}
	if m.date {
		m.wall += day // the last whole day
	}
	end = m.unix()
	if end <= start.unix() {
		return 0, fmt.Errorf("end %s: must be after the start %s; an event may cross midnight, so name the next day", w.End, w.Start)
	}
	e.length = length{secs: int64(m.wall - start.wall), clock: true}
	if e.secs <= 0 { // within the hour that the clock shows twice
		e.length = length{secs: end - start.unix()}
	}
	return end, nil
}

func wholeSeconds(text string) (int64, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("duration %q: write a time with its unit, such as 90m or 3h30m", text)
	}
	if d <= 0 || d%time.Second != 0 {
		return 0, fmt.Errorf("duration %s: must be a positive number of whole seconds", text)
	}
	return int64(d / time.Second), nil
}

// exdates reads what is left out.
func (b *builder) exdates(e *event, all []string) error {
	for _, text := range all {
		m, err := parseMoment(text, e.zone)
		if err != nil {
			return fmt.Errorf("exdates: %w", err)
		}
		if err := b.leave(e, &m); err != nil {
			return err
		}
	}
	return nil
}

// leave takes one start, or one day, out of an event.
func (b *builder) leave(e *event, m *moment) error {
	if b.dates++; b.dates > maxDates {
		return fmt.Errorf("more than %d single dates in all events; write rules", maxDates)
	}
	if m.date {
		e.free = append(e.free, m.wall)
	} else {
		e.skip = append(e.skip, m.unix())
	}
	return nil
}

// check holds an event to the bounds, and puts its lists in order.
func (b *builder) check(e *event) error {
	slices.Sort(e.skip)
	slices.Sort(e.free)
	slices.Sort(e.extra)
	once := e.rule == nil && len(e.extra) == 0
	switch most := int64(maxLength); {
	case once && e.fixed.end-e.fixed.start > maxOnce:
		return errors.New("it lasts longer than ten years; write a shorter one")
	case once:
		return nil
	case e.upper() > most:
		return fmt.Errorf("each time lasts longer than %d days; write single events for such", most/day)
	case e.rule != nil && e.rule.freq == rrule.HOURLY && e.upper() > day:
		return errors.New("each hour it lasts longer than a day; write FREQ=DAILY, or one longer event")
	}
	return nil
}
