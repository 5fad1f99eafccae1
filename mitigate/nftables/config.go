// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
)

// Config says where rules go.
//
// Packets are seen on prerouting, before connection tracking and routing spend anything
// on them, and whether they are for a machine behind this one or for this one itself.
// On forward the addresses are those behind this machine's NAT. It is never both: a
// packet would count twice against a limit.
type Config struct {
	Enabled     bool           `yaml:"enabled"`      // act on the machine that runs tidewatch, a Linux gateway; needs CAP_NET_ADMIN
	Table       string         `yaml:"table"`        // name of the table of family inet that is ours alone; whatever stands in it is removed
	Hook        string         `yaml:"hook"`         // where packets are seen: prerouting (before connection tracking; what is for this machine, too), or forward (behind NAT of addresses; not what is for this machine)
	Priority    int            `yaml:"priority"`     // of our chain among those on the hook, lower is earlier; -300 (raw) is before connection tracking at -200; fragments are always seen at -450, before they are put together
	MaxElements int            `yaml:"max_elements"` // rules in force at once; more are refused
	Management  []netip.Prefix `yaml:"management"`   // networks whose packets to this machine itself are let through whatever is decided; empty: none
	NetNS       string         `yaml:"-"`            // file of a network namespace; empty: that of the program
}

// DefaultConfig is off.
func DefaultConfig() Config {
	return Config{Table: "tidewatch", Hook: "prerouting", Priority: -300, MaxElements: 10_000}
}

// identifier is what nft takes as a name without quotes.
const identifier = `^[a-zA-Z][a-zA-Z0-9_]{0,62}$`

// mostElements is some 300 MB of kernel memory.
const mostElements = 1_000_000

// Validate reports the first value that makes no sense.
func (c *Config) Validate() error {
	if !regexp.MustCompile(identifier).MatchString(c.Table) {
		return fmt.Errorf("table must be letters, digits and _, beginning with a letter, not %q", c.Table)
	}
	if !slices.Contains([]string{"prerouting", "forward"}, c.Hook) {
		return fmt.Errorf("hook must be prerouting or forward, not %q", c.Hook)
	}
	if c.Priority < -1000 || c.Priority > 1000 {
		return fmt.Errorf("priority must be from -1000 to 1000, not %d", c.Priority)
	}
	if c.MaxElements < 1 || c.MaxElements > mostElements {
		return fmt.Errorf("max_elements must be from 1 to %d, not %d", mostElements, c.MaxElements)
	}
	for _, p := range c.Management {
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			return fmt.Errorf("management: %s is not a network", p)
		}
		if p.Bits() == 0 {
			return errors.New("management: a network of everybody would switch the protection of this machine off")
		}
	}
	return nil
}
