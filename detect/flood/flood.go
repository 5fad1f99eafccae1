// SPDX-License-Identifier: Apache-2.0

// Package flood finds volumetric attacks: packets that converge on one device
// at a rate which its own past does not explain, and of a kind that nobody
// asked for. A device without a past is judged by the floors alone, so an
// attack on the first day is still seen.
//
// The score alone opens nothing (mission C5). A gate must hold first: packets
// per second, or unanswered connections per second, above a floor and above
// the past. Sources, ports and packet sizes only add weight to a gate that
// holds, else every busy web server would alarm.
package flood

import (
	"errors"
	"fmt"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits. The defaults are those of mission row C5.
type Config struct {
	MinPPS      float64       `yaml:"min_pps"`      // packets/s of attack traffic below which no packet-rate gate holds
	MinConns    float64       `yaml:"min_conns"`    // unanswered connections/s, likewise
	OutPPS      float64       `yaml:"out_pps"`      // packets/s that a device must send to a few targets for the same
	OutConns    float64       `yaml:"out_conns"`    // unanswered connections/s, likewise: a client whose server died tries again and again, a scan tries many
	Hold        time.Duration `yaml:"hold"`         // for how long an attack must have lasted; 0: three times the limit is told after 1 s, the limit after 5 s
	Stop        float64       `yaml:"stop"`         // share of its limit below which an attack is over
	Groups      []Group       `yaml:"groups"`       // networks with limits of their own
	Sources     uint64        `yaml:"sources"`      // more sources than this add weight
	Ports       uint64        `yaml:"ports"`        // as few addressed ports as this add weight
	SmallPacket float64       `yaml:"small_packet"` // a mean packet smaller than this (bytes) adds weight
	Sigma       float64       `yaml:"sigma"`        // deviations above the device's past that count as abnormal
	Score       float64       `yaml:"score"`        // findings below this score are not reported
	Prefix      PrefixConfig  `yaml:"prefix"`
}

// DefaultConfig suits an access network behind a 1 to 10 Gbit/s uplink.
func DefaultConfig() Config {
	return Config{
		MinPPS: 10_000, MinConns: 100, OutPPS: 10_000, OutConns: 1000, Stop: 0.7,
		Sources: 100, Ports: 3, SmallPacket: 100, Sigma: 3, Score: 0.6, Prefix: defaultPrefix(),
	}
}

// Validate reports the first limit that makes no sense.
func (c *Config) Validate() error {
	if err := c.validateLimits(); err != nil {
		return err
	}
	if c.Sigma <= 0 {
		return errors.New("sigma must be positive")
	}
	if c.Score < 0 || c.Score > 1 {
		return errors.New("score must lie between 0 and 1")
	}
	return c.Prefix.validate()
}

// Past tells what is normal for a device.
type Past interface {
	At(addr flow.Addr, at time.Time, m baseline.Measure) (baseline.Normal, bool)
}

// Detector remembers between ticks which devices are under attack.
type Detector struct {
	cfg     Config
	ladder  *ladder
	past    Past
	running map[running]int64 // the tick that found each last; as many as there are busy devices, or prefixes that are followed, at most
	s       window.Seconds
	x       [window.RingSeconds + 1]float64 // sums of the signal
	top     []window.Entry
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense. A nil past means that no
// device has one.
func New(cfg *Config, past Past) (*Detector, error) {
	d := &Detector{past: past, running: map[running]int64{}}
	if err := d.Configure(cfg); err != nil {
		return nil, err
	}
	return d, nil
}

// Configure judges by other limits from the next tick on; what is remembered
// stays. It must not run beside Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg *Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("flood: %w", err)
	}
	d.cfg, d.ladder = *cfg, newLadder(cfg)
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "flood" }

// Detect judges every device whose seconds were revised since the last tick: as
// a victim, and as one that attacks others.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	d.forget(w)
	for i := range w.Revised() {
		h := w.Host(i)
		filled := false
		for _, dir := range [...]window.Direction{window.In, window.Out} {
			if d.quiet(w, h, dir) {
				continue
			}
			if !filled {
				w.Seconds(h, &d.s)
				filled = true
			}
			if c, ok := d.judge(w, h, dir); ok {
				if f := d.finding(w, h, &c); f.Score >= d.cfg.Score {
					d.remember(w, f.Subject, dir)
					if dir == window.In {
						f.Examine(h, c.classes())
					}
					out = append(out, f)
				}
			}
		}
	}
	return out
}
