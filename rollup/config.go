// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"errors"
	"time"
)

// Config says how long sums are kept.
type Config struct {
	Enabled     bool          `yaml:"enabled"`      // sums by minutes and hours, made of the history as it grows
	KeepMinutes time.Duration `yaml:"keep_minutes"` // sums by minutes that are older are dropped
	KeepHours   time.Duration `yaml:"keep_hours"`   // sums by hours that are older are dropped
	MaxBytes    int64         `yaml:"max_bytes"`    // of each of the two on disk; beyond it the oldest are dropped
}

// DefaultConfig keeps minutes for a month and hours for a year and a month.
func DefaultConfig() Config {
	return Config{Enabled: true, KeepMinutes: 30 * 24 * time.Hour, KeepHours: 400 * 24 * time.Hour, MaxBytes: 4e9}
}

// Validate reports the first value that makes no sense.
func (c *Config) Validate() error {
	switch {
	case c.KeepMinutes < time.Hour:
		return errors.New("keep_minutes: at least an hour")
	case c.KeepHours < 24*time.Hour:
		return errors.New("keep_hours: at least a day")
	case c.MaxBytes < 1<<20:
		return errors.New("max_bytes: at least 1048576")
	}
	return nil
}
