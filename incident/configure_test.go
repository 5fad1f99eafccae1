// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"testing"
	"time"

	"tidewatch/detect"
)

// An incident of what is judged once an hour, or shows in some hours of a day, waits for
// these; other quiet times hold for it as for one that opens now.
func TestConfigureOfPatientIncidents(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(f *detect.Finding)
		quiet  time.Duration // configured
		want   time.Duration // what the incident waits
	}{
		"five minutes, longer":    {func(*detect.Finding) {}, 3 * time.Hour, 3 * time.Hour},
		"five minutes, shorter":   {func(*detect.Finding) {}, time.Minute, time.Minute},
		"an hour, longer":         {func(f *detect.Finding) { f.Started = f.Last.Add(-time.Hour) }, 3 * time.Hour, 3 * time.Hour},
		"an hour, shorter":        {func(f *detect.Finding) { f.Started = f.Last.Add(-time.Hour) }, time.Minute, hourly},
		"a change of level":       {func(f *detect.Finding) { f.Kind = "level_shift" }, 100 * time.Hour, 100 * time.Hour},
		"slow theft, all shorter": {func(f *detect.Finding) { f.Category, f.Kind = detect.DataExfiltration, "slow_exfiltration" }, time.Minute, hourly},
	} {
		for _, restored := range []bool{false, true} {
			b := newBook(t, nil)
			f := volume(4000, 4300, 0.8)
			tc.change(&f)
			b.Apply(at(4300), []detect.Finding{f}, nil)
			if restored {
				var saved []Incident
				for i := range b.All() {
					saved = append(saved, i)
				}
				b = newBook(t, nil)
				if err := b.Restore(saved); err != nil {
					t.Fatal(err)
				}
			}
			cfg := DefaultConfig()
			cfg.QuietAfter.Anomaly, cfg.QuietAfter.Exfiltration = tc.quiet, tc.quiet
			if err := b.Configure(&cfg); err != nil {
				t.Fatal(err)
			}
			b.Apply(at(4300), nil, nil)
			if b.Apply(at(4300+tc.want.Seconds()-1), nil, nil); b.Active() != 1 {
				t.Errorf("%s, restored %v: it ended before %v", name, restored, tc.want)
			}
			if b.Apply(at(4300+tc.want.Seconds()+1), nil, nil); b.Active() != 0 {
				t.Errorf("%s, restored %v: it goes on after %v", name, restored, tc.want)
			}
		}
	}
}
