// SPDX-License-Identifier: Apache-2.0

// Package slow finds data that leaves little by little: a device that gives some
// megabytes to one new network of destinations on most days, for weeks. It judges the
// ledger of package baseline, not windows.
package slow

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits.
type Config struct {
	Limit    float64 `yaml:"limit"`     // where the sequential test alarms, in logs of megabytes a day beyond what is usual; raising it finds later and less
	Alone    float64 `yaml:"alone"`     // the same for a network that is new to the device, that no other device gives to, and that gets something day after day; at most limit
	MinBytes uint64  `yaml:"min_bytes"` // a network that got less in half a year is never judged
	MinDays  int     `yaml:"min_days"`  // nor one that got something on fewer days
	MostDays float64 `yaml:"most_days"` // nor one that did on a smaller share of the device's days
	Known    int     `yaml:"known"`     // days for which a device must have been known before what it begins counts as new
	Many     int     `yaml:"many"`      // a network that so many devices give to is nobody's secret
	Score    float64 `yaml:"score"`     // findings below this score are not reported
}

// DefaultConfig finds 10 MB a day on the 9th day when a device usually gives new networks
// next to nothing (the log of 10 MB, 2.4, less the allowance of 0.69, is 1.7 a day), and
// on the 32nd at the latest (less 2.0, 0.4 a day). A limit of 12 is five times what
// one day of 10 MB adds. With half of that, what nobody else gives to is found on the 6th
// and 17th day; see constant for why that brings no false alarms. 30 MB are three such days; three devices are many as
// with beacons. The score leaves out what is as old as the device or used by many:
// with 0.4 everybody's cloud and backup from a gigabyte on is listed as low.
func DefaultConfig() Config {
	return Config{Limit: 12, Alone: 6, MinBytes: 30e6, MinDays: 5, MostDays: 0.6, Known: 7, Many: 3, Score: 0.5}
}

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Limit < baseline.Watched || c.Limit > 24:
		return errors.New("limit must lie between 6 and 24")
	case c.Alone < baseline.Watched || c.Alone > c.Limit:
		return errors.New("alone must lie between 6 and limit")
	case c.MinBytes == 0 || c.MinDays < 2 || c.Known < 1:
		return errors.New("min_bytes and known must be positive, and min_days at least 2")
	case c.MostDays <= 0 || c.MostDays > 1 || c.Score < 0 || c.Score > 1:
		return errors.New("most_days and score must lie between 0 and 1")
	case c.Many < 2:
		return errors.New("many must be at least 2")
	}
	return nil
}

// Ledger is what is known of who gave what to whom.
type Ledger interface {
	Watch(out []baseline.Drip) []baseline.Drip
	Day(hour int64) uint16
}

// Past tells what a device seems to be.
type Past interface {
	// Habits is nil for a device of which nothing is known.
	Habits(addr flow.Addr) *baseline.Habits
}

// Detector keeps nothing between ticks but memory to work in.
type Detector struct {
	cfg    Config
	ledger Ledger
	past   Past
	drips  []baseline.Drip
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense. A nil past means that nothing is
// known of what devices are.
func New(cfg Config, ledger Ledger, past Past) (*Detector, error) {
	d := &Detector{ledger: ledger, past: past}
	err := d.Configure(cfg)
	return d, err
}

// Configure judges by other limits from the next tick on. It must not run beside
// Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("slow: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Kind is that of its findings.
const Kind = "slow_exfiltration"

// Name implements detect.Detector.
func (d *Detector) Name() string { return "slow" }

// pause is for how many days a drip may rest and go on: a long weekend.
const pause = 4

// Detect judges, once an hour, the accounts that the ledger watches.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	if !w.Hour {
		return out
	}
	today := d.ledger.Day(w.Now / 3600)
	d.drips = d.ledger.Watch(d.drips[:0])
	for i := range d.drips {
		x := &d.drips[i]
		a := x.Account
		if a.Rise() >= baseline.Risen && int(a.Last()) >= int(today)-pause {
			if f, ok := d.risen(w, x, today); ok {
				out = append(out, f)
				continue
			}
		}
		if a.Excess() < d.limit(x) || a.Fed() < d.cfg.MinDays || int(a.Last()) < int(today)-pause ||
			x.Ledger.Share(a) < d.cfg.MostDays || a.Sum(today, halfYear) < float64(d.cfg.MinBytes) {
			continue
		}
		signs, score := d.weigh(x, today)
		if score >= d.cfg.Score {
			out = append(out, d.finding(w, x, today, signs[:], score))
		}
	}
	clear(d.drips)
	return out
}

const halfYear = 180

// fresh reports whether the account began when the device had long been known.
func (d *Detector) fresh(x *baseline.Drip) bool {
	first, _, _ := x.Ledger.Days()
	return int(x.Account.First())-int(first) >= d.cfg.Known
}

// sign is one indicator; it holds when it has a weight.
type sign struct {
	name               string
	observed, expected float64
	unit               string
	weight             float64
}

// weigh scores an account. A drip alone is medium; to a network that is new to the
// device and used by nobody else it is high, and critical from a gigabyte on. What it
// may be innocently lowers the score below what is reported by default.
func (d *Detector) weigh(x *baseline.Drip, today uint16) (signs [9]sign, score float64) {
	l, a := x.Ledger, x.Account
	total, fed := a.Sum(today, halfYear), float64(a.Fed())
	first, _, _ := l.Days()
	days := float64(int(today) - int(a.First()) + 1)
	known := float64(int(a.First()) - int(first)) // days of the device before it began
	fresh := d.fresh(x)
	when := func(is bool, weight float64) float64 {
		if is {
			return weight
		}
		return 0
	}
	signs = [...]sign{
		{"slow_upload", total / max(fed, 1), l.Allowance(), "bytes", 0.4},
		{"slow_days", fed, math.Round(fed / max(l.Share(a), 0.01)), "days", 0.2},
		{"slow_volume", total, 1e9, "bytes", when(total > 1e9, 0.15)},
		{"slow_news", days, known, "days", when(fresh, 0.1)},
		{"slow_alone", 1, float64(d.cfg.Many), "devices", when(x.Users <= 1, 0.1)},
		{"slow_habit", days, float64(int(today) - int(first) + 1), "days", when(!fresh, -0.4)},
		{"destination_shared", float64(x.Users), 0, "devices", when(x.Users >= d.cfg.Many, -0.4)},
		{"mail_or_vpn", 1, 0, "", when(byDesign(a.Service), -0.4)},
		// Among all who share an address somebody always begins something.
		{"behind_gateway", 1, 0, "", when(d.gateway(x.Device), -0.2)},
	}
	for _, x := range signs {
		score = max(0, detect.Plus(score, x.weight))
	}
	return signs, score
}

func (d *Detector) gateway(a flow.Addr) bool {
	if d.past == nil {
		return false
	}
	h := d.past.Habits(a)
	if h == nil {
		return false
	}
	role, _ := h.Role()
	return role == baseline.Gateway
}

// finding turns an account into numbers beside expected numbers.
func (d *Detector) finding(w *window.Window, x *baseline.Drip, today uint16, signs []sign, score float64) detect.Finding {
	l, a := x.Ledger, x.Account
	total := a.Sum(today, halfYear)
	all := max(l.Total().Sum(today, halfYear), 1)
	first, _, active := l.Days()
	days := float64(int(today) - int(a.First()) + 1)
	f := detect.Finding{
		Detector: d.Name(), Category: detect.DataExfiltration, Kind: Kind,
		Subject: detect.HostSubject(x.Device), At: w.At(),
		Started: time.Unix(int64(a.First())*86400, 0).UTC(), Last: w.At(),
		Score: score, Severity: detect.SeverityOf(score),
		Baseline: detect.Baseline{Level: "global", Samples: active, AgeDays: int(today) - int(first)},
		Metrics: detect.Metrics{
			Bytes: uint64(total), DurationSeconds: days * 86400, TopDestinationShare: min(1, total/all),
		},
	}
	for _, x := range signs {
		if x.weight != 0 {
			f.Indicators = append(f.Indicators, detect.Indicator{Name: x.name, Observed: x.observed, Expected: x.expected, Unit: x.unit, Weight: x.weight})
		}
	}

	network := flow.NetworkPrefix(a.Key).String()
	f.About = 1
	f.Top.Destinations = append(f.Top.Destinations, detect.Share{Key: network, Bytes: uint64(total), Share: min(1, total/all)})
	var buf [16]*baseline.Account
	hosts := l.HostsOf(a.Key, buf[:0])
	f.Metrics.Destinations = uint64(max(len(hosts), 1))
	for _, h := range hosts[:min(len(hosts), 9)] {
		bytes := h.Sum(today, halfYear)
		f.Top.Destinations = append(f.Top.Destinations, detect.Share{Key: h.Key.Netip().String(), Bytes: uint64(bytes), Share: min(1, bytes/all)})
	}
	port := strconv.Itoa(int(a.Service&0xffff)) + "/" + flow.ProtoName(uint8(a.Service>>16))
	f.Top.Ports = []detect.Share{{Key: port, Bytes: uint64(total), Share: min(1, total/all)}}
	return f
}

// byDesign tells the services that carry some megabytes a day to the same place: mail
// that is handed in, and virtual private networks, which are their user's whole traffic.
func byDesign(service uint32) bool {
	switch service >> 16 {
	case flow.ProtoGRE, flow.ProtoESP:
		return true
	}
	switch service & 0xffff {
	case 25, 465, 587, 500, 1194, 1701, 1723, 4500, 51820:
		return true
	}
	return false
}
