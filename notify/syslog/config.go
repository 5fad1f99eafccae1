// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Config is one receiver. An empty value is that of DefaultConfig.
type Config struct {
	Address  string `yaml:"address,omitempty"`   // host:port of the receiver; 514 is usual for UDP and TCP, 6514 for TLS
	Protocol string `yaml:"protocol,omitempty"`  // tls (RFC 5425), tcp (RFC 6587, with octet counting) or udp (RFC 5426, which loses messages silently); empty: tls
	Format   string `yaml:"format,omitempty"`    // of the message: cef (Common Event Format), or ecs (JSON in the Elastic Common Schema); empty: cef
	Facility string `yaml:"facility,omitempty"`  // local0 to local7, auth, authpriv, daemon or user; empty: local0
	Hostname string `yaml:"hostname,omitempty"`  // what this machine calls itself in messages; empty: its own name
	AppName  string `yaml:"app_name,omitempty"`  // of the program in messages; empty: tidewatch
	CAFile   string `yaml:"ca_file,omitempty"`   // PEM file of the authorities to trust in place of the system's
	CertFile string `yaml:"cert_file,omitempty"` // PEM file of this machine's certificate, when the receiver wants one
	KeyFile  string `yaml:"key_file,omitempty"`  // PEM file of its key, readable by its owner only
	MaxSize  int    `yaml:"max_size,omitempty"`  // bytes of a message; what is larger loses the least important fields and says so; many receivers cut at 8192; 0: 8192
}

// DefaultConfig encrypts. An address is needed beside it.
func DefaultConfig() Config {
	return Config{Protocol: "tls", Format: "cef", Facility: "local0", AppName: "tidewatch", MaxSize: 8192}
}

func (c *Config) withDefaults() Config {
	out, d := *c, DefaultConfig()
	for _, v := range [...]struct {
		to  *string
		def string
	}{{&out.Protocol, d.Protocol}, {&out.Format, d.Format}, {&out.Facility, d.Facility}, {&out.AppName, d.AppName}} {
		if *v.to == "" {
			*v.to = v.def
		}
	}
	if out.MaxSize == 0 {
		out.MaxSize = d.MaxSize
	}
	return out
}

// minSize is what a message needs that has nothing optional; RFC 5424 wants receivers
// to take 2048 bytes.
const minSize = 2048

// Validate reports the first value that makes no sense.
func (c *Config) Validate() error {
	full := c.withDefaults()
	host, port, err := net.SplitHostPort(full.Address)
	if err != nil || host == "" {
		return fmt.Errorf("address must be host:port, not %q", full.Address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("address must end in a port, not %q", port)
	}
	for _, v := range [...]struct {
		name, have string
		known      []string
	}{
		{"protocol", full.Protocol, []string{"tls", "tcp", "udp"}},
		{"format", full.Format, []string{"cef", "ecs"}},
	} {
		if !slices.Contains(v.known, v.have) {
			return fmt.Errorf("%s must be one of %s, not %q", v.name, strings.Join(v.known, ", "), v.have)
		}
	}
	if _, ok := facilityOf(full.Facility); !ok {
		return fmt.Errorf("facility must be local0 to local7, auth, authpriv, daemon or user, not %q", full.Facility)
	}
	for _, v := range [...]struct {
		name, have string
		most       int
	}{{"hostname", full.Hostname, maxHostname}, {"app_name", full.AppName, maxAppName}} {
		if len(v.have) > v.most || strings.ContainsFunc(v.have, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("%s must have at most %d visible ASCII characters", v.name, v.most)
		}
	}
	if full.Protocol != "tls" && full.CAFile+full.CertFile+full.KeyFile != "" {
		return errors.New("ca_file, cert_file and key_file are for the protocol tls")
	}
	if (full.CertFile == "") != (full.KeyFile == "") {
		return errors.New("cert_file and key_file belong together")
	}
	if full.MaxSize < minSize || full.MaxSize > 64_000 {
		return fmt.Errorf("max_size must lie between %d and 64000, not %d", minSize, full.MaxSize)
	}
	return nil
}

// facilityOf is the number of a facility (RFC 5424, 6.2.1).
func facilityOf(name string) (int, bool) {
	if n, ok := strings.CutPrefix(name, "local"); ok && len(n) == 1 && n[0] >= '0' && n[0] <= '7' {
		return 16 + int(n[0]-'0'), true
	}
	n, ok := map[string]int{"user": 1, "daemon": 3, "auth": 4, "authpriv": 10}[name]
	return n, ok
}
