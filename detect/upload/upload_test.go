// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/test/habittest"
)

const (
	day  = 24 * time.Hour
	noon = 10*day + 12*time.Hour
)

func TestDetect(t *testing.T) {
	browses := habittest.Talk{From: "10.0.0.5", To: "192.0.2.1", Port: 443, At: 8 * time.Hour, For: 10 * time.Hour, Daily: true, Sent: 2e4, Received: 2e5}
	sends := func(to string, at time.Duration, bytes uint64) habittest.Talk {
		return habittest.Talk{From: "10.0.0.5", To: to, Port: 443, At: at, For: 20 * time.Minute, Sent: bytes, Received: bytes / 100}
	}
	backup := sends("192.0.2.9", 2*time.Hour, 2e7)
	backup.Daily = true
	tonight := sends("192.0.2.9", 10*day+4*time.Hour, 2e7)
	answers := habittest.Talk{From: "198.51.100.7", To: "10.0.0.5", Port: 80, At: noon, For: 20 * time.Minute, Sent: 1e5, Received: 5e7}
	for name, tc := range map[string]struct {
		talks []habittest.Talk
		want  detect.Severity
	}{
		"browsing":                         {nil, ""},
		"2 GB, far from any day":           {[]habittest.Talk{sends("198.51.100.7", noon, 1e8)}, detect.High},
		"the same over IPv6":               {[]habittest.Talk{sends("2001:db8::7", noon, 1e8)}, detect.High},
		"20 MB":                            {[]habittest.Talk{sends("198.51.100.7", noon, 1e6)}, ""},
		"2 GB in the first week":           {[]habittest.Talk{sends("198.51.100.7", 5*day+12*time.Hour, 1e8)}, ""},
		"the backup of every night":        {[]habittest.Talk{backup}, ""},
		"the backup of every night, twice": {[]habittest.Talk{backup, tonight}, ""},
		"inside":                           {[]habittest.Talk{sends("10.0.0.9", noon, 1e8)}, ""},
		"a web server's answers":           {[]habittest.Talk{answers}, ""},
	} {
		out := habittest.Play(t, func(p *baseline.HabitStore) (detect.Detector, error) { return New(DefaultConfig(), p) },
			11, append(tc.talks, browses)...)
		worst := detect.Severity("")
		for i := range out {
			if out[i].Severity.Rank() > worst.Rank() {
				worst = out[i].Severity
			}
		}
		if worst != tc.want {
			t.Errorf("%s: %q, want %q: %+v", name, worst, tc.want, out)
		}
		if len(out) > 0 {
			f := &out[0]
			if f.Kind != "upload_ratio" || f.Metrics.UploadRatio <= 5 || f.Top.Destinations[0].Share < 0.8 || f.Indicators[0].Weight != 0.4 {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"ratio": func(c *Config) { c.Ratio = 0 }, "floor": func(c *Config) { c.MinBytes = 0 }, "sigma": func(c *Config) { c.Sigma = -1 },
		"far": func(c *Config) { c.Far = 0.5 }, "days": func(c *Config) { c.LearnDays = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		if _, err := New(c, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
