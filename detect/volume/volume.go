// SPDX-License-Identifier: Apache-2.0

// Package volume finds traffic that a device's past does not explain: five
// minutes far above the busiest five minutes of that hour on other days (rise),
// five minutes far below what they ever are (drop), and none at all where there
// always is some (silence).
package volume

import (
	"fmt"
	"math/bits"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Past tells what is normal for a device.
type Past interface {
	At(addr flow.Addr, at time.Time, m baseline.Measure) (baseline.Normal, bool)
	// Shift is the change of a device's level that its last days show at a Unix second.
	Shift(addr flow.Addr, at int64) (baseline.Shift, bool)
}

// Sight tells whether an exporter could have told of its devices.
type Sight interface {
	// Saw reports whether the exporter was there for all of the Unix seconds
	// [from,to) and has sent something since.
	Saw(exporter uint32, from, to int64) bool
}

// Detector remembers of each device which of its last five windows were over
// medium, with whom it has a call, whether it is silent, and how low its windows usually
// are.
type Detector struct {
	cfg    Config
	past   Past
	sight  Sight
	over   map[flow.Addr]uint8
	far    map[flow.Addr]int64 // Unix second in which a device was far over its past last
	silent map[flow.Addr]*silence
	lows   map[flow.Addr]*lows
	shifts map[flow.Addr]shifted
	habits Habits
	ledger Ledger
	calls  map[flow.Addr]call
}

// Deps are what a detector asks. Without a past nothing is judged; a nil sight sees
// everything; without habits no call explains anything, and without a ledger no usual
// destination does.
type Deps struct {
	Past   Past
	Sight  Sight
	Habits Habits
	Ledger Ledger
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense.
func New(cfg Config, deps Deps) (*Detector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("volume: %w", err)
	}
	return &Detector{
		cfg: cfg, past: deps.Past, sight: deps.Sight, habits: deps.Habits, ledger: deps.Ledger,
		over: map[flow.Addr]uint8{}, far: map[flow.Addr]int64{}, silent: map[flow.Addr]*silence{}, lows: map[flow.Addr]*lows{},
		shifts: map[flow.Addr]shifted{}, calls: map[flow.Addr]call{},
	}, nil
}

// Configure judges by other limits from the next tick on; what is remembered
// stays. It must not run beside Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("volume: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "volume" }

// Detect judges the five-minute windows of all devices once a minute.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	if !w.Minute || d.past == nil {
		return out
	}
	for i := range w.Devices() {
		dev, ok := w.Device(i)
		if !ok {
			continue
		}
		if f, ok := d.rise(w, dev); ok {
			out = append(out, f)
		}
		if f, ok := d.silence(w, dev); ok {
			out = append(out, f)
		} else if f, ok := d.drop(w, dev); ok {
			out = append(out, f)
		}
		if w.Hour {
			if f, ok := d.shift(w, dev); ok {
				out = append(out, f)
			}
		}
	}
	if w.Hour {
		d.sweep(w.Now)
	}
	return out
}

// sweep forgets devices that were not judged for a week: they are gone.
func (d *Detector) sweep(now int64) {
	const week = 7 * 86400
	for a, at := range d.far {
		if at < now-3600 {
			delete(d.far, a)
		}
	}
	for a, c := range d.calls {
		if c.last < now-callPause {
			delete(d.calls, a)
		}
	}
	for a, s := range d.silent {
		if s.judged < now-week {
			delete(d.silent, a)
		}
	}
	for a, s := range d.shifts {
		if s.judged < now-week {
			delete(d.shifts, a)
		}
	}
	for a, l := range d.lows {
		if l.judged < now-week {
			delete(d.lows, a)
		}
	}
}

// turn reports whether a device is looked at in this minute. Drops and silences
// last, so each device has its turn every five minutes, and the work is spread.
func turn(w *window.Window, a flow.Addr) bool { return (w.Now/60)%5 == int64(a[15]%5) }

// rise judges the last five minutes and the running hour. The hour so far is compared
// with whole hours of the past, so it can only be found too small; it finds what five
// minutes cannot, because the busiest five minutes of an ordinary hour are several
// times its mean.
//
// Something opens when the hour is over Medium and its windows agree: Lasting of the
// last five are over Medium, or one is over High and exceeds all that the device ever
// did; or when the hour is half way to High and exceeds all that the device ever did.
// A burst that leaves the hour as usual, or that the device has at other hours, is
// nothing to get up for. It is high when the hour is over High, its
// windows last, and the hour, or one of them, exceeds all that the device ever did.
// What many devices do in the same hour has a common cause, an update or the end of a
// month, and is low: listed, with the number of them. What an hour came to on most of
// the last days is told as a level shift, and not again each day.
func (d *Detector) rise(w *window.Window, dev window.Device) (f detect.Finding, ok bool) {
	five := dev.Five()
	if d.slight(&five) {
		d.remember(w.Now, dev.Addr(), false)
		return f, false
	}
	d.follow(w.Now, dev)
	s := subject{key: dev.Addr(), now: w.Now, five: five, hour: dev.Running()}
	v, ok := d.judge(&s)
	if !ok {
		return f, false
	}
	alike := 0
	if v.strange || v.long {
		alike = d.alike(s.key, s.now)
	}
	f = d.finding(w, dev, "volume")
	d.tell(&f, &s, &v)
	if alike > d.cfg.Alike {
		f.Score, f.Severity = 0.55, detect.Low
		f.Indicators = append(f.Indicators, detect.Indicator{
			Name: "devices_alike", Observed: float64(alike), Expected: float64(d.cfg.Alike), Unit: "devices",
		})
	}
	d.explain(w, &s, &v, &f)
	d.expect(dev, &s, &v, &f)
	return f, true
}

// alike notes that a device is far over its past, and returns how many were in the
// last hour, itself included.
func (d *Detector) alike(a flow.Addr, now int64) (n int) {
	if _, known := d.far[a]; known || len(d.far) < d.cfg.MaxDevices {
		d.far[a] = now
	}
	for _, at := range d.far {
		if at > now-3600 {
			n++
		}
	}
	return n
}

// remember notes whether the device's window was over medium, once each five
// minutes, and returns how many of the last five were.
func (d *Detector) remember(now int64, addr flow.Addr, over bool) int {
	past, known := d.over[addr]
	if !known && !over {
		return 0
	}
	if (now+1)%300 == 0 {
		past = past << 1 & 0x1f
		if over {
			past |= 1
		}
		switch {
		case past == 0:
			delete(d.over, addr)
		case known || len(d.over) < d.cfg.MaxDevices:
			d.over[addr] = past
		}
	}
	return bits.OnesCount8(past)
}

func (d *Detector) finding(w *window.Window, dev window.Device, kind string) detect.Finding {
	return detect.Finding{
		Detector: d.Name(), Category: detect.BaselineAnomaly, Kind: kind,
		Subject: detect.HostSubject(dev.Addr()), At: w.At(), Last: w.At(),
	}
}
