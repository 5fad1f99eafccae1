// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"tidewatch/notify"
	"tidewatch/notify/email"
	"tidewatch/notify/file"
	"tidewatch/notify/pagerduty"
	"tidewatch/notify/slack"
	"tidewatch/notify/syslog"
	"tidewatch/notify/webhook"
	"tidewatch/store"
)

// NotifyConfig says who hears of incidents, and by which sinks.
type NotifyConfig struct {
	notify.Config `yaml:",inline"`

	Slack     []SinkConfig[slack.Config]     `yaml:"slack"`     // channels (docs/how-to/connect-slack.md): name, token or token_file and channel, or webhook_url or webhook_url_file
	PagerDuty []SinkConfig[pagerduty.Config] `yaml:"pagerduty"` // services (docs/how-to/connect-pagerduty.md): name, routing_key or routing_key_file
	Email     []SinkConfig[email.Config]     `yaml:"email"`     // mail (docs/how-to/send-mail.md): name, server, from, to, username, password or password_file
	Syslog    []SinkConfig[syslog.Config]    `yaml:"syslog"`    // receivers of syslog (docs/how-to/connect-a-siem.md): name, address, protocol, format
	Webhook   []SinkConfig[webhook.Config]   `yaml:"webhook"`   // programs that take signed JSON (docs/how-to/alerts.md): name, url or url_file, secret or secret_file, ca_file
	File      []SinkConfig[file.Config]      `yaml:"file"`      // files that get a line of JSON a message: name, path
}

// SinkConfig is one sink, with what all kinds have.
type SinkConfig[C any] struct {
	Name        string        `yaml:"name"`                   // by which rules and --send-test call it
	PerMinute   int           `yaml:"per_minute,omitempty"`   // messages in any minute, beyond that one digest; not set: 20 for people, 600 for programs
	UpdateEvery time.Duration `yaml:"update_every,omitempty"` // least time between updates of one incident; not set: 5m for people, 10s for programs
	NoUpdates   bool          `yaml:"no_updates,omitempty"`   // beginnings, acknowledgements and ends alone
	Of          C             `yaml:",inline"`                // what this kind has
}

// The limits of sinks that say nothing else: what people read at a glance, and what
// programs take with ease.
func people() notify.Limits { return notify.Limits{PerMinute: 20, UpdateEvery: 5 * time.Minute} }

func programs() notify.Limits { return notify.Limits{PerMinute: 600, UpdateEvery: 10 * time.Second} }

// all lists the sinks of a configuration. A new kind of sink is a line here and one in
// NotifyConfig.
func (c *NotifyConfig) all() []*sinkEntry {
	return slices.Concat(
		plug("slack", people(), c.Slack, slack.New, func(s *slack.Config) []secret {
			return []secret{{&s.Token, &s.TokenFile}, {&s.WebhookURL, &s.WebhookURLFile}}
		}),
		plug("pagerduty", people(), c.PagerDuty, pagerduty.New, func(p *pagerduty.Config) []secret { return []secret{{&p.RoutingKey, &p.RoutingKeyFile}} }),
		plug("email", people(), c.Email, email.New, func(e *email.Config) []secret { return []secret{{&e.Password, &e.PasswordFile}} }),
		plug("syslog", programs(), c.Syslog, syslog.New, func(*syslog.Config) []secret { return nil }),
		plug("webhook", programs(), c.Webhook, webhook.New, func(w *webhook.Config) []secret { return []secret{{&w.URL, &w.URLFile}, {&w.Secret, &w.SecretFile}} }),
		plug("file", programs(), c.File, file.New, func(*file.Config) []secret { return nil }),
	)
}

// secret is a value that may stand in a file of its own.
type secret struct{ value, file *string }

// sinkEntry is a sink that is not made yet.
type sinkEntry struct {
	name, kind string
	limits     notify.Limits
	err        error // of its settings
	open       func() (notify.Sink, error)
}

// checked is a pointer to a configuration.
type checked[C any] interface {
	*C
	Validate() error
}

// plug makes the sinks of one kind ready. build gets a configuration whose secrets were
// read from their files.
func plug[C any, P checked[C], S notify.Sink](kind string, usual notify.Limits, list []SinkConfig[C], build func(C) (S, error), secrets func(*C) []secret) []*sinkEntry {
	out := make([]*sinkEntry, 0, len(list))
	for i := range list {
		c := &list[i]
		e := &sinkEntry{name: c.Name, kind: kind, limits: usual}
		if c.PerMinute != 0 {
			e.limits.PerMinute = c.PerMinute
		}
		if c.UpdateEvery != 0 {
			e.limits.UpdateEvery = c.UpdateEvery
		}
		if c.NoUpdates {
			e.limits.UpdateEvery = notify.Never
		}
		e.err = errors.Join(e.check(), P(&c.Of).Validate())
		e.open = func() (notify.Sink, error) {
			of := c.Of
			for _, s := range secrets(&of) {
				if *s.file == "" {
					continue
				}
				var err error
				if *s.value, err = store.ReadSecret(*s.file); err != nil {
					return nil, err
				}
				*s.file = ""
			}
			return build(of)
		}
		out = append(out, e)
	}
	return out
}

// maxPerMinute is ten messages a second, more than any of the services takes.
const maxPerMinute = 600

func (e *sinkEntry) check() error {
	if named := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`); !named.MatchString(e.name) {
		return errors.New("name must be 1 to 64 letters, digits, dots, hyphens and underscores")
	}
	if e.limits.PerMinute < 1 || e.limits.PerMinute > maxPerMinute {
		return fmt.Errorf("per_minute must lie between 1 and %d", maxPerMinute)
	}
	if e.limits.UpdateEvery < time.Second {
		return errors.New("update_every must be at least 1s")
	}
	return nil
}

// Validate reports the first value that makes no sense. It reads no file.
func (c *NotifyConfig) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	limits, err := c.limits()
	if err != nil {
		return err
	}
	_, err = notify.NewRouter(&c.Config, limits, nil, time.UTC)
	return err
}

// limits are those of all sinks.
func (c *NotifyConfig) limits() (map[string]notify.Limits, error) {
	out := map[string]notify.Limits{}
	kinds := map[string]int{}
	for _, e := range c.all() {
		kinds[e.kind]++
		if e.err != nil {
			return nil, fmt.Errorf("%s: sink %d: %w", e.kind, kinds[e.kind], e.err)
		}
		if _, twice := out[e.name]; twice {
			return nil, fmt.Errorf("two sinks have the name %s", e.name)
		}
		out[e.name] = e.limits
	}
	return out, nil
}

// outlets makes the sinks, and the router over them.
func (c *Config) outlets() ([]notify.Outlet, *notify.Router, error) {
	limits, err := c.Notify.limits()
	if err != nil {
		return nil, nil, fmt.Errorf("notify: %w", err)
	}
	router, err := notify.NewRouter(&c.Notify.Config, limits, c.Window.Critical, c.zone())
	if err != nil {
		return nil, nil, fmt.Errorf("notify: %w", err)
	}
	out := make([]notify.Outlet, 0, len(limits))
	for _, e := range c.Notify.all() {
		s, err := e.open()
		if err != nil {
			return nil, nil, fmt.Errorf("notify: sink %s: %w", e.name, err)
		}
		out = append(out, notify.Outlet{Name: e.name, Sink: s, Limits: e.limits})
	}
	return out, router, nil
}
