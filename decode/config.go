// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Clock says whose time the records carry.
type Clock uint8

const (
	// ClockArrival is for live sockets: Received is the arrival, and flow times
	// are moved by the exporter's skew when that is over two seconds.
	ClockArrival Clock = iota
	// ClockExport is for recordings: Received is the export time in the header
	// (arrival for sFlow, which has none) and flow times stay as they are.
	ClockExport
)

// SamplingRule states the sampling rate of the exporters in a prefix. The
// longest matching prefix wins.
type SamplingRule struct {
	Exporter netip.Prefix // which exporters, by source address
	Rate     uint32       // one of Rate packets was seen
	Override bool         // true: whatever the export says; false: only when it says nothing
}

// Config bounds what strangers can make a Decoder remember. Worst case memory is
// MaxExporters x (MaxTemplateBytes + PendingBytes), about 300 MB by default, and
// only when that many exporters do their worst.
type Config struct {
	Clock Clock
	// MaxExporters bounds source addresses. When full, the exporter silent for
	// longest makes room if it was silent for ten minutes; else the new one is refused.
	MaxExporters int
	// MaxTemplates bounds the templates of one exporter over all its domains; the
	// least recently used makes room.
	MaxTemplates int
	// MaxFields bounds the fields of one template; larger ones are refused.
	MaxFields int
	// MaxTemplateBytes bounds the memory of one exporter's templates; the least
	// recently used make room.
	MaxTemplateBytes int
	// PendingBytes bounds the data that one exporter may have waiting for
	// templates; the oldest is dropped first. 0 holds nothing.
	PendingBytes int
	// TemplateTTL forgets a template that was neither refreshed nor used for so
	// long. Exporters resend every few minutes, but quiet ones use them rarely.
	TemplateTTL time.Duration
	// Sampling are the configured rates.
	Sampling []SamplingRule
	// Index gives an exporter its dense number, or false to refuse it; nil numbers
	// them in the order of their first datagram.
	Index func(netip.Addr) (uint32, bool)
	// Seen is told when an exporter is given its number, before its first records.
	// A number comes again when its exporter was forgotten. nil is fine.
	Seen func(index uint32, addr netip.Addr)
}

// DefaultConfig suits a provider with a thousand routers.
func DefaultConfig() Config {
	return Config{
		Clock:            ClockArrival,
		MaxExporters:     1024,
		MaxTemplates:     1024,
		MaxFields:        512, // the largest template seen in vendor captures has under 100
		MaxTemplateBytes: 256 << 10,
		PendingBytes:     32 << 10,
		TemplateTTL:      24 * time.Hour,
	}
}

// Validate names the first setting that cannot work.
func (c *Config) Validate() error {
	switch {
	case c.Clock > ClockExport:
		return fmt.Errorf("decode: unknown clock %d", c.Clock)
	case c.MaxExporters < 1, c.MaxTemplates < 1, c.MaxFields < 1, c.MaxTemplateBytes < 1:
		return errors.New("decode: exporters, templates, fields and template bytes must be at least 1")
	case c.PendingBytes < 0:
		return errors.New("decode: pending bytes must not be negative")
	case c.TemplateTTL <= 0:
		return errors.New("decode: template lifetime must be positive")
	}
	for _, r := range c.Sampling {
		if !r.Exporter.IsValid() || r.Rate == 0 {
			return fmt.Errorf("decode: sampling rule %v 1:%d needs a prefix and a rate of at least 1", r.Exporter, r.Rate)
		}
	}
	return nil
}

// rates returns the rate that overrides and the rate that stands in for an
// exporter, 0 where no rule matches.
func (c *Config) rates(a netip.Addr) (override, fallback uint32) {
	bitsOver, bitsFall := -1, -1
	for _, r := range c.Sampling {
		switch bits := r.Exporter.Bits(); {
		case !r.Exporter.Contains(a):
		case r.Override && bits > bitsOver:
			override, bitsOver = r.Rate, bits
		case !r.Override && bits > bitsFall:
			fallback, bitsFall = r.Rate, bits
		}
	}
	return override, fallback
}
