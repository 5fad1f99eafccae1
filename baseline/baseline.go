// SPDX-License-Identifier: Apache-2.0

// Package baseline knows what is normal for a device at an hour of its week.
//
// It keeps the last 30 days of every device as they were, hour by hour and
// exactly, each hour with a mark of how far it is trusted. Everything else is
// computed from that: the classic statistics that people are shown (Week), and
// what a moment is judged by (Normal). So a wrong lesson is undone by changing
// marks, and an old snapshot restores the old judgement to the bit.
//
// # How a moment is judged
//
// In log space, by medians. The hours of a device form levels: all of them, those
// of one hour of the day, those of that hour on week days or weekends, those of
// one hour of the week. A level with few hours borrows from the one above it, the
// more so the less the levels of that device differ (shrinkage after Efron and
// Morris, JASA 1973). Deviations are in sigmas calibrated by the device's own
// residuals: the 99.87th percentile of what it did before is three of them.
//
// # How it is not taught by an attacker
//
// An hour is judged before it is learned. One that is within three sigmas counts
// in full, up to five a third, beyond a hundredth (Trust), and an hour inside an
// attack or a scheduled event not at all. And whatever was learned, an hour of the
// day is never expected to grow by more than 5 % a week (limit.go); what grows
// faster is named by Audit and waits for a person.
package baseline

import (
	"errors"
	"fmt"
	"math"
	"time"

	"tidewatch/flow"
)

// Measure is one judged series of a device.
type Measure uint8

// The measures: the busiest five minutes in an hour, and the whole hour. A large
// change shows in the first within minutes. A smaller one that lasts shows in the
// second: the busiest minutes of an ordinary hour are already several times its mean.
const (
	BytesIn Measure = iota
	BytesOut
	PacketsIn
	HourBytesIn
	HourBytesOut
	numMeasures
)

func (m Measure) String() string {
	return [numMeasures]string{"bytes_in", "bytes_out", "packets_in", "hour_bytes_in", "hour_bytes_out"}[m]
}

// grain is the volume below which differences do not matter: values are learned
// as log(1 + v/grain), so that a device which is silent at most hours is not
// infinitely surprised by a single web page.
func (m Measure) grain() float64 {
	switch m {
	case PacketsIn:
		return 3000 // in five minutes: 10 packets/s
	case HourBytesIn, HourBytesOut:
		return 12e6 // in an hour: 27 kbit/s
	default:
		return 1e6 // in five minutes: 27 kbit/s
	}
}

func (m Measure) log(v float64) float64     { return math.Log1p(v / m.grain()) }
func (m Measure) value(log float64) float64 { return math.Expm1(max(log, 0)) * m.grain() }

// Config bounds the store and says how it learns.
type Config struct {
	MaxDevices int                      `yaml:"max_devices"` // 8 to 26 KiB each after 30 days
	Days       int                      `yaml:"days"`        // hours older than so many days are forgotten
	MinDays    int                      `yaml:"min_days"`    // days with traffic before a device is judged by its past
	Growth     float64                  `yaml:"growth"`      // growth a week that is followed without being approved; 0.05 is 5 %
	From       time.Time                `yaml:"learn_from"`  // hours before it teach nothing; empty = no limit
	Until      time.Time                `yaml:"learn_until"` // hours from it on teach nothing; empty = no limit
	Zone       *time.Location           `yaml:"-"`           // hours of the day are the site's
	Holiday    func(day time.Time) bool `yaml:"-"`           // days that are like Sundays; nil = none
}

// DefaultConfig suits 10 000 devices in about 250 MiB.
func DefaultConfig() Config {
	return Config{MaxDevices: 20_000, Days: 30, MinDays: 7, Growth: 0.05, Zone: time.UTC}
}

// Validate reports the first setting that makes no sense.
func (c *Config) Validate() error {
	switch {
	case c.MaxDevices < 1:
		return errors.New("max_devices must be at least 1")
	case c.Days < 7 || c.Days > 400:
		return errors.New("days must lie between 7 and 400")
	case c.MinDays < 1 || c.MinDays > c.Days:
		return errors.New("min_days must lie between 1 and days")
	case c.Growth < 0 || c.Growth > 10:
		return errors.New("growth must lie between 0 and 10")
	case !c.From.IsZero() && !c.Until.IsZero() && !c.From.Before(c.Until):
		return errors.New("learn_from must lie before learn_until")
	case c.Zone == nil:
		return errors.New("a time zone is needed")
	}
	return nil
}

// Store holds the past of the devices of one shard. It is not safe for
// concurrent use.
type Store struct {
	cfg      Config
	devices  map[flow.Addr]*past
	calendar calendar
	frozen   bool
	refused  uint64 // hours of devices beyond MaxDevices
	scratch  scratch

	recording bool
	journal   []byte
}

// New returns an empty store.
func New(cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	return &Store{cfg: cfg, devices: map[flow.Addr]*past{}, calendar: calendar{zone: cfg.Zone, holiday: cfg.Holiday}}, nil
}

// Counts returns the number of devices known and of hours refused at the bound.
func (s *Store) Counts() (devices int, refused uint64) { return len(s.devices), s.refused }

// Freeze stops learning, or lets it go on. Judging goes on either way.
func (s *Store) Freeze(on bool) { s.frozen = on }

// Frozen reports whether learning is stopped.
func (s *Store) Frozen() bool { return s.frozen }

// teaches reports whether an hour lies in the period that may be learned.
func (s *Store) teaches(hour int64) bool {
	at := time.Unix(hour*3600, 0)
	return !s.frozen && (s.cfg.From.IsZero() || !at.Before(s.cfg.From)) && (s.cfg.Until.IsZero() || at.Before(s.cfg.Until))
}
