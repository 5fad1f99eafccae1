// SPDX-License-Identifier: Apache-2.0

// Package collect receives flow exports over UDP: sockets, decoder, batches,
// and the accounting of every exporter. Any protocol is taken on any port; they
// are told apart by content.
package collect

import (
	"errors"
	"fmt"
	"net/netip"

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
	case c.ReceiveBuffer < 64<<10:
		return errors.New("receive_buffer must be at least 65536 bytes")
	}
	if err := c.Decode.Validate(); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}
