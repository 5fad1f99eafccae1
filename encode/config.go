// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"fmt"
	"net/netip"
	"time"
)

// Protocol names what is spoken on the wire.
type Protocol string

// The protocols.
const (
	V5    Protocol = "v5"    // NetFlow v5: IPv4 alone
	V9    Protocol = "v9"    // NetFlow v9, RFC 3954
	IPFIX Protocol = "ipfix" // RFC 7011
	SFlow Protocol = "sflow" // sFlow version 5
)

// Protocols lists them in the order in which help texts name them.
func Protocols() []Protocol { return []Protocol{V5, V9, IPFIX, SFlow} }

// The bounds of a Config.
const (
	minMTU = 576          // the templates and one record of each family fit
	maxMTU = 65507        // the largest UDP payload over IPv4
	maxV5N = 1<<14 - 1    // v5 announces the rate in 14 bits
	maxV5D = 1<<16 - 1    // v5 names the engine in 16 bits
	dayAgo = -24 * 3600e9 // how long an exporter without BootTime is up at its first datagram
)

// Config describes one exporter.
type Config struct {
	Protocol Protocol
	// Domain is the observation domain (IPFIX), source id (v9), engine type and
	// id (v5, 16 bits) or sub-agent (sFlow).
	Domain uint32
	// MTU bounds the UDP payload in bytes. A larger one carries more records a
	// datagram and is fragmented by a network that does not allow it.
	MTU int
	// TemplateEvery repeats the templates and the sampling options after that
	// many datagrams, so that a collector that came late can read.
	TemplateEvery int
	// Sampling of N exports what an exporter that looks at one packet of N would
	// see, and announces N; 0 and 1 export everything.
	Sampling uint32
	// BootTime is where v5, v9 and sFlow count their uptime from; zero means one
	// day before the first export. A flow that began earlier is sent as begun then.
	BootTime time.Time
	// Agent is the address that sFlow names as its own; zero means 192.0.2.1.
	Agent netip.Addr
}

// DefaultConfig is an unsampled NetFlow v9 exporter on an Ethernet path.
func DefaultConfig() Config {
	return Config{Protocol: V9, Domain: 1, MTU: 1400, TemplateEvery: 20, Sampling: 1}
}

// withDefaults fills what was left zero.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.MTU == 0 {
		c.MTU = d.MTU
	}
	if c.TemplateEvery == 0 {
		c.TemplateEvery = d.TemplateEvery
	}
	if c.Sampling == 0 {
		c.Sampling = d.Sampling
	}
	if !c.Agent.IsValid() {
		c.Agent = netip.AddrFrom4([4]byte{192, 0, 2, 1})
	}
	return c
}

// Validate names the first setting that cannot work.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch c.Protocol {
	case V5, V9, IPFIX, SFlow:
	default:
		return fmt.Errorf("protocol %q is unknown; known are %v", c.Protocol, Protocols())
	}
	if c.MTU < minMTU || c.MTU > maxMTU {
		return fmt.Errorf("mtu %d is outside %d to %d bytes", c.MTU, minMTU, maxMTU)
	}
	if c.TemplateEvery < 0 {
		return fmt.Errorf("templates every %d datagrams: must be positive", c.TemplateEvery)
	}
	if c.Protocol == V5 && c.Sampling > maxV5N {
		return fmt.Errorf("sampling 1:%d does not fit into NetFlow v5, whose largest is 1:%d", c.Sampling, maxV5N)
	}
	if c.Protocol == V5 && c.Domain > maxV5D {
		return fmt.Errorf("domain %d does not fit into NetFlow v5, whose largest is %d", c.Domain, maxV5D)
	}
	return nil
}
