// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"errors"

	"tidewatch/window"
)

// Config holds the limits. The defaults are published ones.
type Config struct {
	Hosts       uint64  `yaml:"hosts"`        // distinct hosts tried in vain on one port within 5 to 10 minutes; raising it finds less
	Ports       uint64  `yaml:"ports"`        // distinct ports tried in vain on one host, likewise
	SlowHosts   uint64  `yaml:"slow_hosts"`   // hosts within one to two hours; twice as many within a day
	SlowPorts   uint64  `yaml:"slow_ports"`   // ports within one to two hours; twice as many within a day
	Wide        uint64  `yaml:"wide"`         // hosts within 5 to 10 minutes from which a scan is high, and at least so many are needed on a port that is much in use
	WidePorts   uint64  `yaml:"wide_ports"`   // ports of one host from which a scan is high
	Failed      float64 `yaml:"failed"`       // hosts tried in vain must be so many times those with which data was exchanged on the port
	Logins      uint64  `yaml:"logins"`       // sessions like failed logins with one service within 5 to 10 minutes
	SlowLogins  uint64  `yaml:"slow_logins"`  // within one to two hours
	Hammer      uint64  `yaml:"hammer"`       // attempts in vain at one port of one host in one minute
	NoiseHosts  uint64  `yaml:"noise_hosts"`  // own devices that outsiders tried in half a day to a day, from which their network is listed as scanned
	LearnedDays int     `yaml:"learned_days"` // days after which a device's usual peers excuse its sessions
}

// DefaultConfig takes Zeek's numbers (scan.zeek: 25 hosts on one port, 15 ports of one
// host, in five minutes), and those of CESNET NEMEA's hoststats (200 hosts; 30 failed
// logins). What fails over hours adds up with everybody, so the slow limits are twice and
// four times as high. 1000 ports are nmap's usual list.
func DefaultConfig() Config {
	return Config{
		Hosts: 25, Ports: 15, SlowHosts: 50, SlowPorts: 30, Wide: 200, WidePorts: 1000, Failed: 4,
		Logins: 30, SlowLogins: 100, Hammer: 1000, NoiseHosts: 8, LearnedDays: 7,
	}
}

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Hosts < 2 || c.Ports < 2 || c.NoiseHosts < 2:
		return errors.New("hosts, ports and noise_hosts must be at least 2")
	case c.SlowHosts < c.Hosts || c.SlowPorts < c.Ports || c.SlowLogins < c.Logins:
		return errors.New("slow_hosts, slow_ports and slow_logins must not be less than hosts, ports and logins")
	case c.Wide < c.Hosts || c.WidePorts < c.Ports:
		return errors.New("wide and wide_ports must not be less than hosts and ports")
	case !(c.Failed > 0) || c.Logins < 2 || c.Hammer < 2:
		return errors.New("failed must be positive, logins and hammer at least 2")
	case c.LearnedDays < 1:
		return errors.New("learned_days must be at least 1")
	}
	return nil
}

// A flood outranks a scan: what comes at one host at 1000 a second and more is
// detect/flood's.
const floodPerSecond, floodPerMinute = 1000, 60_000

// floodSources are more than scan one host together in a day's burst.
const floodSources = 1000

// limits are those of a span.
func (c *Config) limits(s window.Span) (hosts, ports uint64) {
	switch s {
	case window.Short:
		return c.Hosts, c.Ports
	case window.Hours:
		return c.SlowHosts, c.SlowPorts
	default:
		return 2 * c.SlowHosts, 2 * c.SlowPorts
	}
}
