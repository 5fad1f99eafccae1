// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"errors"
	"fmt"
	"net/netip"

	"tidewatch/flow"
)

// Config says what is ours and who counts.
type Config struct {
	// Internal are the own networks. Addresses in them are devices.
	Internal []netip.Prefix `yaml:"internal"`
	// Totals are the networks that are judged as a whole, beside the site; empty means
	// those of networks.internal. 256 at most; an IPv6 network is no longer than /64.
	Totals []netip.Prefix `yaml:"totals"`
	// Boundary are the exporters, by source address, that see all traffic between
	// inside and outside. Naming them counts such traffic there and nowhere else.
	Boundary []netip.Prefix `yaml:"boundary"`
	// Geo are files in MaxMind's format (.mmdb) that tell countries, AS numbers or both of
	// the heaviest peers of what is found; they are asked in this order, held in
	// memory, and read anew with the configuration.
	Geo []string `yaml:"geo"`
	// MaxFlows bounds the table that tells duplicates apart, 16 bytes each; it is
	// rounded up to a power of two. Raise it when the overwritten counter moves.
	MaxFlows int `yaml:"max_flows"`
	// Seed keys the table's hash, so that a stranger cannot craft collisions.
	Seed flow.Seed `yaml:"-"`
	// Exporter names the address behind an exporter index; it is asked once per
	// run of records of one exporter and must be safe beside the intake. Boundary
	// has no effect without it.
	Exporter func(index uint32) netip.Addr `yaml:"-"`
}

// DefaultInternal are the networks that are nobody's on the internet: RFC 1918,
// RFC 6598 (carrier-grade NAT), RFC 4193 (unique local) and IPv6 link-local.
func DefaultInternal() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("fc00::/7"),
		netip.MustParsePrefix("fe80::/10"),
	}
}

// DefaultConfig takes private addresses as ours and prefers no exporter.
func DefaultConfig() Config {
	return Config{Internal: DefaultInternal(), MaxFlows: 1 << 18}
}

// Validate names the first setting that cannot be meant.
func (c *Config) Validate() error {
	if len(c.Internal) == 0 {
		return errors.New("internal must name at least one network")
	}
	for _, p := range c.Internal {
		if err := validPrefix(p); err != nil {
			return fmt.Errorf("internal: %w", err)
		}
	}
	for _, p := range c.Totals {
		if err := validPrefix(p); err != nil {
			return fmt.Errorf("totals: %w", err)
		}
		switch {
		case p.IsSingleIP(), p.Addr().Is6() && p.Bits() > 64:
			return fmt.Errorf("totals: network %v is too small, the longest are IPv4 /31 and IPv6 /64", p)
		case p.Addr().Is6() && p.Bits() == 0:
			return errors.New("totals: the site as a whole needs no entry")
		}
	}
	if len(c.Totals) > maxTotals {
		return fmt.Errorf("totals names %d networks, at most %d can be judged", len(c.Totals), maxTotals)
	}
	for _, p := range c.Boundary {
		if err := validPrefix(p); err != nil {
			return fmt.Errorf("boundary: %w", err)
		}
	}
	if c.MaxFlows < 2 || c.MaxFlows > 1<<28 {
		return fmt.Errorf("max_flows is %d, must lie between 2 and 268435456", c.MaxFlows)
	}
	return nil
}

// maxTotals is how many networks windows can sum.
const maxTotals = 256

// validPrefix refuses what is most often a typing error: 10.1.2.3/8 covers far
// more than it seems to say.
func validPrefix(p netip.Prefix) error {
	switch {
	case !p.IsValid():
		return fmt.Errorf("network %v is not valid", p)
	case p.Addr().Is4In6():
		return fmt.Errorf("network %v is IPv4 in IPv6 form, write it as IPv4", p)
	case p != p.Masked():
		return fmt.Errorf("network %v has bits set behind its length, write %v", p, p.Masked())
	}
	return nil
}
