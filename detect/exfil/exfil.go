// SPDX-License-Identifier: Apache-2.0

// Package exfil finds data that leaves: uploads of one device to outside that
// are large, at odd hours, sustained, aimed at one address, or unlike the
// device's past. It judges half days of uploads, not single windows.
package exfil

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits. The defaults are those of mission row D2.
type Config struct {
	MinBytes     uint64         `yaml:"min_bytes"`     // an upload larger than this adds weight, and is the gate of a device without a past
	FocusBytes   uint64         `yaml:"focus_bytes"`   // one destination must have received this much to count as focus
	FocusShare   float64        `yaml:"focus_share"`   // and this share of all
	OffShare     float64        `yaml:"off_share"`     // share sent off hours that adds weight
	OffFrom      int            `yaml:"off_from"`      // first hour of the night, site time
	OffTo        int            `yaml:"off_to"`        // first hour of the day, site time
	Sustained    time.Duration  `yaml:"sustained"`     // mostly continuous upload longer than this adds weight
	Ratio        float64        `yaml:"ratio"`         // sent over received above this adds weight
	Score        float64        `yaml:"score"`         // findings below this score are not reported
	Sigma        float64        `yaml:"sigma"`         // deviations above the device's past that count as abnormal
	RareDevices  int            `yaml:"rare_devices"`  // a destination that at most so many devices send to is rare
	LearnedAfter time.Duration  `yaml:"learned_after"` // time after which a device's destinations are known
	Zone         *time.Location `yaml:"-"`             // the site's zone; off hours are its
}

// DefaultConfig holds the defaults of mission row D2.
func DefaultConfig() Config {
	return Config{
		MinBytes: 1e9, FocusBytes: 100e6, FocusShare: 0.8, OffShare: 0.5, OffFrom: 23, OffTo: 6,
		Sustained: 6 * time.Hour, Ratio: 5, Score: 0.6, Sigma: 3, RareDevices: 2,
		LearnedAfter: 36 * time.Hour, Zone: time.UTC,
	}
}

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.MinBytes == 0 || c.FocusBytes == 0 || c.Ratio <= 0 || c.Sustained <= 0 || c.Sigma <= 0:
		return errors.New("min_bytes, focus_bytes, ratio, sustained and sigma must be positive")
	case c.FocusShare < 0 || c.FocusShare > 1 || c.OffShare < 0 || c.OffShare > 1 || c.Score < 0 || c.Score > 1:
		return errors.New("shares and score must lie between 0 and 1")
	case c.OffFrom < 0 || c.OffFrom > 23 || c.OffTo < 0 || c.OffTo > 23:
		return errors.New("off_from and off_to are hours, 0 to 23")
	case c.Zone == nil:
		return errors.New("a time zone is needed")
	}
	return nil
}

// Past tells what is normal for a device.
type Past interface {
	At(addr flow.Addr, at time.Time, m baseline.Measure) (baseline.Normal, bool)
	// Habits is nil for a device of which nothing is known.
	Habits(addr flow.Addr) *baseline.Habits
}

// Detector keeps nothing between ticks but memory to work in.
type Detector struct {
	cfg  Config
	past Past
	top  []window.Entry
	nets []window.Entry
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense. A nil past means that no
// device has one.
func New(cfg Config, past Past) (*Detector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("exfil: %w", err)
	}
	return &Detector{cfg: cfg, past: past}, nil
}

// Configure judges by other limits from the next tick on; what is remembered
// stays. It must not run beside Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("exfil: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "exfil" }

// Detect judges, once a minute, every device that sent something out in it.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	if !w.Minute {
		return out
	}
	for i := range w.Uploads() {
		u := w.Upload(i)
		if u == nil {
			continue
		}
		if c, ok := d.judge(w, u); ok && c.last >= w.Now-going {
			if f := d.finding(w, u, &c); f.Score >= d.cfg.Score {
				d.excuse(&f, w, u, &c) // lowers it, but takes it away never
				f.Severity = detect.SeverityOf(f.Score)
				out = append(out, f)
			}
		}
	}
	return out
}

// going is how many seconds may have passed since the last flow of what is
// judged: the rest of the half day it is over, whatever else the device sends.
const going = 600

// upload is what the last two half days of one device amount to.
type upload struct {
	out, in, bulk, flows uint64  // out without acknowledgements
	acks                 uint64  // sent to acknowledge what was received
	off                  uint64  // sent off hours
	hour                 float64 // bytes per second in the last hour, or the one before
	hours                int     // hours with a substantial part of it
	span                 int     // hours from the first to the last of those
	to                   window.Entry
	focus                float64 // share of the heaviest destination
	fresh, rare          bool    // that destination is new to the device; few others use it
	familiar             bool    // the device sent there on earlier days
	above                bool    // more than the device's own past explains
	normal               baseline.Normal
	usual                float64 // the device's own ratio of sent to received at this hour, 0 = unknown
	known                bool
	most                 float64 // bytes that the device sends out in half a day without being strange; 0 = unknown
	sigma                float64
	network              bool // the heaviest destination is a network, of which no one address has most
	destinations         []window.Entry
	last                 int64 // Unix second of the newest flow of what is judged
}

// judge measures an upload and tells whether a gate holds.
func (d *Detector) judge(w *window.Window, u *window.Upload) (c upload, ok bool) {
	sum := u.Totals()
	c.out, c.in, c.bulk, c.flows = sum.Out, sum.In, sum.Bulk, sum.Flows
	if c.out < d.cfg.FocusBytes {
		return c, false // too little for any gate: the cheap way out for most devices
	}
	d.acknowledge(u, &c, sum.Packets)
	if c.out < d.cfg.FocusBytes {
		return c, false
	}
	c.destinations = d.top
	c.to = d.top[0]
	c.focus = sure(&c.to) / float64(c.out)
	d.rotates(u, &c)
	c.last = u.Last()
	if c.focus > 0.5 {
		c.last = c.to.Last / 1e9
	}
	d.hours(w, u, &c)
	settled := w.Now-u.Since > int64(d.cfg.LearnedAfter.Seconds())
	c.fresh = settled && !d.knows(w, u, &c)
	c.rare = w.Prevalence(d.top[0].Key) <= d.cfg.RareDevices
	if d.past != nil {
		if n, ok := d.past.At(u.Addr, time.Unix(w.Now, 0), baseline.BytesOut); ok {
			c.normal, c.known = n, true
			c.sigma = n.Sigma(d.rate(u, &c) * 300)
		}
	}
	c.familiar = settled && !c.fresh
	if !c.known || c.normal.Basis.Level == "global" {
		// All hours together know nothing of a nightly backup; its destination does.
		return c, c.out > d.cfg.MinBytes && !c.familiar
	}
	if in, ok := d.past.At(u.Addr, time.Unix(w.Now, 0), baseline.BytesIn); ok {
		c.usual = c.normal.Median / max(in.Median, 1)
	}
	// Gates of a device with a past (mission D2).
	c.above = c.sigma > d.cfg.Sigma && d.rate(u, &c)*300 > c.normal.P99
	if h := d.past.Habits(u.Addr); h != nil && c.above {
		if usual := h.Upload(w.Now/3600, 0, 0, d.cfg.Sigma); usual.Known {
			c.most = usual.Most
		}
	}
	return c, c.fresh && c.rare && d.news(u.Addr, &c) || c.above
}

// news reports whether a new destination is one for this device. The users behind a
// gateway bring it new ones every day, so there it is only when it received more
// than all that is new on the gateway's days.
func (d *Detector) news(a flow.Addr, c *upload) bool {
	h := d.past.Habits(a)
	if h == nil {
		return true
	}
	if role, _ := h.Role(); role != baseline.Gateway {
		return true
	}
	limit := h.NewLimits(d.cfg.Sigma)
	return !limit.Known || float64(c.to.Bytes) > limit.Bytes
}

// whole reports whether all that the device sent is what is suspected: most of it
// goes to one destination, or it is more than usual, or nothing is known of what is
// usual. Of a gateway that sends to hundreds every day and to a new one today, only
// what that one received is.
func (c *upload) whole() bool {
	return c.focus > 0.5 || c.above || !c.known || c.normal.Basis.Level == "global"
}

// basis says which past judged the upload.
func (c *upload) basis() detect.Baseline {
	if !c.known {
		return detect.NoBaseline()
	}
	return detect.Baseline(c.normal.Basis)
}

// rate is the bytes per second to the heaviest destination while it received, or, of
// what goes to many at once, those of the last hour to all of them.
func (d *Detector) rate(_ *window.Upload, c *upload) float64 {
	secs := max(300, float64(c.to.Last-c.to.First)/1e9)
	to := float64(c.to.Bytes) / secs
	if c.focus > 0.5 {
		return to
	}
	return max(to, c.hour)
}

// lopsided reports an upload-ratio anomaly: far more sent than received, and
// far more so than this device usually does.
func (d *Detector) lopsided(c *upload) bool {
	return d.ratio(c) > max(d.cfg.Ratio, 3*c.usual)
}

func (d *Detector) ratio(c *upload) float64 { return float64(c.out) / float64(max(c.in, 1)) }

// hours sorts the upload by hour: how much went off hours, and how long a
// substantial upload lasted.
func (d *Detector) hours(w *window.Window, u *window.Upload, c *upload) {
	var first, last int64
	var sum, off uint64
	floor := c.out / 200 // an hour with less than half a percent is a pause
	u.Hours(func(hour int64, out, _ uint64) {
		sum += out
		if hour >= w.Now/3600-1 {
			c.hour = max(c.hour, float64(out)/3600)
		}
		// The middle of the bin decides, so that zones off by half an hour are at most that wrong.
		if h := time.Unix(hour*3600+1800, 0).In(d.cfg.Zone).Hour(); d.offHour(h) {
			off += out
		}
		if out > floor {
			c.hours++
			if first == 0 || hour < first {
				first = hour
			}
			last = max(last, hour)
		}
	})
	if sum > 0 {
		c.off = uint64(float64(off) / float64(sum) * float64(c.out))
	}
	if c.hours > 0 {
		c.span = int(last-first) + 1
	}
}

func (d *Detector) offHour(h int) bool {
	if d.cfg.OffFrom <= d.cfg.OffTo {
		return h >= d.cfg.OffFrom && h < d.cfg.OffTo
	}
	return h >= d.cfg.OffFrom || h < d.cfg.OffTo
}

// finding turns an upload into numbers beside expected numbers.
func (d *Detector) finding(w *window.Window, u *window.Upload, c *upload) detect.Finding {
	started := u.First()
	if c.focus > 0.5 {
		started = c.to.First
	}
	f := detect.Finding{
		Detector: d.Name(), Category: detect.DataExfiltration, Kind: "exfiltration",
		Subject: detect.HostSubject(u.Addr), At: w.At(),
		Started: time.Unix(0, started).UTC(), Last: time.Unix(c.last+1, 0).UTC(),
		Baseline: c.basis(),
	}
	f.Metrics = detect.Metrics{
		Bytes: c.out, Flows: c.flows, OffHoursShare: float64(c.off) / float64(c.out),
		TopDestinationShare: c.focus, UploadRatio: d.ratio(c), Sigma: c.sigma,
		DurationSeconds: f.Last.Sub(f.Started).Seconds(), BitsPerSecond: 8 * d.rate(u, c),
		Destinations: uint64(len(c.destinations)),
	}
	d.indicators(&f, c)
	if !c.whole() {
		f.About = 1
	}
	if c.network {
		f.Top.Destinations = append(f.Top.Destinations, share(&c.to, flow.NetworkPrefix(c.to.Key).String(), c.out))
		c.destinations = c.destinations[:min(len(c.destinations), kept-1)]
	}
	for i := range c.destinations {
		e := &c.destinations[i]
		f.Top.Destinations = append(f.Top.Destinations, share(e, e.Key.String(), c.out))
	}
	var buf [10]window.Entry
	ports := u.Ports(buf[:0], 10)
	for i := range ports {
		e := &ports[i]
		key := strconv.Itoa(int(e.Number()&0xffff)) + "/" + flow.ProtoName(uint8(e.Number()>>16))
		f.Top.Ports = append(f.Top.Ports, share(e, key, c.out))
	}
	return f
}

func share(e *window.Entry, key string, of uint64) detect.Share {
	return detect.Share{
		Key: key, Bytes: e.Bytes, Packets: e.Packets, Flows: e.Flows,
		Share: sure(e) / float64(of),
	}
}

// indicators scores the upload by mission row D2.
func (d *Detector) indicators(f *detect.Finding, c *upload) {
	add := func(when bool, name string, observed, expected float64, unit string, weight float64) {
		if !when {
			return
		}
		f.Indicators = append(f.Indicators, detect.Indicator{
			Name: name, Observed: observed, Expected: expected, Unit: unit, Weight: weight,
		})
		f.Score = detect.Plus(f.Score, weight)
	}
	whole, suspected, floor := c.whole(), float64(c.to.Bytes), float64(d.cfg.MinBytes)
	if whole {
		// What a device sends every day is no sign, however much it is.
		suspected, floor = float64(c.out), max(floor, c.most)
	}
	add(suspected > floor, "upload_volume", suspected, floor, "bytes", 0.3)
	off := float64(c.off) / float64(c.out)
	add(whole && off > d.cfg.OffShare, "off_hours", off, d.cfg.OffShare, "share", 0.3)
	// Sustained means mostly continuous: two far-apart flows are two flows.
	span := time.Duration(c.span) * time.Hour
	// Nor is all day to many destinations more than a busy device.
	busy := c.known && c.focus <= 0.5
	add(whole && !busy && span > d.cfg.Sustained && 4*c.hours >= 3*c.span, "sustained_upload", span.Hours(), d.cfg.Sustained.Hours(), "hours", 0.2)
	// One destination is no sign when it is the one that this device always has.
	add(!c.familiar && c.focus > d.cfg.FocusShare && c.to.Bytes > d.cfg.FocusBytes, "one_destination", c.focus, d.cfg.FocusShare, "share", 0.4)
	bulk := float64(c.bulk) / float64(c.out)
	add(bulk > 0.5, "unusual_ports", bulk, 0.5, "share", 0.2)
	add(d.lopsided(c), "upload_ratio", d.ratio(c), max(d.cfg.Ratio, 3*c.usual), "ratio", 0.4)
	add(c.fresh && c.rare, "new_destination", 1, 0, "destinations", 0.1)
	if c.known {
		add(c.sigma > d.cfg.Sigma, "upload_anomaly", 8*d.rate(nil, c), 8*c.normal.Median/300, "bits/s", 0.1)
	}
}
