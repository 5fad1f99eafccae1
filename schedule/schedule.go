// SPDX-License-Identifier: Apache-2.0

// Package schedule knows what is planned: backups, campaigns, maintenance and
// public holidays, once or recurring, written down in the configuration or in
// iCalendar files (RFC 5545). It answers what such events say about a device at
// a time: do not alert, do not learn, expect so many times the usual volume.
//
// It is pure: the contents of files are handed in, and the time comes with the
// question. Whatever a calendar says, the work for one day of flow time is
// bounded: rules are unrolled a day at a time from where that day is, never from
// where they began.
package schedule

import (
	"errors"
	"fmt"
	"time"
)

// The bounds. What exceeds one is refused when the configuration is read, so
// nothing is lost silently while the program runs.
const (
	maxEvents   = 10_000               // of the configuration and all calendars together
	maxTargets  = 100_000              // likewise
	maxDates    = 100_000              // EXDATE and RDATE, likewise
	maxName     = 120                  // bytes of an event's name
	maxExpect   = 1000                 // times the usual volume
	maxOnce     = 10 * 366 * 24 * 3600 // seconds that a single event may last
	maxLength   = 31 * 24 * 3600       // seconds that an occurrence of a recurring event may last
	maxCalendar = 16 << 20             // bytes of an iCalendar file
	countBudget = 5_000_000            // days looked at to find where rules with COUNT end, about a quarter of a second
)

// MaxCalendar is the largest iCalendar file that is read, in bytes.
const MaxCalendar = maxCalendar

// Config lists what is planned.
type Config struct {
	Events    []Event    `yaml:"events"`    // planned events: name, start, end or duration, rrule, exdates, targets, kinds, alert, learn, expect (docs/how-to/scheduled-events.md)
	Calendars []Calendar `yaml:"calendars"` // iCalendar files whose events all have the same targets and effects: file, targets, kinds, alert, learn, expect
	Holidays  []string   `yaml:"holidays"`  // iCalendar files whose days are public holidays
}

// Effects are what events do, and to whom.
type Effects struct {
	Targets []string `yaml:"targets" json:"targets,omitempty" doc:"addresses and networks; none: every device"`
	Kinds   []string `yaml:"kinds" json:"kinds,omitempty" doc:"kinds of incident that alert: false is about; none: all"`
	Alert   *bool    `yaml:"alert" json:"alert,omitempty" doc:"false: what is found is listed with severity low, never alerted"`
	Learn   *bool    `yaml:"learn" json:"learn,omitempty" doc:"false: hours that the event touches teach nothing"`
	Expect  float64  `yaml:"expect" json:"expect,omitempty" doc:"so many times the usual volume is normal; 1 changes nothing"`
}

// Event is one planned event. Times without an offset are the site's.
type Event struct {
	Name     string   `yaml:"name" json:"name" doc:"one line; incidents tell it"`
	Start    string   `yaml:"start" json:"start" doc:"2026-12-01 02:30, 2026-12-01 for all day, or RFC 3339"`
	End      string   `yaml:"end" json:"end,omitempty" doc:"likewise; the first moment after the event, or its last whole day"`
	Duration string   `yaml:"duration" json:"duration,omitempty" doc:"in place of end, such as 3h30m"`
	RRule    string   `yaml:"rrule" json:"rrule,omitempty" doc:"RFC 5545, such as FREQ=WEEKLY;BYDAY=MO"`
	ExDates  []string `yaml:"exdates" json:"exdates,omitempty" doc:"starts, or whole days, that are left out"`
	Effects  `yaml:",inline"`
}

// Calendar is an iCalendar file with the effects of its events.
type Calendar struct {
	File    string `yaml:"file"`
	Effects `yaml:",inline"`
}

// DefaultConfig plans nothing.
func DefaultConfig() Config { return Config{} }

// Validate reports the first event that makes no sense. Files are read by New alone.
func (c *Config) Validate() error {
	b := newBuilder(time.UTC)
	if err := b.events(c.Events); err != nil {
		return err
	}
	for i := range c.Calendars {
		cal := &c.Calendars[i]
		if cal.File == "" {
			return fmt.Errorf("calendar %d has no file; name an iCalendar file", i+1)
		}
		if _, err := b.effects(&cal.Effects); err != nil {
			return fmt.Errorf("calendar %s: %w", cal.File, err)
		}
	}
	for i, file := range c.Holidays {
		if file == "" {
			return fmt.Errorf("holidays: entry %d is empty; name an iCalendar file", i+1)
		}
	}
	return nil
}

// Files lists the iCalendar files that New wants the contents of.
func (c *Config) Files() []string {
	out := make([]string, 0, len(c.Calendars)+len(c.Holidays))
	for i := range c.Calendars {
		out = append(out, c.Calendars[i].File)
	}
	return append(out, c.Holidays...)
}

// Schedule is what is planned. It never changes, so that any number of views
// may look at it side by side.
type Schedule struct {
	zone     *time.Location
	events   []event
	own      int // events of the configuration and its calendars; what people added comes behind
	targets  targets
	holidays []event
}

// New builds a schedule for a site in the given zone. files holds the contents
// of all cfg.Files() by name.
func New(cfg *Config, zone *time.Location, files map[string][]byte) (*Schedule, error) {
	if zone == nil {
		return nil, errors.New("schedule: a time zone is needed")
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	b := newBuilder(zone)
	if err := b.events(cfg.Events); err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	for i := range cfg.Calendars {
		cal := &cfg.Calendars[i]
		text, ok := files[cal.File]
		if !ok {
			return nil, fmt.Errorf("schedule: calendar %s was not read", cal.File)
		}
		fx, err := b.effects(&cal.Effects)
		if err == nil {
			err = b.calendar(text, cal, &fx, &b.list)
		}
		if err != nil {
			return nil, fmt.Errorf("schedule: calendar %s: %w", cal.File, err)
		}
	}
	for _, file := range cfg.Holidays {
		text, ok := files[file]
		if !ok {
			return nil, fmt.Errorf("schedule: holidays %s were not read", file)
		}
		if err := b.calendar(text, &Calendar{File: file}, &effects{}, &b.days); err != nil {
			return nil, fmt.Errorf("schedule: holidays %s: %w", file, err)
		}
	}
	s := &Schedule{zone: zone, events: b.list, own: len(b.list), holidays: b.days}
	s.targets.build(s.events)
	return s, nil
}

// Len is the number of events, holidays left out.
func (s *Schedule) Len() int { return len(s.events) }
