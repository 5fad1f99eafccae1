// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"net/netip"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/window"
)

// Inside tells what is known of the devices of a network.
type Inside interface {
	// Told is how much of a measure, beyond what is usual for them, devices of network
	// i carry whose traffic needs no telling: they have a finding of their own, or an
	// event was planned for them. With low it is how much they lack. Devices in
	// networks for which but holds are left out.
	Told(i int, m baseline.Measure, low bool, but func(network int) bool) float64
	// Seen reports whether the exporters of all devices of network i were there in
	// the Unix seconds [from,to).
	Seen(i int, from, to int64) bool
}

// Networks judges the totals of networks and of the site by the rules for devices:
// what many devices do together, each too little to be told of.
type Networks struct {
	d      *Detector
	inside Inside
	told   []reading // what was told of each network in this tick; a sigma of 0 is nothing
	moved  []bool    // whether a change of its level was
}

// NewNetworks returns an error when a limit makes no sense.
func NewNetworks(cfg Config, past Past, inside Inside) (*Networks, error) {
	d, err := New(cfg, Deps{Past: past})
	if err != nil {
		return nil, err
	}
	return &Networks{d: d, inside: inside}, nil
}

// Configure is Detector.Configure.
func (n *Networks) Configure(cfg Config) error { return n.d.Configure(cfg) }

// Detect judges the minute that closed with a tick, at a minute's end. A network is
// judged after those inside it, and what they and single devices explain of it is
// low: one loud incident is enough for one cause.
func (n *Networks) Detect(w *window.Window, t *window.NetworkTotals, out []detect.Finding) []detect.Finding {
	if len(n.told) != t.Len() {
		n.told, n.moved = make([]reading, t.Len()), make([]bool, t.Len())
	}
	clear(n.told)
	clear(n.moved)
	for i := t.Len() - 1; i >= 0; i-- {
		if only(t, i) {
			continue
		}
		total := t.Total(i)
		s := subject{key: baseline.NetworkKey(t.Prefix(i)), now: w.ClosedAt(), five: total.Five, hour: total.Hour}
		if n.d.slight(&s.five) {
			n.d.remember(s.now, s.key, false)
		} else if f, ok := n.rise(w, t, i, &s); ok {
			out = append(out, f)
		}
		if (s.now+1)%300 == 0 {
			if f, ok := n.drop(w, t, i, &s); ok {
				out = append(out, f)
			}
		}
		if w.Hour {
			if f, ok := n.shift(w, t, i); ok {
				out = append(out, f)
			}
		}
	}
	if w.Hour {
		n.d.sweep(w.Now)
	}
	return out
}

// only reports whether all of a network's traffic is that of one network inside it,
// which tells all there is to tell.
func only(t *window.NetworkTotals, i int) bool {
	mine := t.Total(i)
	for k := i + 1; k < t.Len(); k++ {
		if t.Parent(k) != i {
			continue
		}
		if its := t.Total(k); its.Hour == mine.Hour && its.Five == mine.Five && its.Peak5 == mine.Peak5 {
			return true
		}
	}
	return false
}

func (n *Networks) rise(w *window.Window, t *window.NetworkTotals, i int, s *subject) (f detect.Finding, ok bool) {
	v, ok := n.d.judge(s)
	if !ok {
		return f, false
	}
	f = n.finding(w, t.Prefix(i), "volume", s.now)
	n.d.tell(&f, s, &v)
	n.settle(t, i, &v.worst, &f)
	return f, true
}

func (n *Networks) drop(w *window.Window, t *window.NetworkTotals, i int, s *subject) (f detect.Finding, ok bool) {
	to := w.Now - 300 // as for devices: exporters may be that late
	low, ok := n.d.lowered(s, func() bool { return n.inside.Seen(i, to-300, to) })
	if !ok {
		return f, false
	}
	f = n.finding(w, t.Prefix(i), "volume", s.now)
	n.d.tellLow(&f, s, &low)
	f.Started = f.Last.Add(-windows * 300e9)
	n.settle(t, i, &low, &f)
	return f, true
}

// shift tells of a level that changed and stayed. It is low when a network inside
// tells it, or devices that were told of carry half of what is more than before.
func (n *Networks) shift(w *window.Window, t *window.NetworkTotals, i int) (f detect.Finding, ok bool) {
	c, ok := n.d.changed(baseline.NetworkKey(t.Prefix(i)), w.Closed, w.Now)
	if !ok {
		return f, false
	}
	f = n.finding(w, t.Prefix(i), "level_shift", w.Now)
	c.tell(&f)
	m := c.worst.measure
	if c.worst.sigma == 0 {
		m = baseline.HourBytesIn
		if c.whole.Out {
			m = baseline.HourBytesOut
		}
	}
	total := t.Total(i)
	usual, _ := n.d.past.At(baseline.NetworkKey(t.Prefix(i)), time.Unix(t.At(), 0), m)
	more := float64(measured(&total.Five, &total.Hour, m)) - usual.Median
	for k := i + 1; k < t.Len(); k++ {
		if n.moved[k] && t.Within(k, i) {
			more = 0
		}
	}
	if 2*n.inside.Told(i, m, false, func(int) bool { return false }) >= more {
		f.Score, f.Severity = 0.5, detect.Low
	}
	n.moved[i] = f.Severity != detect.Low
	return f, true
}

// settle makes a finding low when without what was told of already its network is
// as usual, within Medium; else it is noted for the networks around it.
func (n *Networks) settle(t *window.NetworkTotals, i int, r *reading, f *detect.Finding) {
	usual := r.normal
	usual.Median /= r.scale
	value, known := r.value/r.scale, n.known(t, i, r)
	var left float64
	if r.sigma > 0 {
		left = anew(&usual, value-known, usual.Sigma(value-known))
	} else {
		left = -usual.Sigma(value + known)
	}
	if known > 0 {
		f.Indicators = append(f.Indicators, detect.Indicator{
			Name: "told_inside", Observed: known * r.scale, Expected: r.value - r.normal.Median, Unit: r.unit,
		})
	}
	if left <= n.d.cfg.Medium {
		f.Score, f.Severity = 0.55, detect.Low
		return
	}
	n.told[i] = *r
}

// known is how much of the deviation of network i was told of already: of networks
// inside it, and of single devices outside of those.
func (n *Networks) known(t *window.NetworkTotals, i int, r *reading) (sum float64) {
	low := r.sigma < 0
	loud := func(k int) bool { return n.told[k].sigma != 0 && n.told[k].sigma < 0 == low }
	// loudest is the widest network around k, below i, that was told of.
	loudest := func(k int) (in int, ok bool) {
		for ; k != i; k = t.Parent(k) {
			if loud(k) {
				in, ok = k, true
			}
		}
		return in, ok
	}
	for k := i + 1; k < t.Len(); k++ {
		if !loud(k) || !t.Within(k, i) {
			continue
		}
		if in, _ := loudest(k); in != k {
			continue
		}
		total := t.Total(k)
		value := float64(measured(&total.Five, &total.Hour, r.measure))
		usual, ok := n.d.past.At(baseline.NetworkKey(t.Prefix(k)), time.Unix(t.At(), 0), r.measure)
		if !ok {
			usual.Median = 0
		}
		sum += beyond(value, usual.Median, low)
	}
	return sum + n.inside.Told(i, r.measure, low, func(k int) bool { _, ok := loudest(k); return ok })
}

// beyond is by how much a value lies above the usual, or with low below it; else 0.
func beyond(value, usual float64, low bool) float64 {
	if low {
		return max(usual-value, 0)
	}
	return max(value-usual, 0)
}

// measured is the value of a measure.
func measured(five, hour *window.Sums, m baseline.Measure) uint64 {
	switch m {
	case baseline.BytesIn:
		return five.Bytes[window.In]
	case baseline.BytesOut:
		return five.Bytes[window.Out]
	case baseline.PacketsIn:
		return five.Packets[window.In]
	case baseline.HourBytesIn:
		return hour.Bytes[window.In]
	default:
		return hour.Bytes[window.Out]
	}
}

func (n *Networks) finding(w *window.Window, p netip.Prefix, kind string, last int64) detect.Finding {
	return detect.Finding{
		Detector: n.d.Name(), Category: detect.BaselineAnomaly, Kind: kind,
		Subject: p, At: w.At(), Last: time.Unix(last+1, 0).UTC(),
	}
}
