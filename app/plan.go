// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// The printout of what is planned is for people to check their rules by.
const (
	planEvents = 100 // events that are printed
	planTimes  = 3   // times of each
)

// WritePlan writes, as YAML comments, when each scheduled event is on next after
// at. It reads the calendars, so an error tells what is wrong with them.
func (c *Config) WritePlan(w io.Writer, at time.Time) error {
	s, err := newSchedule(c)
	if err != nil || s.Len() == 0 {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n# Scheduled events, in the zone %s:\n", c.zone())
	for i := range min(s.Len(), planEvents) {
		name, next := s.Upcoming(i, at, planTimes)
		fmt.Fprintf(&b, "#   %s:", name)
		if len(next) == 0 {
			b.WriteString(" never in the next ten years")
		}
		for k := range next {
			o := &next[k]
			if k > 0 {
				b.WriteString(";")
			}
			fmt.Fprintf(&b, " %s to %s", o.Start.Format("Mon 2006-01-02 15:04 -07:00"), until(o.Start, o.End))
		}
		b.WriteString("\n")
	}
	if more := s.Len() - planEvents; more > 0 {
		fmt.Fprintf(&b, "#   and %d more events\n", more)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print scheduled events: %w", err)
	}
	return nil
}

// until writes an end as short as can be: the time alone on the same day and offset.
func until(start, end time.Time) string {
	if start.Format("2006-01-02 -07:00") == end.Format("2006-01-02 -07:00") {
		return end.Format("15:04")
	}
	return end.Format("Mon 2006-01-02 15:04 -07:00")
}
