// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"
	"net/netip"
	"time"
)

// The mean rates of background records over a week, in records per second:
// officeFlows at Scale 1, shopFlows for a ShopRate of 1 (steadyFlows where it
// does not follow the clock), staticFlows for camera and backup, which are never
// thinned. All are measured; a test holds them.
const (
	officeFlows = 5.2
	shopFlows   = 1.45
	steadyFlows = 2.66
	staticFlows = 0.06
)

// The bounds of a Config.
const (
	maxScale    = 10_000
	maxRate     = 20e6     // packets, connections or flows per second
	maxSources  = 16 << 20 // attack sources or load hosts
	maxDuration = 10 * 366 * 24 * time.Hour
	longAfter   = 10 * time.Minute // what is generated after an attack by default
)

// Config says what to generate. Zero means the default of each field.
type Config struct {
	// Seed decides everything that is random.
	Seed uint64
	// Start is the begin of the first slice, cut to the second; zero means
	// 2026-03-02 00:00 in Zone, a Monday.
	Start time.Time
	// Duration is the length of what is generated; zero means until ten minutes
	// after the last event, or one week for a scenario without.
	Duration time.Duration
	// Zone is where people live: working hours, nights, weekends. Zero is UTC.
	Zone *time.Location
	// Scale multiplies the number of background sessions, 1 being an office of
	// sixty people and a small shop. Events and ShopRate are not scaled.
	Scale float64
	// FlowsPerSecond thins the background to about that mean rate of records:
	// fewer sessions, each heavier, so that packets and bytes stay what they are.
	// Zero means no thinning; it cannot exceed the natural rate, which is about
	// 7.5 at Scale 1.
	FlowsPerSecond float64
	// ShopRate is the number of connections per second to the front of the web
	// shop at its busiest hour; a quarter of it comes on top for its images. The
	// default is 1.6 * Scale. In the shop scenarios it is 5000, at all hours.
	ShopRate float64
	// AttackAt is where the event begins, as an offset from Start; zero means
	// the default of the scenario, after a learned background.
	AttackAt time.Duration
	// AttackFor is how long the event lasts.
	AttackFor time.Duration
	// AttackRate is the event's size: packets per second of a flood, additional
	// connections per second of a shop scenario.
	AttackRate float64
	// AttackSources is how many addresses take part.
	AttackSources int
	// AttackBytes is the volume that leaves in "exfiltration".
	AttackBytes uint64
	// LoadRate and LoadHosts shape "load" and "flood-load": records per second
	// and internal addresses.
	LoadRate  float64
	LoadHosts int
	// Devices is the size of "fleet", which nothing else scales; 500 by default,
	// at least 100, at most 50 000.
	Devices int
	// Inject names what is done to some devices of "fleet", of those that
	// Injections lists, or by some of "office", of those that Acts lists, from
	// AttackAt on.
	Inject []string

	steady bool // the shop does not follow the clock
}

// setDefaults fills what was left zero from the scenario's own defaults.
func (c *Config) setDefaults(d *definition) {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 3, 2, 0, 0, 0, 0, c.Zone)
	}
	c.Start = c.Start.Truncate(time.Second)
	c.Scale = or(c.Scale, 1)
	c.ShopRate = or(c.ShopRate, or(d.shopRate, 1.6*c.Scale))
	c.steady = d.shopRate > 0
	c.AttackFor = or(c.AttackFor, d.lasts)
	c.AttackRate = or(c.AttackRate, d.rate)
	c.AttackSources = or(c.AttackSources, d.sources)
	c.AttackBytes = or(c.AttackBytes, d.bytes)
	c.LoadRate = or(c.LoadRate, 75_000)
	c.LoadHosts = or(c.LoadHosts, 10_000)
	c.Devices = or(c.Devices, 500)
	if c.AttackAt == 0 && d.lasts > 0 {
		c.AttackAt = d.defaultAt(c.Start.In(c.Zone))
	}
	if c.Duration == 0 {
		c.Duration = 7 * 24 * time.Hour
		if d.lasts > 0 {
			c.Duration = c.AttackAt + c.AttackFor + longAfter
			if d.again > 0 {
				c.Duration += d.again + c.AttackFor
			}
		}
	}
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// validate names the first setting that cannot work; c has its defaults.
func (c *Config) validate() error {
	switch {
	case c.Scale < 0 || c.Scale > maxScale:
		return fmt.Errorf("scale %g is outside 0 to %d", c.Scale, maxScale)
	case c.AttackAt < 0 || c.AttackFor < 0:
		return fmt.Errorf("the event at %v for %v: neither can be negative", c.AttackAt, c.AttackFor)
	case c.Duration < time.Second || c.Duration > maxDuration:
		return fmt.Errorf("duration %v is outside one second to ten years", c.Duration)
	case c.FlowsPerSecond < 0 || c.FlowsPerSecond > c.natural():
		return fmt.Errorf("%g flows per second: the background of scale %g makes %.1f and can only be thinned; raise the scale",
			c.FlowsPerSecond, c.Scale, c.natural())
	case c.FlowsPerSecond > 0 && c.FlowsPerSecond < 0.2:
		return fmt.Errorf("%g flows per second is below 0.2: nothing of the daily shape would be left", c.FlowsPerSecond)
	case c.AttackRate < 0 || c.AttackRate > maxRate || c.ShopRate < 0 || c.ShopRate > maxRate || c.LoadRate < 1 || c.LoadRate > maxRate:
		return fmt.Errorf("rates %g (event), %g (shop), %g (load): each must be positive and at most %g", c.AttackRate, c.ShopRate, c.LoadRate, maxRate)
	case c.AttackSources < 0 || c.AttackSources > maxSources || c.LoadHosts < 1 || c.LoadHosts > maxSources:
		return fmt.Errorf("%d sources, %d hosts: at least 1 and at most %d", c.AttackSources, c.LoadHosts, maxSources)
	case c.Devices < minFleet || c.Devices > maxFleet:
		return fmt.Errorf("%d devices: at least %d and at most %d", c.Devices, minFleet, maxFleet)
	}
	return nil
}

// natural is the mean rate of background records without thinning.
func (c *Config) natural() float64 {
	shop := shopFlows * c.ShopRate
	if c.steady {
		shop = steadyFlows * c.ShopRate
	}
	return officeFlows*c.Scale + shop + staticFlows
}

// thin is how many natural sessions one generated session stands for.
func (c *Config) thin() float64 {
	if c.FlowsPerSecond == 0 {
		return 1
	}
	return max(1, (c.natural()-staticFlows)/(c.FlowsPerSecond-staticFlows))
}

// Truth is one event in the traffic: what a detector should say about it, or
// must not say.
type Truth struct {
	Category string     `json:"category"`
	Kind     string     `json:"kind"`
	Vector   string     `json:"vector,omitempty"`
	Subject  netip.Addr `json:"subject"`
	// Network is the subject when it is no single host; Subject is its first address.
	Network netip.Prefix `json:"network,omitzero"`
	Start   time.Time    `json:"start"` // first packet
	End     time.Time    `json:"end"`   // last packet
	// MustNotAlert marks a benign look-alike: an incident of this category about
	// the subject is a false alarm.
	MustNotAlert bool   `json:"must_not_alert"`
	Sources      int    `json:"sources,omitempty"` // addresses that take part
	Packets      uint64 `json:"packets,omitempty"` // towards the subject (attack) or from it (upload), as planned
	Bytes        uint64 `json:"bytes,omitempty"`
	Injection    string `json:"injection,omitempty"` // its name in Config.Inject
	Note         string `json:"note"`
}

// Info describes one scenario.
type Info struct {
	Name        string
	Description string
	// Learn is how much background precedes the event by default, Event how long
	// the event lasts by default; both zero where nothing happens.
	Learn, Event time.Duration
}
