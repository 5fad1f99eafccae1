// SPDX-License-Identifier: Apache-2.0

package outage

import (
	"errors"
	"time"
)

// Config says when an exporter counts as down.
type Config struct {
	MinSilence   time.Duration `yaml:"min_silence"`   // shortest silence that counts; raising it finds outages later and forgives more
	Factor       float64       `yaml:"factor"`        // and it must be so many times the exporter's usual gap
	MinAge       time.Duration `yaml:"min_age"`       // an exporter must have been sending for this long before its silence means anything
	Forget       time.Duration `yaml:"forget"`        // after this long an exporter is taken as gone for good
	MaxExporters int           `yaml:"max_exporters"` // exporters watched at once, about 100 bytes each; later ones are not watched
}

// DefaultConfig calls an exporter down after two minutes, which is two active
// timeouts of a minute, the longest that busy exporters commonly have.
func DefaultConfig() Config {
	return Config{MinSilence: 2 * time.Minute, Factor: 10, MinAge: 5 * time.Minute, Forget: 7 * 24 * time.Hour, MaxExporters: 4096}
}

// Validate reports the first value that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.MinSilence < time.Second || c.MinAge < 0:
		return errors.New("min_silence must be at least 1s, and min_age not negative")
	case c.Factor < 1:
		return errors.New("factor must be at least 1")
	case c.Forget <= c.MinSilence:
		return errors.New("forget must be longer than min_silence")
	case c.MaxExporters < 1 || c.MaxExporters > maxIndex:
		return errors.New("max_exporters must lie between 1 and 131072")
	}
	return nil
}
