// SPDX-License-Identifier: Apache-2.0

// Package app puts the parts together: the configuration that composes theirs,
// the line from flows to incidents, and what each command runs. It is the only
// package that knows all the others.
package app

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"tidewatch/account"
	"tidewatch/api"
	"tidewatch/ask"
	"tidewatch/baseline"
	"tidewatch/collect"
	"tidewatch/config"
	"tidewatch/decode"
	"tidewatch/detect/beacon"
	"tidewatch/detect/character"
	"tidewatch/detect/dnsflood"
	"tidewatch/detect/exfil"
	"tidewatch/detect/exhaustion"
	"tidewatch/detect/flood"
	"tidewatch/detect/offhours"
	"tidewatch/detect/outage"
	"tidewatch/detect/peers"
	"tidewatch/detect/ports"
	"tidewatch/detect/scan"
	"tidewatch/detect/slow"
	"tidewatch/detect/threat"
	"tidewatch/detect/tunnel"
	"tidewatch/detect/upload"
	"tidewatch/detect/volume"
	"tidewatch/detect/webflood"
	"tidewatch/enrich"
	"tidewatch/exclude"
	"tidewatch/feedback"
	"tidewatch/history"
	"tidewatch/identity"
	"tidewatch/incident"
	"tidewatch/notify"
	"tidewatch/rollup"
	"tidewatch/schedule"
	"tidewatch/store"
	"tidewatch/telemetry"
	"tidewatch/triage"
	"tidewatch/window"
)

// Config composes the configurations of all parts. Every key is documented
// where its part lives, and in docs/reference/configuration.md.
type Config struct {
	DataDir      string            `yaml:"data_dir"` // where everything that outlives the process is kept
	Timezone     string            `yaml:"timezone"` // the site's zone: "Local", "UTC" or an IANA name
	Shards       int               `yaml:"shards"`   // how many goroutines share the devices; one is best below four cores
	Log          telemetry.Config  `yaml:"log"`
	Collect      collect.Config    `yaml:"collect"`
	Sampling     []SamplingRule    `yaml:"sampling"` // rates of exporters that do not tell theirs, or tell them wrong
	Enrich       enrich.Config     `yaml:"networks"`
	Identity     identity.Config   `yaml:"identity"`
	Window       window.Config     `yaml:"window"`
	Baseline     baseline.Config   `yaml:"baseline"`
	Schedule     schedule.Config   `yaml:"schedule"`
	Exclusions   []exclude.Rule    `yaml:"exclusions"` // what is known and harmless: device, destination, port, kind, reason, expires (docs/how-to/exclude-what-is-known.md)
	Flood        flood.Config      `yaml:"flood"`
	WebFlood     webflood.Config   `yaml:"webflood"`
	DNSFlood     dnsflood.Config   `yaml:"dnsflood"`
	Exhaustion   exhaustion.Config `yaml:"exhaustion"`
	Exfil        exfil.Config      `yaml:"exfil"`
	Volume       volume.Config     `yaml:"volume"`
	Outage       outage.Config     `yaml:"outage"`
	Peers        peers.Config      `yaml:"peers"`
	Ports        ports.Config      `yaml:"ports"`
	Upload       upload.Config     `yaml:"upload"`
	OffHours     offhours.Config   `yaml:"offhours"`
	Beacon       beacon.Config     `yaml:"beacon"`
	Tunnel       tunnel.Config     `yaml:"tunnel"`
	Character    character.Config  `yaml:"character"`
	Scan         scan.Config       `yaml:"scan"`
	Slow         slow.Config       `yaml:"slow"`
	Threat       threat.Config     `yaml:"threat"`
	Incident     incident.Config   `yaml:"incident"`
	Feedback     feedback.Config   `yaml:"feedback"`
	Notify       NotifyConfig      `yaml:"notify"`
	Triage       triage.Config     `yaml:"triage"`
	Mitigation   MitigationConfig  `yaml:"mitigation"`
	History      history.Config    `yaml:"history"`
	Rollups      rollup.Config     `yaml:"rollups"`
	Query        ask.Config        `yaml:"query"`
	API          api.Config        `yaml:"api"`
	Accounts     account.Config    `yaml:"accounts"`
	MaxIncidents int               `yaml:"max_incidents"` // incidents kept on disk, about 9 KiB each; the oldest that are over go first

	KeepIncidents time.Duration `yaml:"keep_incidents"` // for how long, by when they changed last; those that are not over are kept
	MaxDecisions  int           `yaml:"max_decisions"`  // decisions against traffic kept in the ledger, about 10 KiB each; the oldest that are over go first, whole
	KeepDecisions time.Duration `yaml:"keep_decisions"` // for how long, by when they were made; those that are not over are kept

	origins config.Origins // where values come from; nil: they are the program's own
}

// SamplingRule is the sampling rate of the exporters in a prefix.
type SamplingRule struct {
	Exporter netip.Prefix `yaml:"exporter"`
	Rate     uint32       `yaml:"rate"`     // one of so many packets is seen
	Override bool         `yaml:"override"` // true: whatever the exporter says; false: when it says nothing
}

// DefaultConfig needs no file.
func DefaultConfig() Config {
	return Config{
		DataDir: "./data", Timezone: "Local", Shards: 1,
		Log: telemetry.DefaultConfig(), Collect: collect.DefaultConfig(), Enrich: enrich.DefaultConfig(), Identity: identity.DefaultConfig(),
		Window: window.DefaultConfig(), Baseline: baseline.DefaultConfig(), Schedule: schedule.DefaultConfig(),
		Flood: flood.DefaultConfig(), WebFlood: webflood.DefaultConfig(),
		DNSFlood: dnsflood.DefaultConfig(), Exhaustion: exhaustion.DefaultConfig(), Exfil: exfil.DefaultConfig(), Volume: volume.DefaultConfig(),
		Outage: outage.DefaultConfig(),
		Peers:  peers.DefaultConfig(), Ports: ports.DefaultConfig(), Upload: upload.DefaultConfig(), OffHours: offhours.DefaultConfig(),
		Scan:   scan.DefaultConfig(),
		Beacon: beacon.DefaultConfig(),
		Tunnel: tunnel.DefaultConfig(), Character: character.DefaultConfig(),
		Slow:     slow.DefaultConfig(),
		Threat:   threat.DefaultConfig(),
		Incident: incident.DefaultConfig(), Feedback: feedback.DefaultConfig(), Notify: NotifyConfig{Config: notify.DefaultConfig()}, Triage: triage.DefaultConfig(), Mitigation: defaultMitigation(), History: history.DefaultConfig(), Rollups: rollup.DefaultConfig(), Query: ask.DefaultConfig(), API: api.DefaultConfig(), Accounts: account.DefaultConfig(), MaxIncidents: store.DefaultConfig().MaxIncidents,
		MaxDecisions: store.DefaultConfig().MaxDecisions, KeepDecisions: store.DefaultConfig().KeepDecisions,
		KeepIncidents: store.DefaultConfig().KeepIncidents,
	}
}

// LoadConfig reads the defaults, then the file at path ("" for none), then the
// environment, and validates the result.
func LoadConfig(path string) (*Config, config.Origins, error) {
	cfg := DefaultConfig()
	origins, err := config.Load(path, os.Environ(), &cfg)
	if err != nil {
		return nil, nil, err
	}
	if err := config.Validate(&cfg, origins); err != nil {
		return nil, nil, fmt.Errorf("configuration: %w", err)
	}
	cfg.origins = origins
	return &cfg, origins, nil
}

// chosenBy notes who chose each value that is not the program's own.
func (c *Config) chosenBy(whom string) error {
	usual := DefaultConfig()
	is, err := config.Keys(c)
	was, err2 := config.Keys(&usual)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	c.origins = config.Origins{}
	for i := range is {
		if is[i].Default != was[i].Default {
			c.origins[is[i].Path] = whom
		}
	}
	return nil
}

// UnknownVariables has a line for each TIDEWATCH_ variable of the environment that
// sets nothing, most likely because it is misspelt.
func UnknownVariables() ([]string, error) {
	cfg := DefaultConfig()
	// The others are those of the project's own tests.
	unknown, err := config.UnknownVariables(&cfg, os.Environ(),
		"TIDEWATCH_REQUIRE_DATA", "TIDEWATCH_ALL_CAPTURES", "TIDEWATCH_ACCURACY")
	if err != nil {
		return nil, err
	}
	lines := make([]string, len(unknown))
	for i, u := range unknown {
		lines[i] = u.String()
	}
	return lines, nil
}

// Validate reports the first value that makes no sense, with its section.
func (c *Config) Validate() error {
	if _, err := time.LoadLocation(c.Timezone); err != nil {
		return fmt.Errorf("timezone: %q is no time zone; write UTC, Local or a name like Europe/Berlin", c.Timezone)
	}
	if c.DataDir == "" {
		return errors.New("data_dir: a folder is needed")
	}
	if c.Shards < 1 || c.Shards > 256 {
		return errors.New("shards: must lie between 1 and 256")
	}
	if c.MaxDecisions < 1 || c.KeepDecisions <= 0 || c.KeepIncidents <= 0 {
		return errors.New("keep_incidents, max_decisions, keep_decisions: must be positive")
	}
	for i, r := range c.Sampling {
		if !r.Exporter.IsValid() || r.Rate == 0 {
			return fmt.Errorf("sampling: rule %d needs an exporter (a prefix) and a rate of at least 1", i+1)
		}
	}
	if _, err := exclude.Configured(c.Exclusions, c.zone()); err != nil {
		return fmt.Errorf("exclusions: %w", err)
	}
	for _, part := range []struct {
		name string
		err  error
	}{
		{"log", c.Log.Validate()},
		{"collect", c.Collect.Validate()},
		{"window", c.Window.Validate()},
		{"baseline", c.Baseline.Validate()},
		{"schedule", cmp.Or(c.Schedule.Validate(), plannedKinds(&c.Schedule))},
		{"flood", c.Flood.Validate()},
		{"webflood", c.WebFlood.Validate()},
		{"dnsflood", c.DNSFlood.Validate()},
		{"exhaustion", c.Exhaustion.Validate()},
		{"exfil", c.Exfil.Validate()},
		{"volume", c.Volume.Validate()},
		{"outage", c.Outage.Validate()},
		{"peers", c.Peers.Validate()},
		{"ports", c.Ports.Validate()},
		{"upload", c.Upload.Validate()},
		{"offhours", c.OffHours.Validate()},
		{"scan", c.Scan.Validate()},
		{"beacon", c.Beacon.Validate()},
		{"tunnel", c.Tunnel.Validate()},
		{"character", c.Character.Validate()},
		{"slow", c.Slow.Validate()},
		{"threat", c.Threat.Validate()},
		{"incident", c.Incident.Validate()},
		{"feedback", c.Feedback.Validate()},
		{"notify", c.Notify.Validate()},
		{"triage", c.Triage.Validate()},
		{"mitigation", c.Mitigation.Validate()},
		{"history", c.History.Validate()},
		{"rollups", c.Rollups.Validate()},
		{"query", c.Query.Validate()},
		{"networks", c.Enrich.Validate()},
		{"api", c.API.Validate()},
		{"accounts", c.Accounts.Validate()},
	} {
		if part.err != nil {
			return fmt.Errorf("%s: %w", part.name, part.err)
		}
	}
	return nil
}

// zone is the site's zone; Validate made sure that it exists.
func (c *Config) zone() *time.Location {
	z, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return time.UTC
	}
	return z
}

// zoneName is what people call the site's zone: "Local" says nothing to who reads it
// elsewhere.
func (c *Config) zoneName() string { return nameOf(c.zone()) }

func nameOf(z *time.Location) string {
	if z.String() != "Local" {
		return z.String()
	}
	if os.Getenv("TZ") == "" {
		if link, err := os.Readlink("/etc/localtime"); err == nil {
			if _, name, ok := strings.Cut(link, "zoneinfo/"); ok {
				return name
			}
		}
	}
	name, _ := time.Now().In(z).Zone()
	return name
}

// Time reads a moment as people write it: RFC 3339, or a day of the site's zone.
func (c *Config) Time(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, errors.New("say from when on, such as 2026-11-23")
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, c.zone())
	if err != nil {
		return t, fmt.Errorf("%q is neither a day such as 2026-11-23 nor a time such as 2026-11-23T08:00:00Z", s)
	}
	return t, nil
}

// decode is the decoder's configuration with the operator's sampling rates in it.
func (c *Config) decode() decode.Config {
	d := c.Collect.Decode
	for _, r := range c.Sampling {
		d.Sampling = append(d.Sampling, decode.SamplingRule{Exporter: r.Exporter, Rate: r.Rate, Override: r.Override})
	}
	return d
}
