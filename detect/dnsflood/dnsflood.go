// SPDX-License-Identifier: Apache-2.0

// Package dnsflood finds floods of questions to name servers (dns_query_flood):
// many times what the server is usually asked, answered or not, since names that do
// not exist are answered. What comes from port 53 is an answer and judged by flood.
package dnsflood

import (
	"errors"
	"fmt"
	"math"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits. All must be passed.
type Config struct {
	MinQueries float64 `yaml:"min_queries"` // fewer questions/s are never judged
	Growth     float64 `yaml:"growth"`      // times what the server is usually asked
	Sigma      float64 `yaml:"sigma"`       // deviations above the device's past that count as abnormal
}

// DefaultConfig suits a site's own servers. A user asks a resolver once in some
// seconds, so that 1 000 questions/s are those of thousands of users at work; a name
// server of ordinary zones sees tens. Clients whose questions stay unanswered ask
// again two to four times (glibc twice, Windows four times), so that an upstream that
// fails makes no fivefold.
func DefaultConfig() Config { return Config{MinQueries: 1000, Growth: 5, Sigma: 3} }

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	if c.MinQueries < 1 || c.Growth < 1 || c.Sigma <= 0 {
		return errors.New("min_queries and growth must be at least 1, and sigma positive")
	}
	return nil
}

// Past tells what is normal for a device.
type Past interface {
	At(addr flow.Addr, at time.Time, m baseline.Measure) (baseline.Normal, bool)
}

// Detector keeps nothing.
type Detector struct {
	cfg  Config
	past Past
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense. A nil past means that no device
// has one.
func New(cfg Config, past Past) (*Detector, error) {
	d := &Detector{past: past}
	err := d.Configure(cfg)
	return d, err
}

// Configure judges by other limits from the next tick on. It must not run beside
// Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("dnsflood: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "dnsflood" }

const (
	ten   = 10 // seconds of a slice
	names = 53 // port of name servers
	// querySize is the most that questions have on the mean: header and end 16 bytes,
	// EDNS 11 to 23, IPv6 and UDP 48, and a name of a hundred; the longest has 255.
	querySize = 200
	// unanswered is the share of questions without an answer that no name server has.
	unanswered = 0.5
	z99        = 2.33 // one-sided 99 % quantile of the normal distribution
)

// Detect judges every busy name server whose traffic was revised since the last tick.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	for i := range w.Revised() {
		h := w.Host(i)
		r := h.DNS()
		if r == nil {
			continue
		}
		var worst window.Asked
		var from, to int64
		for k := range int64(window.Tens) {
			at := w.Now - k*ten
			if float64(r.Count(at)) < ten*d.cfg.MinQueries {
				continue
			}
			if a := r.Asked(at); d.flood(w, h, &a) {
				from, to = a.Begin, max(to, min(a.Begin+ten, w.Now+1))
				if a.Requests > worst.Requests {
					worst = a
				}
			}
		}
		if worst.Requests > 0 {
			out = append(out, d.finding(w, h, &worst, from, to))
		}
	}
	return out
}

// flood tells whether what a server was asked in ten seconds is too much.
func (d *Detector) flood(w *window.Window, h *window.Host, a *window.Asked) bool {
	least := max(d.cfg.MinQueries*ten, d.cfg.Growth*a.Usual)
	if sure(a.Requests, h.Rate()) < least || a.Bytes > querySize*a.Requests || !h.NameServer(a.Begin, a.Begin+ten-1) {
		return false
	}
	if h.New(w.Now) && silence(h, a) < unanswered {
		return false // nobody knows what is usual
	}
	if d.past == nil {
		return true
	}
	n, ok := d.past.At(h.Addr, w.At(), baseline.PacketsIn)
	return !ok || a.Requests/ten > n.Above(d.cfg.Sigma)/300
}

// sure is the number of packets that is exceeded with 99 % confidence when only one
// of so many was sampled.
func sure(n float64, sampling uint32) float64 {
	if sampling <= 1 {
		return n
	}
	return n - z99*math.Sqrt(n*float64(sampling))
}

// silence is the share of questions in those ten seconds that no datagram answers.
func silence(h *window.Host, a *window.Asked) float64 {
	back := h.Class(window.Out, flow.UDP, a.Begin, a.Begin+ten-1).Packets
	return max(0, 1-float64(back)/a.Requests)
}

func (d *Detector) finding(w *window.Window, h *window.Host, a *window.Asked, from, to int64) detect.Finding {
	f := detect.Finding{
		Detector: d.Name(), Category: detect.DDoSAttack, Kind: "ddos", Vector: "dns_query_flood", Subject: detect.HostSubject(h.Addr), At: w.At(),
		Started: time.Unix(from, 0).UTC(), Last: time.Unix(max(to, from), 0).UTC(), Baseline: detect.NoBaseline(),
		Metrics: detect.Metrics{PacketsPerSecond: a.Requests / ten, BitsPerSecond: 8 * a.Bytes / ten, MeanPacketBytes: a.Bytes / a.Requests},
	}
	f.Rates = []detect.VectorRate{{Vector: f.Vector, Bits: f.Metrics.BitsPerSecond}}
	if h.Rate() == 1 {
		f.Metrics.Sources = uint64(a.Sources)
	}
	add := func(name string, observed, expected float64, unit string, weight float64) {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: name, Observed: observed, Expected: expected, Unit: unit, Weight: weight})
		f.Score = detect.Plus(f.Score, weight)
	}
	add("query_rate", a.Requests/ten, d.cfg.MinQueries, "queries/s", 0.4)
	add("query_growth", a.Requests/ten, a.Usual/ten, "queries/s", 0.4)
	if s := silence(h, a); s >= unanswered {
		add("queries_unanswered", s, unanswered, "share", 0.1)
	}
	f.Severity = detect.SeverityOf(f.Score)
	f.ExamineOnly(h, detect.ClassSet(flow.UDP), func(s *window.Sample) bool { return s.DstPort == names && s.SrcPort != names })
	return f
}
