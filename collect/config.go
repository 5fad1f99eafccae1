// SPDX-License-Identifier: Apache-2.0

// Package collect receives flow exports over UDP: sockets, decoder, batches,
// and the accounting of every exporter. Any protocol is taken on any port; they
// are told apart by content.
package collect

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"tidewatch/decode"
)

// Config says where to listen and whom to believe.
type Config struct {
	Listen        []string       `yaml:"listen"`         // host:port; ":2055" is all addresses, IPv4 and IPv6
	ReceiveBuffer int            `yaml:"receive_buffer"` // bytes the kernel holds for a socket; more survives longer bursts
	Readers       int            `yaml:"readers"`        // sockets per port (SO_REUSEPORT); more than one helps with many exporters on many cores
	Allow         []netip.Prefix `yaml:"allow"`          // exporters that are heard; empty = all
	TemplateFile  string         `yaml:"-"`              // where templates survive a restart; empty = nowhere
	Decode        decode.Config  `yaml:"-"`
}

// DefaultConfig listens where routers send by default: NetFlow and IPFIX on
// 2055 and 4739, sFlow on 6343. 32 MiB hold about a second of a million flows.
func DefaultConfig() Config {
	return Config{
		Listen: []string{":2055", ":4739", ":6343"}, ReceiveBuffer: 32 << 20, Readers: 1,
		Decode: decode.DefaultConfig(),
	}
}

// Validate reports the first setting that makes no sense.
func (c *Config) Validate() error {
	switch {
	case len(c.Listen) == 0:
		return errors.New("listen names no address")
	case c.Readers < 1 || c.Readers > 64:
		return errors.New("readers must lie between 1 and 64")
	case c.ReceiveBuffer < 64<<10 || c.ReceiveBuffer > 1<<30:
		return errors.New("receive_buffer must lie between 65536 and 1073741824 bytes")
	}
	for i, addr := range c.Listen {
		port, err := portOf(addr)
		if err != nil {
			return err
		}
		if port != 0 && slices.Contains(c.Listen[:i], addr) {
			return fmt.Errorf("listen names %s twice", addr)
		}
	}
	for _, p := range c.Allow {
		switch {
		case !p.IsValid():
			return fmt.Errorf("allow: network %v is not valid", p)
		case p.Addr().Is4In6():
			return fmt.Errorf("allow: network %v is IPv4 in IPv6 form, write it as IPv4", p)
		case p != p.Masked():
			return fmt.Errorf("allow: network %v has bits set behind its length, write %v", p, p.Masked())
		}
	}
	if err := c.Decode.Validate(); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}

// portOf reads the port of an address to listen on.
func portOf(addr string) (uint16, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, fmt.Errorf("listen: %q must be host:port or :port", addr)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("listen: %q must end with a port number from 0 to 65535", addr)
	}
	return uint16(n), nil
}
