// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"tidewatch/app"
)

// eventCmd plans what is no anomaly.
type eventCmd struct {
	Add    eventAddCmd    `cmd:"" help:"Plan an event. Examples: tidewatch event add 'load test' --start '2026-12-01 22:00' --duration 3h --target 192.0.2.10 --no-alert; tidewatch event add backup --start 2026-12-01T22:30:00+01:00 --duration 2h --rrule FREQ=DAILY --no-alert --kind exfiltration; tidewatch event add 'spring sale' --start 2027-03-15 --expect 5 --no-learn"`
	List   eventListCmd   `cmd:"" help:"List what is planned and when it is on next. Example: tidewatch event list --origin people --past"`
	Remove eventRemoveCmd `cmd:"" help:"Take an event back that was added. Example: tidewatch event remove ev-mzxw6ytboi4dkmjr --note 'called off'"`
}

// diary runs f at the running server or on the data directory; change is false to
// look only.
func (c *printed) diary(ctx context.Context, s streams, change bool, f func(*app.Diary) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if !change {
		tell(s, cfg.Absent())
	}
	d, err := app.NewDiary(ctx, cfg, change)
	if err != nil {
		return err
	}
	return errors.Join(f(d), d.Close())
}

type eventAddCmd struct {
	printed
	remark
	Name     string   `arg:"" help:"What it is called; incidents tell it."`
	Start    string   `required:"" placeholder:"TIME" help:"2026-12-01 02:30 in the site's zone, 2026-12-01 for all day, or RFC 3339."`
	End      string   `placeholder:"TIME" help:"Likewise; the first moment after it, or its last whole day."`
	Duration string   `placeholder:"TIME" help:"In place of --end, such as 3h30m."`
	Rrule    string   `placeholder:"RULE" help:"How it recurs (RFC 5545), such as FREQ=WEEKLY;BYDAY=MO. Without it: once."`
	Exdate   []string `placeholder:"TIME" help:"A start, or a whole day, that is left out; repeat for more."`
	Target   []string `placeholder:"CIDR" help:"An address or network that it is about; repeat for more. Default: every device."`
	Kind     []string `placeholder:"NAME" help:"A kind of incident that --no-alert is about; repeat for more. Default: all."`
	NoAlert  bool     `help:"List what is found with severity low, never alert."`
	NoLearn  bool     `help:"Hours that it touches teach nothing."`
	Expect   float64  `placeholder:"N" help:"So many times the usual volume is normal."`
}

func (c *eventAddCmd) Run(ctx context.Context, s streams) error {
	e := &app.Event{Name: c.Name, Start: c.Start, End: c.End, Duration: c.Duration, RRule: c.Rrule, ExDates: c.Exdate}
	e.Targets, e.Kinds, e.Expect = c.Target, c.Kind, c.Expect
	no := false
	if c.NoAlert {
		e.Alert = &no
	}
	if c.NoLearn {
		e.Learn = &no
	}
	return c.diary(ctx, s, true, func(d *app.Diary) error {
		one, err := d.Add(ctx, e, c.who(), c.Note)
		return c.out(s, one, err)
	})
}

type eventListCmd struct {
	printed
	Origin string `enum:",configuration,calendar,people" default:"" help:"Only what was written down there: configuration, calendar or people."`
	Past   bool   `help:"Also what is over. Of what people added, 90 days back."`
	Limit  int    `default:"100" help:"At most so many, up to 1000."`
}

func (c *eventListCmd) Run(ctx context.Context, s streams) error {
	if err := checkLimit(c.Limit); err != nil {
		return err
	}
	return c.diary(ctx, s, false, func(d *app.Diary) error {
		list, err := d.List(ctx, c.Origin, c.Past, c.Limit)
		return c.out(s, list, err)
	})
}

type eventRemoveCmd struct {
	printed
	remark
	ID string `arg:"" help:"Id of the event; see tidewatch event list."`
}

func (c *eventRemoveCmd) Run(ctx context.Context, s streams) error {
	return c.diary(ctx, s, true, func(d *app.Diary) error {
		if err := d.Remove(ctx, c.ID, c.who(), c.Note); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "event %s is taken back\n", c.ID)
		return err
	})
}
