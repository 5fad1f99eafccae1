// SPDX-License-Identifier: Apache-2.0

// Package detect is the contract between the windows and the detectors: what a
// detector is, what it reports, and how a score becomes a severity. Every
// detector is a package of its own below this one.
package detect

import (
	"math"
	"net/netip"
	"time"

	"tidewatch/flow"
	"tidewatch/window"
)

// Detector judges a window. It is pure: the same window and the same past give
// the same findings. It keeps no reference to the window, reads no clock, and
// allocates only for findings.
type Detector interface {
	// Name is the detector's package name, used in counters and findings.
	Name() string
	// Detect appends its findings to out. It is called once per tick of flow
	// time (one second) and looks at w.Minute or w.Hour when it judges less often.
	Detect(w *window.Window, out []Finding) []Finding
}

// Category is the family an incident belongs to.
type Category string

// The categories of the contract.
const (
	DDoSAttack       Category = "ddos_attack"
	DataExfiltration Category = "data_exfiltration"
	CommandControl   Category = "command_and_control"
	Reconnaissance   Category = "reconnaissance"
	BaselineAnomaly  Category = "baseline_anomaly"
	Operational      Category = "operational"
)

// Severity is how much attention a finding deserves.
type Severity string

// The severities, in rising order.
const (
	Low      Severity = "low"
	Medium   Severity = "medium"
	High     Severity = "high"
	Critical Severity = "critical"
)

// SeverityOf maps a score to a severity: below 0.6 low, from 0.6 medium, from
// 0.75 high, from 0.9 critical.
func SeverityOf(score float64) Severity {
	switch {
	case score >= 0.9:
		return Critical
	case score >= 0.75:
		return High
	case score >= 0.6:
		return Medium
	}
	return Low
}

// Plus adds a weight to a score: at most 1, and free of the crumbs of binary
// fractions, which would put 0.3+0.3+0.3 below 0.9.
func Plus(score, weight float64) float64 {
	return min(1, math.Round((score+weight)*1000)/1000)
}

// Rank orders severities: 0 for low to 3 for critical, -1 for anything else.
func (s Severity) Rank() int {
	switch s {
	case Low:
		return 0
	case Medium:
		return 1
	case High:
		return 2
	case Critical:
		return 3
	}
	return -1
}

// Indicator is one piece of evidence: a number beside the number that was
// expected. Text for people is rendered from it later.
type Indicator struct {
	Name     string  `json:"name"`
	Observed float64 `json:"observed"`
	Expected float64 `json:"expected"`
	Unit     string  `json:"unit,omitempty"`
	Weight   float64 `json:"weight"`
	Detail   string  `json:"detail,omitempty"` // what no number says: the name of a scheduled event, who said so and when
}

// Baseline says which level of a device's past judged it.
type Baseline struct {
	Level   string `json:"level"` // hour_of_week, hour_of_day, global or none
	Samples int    `json:"samples"`
	AgeDays int    `json:"age_days"`
	Version string `json:"version,omitempty"`
}

// NoBaseline is the Baseline of a device without a past.
func NoBaseline() Baseline { return Baseline{Level: "none"} }

// Metrics are the measured values of what was found. Zero means not measured.
// Rates are per second, sizes in bytes, shares 0..1.
type Metrics struct {
	BitsPerSecond        float64 `json:"bits_per_second,omitempty"`
	PeakBitsPerSecond    float64 `json:"peak_bits_per_second,omitempty"`
	PeakAttackBits       float64 `json:"peak_attack_bits_per_second,omitempty"` // of the traffic that nobody asked for alone
	PacketsPerSecond     float64 `json:"packets_per_second,omitempty"`
	PeakPacketsPerSecond float64 `json:"peak_packets_per_second,omitempty"`
	FlowsPerSecond       float64 `json:"flows_per_second,omitempty"`
	PeakFlowsPerSecond   float64 `json:"peak_flows_per_second,omitempty"`
	Bytes                uint64  `json:"bytes,omitempty"`
	Packets              uint64  `json:"packets,omitempty"`
	Flows                uint64  `json:"flows,omitempty"`
	Sources              uint64  `json:"sources,omitempty"`
	Destinations         uint64  `json:"destinations,omitempty"`
	Ports                uint64  `json:"ports,omitempty"`
	MeanPacketBytes      float64 `json:"mean_packet_bytes,omitempty"`
	DurationSeconds      float64 `json:"duration_seconds,omitempty"`
	OffHoursShare        float64 `json:"off_hours_share,omitempty"`
	TopDestinationShare  float64 `json:"top_destination_share,omitempty"`
	UploadRatio          float64 `json:"upload_ratio,omitempty"`
	Sigma                float64 `json:"sigma,omitempty"`
	SamplingRate         uint32  `json:"sampling_rate,omitempty"` // of each so many packets one was seen; absent: each, or not known
}

// Share is one entry of a top list.
type Share struct {
	Key     string  `json:"key"`
	Bytes   uint64  `json:"bytes"`
	Packets uint64  `json:"packets"`
	Flows   uint64  `json:"flows"`
	Share   float64 `json:"share"` // of the list's own measure, 0..1
}

// Top lists who and what carried most of it, at most ten entries each.
type Top struct {
	Sources      []Share `json:"sources,omitempty"`
	Destinations []Share `json:"destinations,omitempty"`
	Ports        []Share `json:"ports,omitempty"`
	ASNs         []Share `json:"asns,omitempty"`
	Countries    []Share `json:"countries,omitempty"` // of the sources, or else destinations, listed here
}

// VectorRate is how much of an attack one vector carries.
type VectorRate struct {
	Vector string
	Bits   float64 // per second, of the traffic that nobody asked for alone
}

// Finding is what one detector saw about one subject at one tick.
type Finding struct {
	Detector string
	Category Category
	Kind     string
	Vector   string       // for ddos
	Vectors  []string     // when Vector is "mixed"
	Rates    []VectorRate // of the vectors named, as far as they are known
	Subject  netip.Prefix
	At       time.Time // the tick that judged it
	Started  time.Time // first abnormal moment
	Last     time.Time // last abnormal moment known so far
	Over     bool      // it is known to have ended at Last; this ends its incident and opens none

	Score      float64
	Severity   Severity // set by the detector; SeverityOf(Score) unless it has a rule of its own
	Indicators []Indicator
	Baseline   Baseline
	Metrics    Metrics
	Top        Top
	Ordinary   bool    // its shape is that of something ordinary, so that it ends at low whatever the device did before
	About      int     // of Top.Destinations the first so many are what it is about; 0: all that was measured
	Evidence   []Flow  // some of the flows; at most 20
	Filter     *Filter // what would drop them; nil: not known
	Classes    Classes // of the inbound traffic that it is about; 0: not known
}

// HostSubject is the subject of a finding about one address.
func HostSubject(a flow.Addr) netip.Prefix {
	ip := a.Netip()
	return netip.PrefixFrom(ip, ip.BitLen())
}
