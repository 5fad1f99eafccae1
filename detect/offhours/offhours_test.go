// SPDX-License-Identifier: Apache-2.0

package offhours

import (
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/test/habittest"
)

const day = 24 * time.Hour

func TestDetect(t *testing.T) {
	const camera, recorder = "10.0.0.5", "10.0.0.15"
	works := func(at, long time.Duration, bytes uint64) habittest.Talk {
		return habittest.Talk{From: camera, To: recorder, Port: 554, At: at, For: long, Sent: bytes, Received: bytes / 50}
	}
	daily := func(at, long time.Duration) habittest.Talk {
		x := works(at, long, 4e6)
		x.Daily = true
		return x
	}
	for name, tc := range map[string]struct {
		talks []habittest.Talk
		found bool
	}{
		"by day":                        {[]habittest.Talk{daily(8*time.Hour, 10*time.Hour)}, false},
		"at three in the morning":       {[]habittest.Talk{daily(8*time.Hour, 10*time.Hour), works(16*day+3*time.Hour, 10*time.Minute, 2e6)}, true},
		"an hour earlier than ever":     {[]habittest.Talk{daily(8*time.Hour, 10*time.Hour), works(16*day+7*time.Hour, 10*time.Minute, 2e6)}, false},
		"at three, a report of 50 kB":   {[]habittest.Talk{daily(8*time.Hour, 10*time.Hour), works(16*day+3*time.Hour, 10*time.Minute, 5e3)}, false},
		"at three, on the tenth day":    {[]habittest.Talk{daily(8*time.Hour, 10*time.Hour), works(10*day+3*time.Hour, 10*time.Minute, 2e6)}, false},
		"at three, but it never sleeps": {[]habittest.Talk{daily(4*time.Hour, 22*time.Hour), works(16*day+3*time.Hour, 10*time.Minute, 2e6)}, false},
		"at three, without a habit":     {[]habittest.Talk{works(1*day+9*time.Hour, 2*time.Hour, 4e6), works(8*day+15*time.Hour, 2*time.Hour, 4e6), works(16*day+3*time.Hour, 10*time.Minute, 2e6)}, false},
	} {
		out := habittest.Play(t, func(p *baseline.HabitStore) (detect.Detector, error) { return New(DefaultConfig(), p) }, 17, tc.talks...)
		n := 0
		for i := range out {
			f := &out[i]
			if f.Subject.Addr().String() != camera {
				continue // the recorder works at night as well
			}
			n++
			if !tc.found || f.Severity != detect.Medium || f.Kind != "off_hours" || f.Started.Hour() > 3 || f.Baseline.Level != "hour_of_day" {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if n == 0 && tc.found {
			t.Errorf("%s: missed", name)
		}
	}
}

// Work on a Sunday is low for a workstation and medium for a thing, after weeks without.
func TestWeekend(t *testing.T) {
	var week []habittest.Talk
	for d := range 28 {
		if d%7 < 5 { // the run begins on a Monday
			week = append(week, habittest.Talk{
				From: "10.0.0.5", To: "10.0.0.15", Port: 554, At: time.Duration(d)*day + 8*time.Hour, For: 10 * time.Hour, Sent: 4e6, Received: 1e5,
			})
		}
	}
	week = append(week, habittest.Talk{From: "10.0.0.5", To: "10.0.0.15", Port: 554, At: 27*day + 12*time.Hour, For: 10 * time.Minute, Sent: 4e6, Received: 1e5})
	out := habittest.Play(t, func(p *baseline.HabitStore) (detect.Detector, error) { return New(DefaultConfig(), p) }, 28, week...)
	if len(out) == 0 {
		t.Fatal("missed")
	}
	for i := range out {
		if out[i].Severity != detect.Medium || out[i].Baseline.Level != "hour_of_week" || out[i].Started.Weekday() != time.Sunday {
			t.Errorf("%+v", out[i])
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"floor": func(c *Config) { c.MinBytes = 1000 }, "share": func(c *Config) { c.Share = -1 }, "days": func(c *Config) { c.LearnDays = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		if _, err := New(c, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
