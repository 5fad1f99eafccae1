// SPDX-License-Identifier: Apache-2.0

package app

import (
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/detect/exfil"
	"tidewatch/detect/flood"
	"tidewatch/detect/offhours"
	"tidewatch/detect/peers"
	"tidewatch/detect/ports"
	"tidewatch/detect/upload"
	"tidewatch/detect/volume"
	"tidewatch/flow"
	"tidewatch/window"
)

// shard owns the devices whose hash falls to it: their windows, their past and
// the detectors that judge them. Nothing in it is shared, so nothing is locked.
type shard struct {
	index, of int
	windows   *window.Tracker
	past      *baseline.Store
	habits    *baseline.HabitStore
	detectors []detect.Detector
	findings  []detect.Finding
	found     []uint64        // findings by detector
	spent     []time.Duration // time by detector
}

// newShard wires one shard. Adding a detector is one line in its list.
func newShard(cfg *Config, index, of int) (*shard, error) {
	wcfg := cfg.Window
	wcfg.MaxDevices, wcfg.MaxHot, wcfg.MaxUploads = part(wcfg.MaxDevices, of), part(wcfg.MaxHot, of), part(wcfg.MaxUploads, of)
	wcfg.MaxContacts = part(wcfg.MaxContacts, of)
	bcfg := cfg.Baseline
	bcfg.Zone, bcfg.MaxDevices = cfg.zone(), part(bcfg.MaxDevices, of)
	s := &shard{index: index, of: of}
	var err error
	if s.windows, err = window.New(wcfg); err != nil {
		return nil, err
	}
	if s.past, err = baseline.New(bcfg); err != nil {
		return nil, err
	}
	hcfg := baseline.HabitConfig{MaxDevices: bcfg.MaxDevices, Zone: bcfg.Zone, Seed: wcfg.Seed}
	if s.habits, err = baseline.NewHabits(hcfg); err != nil {
		return nil, err
	}
	ecfg := cfg.Exfil
	ecfg.Zone = cfg.zone()
	floods, err := flood.New(cfg.Flood, s.past)
	if err != nil {
		return nil, err
	}
	uploads, err := exfil.New(ecfg, s.past)
	if err != nil {
		return nil, err
	}
	volumes, err := volume.New(cfg.Volume, s.past)
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
	s.detectors = []detect.Detector{floods, uploads, volumes, newPeers, newPorts, ratios, offHours}
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
func (s *shard) tick(lesson bool, spoiled func(flow.Addr, int64) bool) {
	w := s.windows.Tick()
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
		s.learn(w, spoiled)
	}
}

// learn hands the hour that closed to the baseline: whole hours only, and none
// in which the device was under attack or giving data away.
func (s *shard) learn(w *window.Window, spoiled func(flow.Addr, int64) bool) {
	for i := range w.Devices() {
		d, ok := w.Device(i)
		if !ok || d.Since() > w.Closed*3600+60 || spoiled(d.Addr(), w.Closed) {
			continue
		}
		total, peak := d.Hour()
		var v baseline.Sample
		v[baseline.BytesIn] = peak.Bytes[window.In]
		v[baseline.BytesOut] = peak.Bytes[window.Out]
		v[baseline.PacketsIn] = peak.Packets[window.In]
		s.past.Learn(d.Addr(), w.Closed, v)
		s.habits.Learn(d.Addr(), &baseline.Lesson{
			Hour: w.Closed, Bytes: total.Bytes[window.In] + total.Bytes[window.Out], Contacts: d.Contacts(),
		})
	}
}
