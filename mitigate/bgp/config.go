// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Config says which routers are told, and what. Without peers nothing is done.
type Config struct {
	ASN          uint32       `yaml:"asn"`                     // own AS number, of 2 or 4 bytes
	RouterID     netip.Addr   `yaml:"router_id,omitempty"`     // BGP identifier; not set: local_address when it is one of IPv4
	LocalAddress netip.Addr   `yaml:"local_address,omitempty"` // source of the sessions with peers of its family; not set: what the system chooses
	Listen       []netip.Addr `yaml:"listen"`                  // addresses that take connections, for passive peers; empty: only we connect, and no port is open
	ListenPort   uint16       `yaml:"listen_port"`             // port of those addresses

	// HoldTime is how long peers keep our routes when they hear nothing from us. A process
	// that is killed closes its connections and its routes go at once; this time counts
	// when the machine dies, hangs or is cut off. Keep-alives go out three times as often.
	// Longer keeps a rule that nobody can take back, shorter loses sessions, and with them
	// the rules, on a line that the attack itself has filled. The peer may ask for less.
	HoldTime time.Duration `yaml:"hold_time"`
	// GracefulRestart is how long peers keep our routes after the session broke, so that a
	// restart is not seen; 0s = off: routes go with the session, which is what a program
	// that died must leave behind. Together with hold_time it must be below the shortest lease.
	GracefulRestart time.Duration `yaml:"graceful_restart"`
	// MaxRules bounds what is announced at a time; what is beyond is refused. Routers have
	// bounds of their own, often of a hundred FlowSpec rules and sometimes of ten.
	MaxRules int `yaml:"max_rules"`

	Blackhole BlackholeConfig `yaml:"blackhole"`
	Divert    DivertConfig    `yaml:"divert"`
	Peers     []PeerConfig    `yaml:"peers"` // routers (docs/how-to/mitigate-with-bgp.md): name, address, port, asn, password or password_file, ttl_security or multihop, passive, local_address, families

	// Lease is the shortest time that a rule is given. It is set by who composes the
	// configuration; 0 = not known.
	Lease time.Duration `yaml:"-"`
}

// BlackholeConfig says how routers know that they are to drop.
type BlackholeConfig struct {
	NextHop           netip.Addr `yaml:"next_hop"`           // of IPv4; routers need a static route of it to null
	NextHopIPv6       netip.Addr `yaml:"next_hop_ipv6"`      // of IPv6, from the discard prefix of RFC 6666; likewise
	Communities       []string   `yaml:"communities"`        // 65535:666 is BLACKHOLE of RFC 7999; a list here takes its place; large ones have three parts
	HostCommunities   []string   `yaml:"host_communities"`   // for single addresses, in place of communities
	PrefixCommunities []string   `yaml:"prefix_communities"` // for networks, in place of communities
	NoExport          bool       `yaml:"no_export"`          // adds NO_EXPORT, so that no neighbour passes a blackhole on by mistake (RFC 7999, 3.2); off when your own router hands them to its providers
}

// DivertConfig says how traffic gets to a scrubbing centre.
type DivertConfig struct {
	NextHop     netip.Addr `yaml:"next_hop,omitempty"`      // of IPv4; not set: IPv4 is not diverted
	NextHopIPv6 netip.Addr `yaml:"next_hop_ipv6,omitempty"` // of IPv6; not set: IPv6 is not diverted
	Communities []string   `yaml:"communities"`             // that the scrubbing centre or your routers ask for
	NoExport    bool       `yaml:"no_export"`               // adds NO_EXPORT; off when the neighbour is to pass the route on
}

// PeerConfig is one router.
type PeerConfig struct {
	Name         string     `yaml:"name,omitempty"`                   // in logs and metrics; not set: the address
	Address      netip.Addr `yaml:"address"`                          // of the router; no two peers may share it
	Port         uint16     `yaml:"port,omitempty"`                   // not set: 179
	ASN          uint32     `yaml:"asn"`                              // of the router; the own one makes it iBGP
	Password     string     `yaml:"password,omitempty" secret:"true"` // signs the session (TCP MD5, RFC 2385), at most 80 bytes
	PasswordFile string     `yaml:"password_file,omitempty"`          // file that holds the password alone, mode 0600, read at the start
	TTLSecurity  int        `yaml:"ttl_security,omitempty"`           // farthest hops that packets may come from (GTSM, RFC 5082): 1 = the next router; 0 = unchecked
	Multihop     int        `yaml:"multihop,omitempty"`               // TTL of our packets to a router of another AS; not set: 1, it must be the next hop
	Passive      bool       `yaml:"passive,omitempty"`                // wait for the router to connect; needs listen
	LocalAddress netip.Addr `yaml:"local_address,omitempty"`          // in place of the one of all
	Families     []string   `yaml:"families,omitempty"`               // of ipv4_unicast, ipv6_unicast, ipv4_flowspec, ipv6_flowspec; not set: all four
}

// The next hops that nobody can reach: TEST-NET-1 (RFC 5737), which is what operators
// have used for blackholes ever since, and the discard prefix (RFC 6666).
func discard4() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 1}) }
func discard6() netip.Addr { return netip.MustParseAddr("100::1") }

const (
	usualPort   = 179
	maxPassword = 80                 // TCP_MD5SIG_MAXKEYLEN of Linux
	minHold     = 3 * time.Second    // RFC 4271, 4.2
	maxHold     = 3 * time.Minute    // routers' own default; longer serves nobody here
	maxRestart  = 4095 * time.Second // 12 bits (RFC 4724, 3)
	ruleBound   = 100_000            // no router takes more, and each costs about 2 KB here
	peerBound   = 100                // likewise
)

// DefaultConfig has no peers.
func DefaultConfig() Config {
	return Config{
		ListenPort: usualPort, HoldTime: 30 * time.Second, MaxRules: 1000,
		Blackhole: BlackholeConfig{NextHop: discard4(), NextHopIPv6: discard6(), Communities: []string{"65535:666"}, NoExport: true},
		Divert:    DivertConfig{NoExport: true},
	}
}

// Enabled reports whether there is anybody to tell.
func (c *Config) Enabled() bool { return len(c.Peers) > 0 }

// Validate reports the first value that makes no sense. It reads no file, and never
// repeats a password.
func (c *Config) Validate() error {
	if err := c.Blackhole.validate(); err != nil {
		return fmt.Errorf("blackhole: %w", err)
	}
	if err := c.Divert.validate(); err != nil {
		return fmt.Errorf("divert: %w", err)
	}
	switch {
	case c.HoldTime < minHold || c.HoldTime > maxHold || c.HoldTime%time.Second != 0:
		return fmt.Errorf("hold_time must be whole seconds between %v and %v", minHold, maxHold)
	case c.GracefulRestart < 0 || c.GracefulRestart > maxRestart || c.GracefulRestart%time.Second != 0:
		return fmt.Errorf("graceful_restart must be whole seconds between 0s and %v", maxRestart)
	case c.GracefulRestart > 0 && c.Lease > 0 && c.GracefulRestart+c.HoldTime >= c.Lease:
		return fmt.Errorf("graceful_restart and hold_time, %v together, must be below the shortest lease of a rule, %v", c.GracefulRestart+c.HoldTime, c.Lease)
	case c.MaxRules < 1 || c.MaxRules > ruleBound:
		return fmt.Errorf("max_rules must lie between 1 and %d", ruleBound)
	case !c.Enabled():
		return nil
	case len(c.Peers) > peerBound:
		return fmt.Errorf("there may be %d peers, not %d", peerBound, len(c.Peers))
	case c.ASN == 0:
		return errors.New("asn is needed: the own AS number")
	case !c.routerID().Is4() || c.routerID().IsUnspecified():
		return errors.New("router_id is needed: an IPv4 address, or a local_address of IPv4")
	case len(c.Listen) > 0 && c.ListenPort == 0:
		return errors.New("listen_port must not be 0")
	}
	for _, a := range append([]netip.Addr{c.LocalAddress}, c.Listen...) {
		if a.Is4In6() {
			return fmt.Errorf("write %s as an address of IPv4", a)
		}
	}
	return c.validatePeers()
}

// routerID is the BGP identifier.
func (c *Config) routerID() netip.Addr {
	if c.RouterID.IsValid() {
		return c.RouterID
	}
	return c.LocalAddress
}

func (c *Config) validatePeers() error {
	names, addresses := map[string]bool{}, map[netip.Addr]bool{}
	for i := range c.Peers {
		p := &c.Peers[i]
		if err := p.validate(c); err != nil {
			return fmt.Errorf("peer %d: %w", i+1, err)
		}
		if names[p.label()] || addresses[p.Address] {
			return fmt.Errorf("peer %d: two peers have the name %s or the address %s", i+1, p.label(), p.Address)
		}
		names[p.label()], addresses[p.Address] = true, true
	}
	return nil
}

// label names a peer in logs and metrics.
func (p *PeerConfig) label() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Address.String()
}

// local is the source address of the session; invalid: the system chooses.
func (p *PeerConfig) local(c *Config) netip.Addr {
	if p.LocalAddress.IsValid() {
		return p.LocalAddress
	}
	if c.LocalAddress.IsValid() && c.LocalAddress.Is4() == p.Address.Is4() {
		return c.LocalAddress
	}
	return netip.Addr{}
}

func (p *PeerConfig) validate(c *Config) error {
	a := p.Address
	switch {
	case !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Is4In6():
		return errors.New("address is needed: the one of the router")
	case p.LocalAddress.IsValid() && p.LocalAddress.Is4() != a.Is4():
		return fmt.Errorf("local_address %s and address %s are of different families", p.LocalAddress, a)
	case p.ASN == 0:
		return errors.New("asn is needed: the one of the router")
	case p.Password != "" && p.PasswordFile != "":
		return errors.New("one of password and password_file is enough")
	case len(p.Password) > maxPassword:
		return fmt.Errorf("the password must have at most %d bytes", maxPassword)
	case p.TTLSecurity < 0 || p.TTLSecurity > 254:
		return errors.New("ttl_security must lie between 0 and 254 hops")
	case p.Multihop < 0 || p.Multihop > 255:
		return errors.New("multihop must lie between 0 and 255")
	case p.TTLSecurity > 0 && p.Multihop > 0:
		return errors.New("ttl_security and multihop exclude each other: with ttl_security packets leave with a TTL of 255")
	case p.Passive && len(c.Listen) == 0:
		return errors.New("a passive peer needs an address to connect to: set listen")
	}
	_, err := p.families()
	return err
}
