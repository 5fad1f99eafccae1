// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/decode"
)

// ExporterInfo is the account of one exporter, as the API shows it.
type ExporterInfo struct {
	Address          netip.Addr        `json:"address"`
	Protocols        []string          `json:"protocols"`
	LastSeen         time.Time         `json:"last_seen"`
	Datagrams        uint64            `json:"datagrams"`
	Records          uint64            `json:"records"`
	Lost             uint64            `json:"lost" doc:"records or datagrams missing by sequence number"`
	SequenceGaps     uint64            `json:"sequence_gaps"`
	SequenceResets   uint64            `json:"sequence_resets"`
	MissingTemplates uint64            `json:"missing_templates" doc:"data sets that came before their template"`
	Held             int               `json:"held" doc:"data sets held until their template comes"`
	Sampling         uint32            `json:"sampling" doc:"one of so many packets is seen"`
	SamplingKnown    bool              `json:"sampling_known"`
	SkewSeconds      float64           `json:"skew_seconds" doc:"our clock less the exporter's"`
	Errors           map[string]uint64 `json:"errors,omitempty"`
}

// Exporters returns the accounts of all exporters, by address.
func (c *Collector) Exporters() []ExporterInfo {
	byAddr := map[netip.Addr]*ExporterInfo{}
	for _, r := range c.readers {
		r.mu.Lock()
		for s := range r.decoder.Exporters() {
			e := byAddr[s.Addr]
			if e == nil {
				e = &ExporterInfo{Address: s.Addr, Errors: map[string]uint64{}}
				byAddr[s.Addr] = e
			}
			e.add(&s)
		}
		r.mu.Unlock()
	}
	out := make([]ExporterInfo, 0, len(byAddr))
	for _, e := range byAddr {
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b ExporterInfo) int { return cmp.Compare(a.Address.String(), b.Address.String()) })
	return out
}

// add merges what one reader knows; an exporter may use several ports.
func (e *ExporterInfo) add(s *decode.ExporterStats) {
	for p := decode.Protocol(0); p < 8; p++ {
		if s.Protocols&(1<<p) != 0 && !slices.Contains(e.Protocols, p.String()) {
			e.Protocols = append(e.Protocols, p.String())
		}
	}
	if seen := time.Unix(0, s.LastSeen).UTC(); seen.After(e.LastSeen) {
		e.LastSeen = seen
		e.Sampling, e.SamplingKnown, e.SkewSeconds = s.Sampling, s.SamplingKnown, s.Skew.Seconds()
	}
	e.Datagrams += s.Datagrams
	e.Records += s.Records
	e.Lost += s.LostRecords + s.LostDatagrams
	e.SequenceGaps += s.SequenceGaps
	e.SequenceResets += s.SequenceResets
	e.MissingTemplates += s.MissingTemplate
	e.Held += s.PendingSets
	for r, n := range s.Broken {
		if n > 0 && decode.Reason(r) != decode.None {
			e.Errors[decode.Reason(r).String()] += n
		}
	}
}

// Totals sums over all readers.
type Totals struct {
	Datagrams, Records, Bytes uint64
	Refused                   uint64 // not on the allow-list
	Cut                       uint64 // longer than a datagram may be
	KernelDrops               uint64 // lost before we could read them
	Broken                    [decode.NumReasons]uint64
}

// Totals returns the sums since the start.
func (c *Collector) Totals() (t Totals) {
	for _, r := range c.readers {
		r.mu.Lock()
		d := r.decoder.Totals()
		t.Datagrams += d.Datagrams
		t.Records += d.Records
		t.Bytes += d.Bytes
		t.Refused += r.refused
		t.Cut += r.cut
		t.KernelDrops += r.dropped
		for i, n := range d.Broken {
			t.Broken[i] += n
		}
		r.mu.Unlock()
	}
	return t
}

// metrics reads the totals when they are asked for, so that counting costs the
// hot path nothing twice.
type metrics struct {
	c                                                               *Collector
	datagrams, records, bytes, refused, cut, drops, broken, exports *prometheus.Desc
}

func newMetrics(c *Collector) metrics {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tidewatch_collect_"+name, help, labels, nil)
	}
	return metrics{
		c:         c,
		datagrams: d("datagrams_total", "Datagrams received."),
		records:   d("records_total", "Flow records decoded."),
		bytes:     d("bytes_total", "Bytes of datagrams received."),
		refused:   d("refused_datagrams_total", "Datagrams of exporters that are not on the allow-list."),
		cut:       d("cut_datagrams_total", "Datagrams longer than the receive buffer."),
		drops:     d("kernel_drops_total", "Datagrams the kernel dropped because its buffer was full."),
		broken:    d("broken_total", "Broken input, by reason.", "reason"),
		exports:   d("exporters", "Exporters known."),
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	t := m.c.Totals()
	for _, x := range []struct {
		d *prometheus.Desc
		v uint64
	}{
		{m.datagrams, t.Datagrams}, {m.records, t.Records}, {m.bytes, t.Bytes},
		{m.refused, t.Refused}, {m.cut, t.Cut}, {m.drops, t.KernelDrops},
	} {
		ch <- prometheus.MustNewConstMetric(x.d, prometheus.CounterValue, float64(x.v))
	}
	for r := decode.None + 1; r < decode.NumReasons; r++ {
		ch <- prometheus.MustNewConstMetric(m.broken, prometheus.CounterValue, float64(t.Broken[r]), r.String())
	}
	ch <- prometheus.MustNewConstMetric(m.exports, prometheus.GaugeValue, float64(len(m.c.Exporters())))
}
