// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"os"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/schedule"
)

// newSchedule reads the iCalendar files that the configuration names.
func newSchedule(cfg *Config) (*schedule.Schedule, error) {
	files := map[string][]byte{}
	for _, name := range cfg.Schedule.Files() {
		text, err := readCalendar(name)
		if err != nil {
			return nil, &InputError{fmt.Errorf("schedule: read calendar: %w", err)}
		}
		files[name] = text
	}
	s, err := schedule.New(&cfg.Schedule, cfg.zone(), files)
	if err != nil {
		return nil, &InputError{err}
	}
	return s, nil
}

// readCalendar reads one byte more than is allowed at most, so that the reader
// of calendars sees that a file is too large.
func readCalendar(name string) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, schedule.MaxCalendar+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

// Plan judges and learns by another schedule from the next second on.
func (e *Engine) Plan(s *schedule.Schedule) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.planned.Turn(s)
	for _, shard := range e.shards {
		shard.planned.Turn(s)
		shard.past.Holidays()
	}
	e.networks.past.Holidays()
}

// fiveMinutes is the window that volumes are judged by: it still holds what an
// event did when that is over.
const fiveMinutes = 5 * time.Minute

// expectation is a past in which scheduled events raise what is normal.
type expectation struct {
	past    keyed
	habits  *baseline.HabitStore
	planned *schedule.View
}

// At implements the Past of the detectors.
func (x *expectation) At(addr flow.Addr, at time.Time, m baseline.Measure) (baseline.Normal, bool) {
	n, ok := x.past.At(addr, at, m)
	if ok {
		n = n.Times(x.planned.Over(addr, at.Add(-fiveMinutes), at, "").Expect)
	}
	return n, ok
}

// Habits is baseline.HabitStore.Habits.
func (x *expectation) Habits(addr flow.Addr) *baseline.Habits { return x.habits.Habits(addr) }

// Shift is that of the past: an event of some hours moves no level of days.
func (x *expectation) Shift(addr flow.Addr, at int64) (baseline.Shift, bool) {
	return x.past.Shift(addr, at)
}

// unlearned reports whether a Unix hour of a device must not be learned because
// an event that says so touches any part of it, or of the five minutes before
// it: what is learned is the busiest five minutes, and those may begin there.
func unlearned(planned *schedule.View, addr flow.Addr, hour int64) bool {
	from := time.Unix(hour*3600, 0)
	return planned.Over(addr, from.Add(-fiveMinutes), from.Add(time.Hour), "").NoLearn
}

// silence makes a finding low if an event says that its subject must not be
// alerted about, and tells so.
func silence(planned *schedule.View, f *detect.Finding) bool {
	name := silencer(planned, f)
	if name == "" {
		return false
	}
	f.List(detect.Indicator{Name: "scheduled_event", Detail: name})
	return true
}

// silencer names the event that keeps the alert about a finding back; "" when
// none does. What counts is the stretch that the finding was judged by.
func silencer(planned *schedule.View, f *detect.Finding) string {
	over := func(from, to time.Time) string {
		if e := over(planned, f.Subject, from, to, f.Kind); e.NoAlert {
			return e.Name
		}
		return ""
	}
	switch f.Category {
	case detect.BaselineAnomaly: // five minutes, or the hour that closed
		return over(f.Last.Add(-max(fiveMinutes, time.Duration(f.Metrics.DurationSeconds)*time.Second)), f.Last)
	case detect.DataExfiltration:
		return mostly(f.Started, f.Last, over)
	default:
		return over(f.Last.Add(-time.Second), f.Last)
	}
}

// mostly asks at eight moments spread over an upload, and at its end: what goes
// on under an event, or for the most part went on under it, is planned. Hours
// after a backup the sum that is judged still holds it.
func mostly(from, to time.Time, over func(from, to time.Time) string) (name string) {
	if name = over(to.Add(-time.Second), to); name != "" {
		return name
	}
	const moments = 8
	covered := 0
	for i := range moments {
		at := from.Add(to.Sub(from) * time.Duration(2*i+1) / (2 * moments))
		if n := over(at, at.Add(time.Second)); n != "" {
			name = n
			covered++
		}
	}
	if 2*covered < moments {
		return ""
	}
	return name
}
