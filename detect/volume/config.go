// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"errors"
	"time"

	"tidewatch/window"
)

// Config holds the limits. Deviations are calibrated: a device with wild hours
// has wide ones. The defaults are those of mission row B4.
type Config struct {
	MinBytes    uint64        `yaml:"min_bytes"`    // five minutes with less, and a past with less, are never judged as too much
	MinPackets  uint64        `yaml:"min_packets"`  // likewise
	Medium      float64       `yaml:"medium"`       // deviations that count as medium
	High        float64       `yaml:"high"`         // deviations that count as high
	Lasting     int           `yaml:"lasting"`      // of the last five windows, how many must be over medium, or so far too low
	Alike       int           `yaml:"alike"`        // when more devices are far over their past within an hour, none of them is high
	SteadyBytes uint64        `yaml:"steady_bytes"` // a device with less in the busiest five minutes of a low hour is never called silent or too low
	Silence     time.Duration `yaml:"silence"`      // how long a device that always sends must send nothing to count as silent; raising it finds it later
	Lag         time.Duration `yaml:"lag"`          // for how long more it must have sent nothing, because of late exports; the longest active timeout is right
	MaxDevices  int           `yaml:"max_devices"`  // devices remembered at once: over medium, silent, or known for how low they go
}

// DefaultConfig judges from 10 MB in five minutes (267 kbit/s) on, and drops from
// 100 kB (3 kbit/s) on.
func DefaultConfig() Config {
	return Config{
		MinBytes: 10e6, MinPackets: 30_000, Medium: 3, High: 5, Lasting: 3, Alike: 5,
		SteadyBytes: 100_000, Silence: 15 * time.Minute, Lag: 5 * time.Minute, MaxDevices: 20_000,
	}
}

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Medium <= 0 || c.High < c.Medium:
		return errors.New("medium must be positive and high at least medium")
	case c.Lasting < 1 || c.Lasting > 5:
		return errors.New("lasting must lie between 1 and 5 windows")
	case c.Silence < time.Minute || c.Lag < window.Lateness || c.Silence+c.Lag > 24*time.Hour:
		return errors.New("silence must be at least 1m, lag at least 2m, and both together at most a day")
	case c.Alike < 1:
		return errors.New("alike must be at least 1")
	case c.MaxDevices < 1:
		return errors.New("max_devices must be at least 1")
	}
	return nil
}
