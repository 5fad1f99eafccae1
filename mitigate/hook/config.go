// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"tidewatch/decision"
	"tidewatch/outbound"
)

// Config is one hook.
type Config struct {
	Name       string                  `yaml:"name"`                  // by which the rules of the policy call it; not bgp or nftables
	Actions    []decision.Action       `yaml:"actions"`               // what it is asked for: hook, flowspec_rate_limit, rate_limit, flowspec_drop, block, divert, quarantine, blackhole
	Match      []string                `yaml:"match,omitempty"`       // what of a rule's match the other side obeys: source, destination, protocol, source_port, destination_port, tcp_flags, packet_bytes, fragment; a rule that needs more is not given to it, for it would hit too much; not set: source and destination
	Webhook    *outbound.WebhookConfig `yaml:"webhook,omitempty"`     // a web service acts: url or url_file, secret or secret_file, ca_file
	Script     *ScriptConfig           `yaml:"script,omitempty"`      // or a program acts: command
	Expires    bool                    `yaml:"expires,omitempty"`     // the other side ends each rule by itself at its until, also when nobody calls again; not set: it does not, and a rule stays in force while tidewatch is dead
	Timeout    time.Duration           `yaml:"timeout,omitempty"`     // for one call; then a script is told to end, and killed 2s later; not set: 10s
	MaxRunning int                     `yaml:"max_running,omitempty"` // calls at a time, and as many again that take a rule back, so that these wait for no other; not set: 4
}

// ScriptConfig says which program acts.
type ScriptConfig struct {
	Command []string `yaml:"command"` // absolute path of a program and its fixed arguments; no shell reads them, and other users can: no secrets
}

const (
	usualTimeout = 10 * time.Second
	usualRunning = 4
	maxRunning   = 64
	maxArguments = 64
)

// fields are what of a match a hook can be told to obey.
func fields() []string {
	return []string{"source", "destination", "protocol", "source_port", "destination_port", "tcp_flags", "packet_bytes", "fragment"}
}

// Validate reports the first value that makes no sense, and never repeats a secret. It
// reads no file.
func (c *Config) Validate() error {
	if named := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`); !named.MatchString(c.Name) {
		return errors.New("name must be 1 to 64 letters, digits, dots, hyphens and underscores")
	}
	if c.Name == "bgp" || c.Name == "nftables" {
		return fmt.Errorf("%s is the name of an actuator of our own", c.Name)
	}
	if err := c.validateScope(); err != nil {
		return err
	}
	if (c.Webhook == nil) == (c.Script == nil) {
		return errors.New("one of webhook and script is needed")
	}
	if c.Timeout != 0 && (c.Timeout < time.Second || c.Timeout > 5*time.Minute) {
		return fmt.Errorf("timeout must lie between 1s and 5m, not %v", c.Timeout)
	}
	if c.MaxRunning < 0 || c.MaxRunning > maxRunning {
		return fmt.Errorf("max_running must lie between 1 and %d, not %d", maxRunning, c.MaxRunning)
	}
	if c.Webhook != nil {
		if err := c.Webhook.Validate(); err != nil {
			return fmt.Errorf("webhook: %w", err)
		}
		return nil
	}
	return c.Script.validate()
}

func (c *Config) validateScope() error {
	if len(c.Actions) == 0 {
		return errors.New("actions says what the hook is asked for; it is empty")
	}
	for i, a := range c.Actions {
		if !a.Known() {
			return fmt.Errorf("there is no action %q", a)
		}
		if slices.Contains(c.Actions[:i], a) {
			return fmt.Errorf("actions names %s twice", a)
		}
	}
	for _, f := range c.Match {
		if !slices.Contains(fields(), f) {
			return fmt.Errorf("match: there is no %q; there are %s", f, strings.Join(fields(), ", "))
		}
	}
	return nil
}

// validate does not repeat the arguments: somebody may have put a secret there.
func (s *ScriptConfig) validate() error {
	if len(s.Command) == 0 || !filepath.IsAbs(s.Command[0]) {
		return errors.New("script: command must begin with an absolute path")
	}
	if len(s.Command) > maxArguments {
		return fmt.Errorf("script: command has more than %d parts", maxArguments)
	}
	if slices.ContainsFunc(s.Command, func(a string) bool { return strings.ContainsRune(a, 0) }) {
		return errors.New("script: command holds a zero byte")
	}
	return nil
}

// Check reads what Validate does not: a script must be there and be somebody's own, and
// a file of authorities must hold some.
func (c *Config) Check() error {
	if c.Script != nil {
		return inspect(c.Script.Command[0])
	}
	_, err := outbound.Trust(c.Webhook.CAFile)
	return err
}

// inspect refuses a program that any user of the machine may change.
func inspect(path string) error {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("look at the script: %w", err)
	case !st.Mode().IsRegular():
		return fmt.Errorf("the script %s is no file", path)
	case st.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("the script %s is not executable; run chmod 755 on it", path)
	case st.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("everybody may change the script %s; run chmod o-w on it", path)
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("look at the script: %w", err)
	}
	if dir.Mode().Perm()&0o002 != 0 && dir.Mode()&os.ModeSticky == 0 {
		return fmt.Errorf("everybody may replace the script %s; run chmod o-w on its folder", path)
	}
	return nil
}

// Filled returns the configuration with the secrets that stand in files of their own.
func (c *Config) Filled(read func(path string) (string, error)) (Config, error) {
	out := *c
	if c.Webhook == nil {
		return out, nil
	}
	w := *c.Webhook
	out.Webhook = &w
	for _, s := range []struct{ value, file *string }{{&w.URL, &w.URLFile}, {&w.Secret, &w.SecretFile}} {
		if *s.file == "" {
			continue
		}
		var err error
		if *s.value, err = read(*s.file); err != nil {
			return out, err
		}
		*s.file = ""
	}
	return out, nil
}
