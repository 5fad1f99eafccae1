// SPDX-License-Identifier: Apache-2.0

package history

import (
	"errors"
	"time"
)

// Config says which flows are kept, for how long and how much of the disk they may have.
type Config struct {
	Enabled     bool          `yaml:"enabled"`      // false: no flow is kept, and those that were are left where they are
	Keep        time.Duration `yaml:"keep"`         // flows older than this are dropped
	MaxBytes    int64         `yaml:"max_bytes"`    // of all segments on disk; beyond it the oldest are dropped
	MaxShare    float64       `yaml:"max_share"`    // of the size of the disk; the smaller bound counts
	KeepFree    int64         `yaml:"keep_free"`    // bytes of the disk that are left to others: with less free nothing is written
	Segment     time.Duration `yaml:"segment"`      // flows are written when the oldest waited for so long: what a crash may cost
	SegmentRows int           `yaml:"segment_rows"` // or when there are so many, about 110 bytes each in memory; as many again may wait meanwhile
}

// DefaultConfig keeps a week of flows in at most 20 GB or half of the disk. At about 15
// bytes a flow that is 1 900 flows a second all week long.
func DefaultConfig() Config {
	return Config{
		Enabled: true, Keep: 7 * 24 * time.Hour, MaxBytes: 20e9, MaxShare: 0.5, KeepFree: 1e9,
		Segment: time.Minute, SegmentRows: 1 << 19,
	}
}

// Validate reports the first value that makes no sense.
func (c *Config) Validate() error {
	switch {
	case c.Keep < time.Hour:
		return errors.New("keep: at least an hour; enabled: false keeps nothing")
	case c.MaxBytes < 1<<20:
		return errors.New("max_bytes: at least 1048576")
	case c.MaxShare <= 0 || c.MaxShare > 1:
		return errors.New("max_share: must lie above 0 and not above 1")
	case c.KeepFree < 0:
		return errors.New("keep_free: must not be negative")
	case c.Segment < time.Second || c.Segment > time.Hour:
		return errors.New("segment: must lie between 1s and 1h")
	case c.SegmentRows < 1000 || c.SegmentRows > 1<<22:
		return errors.New("segment_rows: must lie between 1000 and 4194304")
	}
	return nil
}
