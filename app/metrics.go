// SPDX-License-Identifier: Apache-2.0

package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/window"
)

// engineMetrics reads the engine's counts when they are asked for.
type engineMetrics struct {
	e                                                        *Engine
	flows, packets, bytes, duplicates, external              *prometheus.Desc
	devices, hot, uploads, followed, lost, findings, seconds *prometheus.Desc
	learned, baselineRefused, openIncidents, tick, flowLag   *prometheus.Desc
	tiers, watched, down                                     *prometheus.Desc
	verdicts, verdictsApplied, verdictsDropped, hushed       *prometheus.Desc
	storiesLost                                              *prometheus.Desc
	excluded, exclusions, listed, marked                     *prometheus.Desc
}

func newEngineMetrics(e *Engine) *engineMetrics {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tidewatch_"+name, help, labels, nil)
	}
	return &engineMetrics{
		e:               e,
		flows:           d("flows_total", "Flows counted, duplicates left out."),
		packets:         d("flow_packets_total", "Packets of those flows, sampling applied."),
		bytes:           d("flow_bytes_total", "Bytes of those flows, sampling applied."),
		duplicates:      d("duplicate_flows_total", "Flows that another exporter or direction already reported."),
		external:        d("external_flows_total", "Flows that touch no internal network."),
		devices:         d("devices", "Devices known."),
		tiers:           d("devices_by_tier", "Devices by how often they are judged.", "tier"),
		hot:             d("hot_devices", "Devices followed second by second."),
		followed:        d("window_followed", "What is followed in places of a bounded number, by kind.", "kind"),
		uploads:         d("uploading_devices", "Devices whose uploads are followed."),
		lost:            d("window_losses_total", "What the bounds of the windows cost, by kind.", "kind"),
		findings:        d("findings_total", "Findings, by detector.", "detector"),
		seconds:         d("detector_seconds_total", "Time spent, by detector.", "detector"),
		learned:         d("baseline_devices", "Devices with a learned past."),
		baselineRefused: d("baseline_refused_total", "Samples of devices that found no room in the baseline."),
		openIncidents:   d("open_incidents", "Incidents that go on."),
		verdicts:        d("feedback_verdicts", "Verdicts of people that are held."),
		verdictsApplied: d("feedback_applied_total", "Findings whose score was moved by verdicts."),
		verdictsDropped: d("feedback_dropped_total", "Verdicts that gave way to newer ones in a full book."),
		storiesLost:     d("incidents_forgotten_total", "Incidents that a later stage of the same device could still have named, lost for want of room."),
		hushed:          d("closed_findings_total", "Findings about incidents that a person has closed."),
		exclusions:      d("exclusions", "Exclusions that are held, those that are over included."),
		excluded:        d("excluded_findings_total", "Findings that exclusions kept low, by kind.", "kind"),
		listed:          d("threat_list_entries", "Addresses and networks on the threat lists that are in use."),
		marked:          d("threat_marked_findings_total", "Findings of other detectors that involve a listed address."),
		tick:            d("tick_seconds", "Time to end a second of flow time: close bins, judge, learn."),
		watched:         d("watched_exporters", "Exporters whose silence would be noticed."),
		down:            d("exporters_down", "Exporters that sent steadily and are silent."),
		flowLag:         d("flow_time_seconds", "The second of flow time that is being judged, Unix time."),
	}
}

// Describe implements prometheus.Collector.
func (m *engineMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *engineMetrics) Collect(ch chan<- prometheus.Metric) {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	in := &m.e.input
	counter(m.flows, float64(in.Flows))
	counter(m.packets, float64(in.Packets))
	counter(m.bytes, float64(in.Bytes))
	counter(m.duplicates, float64(in.Duplicates))
	counter(m.external, float64(in.External))
	gauge(m.openIncidents, float64(m.e.book.Active()))
	gauge(m.flowLag, float64(m.e.now))
	counter(m.hushed, float64(m.e.book.Stats().Hushed))
	counter(m.storiesLost, float64(m.e.book.Stats().Forgotten))
	if b := m.e.verdicts; b != nil {
		gauge(m.verdicts, float64(b.Len()))
		counter(m.verdictsApplied, float64(b.Stats().Applied))
		counter(m.verdictsDropped, float64(b.Stats().Dropped))
	}
	gauge(m.listed, float64(m.e.threats.Len()))
	counter(m.marked, float64(m.e.marked))
	gauge(m.exclusions, float64(m.e.excluded.Len()))
	for kind, n := range m.e.excluded.Applied() {
		counter(m.excluded, float64(n), kind)
	}
	ch <- prometheus.MustNewConstHistogram(m.tick, m.e.ticks.count, m.e.ticks.sum, m.e.ticks.byBound())
	var devices, hot, uploads, learned int
	followed := map[string]int{}
	var refused uint64
	watched, down, unwatched := m.e.outages.Counts()
	gauge(m.watched, float64(watched))
	gauge(m.down, float64(down))
	lost := map[string]uint64{"exporter_unwatched": unwatched}
	found, spent := map[string]uint64{}, map[string]float64{}
	var tiers [3]int
	for _, s := range m.e.shards {
		for t, n := range s.windows.Tiers() {
			tiers[t] += n
		}
		c, l := s.windows.Counts(), s.windows.Losses()
		devices, hot, uploads = devices+c.Devices, hot+c.Hot, uploads+c.Uploads
		followed["prefixes"] += c.HotPrefixes
		followed["pairs"] += c.Pairs
		followed["talks"] += c.Talks
		n, r := s.past.Counts()
		learned, refused = learned+n, refused+r
		lost["device_forgotten"] += l.DevicesForgotten
		lost["device_refused"] += l.DevicesRefused
		lost["hot_replaced"] += l.HotReplaced
		lost["hot_refused"] += l.HotRefused
		lost["upload_forgotten"] += l.UploadsForgotten
		lost["contacts_refused"] += l.ContactsRefused
		lost["prefix_forgotten"] += l.PrefixesForgotten
		lost["prefix_refused"] += l.PrefixesRefused
		lost["hot_prefix_replaced"] += l.HotPrefixesReplaced
		lost["hot_prefix_refused"] += l.HotPrefixesRefused
		lost["probes_forgotten"] += l.ProbesForgotten
		lost["probes_refused"] += l.ProbesRefused
		lost["tries_spared"] += l.TriesSpared
		lost["pairs_unnoted"] += l.PairsUnnoted
		lost["pairs_refused"] += l.PairsRefused
		lost["pairs_forgotten"] += l.PairsForgotten
		lost["talks_forgotten"] += l.TalksForgotten
		lost["talks_refused"] += l.TalksRefused
		_, r = s.habits.Counts()
		lost["habits_refused"] += r
		_, r, given := s.ledger.Counts()
		lost["ledger_refused"] += r
		lost["ledger_displaced"] += given
		lost["late"] += l.Late
		lost["clamped"] += l.Clamped
		for i, d := range s.detectors {
			found[d.Name()] += s.found[i]
			spent[d.Name()] += s.spent[i].Seconds()
		}
	}
	found["flood"] += m.e.networks.attacks
	spent["flood"] += m.e.networks.looked.Seconds()
	found["volume"] += m.e.networks.found
	spent["volume"] += m.e.networks.spent.Seconds()
	gauge(m.devices, float64(devices))
	gauge(m.hot, float64(hot))
	for t, n := range tiers {
		ch <- prometheus.MustNewConstMetric(m.tiers, prometheus.GaugeValue, float64(n), window.Tier(t).String())
	}
	gauge(m.uploads, float64(uploads))
	gauge(m.learned, float64(learned))
	counter(m.baselineRefused, float64(refused))
	for kind, n := range followed {
		ch <- prometheus.MustNewConstMetric(m.followed, prometheus.GaugeValue, float64(n), kind)
	}
	for kind, n := range lost {
		counter(m.lost, float64(n), kind)
	}
	for name := range found {
		counter(m.findings, float64(found[name]), name)
		counter(m.seconds, spent[name], name)
	}
}
