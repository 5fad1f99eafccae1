// SPDX-License-Identifier: Apache-2.0

// Package beacon finds devices under somebody else's command: one that asks the
// same destination again and again by the clock (beacon), and connections that
// stay open for hours (long_connection). It judges days of connections, not
// single windows. The scores follow RITA v5 (activecm/rita, analysis/beacons.go
// and default_config.hjson) where they say so; the rest is stated beside it.
package beacon

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits.
type Config struct {
	MinConnections int           `yaml:"min_connections"` // of a device to one service of a destination; with fewer nothing is judged
	LongAfter      time.Duration `yaml:"long_after"`      // a connection that lasts longer is judged
	Known          time.Duration `yaml:"known"`           // for so long a device must be watched before what it does counts as new, or as its habit
	Many           int           `yaml:"many"`            // a destination that so many devices use alike is nobody's secret
	Score          float64       `yaml:"score"`           // findings below this score are not reported
}

// DefaultConfig asks for 16 connections: by chance (memoryless arrivals) one lies within
// half of the median with a probability of 0.35, so 16 of them all do so once in
// seventeen million pairs. An hour is where RITA's scale of long connections begins.
func DefaultConfig() Config {
	return Config{MinConnections: 16, LongAfter: time.Hour, Known: 72 * time.Hour, Many: 3, Score: 0.4}
}

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.MinConnections < 8 || c.MinConnections > 64:
		return errors.New("min_connections must lie between 8 and 64")
	case c.LongAfter < time.Minute:
		return errors.New("long_after must be at least a minute")
	case c.Known < time.Hour:
		return errors.New("known must be at least an hour")
	case c.Many < 2:
		return errors.New("many must be at least 2")
	case c.Score < 0 || c.Score > 1:
		return errors.New("score must lie between 0 and 1")
	}
	return nil
}

// Detector keeps nothing between ticks but memory to work in.
type Detector struct {
	cfg  Config
	work rhythm
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense.
func New(cfg Config) (*Detector, error) {
	const most = 64 // intervals that a pair keeps
	lists := make([]int64, 4*most)
	d := &Detector{work: rhythm{
		gaps: lists[:0:most], sizes: lists[most : most : 2*most], sorted: lists[2*most : 2*most : 3*most],
		ratios: lists[3*most : 3*most : 4*most], hours: make([]int, 0, 32),
	}}
	err := d.Configure(cfg)
	return d, err
}

// Configure judges by other limits from the next tick on. It must not run beside
// Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("beacon: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "beacon" }

// Pairs are judged in turn: each once an hour, one that had traffic every ten
// minutes, and in its first quarter of an hour, which may be all there is, every minute.
const hourly, often, young = 60, 10, 900

// Detect judges, once a minute, the pairs whose turn it is.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	if !w.Minute {
		return out
	}
	minute := int(w.Now / 60 % hourly)
	for i := range w.Pairs() {
		r := w.Pair(i)
		if r == nil {
			continue
		}
		turn := (minute + i) % hourly
		if turn != 0 && (!r.Dirty() || turn%often != 0 && r.Last()-r.First() > young) {
			continue
		}
		if r.Longest().Last-r.Longest().First >= int64(d.cfg.LongAfter.Seconds()) {
			out = d.judgeLong(w, r, out)
		}
		if !r.Inside() && r.Count() > minRatio {
			out = d.judgeBeacon(w, r, out)
		}
	}
	return out
}

// judgeBeacon appends a finding when the connections of a pair keep to a rhythm.
func (d *Detector) judgeBeacon(w *window.Window, r *window.Pair, out []detect.Finding) []detect.Finding {
	b := &d.work
	if !b.measure(w.Now, r, d.cfg.MinConnections) || b.timing < leastTiming {
		return out
	}
	// RITA takes the mean. Timing counts twice here: sizes and hours are alike of much
	// that no clock drives.
	score := (2*b.timing + b.size + b.presence + b.duration) / 5
	base := threat(100*score, 50, 70, 90, 100)
	if base < 0.2 {
		return out
	}
	going := w.Now-r.Last() < 3*int64(b.period)
	sum, weights := d.weigh(w, r, base, beaconServices(r), 2*float64(d.cfg.MinConnections)*b.period)
	limit := mostMedium
	if b.call > mostCall || b.period > slowPeriod && b.jitter > widestSlow {
		limit = mostLow
	} else if (b.grows || weights.port != 0) && b.duration >= settled {
		limit = mostHigh
	}
	if sum = min(sum, limit); sum < d.cfg.Score || !going && w.Now-r.Last() > stale {
		return out
	}
	f := d.finding(w, r, "beacon", sum)
	f.Ordinary = limit == mostLow
	if going { // between two of its calls it goes on
		f.Last = w.At()
	}
	add := adder(&f)
	name, part := "beacon_timing", base/5
	if b.grows {
		name = "beacon_growth"
	}
	add(name, b.timing, leastTiming, "share", 2*part)
	add("beacon_size", b.size, 0.5, "share", part)
	add("beacon_presence", b.presence, 0.5, "share", part)
	add("beacon_duration", b.duration, 0.5, "share", part)
	if b.grows {
		add("beacon_ratio", b.ratio, 1, "", 0)
	} else {
		add("beacon_period", b.period, 0, "s", 0)
		add("beacon_jitter", b.jitter, 0, "share", 0)
	}
	if b.call > mostCall {
		add("beacon_transfer", b.call, mostCall, "bytes", 0)
	}
	add("beacon_connections", float64(r.Count()), float64(d.cfg.MinConnections), "connections", 0)
	weights.add(add)
	return append(out, f)
}

// leastTiming is the timing without which nothing is a rhythm, however alike the
// sizes: memoryless arrivals have 0.35, give or take 0.1 for 16 of them, and a
// jitter of 50 % leaves 0.9. People's days, with their bursts, come to 0.65 or so.
const leastTiming = 0.75

// stale is for how many seconds after its last traffic a pair that misses its
// calls is still told of.
const stale = 3600

// A rhythm or a length alone proves no intruder, so most of what is found is
// medium; what also asks at an odd port, or lasts for days, may be high.
const mostLow, mostMedium, mostHigh = 0.59, 0.74, 0.85

const (
	// mostCall is how many bytes a call for orders sends at most. RITA (version 4, data
	// size smallness) saw a beacon in small calls alone and gave nothing from 65 535 bytes
	// on. What sends more by the clock is a transfer, such as a nightly backup, and judged
	// by how much leaves.
	mostCall = 65535
	// slowPeriod is from where on the day itself gives the rhythm: what somebody does once
	// in eight hours of each day comes at intervals of a day, a tenth to each side in the
	// median, which is a jitter of 0.2. There a clock must be a better one.
	slowPeriod = 12 * 3600
	widestSlow = 0.12
)

// settled is the duration without which no rhythm is high.
const settled = 0.5

// threat maps a measure to a score by RITA's scale: 0.2 at none, 0.4 at low, 0.6 at
// medium, 0.8 at high, in straight lines between.
func threat(v, none, low, medium, high float64) float64 {
	steps := [...]float64{none, low, medium, high}
	if v < none {
		return 0
	}
	for i := 1; i < len(steps); i++ {
		if v < steps[i] {
			return 0.2*float64(i) + 0.2*(v-steps[i-1])/(steps[i]-steps[i-1])
		}
	}
	return 0.8
}

func adder(f *detect.Finding) func(name string, observed, expected float64, unit string, weight float64) {
	return func(name string, observed, expected float64, unit string, weight float64) {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: name, Observed: observed, Expected: expected, Unit: unit, Weight: weight})
	}
}

// finding is what both kinds have in common.
func (d *Detector) finding(w *window.Window, r *window.Pair, kind string, score float64) detect.Finding {
	bytes, packets := r.Sent()
	f := detect.Finding{
		Detector: d.Name(), Category: detect.CommandControl, Kind: kind,
		Subject: detect.HostSubject(w.PairOf(r).Addr()), At: w.At(),
		Started: time.Unix(r.First(), 0).UTC(), Last: time.Unix(r.Last()+1, 0).UTC(),
		Score: detect.Plus(score, 0), Baseline: detect.NoBaseline(),
		Metrics: detect.Metrics{Bytes: bytes, Packets: packets, Flows: uint64(r.Count()), Destinations: 1, Ports: 1},
	}
	f.Severity = detect.SeverityOf(f.Score)
	f.Metrics.DurationSeconds = f.Last.Sub(f.Started).Seconds()
	port := strconv.Itoa(int(r.Service()&0xffff)) + "/" + flow.ProtoName(uint8(r.Service()>>16))
	f.Top.Destinations = []detect.Share{{Key: r.Dest.String(), Bytes: bytes, Packets: packets, Flows: uint64(r.Count()), Share: 1}}
	f.Top.Ports = []detect.Share{{Key: port, Bytes: bytes, Packets: packets, Flows: uint64(r.Count()), Share: 1}}
	return f
}
