// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tidewatch/schedule"
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
		next := s.Upcoming(i, at, planTimes)
		fmt.Fprintf(&b, "#   %s: %s\n", s.Plan(i).Name, occurrencesText(next))
	}
	if more := s.Len() - planEvents; more > 0 {
		fmt.Fprintf(&b, "#   and %d more events\n", more)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print scheduled events: %w", err)
	}
	return nil
}

// occurrencesText writes when an event is on.
func occurrencesText(next []schedule.Occurrence) string {
	if len(next) == 0 {
		return "never in the next ten years"
	}
	parts := make([]string, len(next))
	for i := range next {
		o := &next[i]
		parts[i] = o.Start.Format("Mon 2006-01-02 15:04 -07:00") + " to " + until(o.Start, o.End)
	}
	return strings.Join(parts, "; ")
}

// until writes an end as short as can be: the time alone on the same day and offset.
func until(start, end time.Time) string {
	if start.Format("2006-01-02 -07:00") == end.Format("2006-01-02 -07:00") {
		return end.Format("15:04")
	}
	return end.Format("Mon 2006-01-02 15:04 -07:00")
}
