// SPDX-License-Identifier: Apache-2.0

package app

import (
	"time"

	"tidewatch/baseline"
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
	"tidewatch/flow"
	"tidewatch/identity"
	"tidewatch/schedule"
	"tidewatch/window"
)

// shard owns the devices whose hash falls to it: their windows, their past and
// the detectors that judge them. Nothing in it is shared, so nothing is locked.
type shard struct {
	index, of int
	windows   *window.Tracker
	window    *window.Window // of the newest tick
	spoilt    []spoilt       // by network, of the hour that closed
	past      *baseline.Store
	who       *identity.Table
	shared    map[flow.Addr]*sharedHour
	planned   *schedule.View
	habits    *baseline.HabitStore
	ledger    *baseline.Ledger
	detectors []detect.Detector
	threats   *threat.Detector // one of them
	findings  []detect.Finding
	found     []uint64        // findings by detector
	spent     []time.Duration // time by detector
	since     int64           // Unix second from which flows are known without a gap
	blind     int64           // last Unix hour that is not learned, because a part of it was not received
}

// shardDeps is what all shards share, and only read.
type shardDeps struct {
	who     *identity.Table
	planned *schedule.Schedule
	layout  *window.Networks
	sight   volume.Sight // knows which exporters are there
}

// newShard wires one shard. Adding a detector is one line in its list.
func newShard(cfg *Config, index, of int, deps shardDeps) (*shard, error) {
	wcfg := cfg.Window
	wcfg.MaxDevices, wcfg.MaxHot, wcfg.MaxUploads = part(wcfg.MaxDevices, of), part(wcfg.MaxHot, of), part(wcfg.MaxUploads, of)
	s := &shard{index: index, of: of, who: deps.who, planned: deps.planned.View(), shared: map[flow.Addr]*sharedHour{}}
	wcfg.MaxContacts, wcfg.Networks = part(wcfg.MaxContacts, of), deps.layout
	wcfg.MaxHotPrefixes = part(wcfg.MaxHotPrefixes, of)
	wcfg.MaxProbes = part(wcfg.MaxProbes, of)
	wcfg.MaxPairs = max(64, part(wcfg.MaxPairs, of))
	wcfg.MaxTalks = max(64, part(wcfg.MaxTalks, of))
	s.spoilt = make([]spoilt, deps.layout.Len())
	bcfg := cfg.Baseline
	bcfg.Holiday = s.planned.Holiday
	bcfg.Zone, bcfg.MaxDevices = cfg.zone(), part(bcfg.MaxDevices, of)
	var err error
	if s.windows, err = window.New(&wcfg); err != nil {
		return nil, err
	}
	if s.past, err = baseline.New(bcfg); err != nil {
		return nil, err
	}
	hcfg := baseline.HabitConfig{MaxDevices: bcfg.MaxDevices, Zone: bcfg.Zone, Seed: wcfg.Seed}
	if s.habits, err = baseline.NewHabits(hcfg); err != nil {
		return nil, err
	}
	if s.ledger, err = baseline.NewLedger(baseline.LedgerConfig{MaxDevices: bcfg.MaxDevices, Zone: bcfg.Zone}); err != nil {
		return nil, err
	}
	past := &expectation{past: keyed{s.past, deps.who}, habits: s.habits, planned: s.planned}
	ecfg := cfg.Exfil
	ecfg.Zone = cfg.zone()
	floods, err := flood.New(&cfg.Flood, past)
	if err != nil {
		return nil, err
	}
	uploads, err := exfil.New(ecfg, past)
	if err != nil {
		return nil, err
	}
	volumes, err := volume.New(cfg.Volume, volume.Deps{Past: past, Sight: deps.sight, Habits: s.habits, Ledger: s.ledger})
	if err != nil {
		return nil, err
	}
	newPeers, err := peers.New(cfg.Peers, s.habits)
	if err != nil {
		return nil, err
	}
	newPorts, err := ports.New(cfg.Ports, s.habits)
	if err != nil {
		return nil, err
	}
	ratios, err := upload.New(cfg.Upload, s.habits)
	if err != nil {
		return nil, err
	}
	offHours, err := offhours.New(cfg.OffHours, s.habits)
	if err != nil {
		return nil, err
	}
	webFloods, err := webflood.New(cfg.WebFlood, past)
	if err != nil {
		return nil, err
	}
	dnsFloods, err := dnsflood.New(cfg.DNSFlood, past)
	if err != nil {
		return nil, err
	}
	exhausted, err := exhaustion.New(cfg.Exhaustion)
	if err != nil {
		return nil, err
	}
	scans, err := scan.New(cfg.Scan, s.habits)
	if err != nil {
		return nil, err
	}
	beacons, err := beacon.New(cfg.Beacon)
	if err != nil {
		return nil, err
	}
	tunnels, err := tunnel.New(cfg.Tunnel)
	if err != nil {
		return nil, err
	}
	strangers, err := character.New(cfg.Character, s.habits)
	if err != nil {
		return nil, err
	}
	drips, err := slow.New(cfg.Slow, s.ledger, s.habits)
	if err != nil {
		return nil, err
	}
	if s.threats, err = threat.New(&cfg.Threat, nil); err != nil {
		return nil, err
	}
	s.detectors = []detect.Detector{floods, webFloods, dnsFloods, exhausted, uploads, volumes, newPeers, newPorts, ratios, offHours, scans, beacons, tunnels, strangers, drips, s.threats}
	s.found, s.spent = make([]uint64, len(s.detectors)), make([]time.Duration, len(s.detectors))
	return s, nil
}

// part is a shard's share of a bound, rounded up.
func part(bound, of int) int { return (bound + of - 1) / of }

// owns reports whether the device with this hash belongs to the shard. The
// table uses the low bits of a hash, so its owner is told by the high ones.
func (s *shard) owns(hash uint64) bool {
	return hash>>48*uint64(s.of)>>16 == uint64(s.index)
}

// add books records [from,to) of a batch, all received in second sec.
func (s *shard) add(b *flow.Batch, from, to int) {
	if s.of == 1 {
		s.windows.Add(b, from, to, nil)
		return
	}
	s.windows.Add(b, from, to, s.owns)
}

// tick ends the running second: the hour that closed is learned, then the
// detectors judge, unless this is only a lesson.
func (s *shard) tick(lesson bool, spoiled spoiling) {
	w := s.windows.Tick()
	s.window = w
	s.findings = s.findings[:0]
	if w.Revised() == 0 && !w.Minute {
		return
	}
	if !lesson {
		for i, d := range s.detectors {
			before, start := len(s.findings), time.Now()
			s.findings = d.Detect(w, s.findings)
			s.found[i] += uint64(len(s.findings) - before)
			s.spent[i] += time.Since(start)
		}
	}
	if w.Hour {
		s.keepLedger(w)
		s.learn(w, spoiled)
	}
}

// spoiling tells whether an hour of a device must not be learned, and why: it was
// hurt, or out of sight.
type spoiling func(d window.Device, hour int64) (hurt, blind bool)

// unseen reports whether an hour was not received as a whole.
func (s *shard) unseen(hour int64) bool { return s.since > hour*3600+60 || hour <= s.blind }

// learn hands the hour that closed to the baseline. Of hours in which a device was
// under attack, giving data away or out of sight, or that were not seen as a
// whole, only a note is kept.
func (s *shard) learn(w *window.Window, spoiled spoiling) {
	if s.unseen(w.Closed) {
		return
	}
	seen := false
	clear(s.shared)
	clear(s.spoilt)
	for i := range w.Devices() {
		d, ok := w.Device(i)
		if !ok {
			continue
		}
		total, peak := d.Hour()
		seen = seen || total.Flows[window.In]+total.Flows[window.Out] > 0
		h := baseline.Hour{
			Bytes: total.Bytes, Packets: total.Packets, Flows: total.Flows,
			PeakBytes: peak.Bytes, PeakPackets: peak.Packets[window.In],
		}
		hurt, blind := spoiled(d, w.Closed)
		if hurt = hurt || unlearned(s.planned, d.Addr(), w.Closed); hurt || blind {
			s.spoil(d, total, blind)
		}
		ignore := hurt || blind || d.Since() > w.Closed*3600+60
		if !ignore {
			s.habits.Learn(d.Addr(), &baseline.Lesson{
				Hour: w.Closed, Bytes: total.Bytes[window.In] + total.Bytes[window.Out], Contacts: d.Contacts(),
			})
		}
		if key := s.who.Key(d.Addr(), w.Closed*3600); key != d.Addr() {
			s.share(key, &h, ignore)
			continue
		}
		s.past.Learn(d.Addr(), w.Closed, &h, ignore)
	}
	for _, key := range sortedKeys(s.shared) {
		h := s.shared[key]
		s.past.Learn(key, w.Closed, &h.Hour, h.ignore)
	}
	if seen {
		s.past.Observed(w.Closed)
	}
}

// spoil notes for its network that the hour of a device must not be learned.
func (s *shard) spoil(d window.Device, total *window.Sums, blind bool) {
	s.spoilt[d.Network()].add(&spoilt{total.Bytes, blind})
}
