// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Config says who hears of incidents, and what is done when a sink cannot be reached.
type Config struct {
	Routes   []Rule        `yaml:"routes"`    // who hears of what, first fitting rule first (docs/how-to/alerts.md); none: every sink of everything from medium on
	Groups   []Group       `yaml:"groups"`    // names for networks, for the rules; critical is there already and means window.critical
	Link     string        `yaml:"link"`      // address of an incident's page for people, with {id} in it; empty: messages have no link
	MaxQueue int           `yaml:"max_queue"` // messages that wait for one sink, about 300 bytes each on disk; beyond that the oldest updates are lost, then the older half becomes one digest
	MaxAge   time.Duration `yaml:"max_age"`   // a message that could not be delivered for so long is given up
	Timeout  time.Duration `yaml:"timeout"`   // for one attempt
	Drain    time.Duration `yaml:"drain"`     // for which serve goes on delivering when it stops; the rest waits on disk for the next start
}

// Group is a name for networks.
type Group struct {
	Name     string         `yaml:"name"`
	Prefixes []netip.Prefix `yaml:"prefixes"`
}

// DefaultConfig gives a sink a weekend to come back (a Friday evening to a Monday
// morning are 62 h), and an attempt the 10 s that a slow service takes, and a half.
func DefaultConfig() Config {
	return Config{MaxQueue: 1000, MaxAge: 72 * time.Hour, Timeout: 15 * time.Second, Drain: 5 * time.Second}
}

// Validate reports the first value that makes no sense, whatever sinks there are.
func (c *Config) Validate() error {
	if _, err := c.prepare(c.Routes, nil, nil); err != nil {
		return err
	}
	if c.Link != "" && (!strings.Contains(c.Link, "{id}") || !strings.HasPrefix(c.Link, "https://") && !strings.HasPrefix(c.Link, "http://")) {
		return errors.New("link must be an address that begins with https:// and has {id} in it")
	}
	if c.MaxQueue < 10 || c.MaxQueue > 100_000 {
		return fmt.Errorf("max_queue must lie between 10 and 100000, not %d", c.MaxQueue)
	}
	for _, d := range []struct {
		name        string
		have        time.Duration
		least, most time.Duration
	}{
		{"max_age", c.MaxAge, time.Minute, longest},
		{"timeout", c.Timeout, time.Second, 5 * time.Minute},
		{"drain", c.Drain, 0, 5 * time.Minute},
	} {
		if d.have < d.least || d.have > d.most {
			return fmt.Errorf("%s must lie between %v and %v, not %v", d.name, d.least, d.most, d.have)
		}
	}
	return nil
}

// linkTo is where people read about an incident.
func (c *Config) linkTo(id string) string { return strings.ReplaceAll(c.Link, "{id}", id) }
