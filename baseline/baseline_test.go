// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

var device = flow.AddrFrom(netip.MustParseAddr("10.0.0.1"))

const day0 = 20_003 * 24 // a Unix hour: Monday, 7 October 2024, midnight UTC

// teacher tells a store the hours of one device, one after the other.
type teacher struct {
	*Store
	hour   int64
	random *rand.Rand
}

func newTeacher(tb testing.TB, change func(*Config)) *teacher {
	tb.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return &teacher{Store: s, hour: day0, random: rand.New(rand.NewPCG(1, 2))}
}

// hourOf is an hour with so many bytes to the device, a tenth from it, and a
// sixth of both in its busiest five minutes.
func hourOf(bytes float64) *Hour {
	b := uint64(bytes)
	return &Hour{
		Bytes: [2]uint64{b, b / 10}, Packets: [2]uint64{b / 1000, b / 2000}, Flows: [2]uint64{b / 1e5, b / 1e5},
		PeakBytes: [2]uint64{b / 6, b / 60}, PeakPackets: b / 6000,
	}
}

// office is busy from 8 to 18 on week days: 600 MB an hour, else 6 MB.
func office(t time.Time) float64 {
	if h, d := t.Hour(), t.Weekday(); h >= 8 && h < 18 && d != time.Saturday && d != time.Sunday {
		return 600e6
	}
	return 6e6
}

// days teaches so many days, each hour times factor (of the day, from 0), with
// log-normal noise of 20 %. It returns how the hours were trusted.
func (t *teacher) days(n int, factor func(day int) float64) (seen [numTrusts]int) {
	for h := range n * 24 {
		at := time.Unix(t.hour*3600, 0).In(t.cfg.Zone)
		v := office(at) * math.Exp(0.2*t.random.NormFloat64())
		if factor != nil {
			v *= factor(h / 24)
		}
		seen[t.Learn(device, t.hour, hourOf(v), false)]++
		t.Observed(t.hour)
		t.hour++
	}
	return seen
}

func (t *teacher) now() time.Time { return time.Unix(t.hour*3600, 0) }

// z is the deviation of the busiest five minutes of an hour with so many bytes.
func (t *teacher) z(tb testing.TB, at time.Time, bytes float64) float64 {
	tb.Helper()
	n, ok := t.At(device, at, BytesIn)
	if !ok {
		tb.Fatal("no past")
	}
	return n.Sigma(bytes / 6)
}

// noon is twelve o'clock of the running day.
func (t *teacher) noon() time.Time { return t.now().Add(12 * time.Hour) }

// The level that speaks follows from the hours: none in the first week, then all
// hours, then the hour of the day, and after eight weeks the hour of the week.
func TestLevels(t *testing.T) {
	for days, want := range map[int]string{1: "", 6: "", 7: "global", 9: "hour_of_day", 30: "hour_of_day", 63: "hour_of_week"} {
		teach := newTeacher(t, func(c *Config) { c.Days = 70 })
		teach.days(days, nil)
		n, ok := teach.At(device, teach.now(), BytesIn)
		if ok != (want != "") || ok && n.Basis.Level != want {
			t.Errorf("%d days: level %q, %v; want %q", days, n.Basis.Level, ok, want)
		}
	}
	if _, ok := newTeacher(t, nil).At(device, time.Unix(day0*3600, 0), BytesIn); ok {
		t.Error("an unknown device has a past")
	}
}

// Noon is normal at noon, abnormal at night, and abnormal on a Sunday.
func TestHourOfWeek(t *testing.T) {
	teach := newTeacher(t, nil)
	teach.days(28, nil) // four weeks; now it is Monday
	for name, tc := range map[string]struct {
		at       time.Time
		bytes    float64
		min, max float64
	}{
		"noon at noon":          {teach.noon(), 600e6, -1.5, 1.5},
		"noon at night":         {teach.now().Add(3 * time.Hour), 600e6, 5, 1000},
		"a silent noon":         {teach.noon(), 0, -1000, -5},
		"ten times noon":        {teach.noon(), 6e9, 5, 1000},
		"a busy day":            {teach.noon(), 900e6, 0.2, 3},
		"night at night":        {teach.now().Add(3 * time.Hour), 6e6, -1.5, 1.5},
		"Monday's on a Sunday":  {teach.noon().AddDate(0, 0, 6), 600e6, 5, 1000},
		"Sunday's on a Sunday":  {teach.noon().AddDate(0, 0, 6), 6e6, -1.5, 1.5},
		"Sunday's on a weekday": {teach.noon().AddDate(0, 0, 1), 6e6, -1000, -5},
	} {
		if z := teach.z(t, tc.at, tc.bytes); z < tc.min || z > tc.max {
			t.Errorf("%s: %.1f sigma, want %.1f to %.1f", name, z, tc.min, tc.max)
		}
	}
}

// Holidays are like Sundays.
func TestHoliday(t *testing.T) {
	var holiday time.Time
	teach := newTeacher(t, func(c *Config) {
		c.Holiday = func(day time.Time) bool { return day.YearDay() == holiday.YearDay() && day.Year() == holiday.Year() }
	})
	teach.days(28, nil)
	holiday = teach.noon().AddDate(0, 0, 2)
	if z := teach.z(t, holiday, 6e6); math.Abs(z) > 1.5 {
		t.Errorf("a quiet holiday is %.1f sigma", z)
	}
}

// Hours are those of the site, through a change to winter time.
func TestZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	teach := newTeacher(t, func(c *Config) { c.Zone = berlin })
	teach.days(28, nil) // from 7 October 2024; the clocks change on the 27th
	if z := teach.z(t, time.Date(2024, 11, 5, 8, 30, 0, 0, berlin), 600e6); math.Abs(z) > 2 {
		t.Errorf("half past eight in winter is %.1f sigma", z)
	}
	if z := teach.z(t, time.Date(2024, 11, 5, 6, 30, 0, 0, berlin), 600e6); z < 4 {
		t.Errorf("half past six in winter is %.1f sigma", z)
	}
}

// Above and Sigma are each other's inverse.
func TestAboveInvertsSigma(t *testing.T) {
	teach := newTeacher(t, nil)
	teach.days(14, nil)
	n, _ := teach.At(device, teach.noon(), BytesIn)
	rapid.Check(t, func(rt *rapid.T) {
		z := rapid.Float64Range(-1, 8).Draw(rt, "z")
		if v := n.Above(z); v > 0 && math.Abs(n.Sigma(v)-z) > 1e-6 {
			rt.Errorf("Sigma(Above(%v)) = %v", z, n.Sigma(v))
		}
	})
}

// An hour without flows of the device is a silent hour; an hour without flows of
// anybody is no hour at all.
func TestSilenceAndOutage(t *testing.T) {
	for name, observed := range map[string]bool{"silence": true, "outage": false} {
		teach := newTeacher(t, nil)
		teach.days(14, nil)
		for range 24 * 14 {
			if observed {
				teach.Observed(teach.hour)
			}
			teach.hour++
		}
		n, _ := teach.At(device, teach.noon(), BytesIn)
		if quiet := n.Sigma(0) > -2; quiet != observed {
			t.Errorf("%s: nothing at noon is %.1f sigma after it", name, n.Sigma(0))
		}
	}
}

// The store keeps no more devices than it may, and counts what it refuses.
func TestBound(t *testing.T) {
	teach := newTeacher(t, func(c *Config) { c.MaxDevices = 3 })
	for i := range byte(10) {
		teach.Learn(flow.AddrFrom4([4]byte{10, 0, 0, i}), day0, hourOf(1e6), false)
	}
	if devices, refused := teach.Counts(); devices != 3 || refused != 7 {
		t.Errorf("%d devices, %d refused", devices, refused)
	}
}

// What is older than the configured days is forgotten, and the log stays small: a
// device that is busy around the clock takes 27 KiB, others 8 to 16.
func TestForgets(t *testing.T) {
	teach := newTeacher(t, nil)
	for range 24 * 90 {
		teach.Learn(device, teach.hour, hourOf(3e9*math.Exp(0.2*teach.random.NormFloat64())), false)
		teach.Observed(teach.hour)
		teach.hour++
	}
	p := teach.devices[device]
	n := 0
	p.all(func(*record) { n++ })
	if n < 30*24 || n > 31*24 || len(p.log) > 27<<10 {
		t.Errorf("%d hours kept in %d bytes", n, len(p.log))
	}
	if len(teach.calendar.places) > 30*24*2+5000 {
		t.Errorf("the calendar holds %d hours", len(teach.calendar.places))
	}
}

// Asking allocates nothing, known or not.
func TestNoAllocation(t *testing.T) {
	teach := newTeacher(t, nil)
	teach.days(14, nil)
	i := 0
	ask := func() {
		teach.At(device, teach.now().Add(time.Duration(i%72)*time.Hour), BytesOut)
		teach.At(flow.Addr{}, teach.now(), BytesOut)
		i++
	}
	for range 100 {
		ask() // buffers grow to their size
	}
	if n := testing.AllocsPerRun(200, ask); n != 0 {
		t.Errorf("%v allocations a question", n)
	}
}

// Learning is limited to the period that was verified as clean, and stops when frozen.
func TestPeriodAndFreeze(t *testing.T) {
	teach := newTeacher(t, func(c *Config) {
		c.From, c.Until = time.Unix((day0+48)*3600, 0), time.Unix((day0+96)*3600, 0)
	})
	teach.days(10, nil)
	if p := teach.devices[device]; p.first != day0+48 || p.last != day0+95 {
		t.Errorf("learned from hour %d to %d", p.first-day0, p.last-day0)
	}
	frozen := newTeacher(t, nil)
	frozen.days(2, nil)
	frozen.Freeze(true)
	frozen.days(2, nil)
	if p := frozen.devices[device]; p.last != day0+47 {
		t.Errorf("learned %d hours while frozen", p.last-day0-47)
	}
}
