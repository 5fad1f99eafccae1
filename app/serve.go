// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tidewatch/account"
	"tidewatch/api"
	"tidewatch/ask"
	"tidewatch/collect"
	"tidewatch/history"
	"tidewatch/incident"
	"tidewatch/store"
	"tidewatch/telemetry"
	"tidewatch/triage"
	"tidewatch/web"
)

// ServeOptions are what serve is told beside the configuration.
type ServeOptions struct {
	Log     io.Writer
	Version string
	Ready   func(*Server) // called once everything listens; nil is fine
	// Reload asks to read the configuration anew, by Load; nil channels never ask.
	Reload <-chan os.Signal
	Load   func() (*Config, error)
}

// closedFor is how long before a start a closing may lie to hold on, and an end to
// be remembered: longer than any quiet time in use.
const closedFor = 48 * time.Hour

// Server is everything that serve runs. Build makes it, Run runs it.
type Server struct {
	cfg       *Config // in effect; owned by reload once everything runs
	log       *slog.Logger
	level     slog.LevelVar
	engine    *Engine
	collector *collect.Collector
	lock      *store.Lock
	store     *store.Store
	history   *history.Recorder // nil: none is kept
	roller    *ask.Roller       // nil: no sums are made
	outlet    *outlet
	alerts    *alerts
	memory    *memory
	baselines *store.Baselines
	plans     *planner
	excluded  *excluder
	counsel   *triage.Counsel // nil: no model is asked
	people    *desk
	defence   *defence
	effective atomic.Pointer[Config] // cfg, for those that answer meanwhile
	live      *live
	hub       *api.Hub
	api       *api.Server
	accounts  *account.Keeper
	hasPages  bool                 // the dashboard was built
	registry  *prometheus.Registry // what /metrics shows; a test holds the page of metrics to it
	exporters exporterNames
	tiers     string // the promotion rule
}

// Serve receives flows until ctx ends, then drains: what was received is
// judged, what is open is written out.
func Serve(ctx context.Context, cfg *Config, o *ServeOptions) error {
	s, err := build(ctx, cfg, o)
	if err != nil {
		return err
	}
	defer s.close()
	return s.run(ctx, o)
}

// build wires all parts in the order of the data path and binds the ports.
func build(ctx context.Context, cfg *Config, o *ServeOptions) (*Server, error) {
	s := &Server{cfg: cfg}
	var err error
	if s.log, err = telemetry.NewLogger(o.Log, cfg.Log, &s.level); err != nil {
		return nil, err
	}
	registry, health := telemetry.NewRegistry(), telemetry.NewHealth()
	s.registry = registry
	// First of all: nothing else in the data directory may be touched without it.
	if s.lock, err = store.TakeLock(cfg.DataDir); err != nil {
		return nil, err
	}
	ok := false
	defer func() {
		if !ok {
			s.close()
		}
	}()
	if s.store, err = store.New(cfg.kept(s.lock)); err != nil {
		return nil, err
	}
	if err := s.store.Open(ctx); err != nil {
		return nil, err
	}
	s.tiers = cfg.Window.Rule()
	s.outlet = newOutlet(s.store, s.log)
	if s.hub, err = api.NewHub(cfg.API.Streams(), registry); err != nil {
		return nil, err
	}
	if s.alerts, err = newAlerts(ctx, cfg, s.store, s.log, registry); err != nil {
		return nil, err
	}
	health.Add("notify", s.alerts.Health)
	cfg.Enrich.Exporter = s.exporters.of
	// Strangers send what is hashed: they must not know the key.
	var key [16]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("make a hash key: %w", err)
	}
	for i := range cfg.Window.Seed {
		cfg.Window.Seed[i] = binary.LittleEndian.Uint64(key[8*i:])
	}
	cfg.Enrich.Seed = cfg.Window.Seed
	if s.engine, err = NewEngine(cfg, s.outlet.take); err != nil {
		return nil, err
	}
	s.live = newLive(s.engine, s.hub)
	if err := s.live.recall(ctx, s.store, time.Now()); err != nil {
		return nil, err
	}
	s.outlet.also = s.live.incidents
	s.tellThreats(s.engine.threats)
	if s.baselines, err = store.OpenBaselines(cfg.DataDir); err != nil {
		return nil, err
	}
	if s.memory, err = newMemory(s.engine, s.baselines, s.log); err != nil {
		return nil, err
	}
	unfinished, err := s.store.Unfinished(ctx)
	if err != nil {
		return nil, err
	}
	// What a person closed stays closed when its cause goes on; what was resolved is
	// named by the next incident of its cause.
	for _, state := range []incident.State{incident.Closed, incident.Resolved} {
		over, err := s.store.List(ctx, &incident.Filter{
			States: []incident.State{state}, Since: time.Now().Add(-closedFor), Limit: incident.MaxLimit,
		})
		if err != nil {
			return nil, err
		}
		unfinished = append(unfinished, over.Incidents...)
	}
	if err := s.engine.Restore(unfinished); err != nil {
		return nil, err
	}
	if err := recall(ctx, cfg, s.store, s.engine); err != nil {
		return nil, err
	}
	if s.people, err = newDesk(ctx, cfg, s.store, s.engine, s.outlet); err != nil {
		return nil, err
	}
	if s.plans, err = newPlanner(ctx, cfg, s.store, s.engine); err != nil {
		return nil, err
	}
	if s.excluded, err = newExcluder(ctx, cfg, s.store, s.engine); err != nil {
		return nil, err
	}
	if s.counsel, err = newCounsel(s, registry); err != nil {
		return nil, err
	}
	if s.defence, err = newDefence(ctx, s, registry, health); err != nil {
		return nil, err
	}
	for i := range s.plans.unfit {
		e := &s.plans.unfit[i]
		s.log.Error("an event that was added has no effect any more; tidewatch event remove takes it away", "id", e.ID, "error", e.err)
	}
	if s.history, err = newHistory(s, registry, health); err != nil {
		return nil, err
	}
	ccfg := cfg.Collect
	ccfg.Decode = cfg.decode()
	ccfg.TemplateFile = filepath.Join(cfg.DataDir, "templates")
	s.collector, err = collect.New(ccfg, collect.Deps{
		Sink: s.receive, Logger: s.log, Registerer: registry, Exporter: s.exporters.add,
	})
	if err != nil {
		return nil, err
	}
	registry.MustRegister(newEngineMetrics(s.engine))
	if err := s.engine.enrich.Register(registry); err != nil {
		return nil, err
	}
	health.Add("store", s.store.Ready)
	health.Add("collect", s.collector.Ready)
	health.Add("saving", func(context.Context) error { return s.outlet.health() })
	health.Add("learning", func(context.Context) error { return s.memory.health() })
	if s.accounts, err = openAccounts(ctx, cfg, s.store, registry); err != nil {
		return nil, err
	}
	if err := cfg.API.Validate(); err != nil { // before a token that was made makes it pass
		return nil, fmt.Errorf("api: %w", err)
	}
	s.effective.Store(cfg)
	acfg := cfg.API // the token goes nowhere else
	if acfg.Token, err = token(cfg, true); err != nil {
		return nil, err
	}
	acfg.TokenFile = ""
	dashboard, err := web.New()
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	s.hasPages = dashboard.Built()
	deps := &api.Deps{
		Web:       dashboard,
		Incidents: s.store, Desk: s.people, Baselines: &shelf{s.memory, s.store}, Events: s.plans, Exclusions: s.excluded, Mitigations: &api.Mitigations{Ledger: s.store.Ledger(), Commander: s.defence, Brake: s.defence}, Audit: auditor{s.store}, Accounts: s.accounts,
		Devices: &directory{s.engine, &s.exporters, cfg.zone()}, Exporters: s.exporterList, Traffic: s.live, Hub: s.hub,
		Differ: &comparer{memory: s.memory, cfg: cfg}, Effective: s.effectiveText, Sinks: &tellers{server: s},
		Health: health.AliveHandler(), Ready: health.ReadyHandler(), Metrics: telemetry.MetricsHandler(registry), Logger: s.log, Registerer: registry, Version: o.Version, Zone: s.cfg.zoneName(),
	}
	if s.history != nil {
		var asker *ask.Asker
		if asker, s.roller, err = cfg.questions(s.history, s.log, registry); err != nil {
			return nil, err
		}
		if s.roller != nil {
			health.Add("rollups", s.roller.Health)
		}
		deps.Flows, deps.History = asker, recorded{s.history, s.log}.state
	}
	if s.api, err = api.New(&acfg, deps); err != nil {
		return nil, err
	}
	if err := s.api.Listen(ctx); err != nil {
		return nil, err
	}
	if err := s.collector.Listen(ctx); err != nil {
		return nil, errors.Join(err, s.api.Close())
	}
	if err := s.lock.Tell(s.api.URL()); err != nil {
		return nil, errors.Join(err, s.api.Close())
	}
	if err := s.invite(ctx, o.Log); err != nil {
		return nil, errors.Join(err, s.api.Close())
	}
	ok = true
	return s, nil
}

func (s *Server) close() {
	if s.baselines != nil {
		if err := s.baselines.Close(); err != nil {
			s.log.Error("baselines not closed cleanly", "error", err)
		}
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Error("store not closed cleanly", "error", err)
		}
	}
	if err := s.lock.Release(); err != nil {
		s.log.Error("data directory not released cleanly", "error", err)
	}
}

// Addr is where the API listens.
func (s *Server) Addr() string { return s.api.Addr() }

// Collector gives tests the bound ports.
func (s *Server) Collector() *collect.Collector { return s.collector }

// run has two contexts: ctx stops the source; what comes behind it ends only
// when the source is drained and everything received was judged and saved.
func (s *Server) run(ctx context.Context, o *ServeOptions) error {
	addrs := s.collector.Addrs()
	listening := make([]string, 0, len(addrs))
	for _, a := range addrs {
		listening = append(listening, a.String())
	}
	dashboard := s.pageURL() + "/"
	if !s.hasPages {
		dashboard = "not built, for want of Node.js"
	}
	s.log.Info("tidewatch is listening", "flows", listening, "dashboard", dashboard, "api", s.api.URL()+"/api/v1/incidents", "version", o.Version)
	s.log.Info("how often devices are judged", "tiers", s.tiers)
	if o.Ready != nil {
		o.Ready(s)
	}
	behind, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	g, source := errgroup.WithContext(ctx)
	g.Go(func() error { return s.collector.Run(source) })
	g.Go(func() error { return s.tick(source) })
	g.Go(func() error { return s.defence.run(source) })
	g.Go(func() error { return s.reloads(source, o) })
	told := s.alerts.start(ctx)
	if s.counsel != nil { // what it asks about when we stop is asked anew after the start
		g.Go(func() error { return s.counsel.Run(source) })
	}
	rest, _ := errgroup.WithContext(behind)
	failed := make(chan error, 1)
	rest.Go(func() error {
		err := s.api.Run(behind)
		if err != nil {
			failed <- err
		}
		return err
	})
	rest.Go(func() error { return s.outlet.run(behind) })
	rest.Go(func() error { return s.live.keep(behind, s.store, s.log) })
	if s.history != nil {
		rest.Go(func() error { return s.history.Run(behind) })
	}
	if s.roller != nil {
		rest.Go(func() error { return s.roller.Run(behind) })
	}
	rest.Go(func() error { return s.memory.run(behind) })
	rest.Go(func() error {
		return s.plans.run(behind, func(err error) {
			s.log.Error("events that are over not forgotten; trying again in an hour", "error", err)
		})
	})
	g.Go(func() error {
		select {
		case err := <-failed:
			return err
		case <-source.Done():
			return nil
		}
	})
	err := g.Wait()
	s.log.Info("stopping: judging what was received")
	s.memory.last()
	s.engine.Drain()
	end()
	err = errors.Join(err, rest.Wait())
	return errors.Join(err, told()) // after the last incident was saved
}

// gathering is for how long datagrams may lie in the kernel before they are taken;
// a second is not over before those of it are there.
const gathering = 100 * time.Millisecond

// tick keeps flow time moving when no flows come: an attack whose end is
// silence must end, too. Flow time stays a second behind the clock, so that
// what arrives in this second is judged in it.
func (s *Server) tick(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			s.engine.Advance(now.Add(-gathering).Unix())
			s.live.tick()
		}
	}
}

func (s *Server) exporterList() []api.Exporter {
	all := s.collector.Exporters()
	out := make([]api.Exporter, 0, len(all))
	for i := range all {
		e := &all[i]
		out = append(out, api.Exporter{
			Address: e.Address, Protocols: e.Protocols, LastSeen: e.LastSeen, Datagrams: e.Datagrams, Records: e.Records,
			Lost: e.Lost, SequenceGaps: e.SequenceGaps, SequenceResets: e.SequenceResets,
			MissingTemplates: e.MissingTemplates, Held: e.Held, Sampling: e.Sampling, SamplingKnown: e.SamplingKnown,
			SkewSeconds: e.SkewSeconds, Errors: e.Errors,
		})
	}
	return out
}
