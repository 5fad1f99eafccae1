// SPDX-License-Identifier: Apache-2.0

package pagerduty

import (
	"errors"
	"fmt"
	"strings"

	"tidewatch/outbound"
)

// Config is one service of PagerDuty. An empty value is that of DefaultConfig.
type Config struct {
	RoutingKey     string `yaml:"routing_key,omitempty" secret:"true"` // integration key of a service, of the kind "Events API v2"
	RoutingKeyFile string `yaml:"routing_key_file,omitempty"`          // file that holds the key alone, mode 0600, read at the start
	URL            string `yaml:"url,omitempty"`                       // where events go: https://events.pagerduty.com, or https://events.eu.pagerduty.com
	CAFile         string `yaml:"ca_file,omitempty"`                   // PEM file of the authorities to trust in place of the system's, for a proxy that looks inside
	Component      string `yaml:"component,omitempty"`                 // what the events are about, for rules in PagerDuty
	Group          string `yaml:"group,omitempty"`                     // which part of the network this instance watches, for rules in PagerDuty
}

// DefaultConfig is PagerDuty in the United States. A key is needed beside it.
func DefaultConfig() Config {
	return Config{URL: "https://events.pagerduty.com", Component: "network", Group: "tidewatch"}
}

func (c *Config) withDefaults() Config {
	out, d := *c, DefaultConfig()
	for _, v := range [...]struct {
		to  *string
		def string
	}{{&out.URL, d.URL}, {&out.Component, d.Component}, {&out.Group, d.Group}} {
		if *v.to == "" {
			*v.to = v.def
		}
	}
	return out
}

// Validate reports the first value that makes no sense. It never repeats the key.
func (c *Config) Validate() error {
	switch {
	case c.RoutingKey == "" && c.RoutingKeyFile == "":
		return errors.New("routing_key or routing_key_file is needed")
	case c.RoutingKey != "" && c.RoutingKeyFile != "":
		return errors.New("routing_key and routing_key_file are both set; one of them is needed")
	case strings.ContainsFunc(c.RoutingKey, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("routing_key must hold visible ASCII characters alone")
	}
	full := c.withDefaults()
	if !outbound.Sealed(full.URL) || strings.ContainsAny(full.URL, "?# ") {
		return fmt.Errorf("url must be like %s", DefaultConfig().URL)
	}
	return nil
}
