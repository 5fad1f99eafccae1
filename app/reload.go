// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"strings"

	"tidewatch/config"
	"tidewatch/detect"
	"tidewatch/detect/beacon"
	"tidewatch/detect/character"
	"tidewatch/detect/dnsflood"
	"tidewatch/detect/exfil"
	"tidewatch/detect/exhaustion"
	"tidewatch/detect/flood"
	"tidewatch/detect/offhours"
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
	"tidewatch/identity"
	"tidewatch/schedule"
	"tidewatch/telemetry"
)

// adopt returns c with all of next that can change while serve runs: by what is
// judged and logged, not what is kept and where. What it leaves out of next
// needs a restart.
func (c *Config) adopt(next *Config) *Config {
	out := *c
	out.Log.Level = next.Log.Level
	out.Enrich.Internal, out.Enrich.Geo = next.Enrich.Internal, next.Enrich.Geo
	out.Flood, out.Exfil, out.Volume = next.Flood, next.Exfil, next.Volume
	out.WebFlood, out.DNSFlood, out.Exhaustion = next.WebFlood, next.DNSFlood, next.Exhaustion
	out.Peers, out.Ports, out.Upload, out.OffHours = next.Peers, next.Ports, next.Upload, next.OffHours
	out.Scan = next.Scan
	out.Beacon = next.Beacon
	out.Slow = next.Slow
	out.Tunnel, out.Character = next.Tunnel, next.Character
	out.Threat = next.Threat
	out.Outage, out.Incident, out.Feedback = next.Outage, next.Incident, next.Feedback
	out.Schedule, out.Identity = next.Schedule, next.Identity
	out.Exclusions = next.Exclusions
	out.Notify = next.Notify
	out.Mitigation.Config = next.Mitigation.Config
	out.origins = next.origins
	return &out
}

// Reconfigure judges by cfg from the next second on, as far as adopt says;
// windows, baselines and incidents stay. cfg must be valid.
func (e *Engine) Reconfigure(cfg *Config) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.enrich.SetInternal(cfg.Enrich.Internal); err != nil {
		return err
	}
	if err := e.book.Configure(&cfg.Incident); err != nil {
		return err
	}
	if e.verdicts != nil {
		if err := e.verdicts.Configure(&cfg.Feedback); err != nil {
			return err
		}
	}
	if err := e.outages.Configure(cfg.Outage); err != nil {
		return err
	}
	if err := e.networks.detector.Configure(cfg.Volume); err != nil {
		return err
	}
	if err := e.networks.attacked.Configure(&cfg.Flood); err != nil {
		return err
	}
	for _, s := range e.shards {
		for _, d := range s.detectors {
			if _, err := configure(d, cfg); err != nil {
				return err
			}
		}
	}
	return nil
}

// configure gives a detector its section; known is false for one without a case here.
func configure(d detect.Detector, cfg *Config) (known bool, err error) {
	switch d := d.(type) {
	case *flood.Detector:
		return true, d.Configure(&cfg.Flood)
	case *webflood.Detector:
		return true, d.Configure(cfg.WebFlood)
	case *dnsflood.Detector:
		return true, d.Configure(cfg.DNSFlood)
	case *exhaustion.Detector:
		return true, d.Configure(cfg.Exhaustion)
	case *exfil.Detector:
		ecfg := cfg.Exfil
		ecfg.Zone = cfg.zone()
		return true, d.Configure(ecfg)
	case *volume.Detector:
		return true, d.Configure(cfg.Volume)
	case *peers.Detector:
		return true, d.Configure(cfg.Peers)
	case *ports.Detector:
		return true, d.Configure(cfg.Ports)
	case *upload.Detector:
		return true, d.Configure(cfg.Upload)
	case *offhours.Detector:
		return true, d.Configure(cfg.OffHours)
	case *scan.Detector:
		return true, d.Configure(cfg.Scan)
	case *beacon.Detector:
		return true, d.Configure(cfg.Beacon)
	case *tunnel.Detector:
		return true, d.Configure(cfg.Tunnel)
	case *character.Detector:
		return true, d.Configure(cfg.Character)
	case *slow.Detector:
		return true, d.Configure(cfg.Slow)
	case *threat.Detector:
		return true, d.Configure(&cfg.Threat)
	}
	return false, nil
}

// reloads takes up the configuration whenever it is asked to, until ctx ends.
func (s *Server) reloads(ctx context.Context, o *ServeOptions) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.Reload:
			s.reload(o.Load)
			s.api.ReloadCertificate()
		}
	}
}

// reload reads the configuration anew. A file with an error in it changes nothing.
func (s *Server) reload(load func() (*Config, error)) {
	err := s.takeUp(load)
	if err != nil {
		s.log.Error("configuration not reloaded, the old one goes on", "error", inLine(err))
	}
}

func inLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }

// reread reads the files that a configuration names: calendars, and names and
// leases. They come from other hands than the configuration, so one that is broken
// holds up nothing else: nil is returned for what stays as it was, with its settings,
// and its section is added to broken.
func (s *Server) reread(now *Config, broken *[]string) (*schedule.Schedule, *identity.Table) {
	planned, err := newSchedule(now)
	if err != nil {
		s.log.Error("scheduled events not reloaded, the old ones stay in force", "error", inLine(err))
		planned, now.Schedule = nil, s.cfg.Schedule
		*broken = append(*broken, "schedule")
	}
	who, err := whoIs(now)
	if err != nil {
		s.log.Error("names and leases not reloaded, the old ones stay in force", "error", inLine(err))
		who, now.Identity = nil, s.cfg.Identity
		*broken = append(*broken, "identity")
	}
	return planned, who
}

// reopen is reread for databases of countries; ok is false for what stays as it was.
func (s *Server) reopen(now *Config, broken *[]string) (geo *enrich.Geo, ok bool) {
	geo, err := openGeo(now)
	if err != nil {
		s.log.Error("databases of countries not reloaded, the old ones stay in force", "error", inLine(err))
		now.Enrich.Geo = s.cfg.Enrich.Geo
		*broken = append(*broken, "networks.geo")
		return nil, false
	}
	return geo, true
}

// relist is reread for lists of threat intelligence.
func (s *Server) relist(now *Config, broken *[]string) (threats *enrich.Threats, ok bool) {
	threats, err := newThreats(now)
	if err != nil {
		s.log.Error("threat lists not reloaded, the old ones stay in force", "error", inLine(err))
		now.Threat.Lists, now.Threat.MaxEntries = s.cfg.Threat.Lists, s.cfg.Threat.MaxEntries
		*broken = append(*broken, "threat.lists")
		return nil, false
	}
	s.tellThreats(threats)
	return threats, true
}

// tellThreats says what of the lists was left out.
func (s *Server) tellThreats(t *enrich.Threats) {
	for _, note := range t.Notes() {
		s.log.Warn("threat list is not read as a whole", "what", note)
	}
}

func (s *Server) takeUp(load func() (*Config, error)) error {
	next, err := load()
	if err != nil {
		return err
	}
	now := s.cfg.adopt(next)
	if err := now.Validate(); err != nil {
		return err
	}
	var broken []string
	planned, who := s.reread(now, &broken)
	geo, located := s.reopen(now, &broken)
	threats, listed := s.relist(now, &broken)
	next.Schedule, next.Identity, next.Enrich.Geo, next.Threat = now.Schedule, now.Identity, now.Enrich.Geo, now.Threat // no restart would help
	changed, err := config.Diff(s.cfg, now)
	if err != nil {
		return err
	}
	kept, err := config.Diff(now, next)
	if err != nil {
		return err
	}
	tell, err := s.alerts.prepare(now)
	if err != nil {
		return err
	}
	if err := s.engine.Reconfigure(now); err != nil {
		return err
	}
	if s.defence != nil {
		if err := s.defence.Configure(context.Background(), &now.mitigation().Config, now.groups()); err != nil {
			return err
		}
	}
	if err := tell(context.Background()); err != nil {
		return err
	}
	if planned != nil {
		if err := s.plans.rebase(planned); err != nil {
			return err
		}
	}
	if err := s.excluded.rebase(now); err != nil {
		return err
	}
	if who != nil {
		s.engine.Identify(who)
	}
	if located {
		s.engine.Locate(geo)
	}
	if listed {
		s.engine.Threaten(threats)
	}
	if err := telemetry.SetLevel(&s.level, now.Log); err != nil {
		return err
	}
	s.cfg = now
	s.effective.Store(now)
	if len(broken) > 0 {
		s.log.Warn("configuration reloaded in part, what could not be read stays in force as it was", "failed", broken, "changed", changed)
	} else {
		s.log.Info("configuration reloaded", "changed", changed)
	}
	if len(kept) > 0 {
		s.log.Warn("a changed setting needs a restart to take effect", "settings", kept)
	}
	return nil
}
