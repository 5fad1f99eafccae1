// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/decision"
	"tidewatch/incident"
	"tidewatch/mitigate"
	"tidewatch/mitigate/bgp"
	"tidewatch/mitigate/hook"
	"tidewatch/mitigate/nftables"
	"tidewatch/store"
	"tidewatch/telemetry"
)

// MitigationConfig says what is done about incidents, what never, and by whom.
type MitigationConfig struct {
	mitigate.Config `yaml:",inline"`

	BGP      bgp.Config      `yaml:"bgp"`
	NFTables nftables.Config `yaml:"nftables"`
	Hooks    []hook.Config   `yaml:"hooks"` // programs and web services that act (docs/how-to/mitigate-with-hooks.md): name, actions, webhook or script, expires
}

// defaultMitigation decides and does nothing.
func defaultMitigation() MitigationConfig {
	return MitigationConfig{Config: mitigate.DefaultConfig(), BGP: bgp.DefaultConfig(), NFTables: nftables.DefaultConfig()}
}

// Validate reports the first value that makes no sense. It reads no file.
func (c *MitigationConfig) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	c.BGP.Lease = c.ShortestLease()
	if err := c.BGP.Validate(); err != nil {
		return fmt.Errorf("bgp: %w", err)
	}
	if err := c.NFTables.Validate(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	names := []string{"bgp", "nftables"}
	for i := range c.Hooks {
		h := &c.Hooks[i]
		if err := h.Validate(); err != nil {
			return fmt.Errorf("hooks: hook %d: %w", i+1, err)
		}
		if slices.Contains(names, h.Name) {
			return fmt.Errorf("hooks: two actuators have the name %s", h.Name)
		}
		names = append(names, h.Name)
	}
	if c.Mode == mitigate.Act && c.BGP.Enabled() && len(c.Guard.Own) == 0 {
		return errors.New("guard: own names no network, so nothing could be announced; list your prefixes")
	}
	return c.Named(names)
}

// actuators are those of a configuration, with what keeps them running.
type actuators struct {
	named  []mitigate.Named
	run    []func(context.Context) error
	close  []func() error
	health map[string]func(context.Context) error
	router *bgp.Speaker // nil: none
}

// open makes the configured actuators. None is spoken to yet.
func (c *MitigationConfig) open(log *slog.Logger, r prometheus.Registerer) (*actuators, error) {
	a := &actuators{health: map[string]func(context.Context) error{}}
	if c.BGP.Enabled() {
		of := c.BGP
		of.Peers = slices.Clone(of.Peers)
		of.Lease = c.ShortestLease()
		for i := range of.Peers {
			p := &of.Peers[i]
			if p.PasswordFile == "" {
				continue
			}
			var err error
			if p.Password, err = store.ReadSecret(p.PasswordFile); err != nil {
				return nil, fmt.Errorf("mitigation: bgp: peer %s: %w", p.Address, err)
			}
			p.PasswordFile = ""
		}
		speaker, err := bgp.New(of, bgp.Deps{Log: log, Metrics: r})
		if err != nil {
			return nil, fmt.Errorf("mitigation: bgp: %w", err)
		}
		a.router = speaker
		a.add("bgp", speaker)
		a.run = append(a.run, speaker.Run)
		a.health["bgp"] = speaker.Health
	}
	if c.NFTables.Enabled {
		firewall, err := nftables.New(&c.NFTables, log)
		if err != nil {
			return nil, fmt.Errorf("mitigation: nftables: %w", err)
		}
		a.add("nftables", firewall)
		a.run = append(a.run, firewall.Run)
	}
	for i := range c.Hooks {
		of, err := c.Hooks[i].Filled(store.ReadSecret)
		if err != nil {
			return nil, fmt.Errorf("mitigation: hook %s: %w", c.Hooks[i].Name, err)
		}
		h, err := hook.New(&of, hook.Deps{Logger: log, Registerer: r})
		if err != nil {
			return nil, fmt.Errorf("mitigation: hook %s: %w", of.Name, err)
		}
		a.add(of.Name, h)
		a.run = append(a.run, h.Run)
		a.close = append(a.close, h.Close)
	}
	return a, nil
}

func (a *actuators) add(name string, of mitigate.Actuator) {
	a.named = append(a.named, mitigate.Named{Name: name, Actuator: of})
}

// status tells people how one does.
func (a *actuators) status(name string) mitigate.ActuatorStatus {
	s := mitigate.ActuatorStatus{Name: name}
	if check := a.health[name]; check != nil {
		if err := check(context.Background()); err != nil {
			s.Health = err.Error()
		}
	}
	if name == "bgp" && a.router != nil {
		all := a.router.Sessions()
		for i := range all {
			p := &all[i]
			s.Sessions = append(s.Sessions, mitigate.RouterStatus{Peer: p.Peer, State: p.State, Since: p.Since})
		}
	}
	return s
}

// defence makes decisions about incidents and has them carried out while serve runs.
type defence struct {
	*mitigate.Desk

	actuators *actuators
	log       *slog.Logger
	told      *teller
}

// newDefence wires it and takes over what the ledger says: nobody may order anything
// before it is known what holds, and whether everything is halted.
func newDefence(ctx context.Context, s *Server, registry prometheus.Registerer, health *telemetry.Health) (*defence, error) {
	cfg := s.cfg.mitigation()
	a, err := cfg.open(s.log, registry)
	if err != nil {
		return nil, err
	}
	d := &defence{actuators: a, log: s.log, told: &teller{s.people, s.live, s.log}}
	d.Desk, err = mitigate.NewDesk(&cfg.Config, &mitigate.Deps{
		Ledger: s.store.Ledger(), Reader: s.store.Ledger(), Scene: newScene(s, cfg), Actuators: a.named, Groups: s.cfg.groups(),
		Tell: d.told.tell, State: a.status, Logger: s.log, Registerer: registry,
	})
	if err != nil {
		return nil, err
	}
	for name, check := range a.health {
		health.Add(name, check)
	}
	s.engine.Also(d.Hear)
	if cfg.Mode != mitigate.Off {
		names := make([]string, 0, len(a.named))
		for i := range a.named {
			names = append(names, a.named[i].Name)
		}
		s.log.Info("attacks are answered", "mode", string(cfg.Mode), "actuators", names)
	}
	if err := d.Open(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// mitigation is the section with what others know. A dry run announces nothing, so that
// everything inside may take the place of own prefixes that nobody has named.
func (c *Config) mitigation() *MitigationConfig {
	m := c.Mitigation
	m.Guard.Internal, m.Guard.Pretend = c.Enrich.Internal, m.Mode != mitigate.Act
	return &m
}

// groups are the networks that policies may name.
func (c *Config) groups() map[string][]netip.Prefix {
	out := map[string][]netip.Prefix{"critical": c.Window.Critical}
	for i := range c.Notify.Groups {
		out[c.Notify.Groups[i].Name] = c.Notify.Groups[i].Prefixes
	}
	return out
}

// run decides and acts until ctx ends; the actuators go on until what they hold was
// taken back.
func (d *defence) run(ctx context.Context) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, len(d.actuators.run))
	for _, run := range d.actuators.run {
		go func() { ended <- run(working) }()
	}
	desk, leave := context.WithCancel(ctx)
	defer leave()
	done := make(chan error, 1)
	go func() { done <- d.Run(desk) }()
	var err error
	left := len(d.actuators.run)
	select {
	case err = <-done:
	case err = <-ended: // an actuator that gives up ends the program: it must not pretend to protect
		left--
		leave()
		err = errors.Join(err, <-done)
	}
	stop()
	for range left {
		err = errors.Join(err, <-ended)
	}
	for _, closing := range d.actuators.close {
		err = errors.Join(err, closing())
	}
	return err
}

// teller has incidents show what was decided about them.
type teller struct {
	desk *desk
	live *live
	log  *slog.Logger
}

func (t *teller) tell(d *decision.Decision, text string) {
	t.live.decided(d)
	if d.Incident == "" {
		return
	}
	a := &incident.Action{
		At: time.Now(), ID: d.ID, Name: string(d.Action), State: string(d.State), DryRun: d.DryRun,
		Target: decision.PrefixText(d.Target), Match: d.Match.String(), Via: d.Via, Reason: d.Reason, Detail: text, Until: d.Until,
		Covers: d.Covers, Collateral: d.Collateral, Effect: string(d.Effect),
	}
	if err := t.desk.Act(context.Background(), d.Incident, a); err != nil && !errors.Is(err, incident.ErrNotFound) {
		t.log.Warn("the incident does not show what was decided about it", "incident", d.Incident, "decision", d.ID, "error", err)
	}
}
