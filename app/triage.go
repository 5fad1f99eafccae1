// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/incident"
	"tidewatch/store"
	"tidewatch/triage"
	"tidewatch/triage/anthropic"
	"tidewatch/triage/openai"
)

// newCounsel makes a model be asked about the incidents of a server; nil when none is
// configured. analyze has none: a file is judged by the rules alone, so that the same
// file always gives the same output.
func newCounsel(s *Server, registry prometheus.Registerer) (*triage.Counsel, error) {
	cfg := s.cfg.Triage
	if !cfg.On() {
		return nil, nil //nolint:nilnil // nobody is asked
	}
	known := &surroundings{
		engine: s.engine, store: s.store, plans: s.plans, devices: &directory{s.engine, &s.exporters, s.cfg.zone()}, zone: s.cfg.zone(),
	}
	c, err := known.counsel(&cfg, &triage.Deps{
		Deliver: s.engine.Assess, Ledger: &spentFile{filepath.Join(s.cfg.DataDir, "triage-spent.json"), s.log}, Logger: s.log, Registerer: registry,
	})
	if err != nil {
		return nil, err
	}
	s.engine.Also(c.Take)
	s.log.Info("a model is asked about incidents", "model", c.Model(), "min_severity", cfg.MinSeverity, "pseudonyms", cfg.Pseudonyms)
	return c, nil
}

// NewCounsel makes the configured model be asked about incidents without a server, to
// measure it. Of what is known around them it is told what the engine has learned and
// the incidents of past; nothing is planned. deps say the rest. A configuration that
// names no model is an error.
func NewCounsel(cfg *Config, e *Engine, past *incident.Memory, deps *triage.Deps) (*triage.Counsel, error) {
	if !cfg.Triage.On() {
		return nil, errors.New("triage.provider names no model")
	}
	plans, err := newSchedule(cfg)
	if err != nil {
		return nil, err
	}
	asked := cfg.Triage
	known := &surroundings{
		engine: e, store: past, plans: &planner{both: plans}, devices: &directory{e, &exporterNames{}, cfg.zone()}, zone: cfg.zone(),
	}
	return known.counsel(&asked, deps)
}

// counsel has a model asked that is told what is known here.
func (s *surroundings) counsel(cfg *triage.Config, deps *triage.Deps) (*triage.Counsel, error) {
	key, err := triageKey(cfg)
	if err != nil {
		return nil, err
	}
	var model triage.Model
	switch cfg.Provider {
	case triage.Anthropic:
		model = anthropic.New(cfg, key, triage.NewClient(nil))
	default:
		model = openai.New(cfg, key, triage.NewClient(nil))
	}
	all := *deps
	all.Surroundings, all.Archive, all.Zone = s, s, s.zone
	return triage.New(cfg, model, &all)
}

// triageKey is the configured key, or that of the file; empty when there is none. No
// error repeats it.
func triageKey(cfg *triage.Config) (string, error) {
	if cfg.KeyFile == "" {
		return cfg.Key, nil
	}
	key, err := store.ReadSecret(cfg.KeyFile)
	if err != nil {
		return "", fmt.Errorf("triage.key_file: %w", err)
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("triage.key_file: %s must hold the key alone, in visible ASCII characters", cfg.KeyFile)
	}
	return key, nil
}

// spentFile keeps what was spent today.
type spentFile struct {
	path string
	log  *slog.Logger
}

// Load implements triage.Ledger. What is damaged counts as nothing spent, and the log
// says so: a file cut by a crash must not keep the server from starting.
func (f *spentFile) Load() (s triage.Spent, err error) {
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if json.Unmarshal(data, &s) != nil || s.Tokens < 0 || !(s.Cost >= 0) {
		f.log.Warn("what was spent on models today cannot be read; the budgets of the day begin anew", "file", f.path)
		return triage.Spent{}, nil //nolint:nilerr // told above
	}
	return s, nil
}

// Save implements triage.Ledger. The file is replaced as a whole.
func (f *spentFile) Save(s triage.Spent) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	next := f.path + ".new"
	if err := os.WriteFile(next, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, f.path)
}
