// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"strings"

	"tidewatch/detect/threat"
	"tidewatch/enrich"
)

// newThreats reads the lists that the configuration names; nil without any.
func newThreats(cfg *Config) (*enrich.Threats, error) {
	t, err := enrich.OpenThreats(cfg.Threat.Lists, cfg.Threat.MaxEntries)
	if err != nil {
		return nil, &InputError{err}
	}
	return t, nil
}

// threaten is Threaten for who has the mutex.
func (e *Engine) threaten(t *enrich.Threats) {
	e.threats = t
	var list threat.List // none, and not a list that is nil
	if t != nil {
		list = t
	}
	for _, s := range e.shards {
		s.threats.Use(list)
		s.windows.Watch(nil)
		if t != nil {
			s.windows.Watch(t)
		}
	}
}

// Threaten judges by these lists from the next second on; nil is none.
func (e *Engine) Threaten(t *enrich.Threats) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.threaten(t)
}

// ThreatNotes has a line for each list of which something was left out.
func (e *Engine) ThreatNotes() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.threats.Notes()
}

// WriteThreats writes, as YAML comments, what was read of the lists of threat
// intelligence. It reads them, so an error tells what is wrong with them.
func (c *Config) WriteThreats(w io.Writer) error {
	t, err := newThreats(c)
	if err != nil || t == nil {
		return err
	}
	var b strings.Builder
	b.WriteString("\n# Threat lists:\n")
	for i := range t.Lists() {
		l := &t.Lists()[i]
		fmt.Fprintf(&b, "#   %s: %d entries\n", l.Name, l.Entries)
	}
	for _, note := range t.Notes() {
		fmt.Fprintf(&b, "#   %s\n", note)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print threat lists: %w", err)
	}
	return nil
}
