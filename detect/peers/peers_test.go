// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"fmt"
	"slices"
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

// usual is ten days of a server that 10.0.0.5 asks, which asks the outside for
// nothing, and of that workstation, which browses by day.
func usual() []habittest.Talk {
	var sites []habittest.Talk
	for i := range 20 {
		sites = append(sites, habittest.Talk{
			From: "10.0.0.5", To: fmt.Sprintf("203.0.113.%d", i+1), Port: 443, At: 9 * time.Hour, For: 10 * time.Minute, Daily: true, Sent: 1e4, Received: 1e6,
		})
	}
	return append(
		sites,
		habittest.Talk{From: "10.0.0.5", To: "10.0.0.1", Port: 445, At: 8 * time.Hour, For: 10 * time.Hour, Daily: true, Sent: 1e5, Received: 1e6},
		habittest.Talk{From: "10.0.0.6", To: "10.0.0.1", Port: 445, For: day, Daily: true, Sent: 1e4, Received: 2e5},
		habittest.Talk{From: "10.0.0.5", To: "192.0.2.1", Port: 443, At: 8 * time.Hour, For: 10 * time.Hour, Daily: true, Sent: 1e4, Received: 1e6},
		habittest.Talk{From: "10.0.0.7", To: "192.0.2.1", Port: 443, For: day, Daily: true, Sent: 1e4, Received: 1e6},
	)
}

// asks makes a host talk to n new peers for ten minutes from noon of the eleventh day on.
func asks(from, network string, n int, port uint16, bytes uint64) (out []habittest.Talk) {
	for i := range n {
		out = append(out, habittest.Talk{
			From: from, To: fmt.Sprintf("%s%d", network, 10+i), Port: port, At: noon, For: 10 * time.Minute, Sent: bytes, Received: bytes / 10,
		})
	}
	return out
}

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		event []habittest.Talk
		found string // subject; empty = nothing to find
		first bool
	}{
		"nothing new":                     {nil, "", false},
		"a server's first contact":        {asks("10.0.0.1", "198.51.100.", 1, 443, 5e6), "10.0.0.1/32", true},
		"the same over IPv6":              {asks("10.0.0.1", "2001:db8::", 1, 443, 5e6), "10.0.0.1/32", true},
		"its first contact, but little":   {asks("10.0.0.1", "198.51.100.", 1, 443, 5e4), "", false},
		"in the first week":               {[]habittest.Talk{{From: "10.0.0.1", To: "198.51.100.9", Port: 443, At: 5*day + 12*time.Hour, For: 10 * time.Minute, Sent: 5e6}}, "", false},
		"a browser's fifteen sites":       {asks("10.0.0.5", "198.51.100.", 15, 443, 5e6), "", false},
		"fifteen hosts inside":            {asks("10.0.0.5", "10.9.9.", 15, 445, 5e6), "10.0.0.5/32", false},
		"a browser's hundred sites":       {asks("10.0.0.5", "198.51.100.", 100, 443, 1e6), "", false},
		"four hosts inside":               {asks("10.0.0.5", "10.9.9.", 4, 445, 5e6), "", false},
		"eight strangers, by no web port": {asks("10.0.0.5", "198.51.100.", 8, 6881, 5e6), "10.0.0.5/32", false},
	} {
		out := habittest.Play(t, func(p *baseline.HabitStore) (detect.Detector, error) { return New(DefaultConfig(), p) },
			11, append(usual(), tc.event...)...)
		var got []detect.Finding
		for i := range out {
			if out[i].Subject.String() == tc.found {
				got = append(got, out[i])
			} else {
				t.Errorf("%s: also found %+v", name, out[i])
			}
		}
		if tc.found == "" {
			continue
		}
		if len(got) == 0 {
			t.Errorf("%s: missed", name)
			continue
		}
		f := &got[0]
		if f.Severity != detect.Medium || f.Kind != "new_peers" || f.Started.Unix() < habittest.Start+10*86400+12*3600-60 || len(f.Top.Destinations) == 0 {
			t.Errorf("%s: %+v", name, f)
		}
		first := slices.ContainsFunc(f.Indicators, func(i detect.Indicator) bool { return i.Name == "first_contact" })
		if first != tc.first {
			t.Errorf("%s: indicators %+v", name, f.Indicators)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"peers": func(c *Config) { c.Peers = 0 }, "floor": func(c *Config) { c.MinBytes = 0 }, "sigma": func(c *Config) { c.Sigma = -1 },
		"weight": func(c *Config) { c.WebWeight = -1 }, "factor": func(c *Config) { c.RareFactor = 0.5 }, "days": func(c *Config) { c.LearnDays = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		if _, err := New(c, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
