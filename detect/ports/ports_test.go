// SPDX-License-Identifier: Apache-2.0

package ports

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

// uses makes 10.0.0.5 use n services of an outside host for five minutes.
func uses(n int, at time.Duration, from uint16, bytes uint64) (out []habittest.Talk) {
	for i := range n {
		out = append(out, habittest.Talk{
			From: "10.0.0.5", To: "198.51.100.7", Port: from + uint16(11*i), At: at, For: 5 * time.Minute, Sent: bytes, Received: bytes,
		})
	}
	return out
}

func TestDetect(t *testing.T) {
	habit := habittest.Talk{From: "10.0.0.5", To: "192.0.2.1", Port: 443, At: 8 * time.Hour, For: 10 * time.Hour, Daily: true, Sent: 1e4, Received: 1e6}
	daily := uses(15, noon, 7000, 1e5)
	for i := range daily {
		daily[i].At, daily[i].Daily = 12*time.Hour, true
	}
	for name, tc := range map[string]struct {
		event []habittest.Talk
		found bool
	}{
		"nothing new":                      {nil, false},
		"fifteen new services":             {uses(15, noon, 7000, 1e5), true},
		"nine new services":                {uses(9, noon, 7000, 1e5), false},
		"fifteen, next to nothing in them": {uses(15, noon, 7000, 2000), false},
		"fifteen in the first week":        {uses(15, 5*day, 7000, 1e5), false},
		"fifteen ports for the moment":     {uses(15, noon, 50_000, 1e5), false},
		"fifteen that it uses every day":   {daily, false},
	} {
		out := habittest.Play(t, func(p *baseline.HabitStore) (detect.Detector, error) { return New(DefaultConfig(), p) },
			11, append(tc.event, habit)...)
		if (len(out) > 0) != tc.found {
			t.Errorf("%s: %d findings", name, len(out))
			continue
		}
		if !tc.found {
			continue
		}
		f := &out[len(out)-1]
		if f.Kind != "new_ports" || f.Severity != detect.Medium || f.Metrics.Ports < 11 || len(f.Top.Ports) != 10 || f.Indicators[0].Expected != 10 {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"ports": func(c *Config) { c.Ports = 0 }, "floor": func(c *Config) { c.MinBytes = 0 },
		"sigma": func(c *Config) { c.Sigma = -1 }, "days": func(c *Config) { c.LearnDays = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		if _, err := New(c, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
