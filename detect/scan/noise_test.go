// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
)

// What the internet tries at public addresses is one low finding a minute about the
// network, however many try; below its limit each device has its own.
func TestNoise(t *testing.T) {
	p := newPlay(t)
	out := p.run(600, func(s int64) {
		for i := range int64(3) {
			p.add(syn(nth("203.0.0.0", 7*s+i), nth("10.0.0.0", (s+i)%250), uint16(1+(s+i)%50)))
		}
	})
	if len(out) == 0 || len(out) > 10 {
		t.Fatalf("%d findings", len(out))
	}
	f := &out[len(out)-1]
	if f.Severity != detect.Low || f.Kind != "host_scan" || f.Subject.String() != "::/0" || f.Metrics.Sources < 1000 || f.Metrics.Destinations < 200 || len(f.Top.Sources) == 0 {
		t.Errorf("%+v", f)
	}

	// The smallest network that shows it is listed, not those around it.
	p = newPlay(t, netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16"))
	out = p.run(60, func(s int64) { p.add(syn(nth("203.0.0.0", s), nth("10.1.0.0", s%20), 23)) })
	if len(out) != 1 || out[0].Subject.String() != "10.1.0.0/16" {
		t.Errorf("%+v", out)
	}

	p = newPlay(t)
	out = p.run(600, func(s int64) {
		p.add(syn(nth("203.0.0.0", s%9), nth("10.0.0.0", s%3), uint16(1+s/3)))
	})
	subjects := map[string]bool{}
	for i := range out {
		f := &out[i]
		subjects[f.Subject.String()] = true
		if f.Severity != detect.Low || f.Kind != "port_scan" || f.Metrics.Sources < 2 || f.Metrics.Ports < 60 {
			t.Errorf("%+v", f)
		}
	}
	if len(subjects) != 3 {
		t.Errorf("subjects %v", subjects)
	}
}

// More than 1000 SYNs a second at one host are a flood, whatever their ports, also for
// seconds.
func TestFloodIsNoScan(t *testing.T) {
	for _, from := range []string{"10.0.0.9", "198.51.100.9"} {
		p := newPlay(t)
		out := p.run(300, func(s int64) {
			for i := range int64(5000) {
				if s == 3 || s == 4 {
					p.add(syn(ip(from), ip("10.0.0.5"), uint16(5000*s+i)))
				}
			}
		})
		if len(out) != 0 {
			t.Errorf("%+v", out[0])
		}
	}

	p := newPlay(t)
	out := p.run(60, func(s int64) {
		for i := range int64(1500) {
			p.add(syn(ip("10.0.0.9"), ip("198.51.100.7"), uint16(1500*s+i)))
		}
	})
	if len(out) != 0 {
		t.Errorf("%+v", out[0])
	}

	// From outside and from forged sources, and the quiet minutes after it.
	p = newPlay(t)
	out = p.run(600, func(s int64) {
		n := int64(2)
		if s < 60 {
			n = 1500
		}
		for i := range n {
			x := (1500*s + i) * 2_654_435_761 % (1 << 28)
			p.add(syn(nth("64.0.0.0", x), ip("10.0.0.5"), uint16(x)))
		}
	})
	if len(out) != 0 {
		t.Errorf("%+v", out[0])
	}
}

// An application that has used a database for weeks is listed, a stranger alarms.
func TestUsualLogins(t *testing.T) {
	past, err := baseline.NewHabits(baseline.HabitConfig{MaxDevices: 10, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		to   string
		want detect.Severity
	}{"known": {"10.0.0.5", detect.Low}, "a stranger": {"10.0.0.6", detect.Medium}} {
		p := newPlay(t)
		if p.d, err = New(DefaultConfig(), past); err != nil {
			t.Fatal(err)
		}
		// A fortnight of days with the known one, before the run.
		p.run(4000, func(int64) { p.session(ip("10.0.0.9"), ip("10.0.0.5"), 3306, [3]uint64{3000, 1_000_000, 1_000_000}) })
		w := p.tr.Tick()
		for day := range int64(15) {
			for i := range w.Devices() {
				if dev, ok := w.Device(i); ok {
					past.Learn(dev.Addr(), &baseline.Lesson{Hour: t0/3600 - 24*(15-day), Bytes: 1e9, Contacts: dev.Contacts()})
				}
			}
		}
		out := p.run(4300, func(int64) { p.session(ip("10.0.0.9"), ip(tc.to), 3306, [3]uint64{9, 1200, 4000}) })
		if len(out) == 0 || out[len(out)-1].Severity != tc.want || out[len(out)-1].Kind != "brute_force" {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"hosts": func(c *Config) { c.Hosts = 0 }, "slower than fast": func(c *Config) { c.SlowHosts = 3 },
		"wide": func(c *Config) { c.Wide = 3 }, "failed": func(c *Config) { c.Failed = math.NaN() },
		"logins": func(c *Config) { c.Logins = 1 }, "days": func(c *Config) { c.LearnedDays = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		if _, err := New(c, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
