// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"tidewatch/decision"
)

// Config holds the guards. A max that rises lets more be done to traffic, a min less.
type Config struct {
	// Own are the prefixes that may be announced to routers: blackholes, FlowSpec,
	// diversions. Firewalls and hooks may act on devices in networks.internal, too.
	// Empty: nothing is announced.
	Own []netip.Prefix `yaml:"own"`
	// Internal are the networks of networks.internal.
	Internal []netip.Prefix `yaml:"-"`
	// Pretend says that nothing is really announced (a dry run): when nobody has said
	// what is his own, what is inside takes its place.
	Pretend bool `yaml:"-"`
	// Never are addresses and networks that no rule may touch, as target, source or
	// destination: gateways, resolvers, payment services. Exporters, BGP peers and the
	// public resolvers known to all the world need no entry.
	Never []string `yaml:"never"`

	MinPrefixV4 int `yaml:"min_prefix_v4"` // shortest IPv4 prefix that a rule may name; a /24 is the smallest that the internet routes, so an outage of more is never needed to save the rest. /16 is the limit
	MinPrefixV6 int `yaml:"min_prefix_v6"` // the same for IPv6, where a /48 is the smallest that is routed. /32 is the limit

	MaxActive      int `yaml:"max_active"`       // rules at once, of all kinds; sFlow-RT's limit of FlowSpec rules is 100, too
	MaxBlackhole   int `yaml:"max_blackhole"`    // blackholes at once: each is an outage that the attacker wanted
	MaxFlowSpec    int `yaml:"max_flowspec"`     // FlowSpec rules at once: there are upstreams that take no more than 10, and drop the session beyond
	MaxDivert      int `yaml:"max_divert"`       // diversions at once: scrubbing is paid for by prefix
	MaxFirewall    int `yaml:"max_firewall"`     // blocks and rate limits of firewalls at once
	MaxQuarantine  int `yaml:"max_quarantine"`   // devices cut off at once: more than a few is an outage that somebody should manage
	MaxHook        int `yaml:"max_hook"`         // hooks at once; what they do is not known here
	MaxPerMinute   int `yaml:"max_per_minute"`   // rules that may begin within a minute: more than people can follow, and few enough that a storm of findings does little
	MaxPerIncident int `yaml:"max_per_incident"` // rules at once about one incident: the ladder has four steps, and an attack two or three vectors

	MaxCutOff      int     `yaml:"max_cut_off_per_prefix"` // blackholes and quarantines at once within one own prefix: an attack on more hosts is one on the prefix
	MaxCutOffShare float64 `yaml:"max_cut_off_share"`      // share of the own addresses of a family that these may take, a quarter: whoever blackholes the rest has finished the attack. The last fifth of it, and of the number above, is for people

	MaxLease          time.Duration `yaml:"max_lease"`           // longest time that a rule may be given at once, when a person stands behind it; 24h is the limit: somebody looks at it every day
	MaxLeaseAutomatic time.Duration `yaml:"max_lease_automatic"` // the same when none does: twice the longest pause between two probes

	AskCollateralDrop  float64 `yaml:"ask_collateral_drop"`  // share of usual traffic, its error included, beyond which a person must approve a FlowSpec rule that drops; what is not known is beyond it. The detectors call a filter harmless up to 0.05, and with the two dozen samples that are kept of usual traffic one that hits none of it has an error of 0.1
	AskCollateralBlock float64 `yaml:"ask_collateral_block"` // the same for a firewall that drops
	AskCollateralLimit float64 `yaml:"ask_collateral_limit"` // the same for limits of both, where slower is not lost
	MaxCollateralDrop  float64 `yaml:"max_collateral_drop"`  // share beyond which nobody can approve a FlowSpec rule that drops: more than half is a blackhole, and should be called one
	MaxCollateralBlock float64 `yaml:"max_collateral_block"` // the same for a firewall that drops
	MaxCollateralLimit float64 `yaml:"max_collateral_limit"` // the same for limits of both; all traffic of a host may be limited

	MinCovers     float64 `yaml:"min_covers"`     // share of the attack that a rule must hit to be done without a person, the error taken off: less leaves the host down all the same
	MaxSpoofed    float64 `yaml:"max_spoofed"`    // share of sources that may be made up when a rule without a person names a source: the attacker chooses whom it hits
	MaxPrevalence int     `yaml:"max_prevalence"` // own devices that may usually talk with the outer end that a rule without a person names: two and it is somebody's partner
	MinConfidence float64 `yaml:"min_confidence"` // of the verdict "threat" for doing without a person; it begins at 0.7, and one sign of a crowd takes a flood from 0.88 to 0.73
	MinRate       uint64  `yaml:"min_rate"`       // bytes/s that a limit must let through, 100 kbit/s (sFlow-RT's): less is a drop by another name

	Automatic         []string `yaml:"automatic"`          // actions that may be done without a person: all but cutting off a device of ours
	AutomaticPrefixes bool     `yaml:"automatic_prefixes"` // whether a blackhole of more than one address may be done without a person
}

// The limits of the limits: no configuration goes beyond.
const (
	floorV4 = 16
	floorV6 = 32
	ceiling = 1000 // rules of any kind, sFlow-RT's limit of routes
	dayLong = 24 * time.Hour
)

// DefaultConfig announces nothing, since nobody knows what is yours.
func DefaultConfig() Config {
	return Config{
		MinPrefixV4: 24, MinPrefixV6: 48,
		MaxActive: 100, MaxBlackhole: 50, MaxFlowSpec: 10, MaxDivert: 10, MaxFirewall: 100, MaxQuarantine: 5, MaxHook: 50,
		MaxPerMinute: 20, MaxPerIncident: 5,
		MaxCutOff: 16, MaxCutOffShare: 0.25,
		MaxLease: dayLong, MaxLeaseAutomatic: time.Hour,
		AskCollateralDrop: 0.15, AskCollateralBlock: 0.15, AskCollateralLimit: 0.3,
		MaxCollateralDrop: 0.5, MaxCollateralBlock: 0.5, MaxCollateralLimit: 1,
		MinCovers: 0.5, MaxSpoofed: 0.1, MaxPrevalence: 1, MinConfidence: 0.8, MinRate: 12_500,
		Automatic: []string{
			string(decision.Hook), string(decision.FlowSpecRateLimit), string(decision.RateLimit),
			string(decision.FlowSpecDrop), string(decision.Block), string(decision.Divert), string(decision.Blackhole),
		},
	}
}

// Validate reports the first value that makes no sense, or would be no guard.
func (c *Config) Validate() error {
	for _, p := range c.Own {
		if err := validOwn(p); err != nil {
			return fmt.Errorf("own: %w", err)
		}
	}
	for _, text := range c.Never {
		if _, err := network(text); err != nil {
			return fmt.Errorf("never: %w", err)
		}
	}
	switch {
	case c.MinPrefixV4 < floorV4 || c.MinPrefixV4 > 32:
		return fmt.Errorf("min_prefix_v4 is %d, must lie between %d and 32", c.MinPrefixV4, floorV4)
	case c.MinPrefixV6 < floorV6 || c.MinPrefixV6 > 128:
		return fmt.Errorf("min_prefix_v6 is %d, must lie between %d and 128", c.MinPrefixV6, floorV6)
	case c.MaxLease <= 0 || c.MaxLease > dayLong:
		return fmt.Errorf("max_lease is %v, must lie between 1s and %v", c.MaxLease, dayLong)
	case c.MaxLeaseAutomatic <= 0 || c.MaxLeaseAutomatic > c.MaxLease:
		return fmt.Errorf("max_lease_automatic is %v, must lie between 1s and max_lease, %v", c.MaxLeaseAutomatic, c.MaxLease)
	case c.MaxPrevalence < 0:
		return errors.New("max_prevalence is a number of devices, 0 or more")
	case c.MinRate == 0:
		return errors.New("min_rate is 0: a limit that lets nothing through is a drop")
	}
	if err := c.validCaps(); err != nil {
		return err
	}
	for _, a := range c.Automatic {
		if !decision.Action(a).Known() {
			return fmt.Errorf("automatic: there is no action %q, there are %v", a, decision.Actions())
		}
	}
	return c.validShares()
}

func (c *Config) validCaps() error {
	for _, n := range []struct {
		key string
		max int
	}{
		{"max_active", c.MaxActive},
		{"max_blackhole", c.MaxBlackhole},
		{"max_flowspec", c.MaxFlowSpec},
		{"max_divert", c.MaxDivert},
		{"max_firewall", c.MaxFirewall},
		{"max_quarantine", c.MaxQuarantine},
		{"max_hook", c.MaxHook},
		{"max_per_minute", c.MaxPerMinute},
		{"max_per_incident", c.MaxPerIncident},
		{"max_cut_off_per_prefix", c.MaxCutOff},
	} {
		if n.max < 0 || n.max > ceiling {
			return fmt.Errorf("%s is %d, must lie between 0 and %d", n.key, n.max, ceiling)
		}
	}
	return nil
}

func (c *Config) validShares() error {
	for _, s := range []struct {
		key   string
		share float64
	}{
		{"max_cut_off_share", c.MaxCutOffShare},
		{"ask_collateral_drop", c.AskCollateralDrop},
		{"max_collateral_drop", c.MaxCollateralDrop},
		{"ask_collateral_block", c.AskCollateralBlock},
		{"max_collateral_block", c.MaxCollateralBlock},
		{"ask_collateral_limit", c.AskCollateralLimit},
		{"max_collateral_limit", c.MaxCollateralLimit},
		{"min_covers", c.MinCovers},
		{"max_spoofed", c.MaxSpoofed},
		{"min_confidence", c.MinConfidence},
	} {
		if !(s.share >= 0 && s.share <= 1) { // neither is NaN
			return fmt.Errorf("%s is %v, must lie between 0 and 1", s.key, s.share)
		}
	}
	return nil
}
