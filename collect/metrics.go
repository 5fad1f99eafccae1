// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/decode"
)

// metrics reads the totals when they are asked for, so that counting costs the
// hot path nothing twice. Labels come from closed sets, but for the exporter's
// address, of which there are as many as the decoders' tables hold.
type metrics struct {
	c                                                      *Collector
	datagrams, records, bytes, refused, cut, drops, broken *prometheus.Desc
	exporters                                              *prometheus.Desc
	perExporter                                            []exporterMetric
}

// exporterMetric is one number of an exporter's account.
type exporterMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*ExporterInfo) float64
}

func newMetrics(c *Collector) metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tidewatch_collect_"+name, help, labels, nil)
	}
	m := metrics{
		c:         c,
		datagrams: desc("datagrams_total", "Datagrams received."),
		records:   desc("records_total", "Flow records decoded."),
		bytes:     desc("bytes_total", "Bytes of datagrams received."),
		refused:   desc("refused_datagrams_total", "Datagrams of exporters that are not on the allow-list."),
		cut:       desc("cut_datagrams_total", "Datagrams longer than the receive buffer."),
		drops:     desc("kernel_drops_total", "Datagrams the kernel dropped because its buffer was full."),
		broken:    desc("broken_total", "Broken input, by reason.", "reason"),
		exporters: desc("exporters", "Exporters known."),
	}
	per := func(name, help string, kind prometheus.ValueType, of func(*ExporterInfo) float64) {
		m.perExporter = append(m.perExporter, exporterMetric{desc("exporter_"+name, help, "exporter"), kind, of})
	}
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	per("datagrams_total", "Datagrams of an exporter.", counter,
		func(e *ExporterInfo) float64 { return float64(e.Datagrams) })
	per("records_total", "Flow records of an exporter.", counter,
		func(e *ExporterInfo) float64 { return float64(e.Records) })
	per("sequence_gaps_total", "Gaps in an exporter's sequence numbers.", counter,
		func(e *ExporterInfo) float64 { return float64(e.SequenceGaps) })
	per("sequence_resets_total", "Restarts of an exporter's sequence numbers.", counter,
		func(e *ExporterInfo) float64 { return float64(e.SequenceResets) })
	per("lost", "Records (NetFlow v5, IPFIX) or datagrams (NetFlow v9, sFlow) missing by sequence number; late ones are taken off again.",
		gauge, func(e *ExporterInfo) float64 { return float64(e.Lost) })
	per("missing_templates_total", "Data sets that came before their template.", counter,
		func(e *ExporterInfo) float64 { return float64(e.MissingTemplates) })
	per("held_sets", "Data sets waiting for their template.", gauge,
		func(e *ExporterInfo) float64 { return float64(e.Held) })
	per("sampling_known", "1 when the exporter's sampling rate is known.", gauge,
		func(e *ExporterInfo) float64 { return number(e.SamplingKnown) })
	per("skew_seconds", "Our clock less the exporter's, as far as known.", gauge,
		func(e *ExporterInfo) float64 { return e.SkewSeconds })
	per("last_seen_timestamp_seconds", "When the exporter was last heard.", gauge,
		func(e *ExporterInfo) float64 { return float64(e.LastSeen.UnixMilli()) / 1e3 })
	return m
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		m.datagrams, m.records, m.bytes, m.refused, m.cut, m.drops, m.broken, m.exporters,
	} {
		ch <- d
	}
	for _, p := range m.perExporter {
		ch <- p.desc
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	t := m.c.Totals()
	for _, x := range []struct {
		d *prometheus.Desc
		v uint64
	}{
		{m.datagrams, t.Datagrams},
		{m.records, t.Records},
		{m.bytes, t.Bytes},
		{m.refused, t.Refused},
		{m.cut, t.Cut},
		{m.drops, t.KernelDrops},
	} {
		ch <- prometheus.MustNewConstMetric(x.d, prometheus.CounterValue, float64(x.v))
	}
	for r := decode.None + 1; r < decode.NumReasons; r++ {
		ch <- prometheus.MustNewConstMetric(m.broken, prometheus.CounterValue, float64(t.Broken[r]), r.String())
	}
	all := m.c.Exporters()
	ch <- prometheus.MustNewConstMetric(m.exporters, prometheus.GaugeValue, float64(len(all)))
	for i := range all {
		for _, p := range m.perExporter {
			ch <- prometheus.MustNewConstMetric(p.desc, p.kind, p.of(&all[i]), all[i].Address.String())
		}
	}
}
