// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"strconv"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// finding turns a burst into numbers beside expected numbers.
func (d *Detector) finding(w *window.Window, h *window.Host, c *burst) detect.Finding {
	from, to := d.s.First+int64(c.from), d.s.First+int64(c.to)
	f := detect.Finding{
		Detector: d.Name(), Category: detect.DDoSAttack, Kind: "ddos",
		Subject: detect.HostSubject(h.Addr), At: w.At(),
		Started: time.Unix(from, 0).UTC(), Last: time.Unix(to+1, 0).UTC(),
		Baseline: c.limits.basis,
	}
	if c.dir == window.Out {
		f.Kind = "ddos_outbound"
	}
	d.lately(h, c)
	f.Vector, f.Vectors, f.Rates = c.vectors()
	f.Metrics = d.metrics(h, c)
	d.indicators(&f, h, c)
	f.Severity = detect.SeverityOf(f.Score)
	if c.dir == window.Out {
		f.Top.Destinations = d.targets(h)
	} else {
		f.Top = d.tops(h, &f)
	}
	return f
}

// metrics measures the burst: means over it, peaks over single seconds.
func (d *Detector) metrics(h *window.Host, c *burst) detect.Metrics {
	var m detect.Metrics
	var peakBytes, peakPackets, bytes, packets int64
	var peakFlows, flows int32
	for i := c.from; i <= c.to; i++ {
		b, p, n := d.s.Bytes[c.dir][i], d.s.Packets[c.dir][i], d.s.Flows[c.dir][i]
		bytes, packets, flows = bytes+b, packets+p, flows+n
		peakBytes, peakPackets, peakFlows = max(peakBytes, b), max(peakPackets, p), max(peakFlows, n)
	}
	secs := float64(c.seconds())
	m.DurationSeconds = secs
	m.Bytes, m.Packets = uint64(bytes), uint64(packets)
	m.BitsPerSecond, m.PeakBitsPerSecond = 8*float64(bytes)/secs, 8*float64(peakBytes)
	m.PacketsPerSecond, m.PeakPacketsPerSecond = float64(packets)/secs, float64(peakPackets)
	if h.Rate() == 1 { // under sampling flow counts and distinct sources cannot be known
		m.Flows = uint64(flows)
		m.FlowsPerSecond, m.PeakFlowsPerSecond = float64(flows)/secs, float64(peakFlows)
	}
	if c.dir == window.In {
		m.Sources, m.Ports = h.Distinct(d.s.First+int64(c.from), d.s.First+int64(c.to))
	}
	for i := range c.kinds {
		m.PeakAttackBits += 8 * c.kinds[i].bytes
	}
	m.PeakAttackBits = min(m.PeakAttackBits, m.PeakBitsPerSecond) // the classes' bins reach beyond the burst
	if packets > 0 {
		m.MeanPacketBytes = float64(bytes) / float64(packets)
	}
	return m
}

// indicators scores the finding by mission row C5, plus two of our own that
// only ever add to a gate: reflection and silence of the device.
func (d *Detector) indicators(f *detect.Finding, h *window.Host, c *burst) {
	add := func(name string, observed, expected float64, unit string, weight float64) {
		f.Indicators = append(f.Indicators, detect.Indicator{
			Name: name, Observed: observed, Expected: expected, Unit: unit, Weight: weight,
		})
		f.Score = detect.Plus(f.Score, weight)
	}
	m := &f.Metrics
	l := &c.limits
	if c.byRate {
		add("packet_rate", c.pps, l.alarm, "packets/s", 0.4)
		switch { // the other one of floor and past
		case l.learned > l.floor:
			add("packet_rate_floor", c.pps, l.floor, "packets/s", 0)
		case l.learned > 0:
			add("packet_rate_learned", c.pps, l.learned, "packets/s", 0)
		}
	}
	switch excess := c.pps / l.alarm; {
	case !c.byRate:
	case excess >= 10:
		add("rate_excess", excess, 3, "", 0.4)
	case excess >= 3:
		add("rate_excess", excess, 3, "", 0.2)
	}
	if c.byConns {
		add("connection_rate", c.conns, l.alarmConns, "connections/s", 0.3)
	}
	if m.Sources > d.cfg.Sources {
		add("unique_sources", float64(m.Sources), float64(d.cfg.Sources), "addresses", 0.3)
	}
	if c.dir == window.Out {
		share := d.onTargets(h)
		add("focused_targets", share, 0, "share", 0.2)
		m.TopDestinationShare = share
	} else if share := c.portless(); share >= 0.5 {
		// Programs that serve people speak TCP and UDP; tunnels and pings that are in
		// order do not pass the gate. So this weighs what focus on a port does.
		add("without_ports", share, 0.5, "share", 0.2)
	} else if m.Ports > 0 && m.Ports <= d.cfg.Ports { // of 0 nothing is known
		add("focused_ports", float64(m.Ports), float64(d.cfg.Ports), "ports", 0.2)
	}
	// Of the attack alone: a shop's pages do not make its SYNs larger.
	if mean := c.meanPacket(); mean < d.cfg.SmallPacket {
		add("small_packets", mean, d.cfg.SmallPacket, "bytes", 0.2)
	}
	if c.limits.known {
		five := m.BitsPerSecond / 8 * 300
		if sigma := c.limits.bytes.Sigma(five); sigma > d.cfg.Sigma {
			m.Sigma = sigma
			add("volume_anomaly", m.BitsPerSecond, 8*c.limits.bytes.Median/300, "bits/s", 0.4)
		}
	}
	// A reflection needs many reflectors: one busy DNS server is none.
	if c.reflected >= 0.8 && c.kinds[kindUDP].packets > 0 && m.Sources > d.cfg.Sources/10 {
		add("reflection", c.reflected, 0, "share", 0.3)
	}
	var asked, answered float64
	for i := range c.kinds {
		asked, answered = asked+c.kinds[i].packets, answered+c.kinds[i].answered
	}
	if !c.blind && d.atMost(answered, h.Rate(), c.seconds()) < asked/10 {
		add("unanswered", 1-answered/asked, 0.1, "share", 0.2)
	}
}

// portless is the share of the attack's packets that are of protocols without ports.
func (c *burst) portless() float64 {
	var portless, all float64
	for i, s := range signatures() {
		all += c.kinds[i].packets
		if s.class != flow.UDP && !s.class.IsTCP() {
			portless += c.kinds[i].packets
		}
	}
	return portless / max(all, 1)
}

// meanPacket is the mean size of the attack's packets in bytes.
func (c *burst) meanPacket() float64 {
	var bytes, packets float64
	for i := range c.kinds {
		bytes, packets = bytes+c.kinds[i].bytes, packets+c.kinds[i].packets
	}
	return bytes / packets
}

// tops lists who sent, to which ports, from which networks.
func (d *Detector) tops(h *window.Host, f *detect.Finding) detect.Top {
	var t detect.Top
	share := func(label func(*window.Entry) string) []detect.Share {
		var total uint64
		for i := range d.top {
			total += d.top[i].Weight - d.top[i].Over
		}
		total = max(total, f.Metrics.Packets, 1)
		out := make([]detect.Share, 0, 10)
		for i := range d.top[:min(len(d.top), 10)] {
			e := &d.top[i]
			out = append(out, detect.Share{
				Key: label(e), Bytes: e.Bytes, Packets: e.Packets, Flows: e.Flows,
				Share: float64(e.Weight-e.Over) / float64(total),
			})
		}
		return out
	}
	d.top = h.TopSources(d.top[:0], 32)
	t.Sources = share(func(e *window.Entry) string { return e.Key.String() })
	d.top = h.TopPorts(d.top[:0], 16)
	t.Ports = share(func(e *window.Entry) string {
		return strconv.Itoa(int(e.Number()&0xffff)) + "/" + flow.ProtoName(uint8(e.Number()>>16))
	})
	if d.top = h.TopASNs(d.top[:0], 16); len(d.top) > 0 {
		t.ASNs = share(func(e *window.Entry) string { return "AS" + strconv.FormatUint(uint64(e.Number()), 10) })
	}
	return t
}

// targets lists to whom a device sends.
func (d *Detector) targets(h *window.Host) []detect.Share {
	entries, total := h.TopTargets(d.top[:0], 10)
	d.top = entries
	out := make([]detect.Share, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		out = append(out, detect.Share{
			Key: e.Key.String(), Bytes: e.Bytes, Packets: e.Packets, Flows: e.Flows,
			Share: float64(e.Weight-e.Over) / float64(max(total, 1)),
		})
	}
	return out
}

// onTargets is the share of its packets that a device sends to its three heaviest targets.
func (d *Detector) onTargets(h *window.Host) float64 {
	var sum uint64
	entries, total := h.TopTargets(d.top[:0], 3)
	for i := range entries {
		sum += entries[i].Weight - entries[i].Over
	}
	d.top = entries
	return float64(sum) / float64(max(total, 1))
}

var _ Past = (*baseline.Store)(nil)
