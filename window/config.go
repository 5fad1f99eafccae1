// SPDX-License-Identifier: Apache-2.0

package window

import (
	"errors"
	"net/netip"
	"slices"

	"tidewatch/flow"
)

// RingSeconds is how far back the one-second bins reach: an attack exported
// after an active timeout of 300 s is still seen second by second.
const RingSeconds = 320

// Config bounds a Tracker. Raising a bound costs memory as stated.
type Config struct {
	MaxDevices     int            `yaml:"max_devices"`      // about 0.8 KiB each
	MaxHot         int            `yaml:"max_hot"`          // devices with one-second bins: about 46 KiB each, up to 60 KiB under attack, 38 KiB more of those that were lively, 6 KiB while under attack beside that, 18 KiB of a busy web or name server
	MaxUploads     int            `yaml:"max_uploads"`      // devices whose uploads are followed: about 7 KiB each
	MaxContacts    int            `yaml:"max_contacts"`     // devices whose peers and services of the hour are listed: about 4 KiB each
	MaxPairs       int            `yaml:"max_pairs"`        // pairs of a device and a service outside whose connections are followed: about 0.8 KiB each
	MaxTalks       int            `yaml:"max_talks"`        // pairs of a device and a name server, or an address it exchanges echo messages with, that are watched for tunnels: about 0.3 KiB each; rounded up to a power of two
	MaxProbes      int            `yaml:"max_probes"`       // devices whose attempts in vain are followed, and as many that others outside try: about 10 KiB each
	MaxPrefixes    int            `yaml:"max_prefixes"`     // blocks of addresses (/24 of IPv4, /48 of IPv6) whose packets are counted: 32 bytes each, in every shard
	MaxHotPrefixes int            `yaml:"max_hot_prefixes"` // blocks and networks with one-second bins: about 55 KiB each, up to 80 KiB under attack
	HotPackets     uint64         `yaml:"hot_packets"`      // packets in one minute from which a device gets one-second bins
	HotFlows       uint64         `yaml:"hot_flows"`        // flows in one minute, likewise
	Critical       []netip.Prefix `yaml:"critical"`         // networks and addresses whose devices always have one-second bins
	Networks       *Networks      `yaml:"-"`                // networks whose devices are summed; nil: the site alone
	Seed           flow.Seed      `yaml:"-"`                // keys the hashes
}

// DefaultConfig suits 10 000 active devices in about 350 MiB.
func DefaultConfig() Config {
	return Config{MaxDevices: 1 << 20, MaxHot: 4096, MaxUploads: 16384, MaxContacts: 16384, MaxPrefixes: 16384, MaxHotPrefixes: 256, MaxProbes: 4096, MaxPairs: 65536, MaxTalks: 32768, HotPackets: 200, HotFlows: 30}
}

// Validate reports the first bound that makes no sense.
func (c *Config) Validate() error {
	switch {
	case c.MaxDevices < 1 || c.MaxDevices > 1<<26:
		return errors.New("max_devices must lie between 1 and 67108864")
	case c.MaxHot < 1 || c.MaxHot > 1<<20:
		return errors.New("max_hot must lie between 1 and 1048576")
	case c.MaxUploads < 1 || c.MaxUploads > 1<<24:
		return errors.New("max_uploads must lie between 1 and 16777216")
	case slices.ContainsFunc(c.Critical, func(p netip.Prefix) bool { return !p.IsValid() }):
		return errors.New("critical holds something that is no network")
	case c.MaxContacts < 1 || c.MaxContacts > 1<<24:
		return errors.New("max_contacts must lie between 1 and 16777216")
	case c.MaxPrefixes < 2 || c.MaxPrefixes > 1<<24:
		return errors.New("max_prefixes must lie between 2 and 16777216")
	case c.MaxHotPrefixes < 1 || c.MaxHotPrefixes > 1<<16:
		return errors.New("max_hot_prefixes must lie between 1 and 65536")
	case c.MaxProbes < 1 || c.MaxProbes > 1<<24:
		return errors.New("max_probes must lie between 1 and 16777216")
	case c.MaxPairs < 64 || c.MaxPairs > 1<<24:
		return errors.New("max_pairs must lie between 64 and 16777216")
	case c.MaxTalks < 64 || c.MaxTalks > 1<<24:
		return errors.New("max_talks must lie between 64 and 16777216")
	case c.HotPackets < 1 || c.HotFlows < 1:
		return errors.New("hot_packets and hot_flows must be at least 1")
	}
	return nil
}
