// SPDX-License-Identifier: Apache-2.0

// Package tunnel finds other traffic hidden in questions to name servers
// (dns_tunnel), in echo messages (icmp_tunnel), and on the port of name servers over
// TCP (protocol_tunnel). It sees sizes, numbers and times alone: what is not longer,
// faster or more varied than a question or a ping is not seen.
package tunnel

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits.
type Config struct {
	MinQuestions uint64  `yaml:"min_questions"` // long ones of a device to one name server in one to two hours; with fewer nothing is judged
	MinEchoes    uint64  `yaml:"min_echoes"`    // echo messages that a device sends to one address, likewise
	Many         int     `yaml:"many"`          // a name server that so many devices ask is the network's own or usual one
	Score        float64 `yaml:"score"`         // findings below this score are not reported
}

// DefaultConfig asks for 50 long questions, which carry less than ten kilobytes, and
// for half a minute of echo requests, one a second.
func DefaultConfig() Config {
	return Config{MinQuestions: 50, MinEchoes: 30, Many: 3, Score: 0.4}
}

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.MinQuestions < 10:
		return errors.New("min_questions must be at least 10")
	case c.MinEchoes < 10:
		return errors.New("min_echoes must be at least 10")
	case c.Many < 2:
		return errors.New("many must be at least 2")
	case c.Score < 0 || c.Score > 1:
		return errors.New("score must lie between 0 and 1")
	}
	return nil
}

// Detector keeps nothing between ticks.
type Detector struct{ cfg Config }

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense.
func New(cfg Config) (*Detector, error) {
	d := &Detector{}
	err := d.Configure(cfg)
	return d, err
}

// Configure judges by other limits from the next tick on. It must not run beside
// Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("tunnel: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "tunnel" }

// Detect judges, once a minute, the talks that had traffic in it.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	if !w.Minute {
		return out
	}
	for i := range w.Talks() {
		x := w.Talk(i)
		if x == nil || !x.Echo() && x.Plain() {
			continue
		}
		s := x.Sums(w.Now)
		switch {
		case x.Echo():
			out = d.judgeEcho(w, x, &s, out)
		case x.Proto() == flow.ProtoTCP:
			out = d.judgeStream(w, x, &s, out)
		default:
			out = d.judgeQuestions(w, x, &s, out)
		}
	}
	return out
}

// What may as well be ordinary ends at medium, or at low.
const mostMedium, mostLow = 0.74, 0.59

// header is what a packet of UDP or ICMP has before its own bytes.
func header(x *window.Talk) float64 {
	if x.Peer.Is4() {
		return 28
	}
	return 48
}

// scale is 0 at from, 1 at to, in a straight line between.
func scale(v, from, to float64) float64 { return max(0, min(1, (v-from)/(to-from))) }

// mean is the mean size of packets, 0 of none.
func mean(bytes, packets uint64) float64 { return float64(bytes) / float64(max(packets, 1)) }

// mark is an indicator that has a weight, or that only tells.
type mark struct {
	name               string
	observed, expected float64
	unit               string
	weight             float64
}

// judged is a talk and what speaks for and against it. Marks without a name are none.
type judged struct {
	x     *window.Talk
	s     window.TalkSums
	kind  string
	limit float64 // the score that it may have
	marks [7]mark
}

// score adds the weights up.
func (j *judged) score() float64 {
	sum := 0.0
	for i := range j.marks {
		sum += j.marks[i].weight
	}
	return detect.Plus(min(max(sum, 0), j.limit), 0)
}

// report appends a finding when the talk reaches the score.
func (d *Detector) report(w *window.Window, j *judged, out []detect.Finding) []detect.Finding {
	x, s, sum := j.x, &j.s, j.score()
	if sum < d.cfg.Score {
		return out
	}
	started := max(x.First(), (w.Now/3600-1)*3600)
	f := detect.Finding{
		Detector: d.Name(), Category: detect.DataExfiltration, Kind: j.kind,
		Subject: detect.HostSubject(w.TalkOf(x).Addr()), At: w.At(),
		Started: time.Unix(started, 0).UTC(), Last: time.Unix(x.Last()+1, 0).UTC(),
		Score: sum, Severity: detect.SeverityOf(sum), Baseline: detect.NoBaseline(), Ordinary: j.limit == mostLow,
	}
	bytes, packets := s.Bytes[window.Out], s.Packets[window.Out]
	f.Metrics = detect.Metrics{
		Bytes: bytes, Packets: packets, Destinations: 1, MeanPacketBytes: mean(bytes, packets),
		DurationSeconds: f.Last.Sub(f.Started).Seconds(), BitsPerSecond: 8 * float64(bytes) / float64(s.Seconds),
		PacketsPerSecond: float64(packets) / float64(s.Seconds),
	}
	if got := s.Bytes[window.In]; got > 0 {
		f.Metrics.UploadRatio = float64(bytes) / float64(got)
	}
	for i := range j.marks {
		if m := &j.marks[i]; m.name != "" {
			f.Indicators = append(f.Indicators, detect.Indicator{Name: m.name, Observed: m.observed, Expected: m.expected, Unit: m.unit, Weight: m.weight})
		}
	}
	f.Top.Destinations = []detect.Share{{Key: x.Peer.String(), Bytes: bytes, Packets: packets, Share: 1}}
	if !x.Echo() {
		f.Top.Ports = []detect.Share{{Key: strconv.Itoa(53) + "/" + flow.ProtoName(x.Proto()), Bytes: bytes, Packets: packets, Share: 1}}
		f.Metrics.Ports = 1
	}
	return append(out, f)
}
