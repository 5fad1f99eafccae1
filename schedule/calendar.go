// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// calendar reads the events of an iCalendar file, all with the same effects.
func (b *builder) calendar(text []byte, from *Calendar, fx *effects, to *[]event) error {
	root, err := parseCalendar(text)
	if err != nil {
		return err
	}
	c := reader{b: b, from: from, fx: fx, zones: map[string]*component{}, moved: map[string][]moment{}}
	var events []*component
	for i := range root.inner {
		cal := &root.inner[i]
		if cal.name != "VCALENDAR" {
			return fmt.Errorf("line %d: BEGIN:%.40q; BEGIN:VCALENDAR is expected", cal.line, cal.name)
		}
		for k := range cal.inner {
			switch in := &cal.inner[k]; in.name {
			case "VTIMEZONE":
				if id, err := in.get("TZID"); err == nil && id != nil {
					c.zones[id.value] = in
				}
			case "VEVENT":
				events = append(events, in)
			default: // to-dos, journals, free and busy times
			}
		}
	}
	// What was moved or called off must be known before the series it belongs to.
	for _, v := range events {
		if err := c.override(v); err != nil {
			return err
		}
	}
	for _, v := range events {
		e, err := c.event(v)
		if err != nil {
			return err
		}
		if e == nil {
			continue
		}
		if err := b.add(to, e); err != nil {
			return err
		}
	}
	return nil
}

// reader reads one iCalendar file.
type reader struct {
	b     *builder
	from  *Calendar
	fx    *effects
	zones map[string]*component
	moved map[string][]moment // occurrences by UID that another VEVENT replaces
}

// wrong names the event and its place in an error.
func wrong(v *component, err error) error {
	name := "without SUMMARY"
	if s := v.all("SUMMARY"); len(s) > 0 {
		name = fmt.Sprintf("%q", plainText(s[0].value))
	}
	return fmt.Errorf("event %s at line %d: %w", name, v.line, err)
}

// override notes the occurrence that a VEVENT with RECURRENCE-ID replaces.
func (c *reader) override(v *component) error {
	id, err := v.get("RECURRENCE-ID")
	if err != nil || id == nil {
		return err
	}
	if id.params["RANGE"] != "" {
		return wrong(v, errors.New("RECURRENCE-ID with RANGE is not supported; split the series in the calendar"))
	}
	m, err := c.moment(id)
	if err != nil {
		return wrong(v, err)
	}
	uid, err := v.get("UID")
	if err != nil || uid == nil {
		return wrong(v, errors.New("RECURRENCE-ID without UID; nobody knows what it replaces"))
	}
	c.moved[uid.value] = append(c.moved[uid.value], m)
	return nil
}

// event reads a VEVENT; nil when it takes no time or was called off.
func (c *reader) event(v *component) (*event, error) {
	e, err := c.parse(v)
	if err != nil {
		return nil, wrong(v, err)
	}
	if e != nil {
		e.plan = c.plan(v, e)
	}
	return e, nil
}

// plan is what people are told of a VEVENT. Its id stays as long as the calendar
// keeps its UID, or else its name and start.
func (c *reader) plan(v *component, e *event) *Plan {
	p := &Plan{Origin: FromCalendar, File: c.from.File, Event: Event{
		Name:    e.name,
		Start:   time.Unix(e.fixed.start, 0).In(e.zone).Format(time.RFC3339),
		End:     time.Unix(e.fixed.end, 0).In(e.zone).Format(time.RFC3339),
		Effects: c.from.Effects,
	}}
	parts := []string{"calendar", c.from.File}
	for _, name := range [...]string{"UID", "RECURRENCE-ID", "RRULE"} {
		of := v.all(name)
		switch {
		case name == "RRULE" && len(of) > 0:
			p.RRule = of[0].value
		case name == "UID" && len(of) == 0:
			parts = append(parts, e.name, p.Start)
		case len(of) > 0 && name != "RRULE":
			parts = append(parts, of[0].value)
		}
	}
	p.ID = c.b.id(parts...)
	return p
}

func (c *reader) parse(v *component) (*event, error) {
	if s, err := v.get("STATUS"); err != nil || s != nil && strings.EqualFold(s.value, "CANCELLED") {
		return nil, err
	}
	e := &event{name: "unnamed event", effects: *c.fx}
	if s := v.all("SUMMARY"); len(s) > 0 && plainText(s[0].value) != "" {
		e.name = plainText(s[0].value)
	}
	p, err := v.get("DTSTART")
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, errors.New("no DTSTART")
	}
	start, err := c.moment(p)
	if err != nil {
		return nil, err
	}
	e.zone, e.start = start.zone, start.wall
	if err := c.lasts(e, v, &start); err != nil {
		return nil, err
	}
	if e.upper() == 0 {
		return nil, nil //nolint:nilnil // a reminder: it takes no time, so nothing is on
	}
	e.fixed = span{start: e.start.unix(e.zone)}
	e.fixed.end = e.end(e.start, e.fixed.start)
	if err := c.repeats(e, v); err != nil {
		return nil, err
	}
	return e, c.b.check(e)
}

// lasts reads DTEND or DURATION. RFC 5545, 3.8.5.3: a recurring event with
// DTEND always takes exactly as long; of a DURATION, days are the clock's.
func (c *reader) lasts(e *event, v *component, start *moment) error {
	p, err := v.get("DTEND")
	if err != nil {
		return err
	}
	d, err := v.get("DURATION")
	switch {
	case err != nil:
		return err
	case p != nil && d != nil:
		return errors.New("it has DTEND and DURATION; leave one out")
	case d != nil:
		e.length, err = parseDuration(d.value)
		e.clock = start.date
		return err
	case p == nil && start.date:
		e.length = length{days: 1, clock: true}
		return nil
	case p == nil:
		return nil
	}
	end, err := c.moment(p)
	if err != nil {
		return err
	}
	if end.date != start.date {
		return errors.New("DTSTART and DTEND must both be days, or both be times")
	}
	if start.date {
		e.length = length{days: int64(end.wall-start.wall) / day, clock: true}
	} else {
		e.length = length{secs: end.unix() - start.unix()}
	}
	if e.upper() < 0 {
		return fmt.Errorf("line %d: DTEND must not be before DTSTART", p.line)
	}
	return nil
}

// repeats reads the rule, the further and the left-out starts.
func (c *reader) repeats(e *event, v *component) error {
	if len(v.all("EXRULE")) > 0 {
		return errors.New("EXRULE is not supported, RFC 5545 dropped it; write EXDATE")
	}
	for _, p := range v.all("RDATE") {
		if err := c.dates(&p, func(m *moment) error {
			if c.b.dates++; c.b.dates > maxDates {
				return fmt.Errorf("more than %d single dates in all events; write rules", maxDates)
			}
			// The event's own zone counts from here on.
			e.extra = append(e.extra, wallOf(time.Unix(m.unix(), 0).In(e.zone)))
			return nil
		}); err != nil {
			return err
		}
	}
	for _, p := range v.all("EXDATE") {
		if err := c.dates(&p, func(m *moment) error { return c.b.leave(e, m) }); err != nil {
			return err
		}
	}
	if id := v.all("RECURRENCE-ID"); len(id) == 0 {
		if uid := v.all("UID"); len(uid) > 0 {
			for _, m := range c.moved[uid[0].value] {
				if err := c.b.leave(e, &m); err != nil {
					return err
				}
			}
		}
	}
	p, err := v.get("RRULE")
	if err != nil || p == nil {
		return err
	}
	if e.rule, err = parseRule(p.value, e.start, &c.b.budget); err != nil {
		return fmt.Errorf("line %d: %w", p.line, err)
	}
	return nil
}

// dates reads a list of times.
func (c *reader) dates(p *property, take func(*moment) error) error {
	for text := range strings.SplitSeq(p.value, ",") {
		one := *p
		one.value = text
		m, err := c.moment(&one)
		if err == nil {
			err = take(&m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
