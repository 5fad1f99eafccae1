// SPDX-License-Identifier: Apache-2.0

// Package baseline knows what is normal for a device at an hour of the day. It
// keeps, for each device and hour, the last 28 days' busiest five minutes, and
// compares a five-minute window with them in log space by median and MAD.
//
// Only whole hours are learned, and only those in which the device was in no
// open incident, so that an attack does not become normal. Which level speaks
// depends on the past: an hour of the day with more than seven samples, else
// all hours together with at least three days of them, else none.
package baseline

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"tidewatch/flow"
)

// Measure is one learned series of a device.
type Measure uint8

// The measures: the largest five-minute sum in an hour.
const (
	BytesIn Measure = iota
	BytesOut
	PacketsIn
	numMeasures
)

const (
	days        = 28 // samples kept for each hour of the day: four weeks
	minSamples  = 8  // more than seven
	minGlobal   = 72 // three days of hours: eight hours of one night know nothing of the day
	hoursOfDay  = 24
	noiseFloor  = 0.15 // smallest spread believed, in natural-log units: 15 %
	calibration = 0.9987
)

// grain is the volume below which differences do not matter: values are learned
// as log(1 + v/grain), so that a device which is silent at most hours is not
// infinitely surprised by a single web page.
func (m Measure) grain() float64 {
	if m == PacketsIn {
		return 3000 // in five minutes: 10 packets/s
	}
	return 1e6 // in five minutes: 27 kbit/s
}

func (m Measure) log(v float64) float64 { return math.Log1p(v / m.grain()) }

func (m Measure) value(log float64) float64 { return math.Expm1(log) * m.grain() }

// Config bounds the store.
type Config struct {
	MaxDevices int            `yaml:"max_devices"` // about 8 KiB each
	Zone       *time.Location `yaml:"-"`           // hours of the day are the site's
}

// DefaultConfig suits 10 000 devices in about 80 MiB.
func DefaultConfig() Config { return Config{MaxDevices: 20_000, Zone: time.UTC} }

// Validate reports a bound that makes no sense.
func (c Config) Validate() error {
	if c.MaxDevices < 1 {
		return errors.New("max_devices must be at least 1")
	}
	if c.Zone == nil {
		return errors.New("a time zone is needed")
	}
	return nil
}

// Store holds the past of the devices of one shard.
type Store struct {
	cfg     Config
	devices map[flow.Addr]*past
	refused uint64
}

type past struct {
	first int64 // Unix hour of the first sample
	last  int64
	count [hoursOfDay]uint16                     // samples ever learned for the hour
	logs  [numMeasures][hoursOfDay][days]float32 // natural log of 1 + value, ring by count
	known [numMeasures]answer                    // what was asked last; it holds until the next sample
}

// answer is the normal of one hour of the day, computed when it is first asked for.
type answer struct {
	hour   int // of the day, plus one; 0 = not asked yet
	ok     bool
	normal Normal
}

// New returns an empty store.
func New(cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	return &Store{cfg: cfg, devices: map[flow.Addr]*past{}}, nil
}

// Sample is what one whole hour of a device amounts to, by Measure.
type Sample [numMeasures]uint64

// Learn takes the sample of a device for a Unix hour. Beyond the bound a new
// device is not learned, and counted.
func (s *Store) Learn(addr flow.Addr, hour int64, v Sample) {
	p := s.devices[addr]
	if p == nil {
		if v == (Sample{}) {
			return // a device that was never seen working has no past to keep
		}
		if len(s.devices) >= s.cfg.MaxDevices {
			s.refused++
			return
		}
		p = &past{first: hour}
		s.devices[addr] = p
	}
	p.last = hour
	h := s.hourOfDay(hour)
	at := p.count[h] % days
	for m := range v {
		p.logs[m][h][at] = float32(Measure(m).log(float64(v[m])))
	}
	p.count[h]++
	p.known = [numMeasures]answer{}
}

// Counts returns the number of devices known and of samples refused at the bound.
func (s *Store) Counts() (devices int, refused uint64) { return len(s.devices), s.refused }

func (s *Store) hourOfDay(hour int64) int {
	return time.Unix(hour*3600, 0).In(s.cfg.Zone).Hour()
}

// Basis says how much past an answer rests on. It converts to detect.Baseline.
type Basis struct {
	Level   string // hour_of_day or global
	Samples int
	AgeDays int
	Version string // of the baseline; empty until versions exist
}

// Normal is what a device's past says of one measure at one hour.
type Normal struct {
	Median  float64 // of the busiest five minutes of that hour
	Spread  float64 // one calibrated sigma, in natural-log units
	P99     float64
	Ever    float64 // the busiest five minutes of any hour that is remembered
	Basis   Basis
	measure Measure
	usual   float64 // the median before Times raised it; 0 = it did not
}

// Sigma is how many calibrated deviations value lies above (positive) or below
// the median.
func (n *Normal) Sigma(value float64) float64 {
	d := (n.measure.log(value) - n.measure.log(n.Median)) / n.Spread
	if d < 0 && n.usual > 0 { // what was expected to grow and did not is as usual
		d = min(0, (n.measure.log(value)-n.measure.log(n.usual))/n.Spread)
	}
	return d
}

// Times returns what is normal while factor times the usual volume is expected:
// anything from the usual to that. A factor of at most 1 changes nothing.
func (n Normal) Times(factor float64) Normal {
	if factor > 1 {
		n.usual = n.Median
		n.Median, n.P99, n.Ever = n.Median*factor, n.P99*factor, n.Ever*factor
	}
	return n
}

// Above is the value that lies z deviations above the median.
func (n *Normal) Above(z float64) float64 {
	return n.measure.value(n.measure.log(n.Median) + z*n.Spread)
}

// At returns what is normal for a device at a moment; ok is false without
// enough past. It allocates nothing.
func (s *Store) At(addr flow.Addr, at time.Time, m Measure) (n Normal, ok bool) {
	p := s.devices[addr]
	if p == nil {
		return n, false
	}
	h := at.In(s.cfg.Zone).Hour()
	a := &p.known[m]
	if a.hour != h+1 {
		*a = answer{hour: h + 1}
		a.normal, a.ok = p.normal(m, h)
	}
	n = a.normal
	n.Basis.AgeDays = int((at.Unix()/3600 - p.first) / 24)
	return n, a.ok
}

// normal computes what At answers.
func (p *past) normal(m Measure, h int) (n Normal, ok bool) {
	var buf [hoursOfDay * days]float32
	level, v := "hour_of_day", p.samples(buf[:0], m, h)
	if len(v) < minSamples {
		level, v = "global", v[:0]
		for h := range hoursOfDay {
			v = p.samples(v, m, h)
		}
		if len(v) < minGlobal {
			return n, false
		}
	}
	median, mad := medianMAD(v)
	// A past that never varied would make every change infinite.
	spread := max(1.4826*mad, noiseFloor)
	spread *= p.stretch(m)
	ever := v[len(v)-1]
	for h := range hoursOfDay {
		for _, y := range p.logs[m][h][:min(int(p.count[h]), days)] {
			ever = max(ever, y)
		}
	}
	n.Ever = m.value(float64(ever))
	n.measure = m
	n.Median, n.Spread = m.value(median), spread
	n.P99 = m.value(float64(v[min(len(v)-1, len(v)*99/100)]))
	n.Basis = Basis{Level: level, Samples: len(v)}
	return n, true
}

// samples appends the values of one hour of the day.
func (p *past) samples(out []float32, m Measure, h int) []float32 {
	return append(out, p.logs[m][h][:min(int(p.count[h]), days)]...)
}

// stretch calibrates sigma with the device's own past: the factor by which the
// 99.87th percentile of its residuals exceeds three, at least one. A device
// with wild hours thereby has wide sigmas, whatever the bell curve says.
func (p *past) stretch(m Measure) float64 {
	var buf [hoursOfDay * days]float32
	all := buf[:0]
	var hour [days]float32
	for h := range hoursOfDay {
		v := p.samples(hour[:0], m, h)
		if len(v) < minSamples {
			continue
		}
		at := len(all)
		all = append(all, v...)
		median, mad := medianMAD(v)
		spread := max(1.4826*mad, noiseFloor)
		for i, y := range all[at:] {
			all[at+i] = float32(math.Abs(float64(y)-median) / spread)
		}
	}
	if len(all) < 4*minSamples {
		return 1
	}
	slices.Sort(all)
	return max(1, float64(all[min(len(all)-1, int(calibration*float64(len(all))))])/3)
}

// medianMAD sorts v and returns its median and median absolute deviation.
func medianMAD(v []float32) (median, mad float64) {
	slices.Sort(v)
	median = middle(v)
	var buf [hoursOfDay * days]float32
	dev := buf[:0]
	for _, y := range v {
		dev = append(dev, float32(math.Abs(float64(y)-median)))
	}
	slices.Sort(dev)
	return median, middle(dev)
}

func middle(sorted []float32) float64 {
	n := len(sorted)
	return (float64(sorted[(n-1)/2]) + float64(sorted[n/2])) / 2
}
