// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"cmp"
	"slices"
	"time"

	"tidewatch/flow"
	"tidewatch/window"
)

// maxEvidence is how many flows a finding shows.
const maxEvidence = 20

// Flow is one flow as it stands in evidence.
type Flow struct {
	Time     time.Time `json:"time" doc:"its first packet"`
	Source   string    `json:"src"`
	SrcPort  uint16    `json:"sport"`
	Dest     string    `json:"dst"`
	DstPort  uint16    `json:"dport"`
	Protocol string    `json:"proto"`
	Flags    string    `json:"flags,omitempty" doc:"TCP flags of all its packets"`
	Bytes    uint64    `json:"bytes"`
	Packets  uint64    `json:"packets"`
	Duration float64   `json:"duration_seconds"`
	Exporter string    `json:"exporter,omitempty"`
	// Via is the exporter's number in this run; who knows its name puts it into Exporter.
	Via uint32 `json:"-"`
}

// Examine adds to a finding about inbound traffic of some classes what people need
// to judge it and to act: what tells an attack from a crowd, a sample of the flows,
// and the filter that fits it. What it is compared with is the traffic before the
// attack, not that of another vector with which the attack began.
func (f *Finding) Examine(h *window.Host, classes Classes) { f.ExamineOnly(h, classes, nil) }

// ExamineOnly is Examine for an attack whose flows are of the classes of ordinary ones:
// only those of which a detector says so are shown, and filtered. A nil one says so of all.
func (f *Finding) ExamineOnly(h *window.Host, classes Classes, of func(*window.Sample) bool) {
	from := f.Started.Unix()
	attacked := h.Unsuspected(from)
	f.Indicators = Crowd(h, from, f.Last.Unix()-1, classes, f.Indicators)
	var during, before []window.Sample
	all := h.Samples()
	for i := range all {
		switch s := &all[i]; {
		case s.End < attacked*1e9:
			before = append(before, *s)
		case s.End >= from*1e9 && classes.Has(s.Class) && (of == nil || of(s)):
			during = append(during, *s)
		}
	}
	f.Classes = classes
	if rate := h.Rate(); rate > 1 {
		f.Metrics.SamplingRate = rate
	}
	f.Evidence = evidence(during)
	f.Filter = filterOf(during, before)
}

// evidence shows the flows that stay in a smaller sample of the same kind, in the
// order of their time.
func evidence(flows []window.Sample) []Flow {
	if len(flows) > maxEvidence {
		flows = slices.Clone(flows)
		slices.SortStableFunc(flows, func(a, b window.Sample) int { return cmp.Compare(b.Priority, a.Priority) })
		flows = flows[:maxEvidence]
		slices.SortStableFunc(flows, func(a, b window.Sample) int { return cmp.Compare(a.Start, b.Start) })
	}
	out := make([]Flow, 0, len(flows))
	for i := range flows {
		s := &flows[i]
		e := Flow{
			Time: time.Unix(0, s.Start).UTC(), Source: s.Src.String(), SrcPort: s.SrcPort, Dest: s.Dst.String(), DstPort: s.DstPort,
			Protocol: flow.ProtoName(s.Proto), Bytes: s.Bytes, Packets: s.Packets, Duration: float64(s.End-s.Start) / 1e9, Via: s.Exporter,
		}
		if s.Proto == flow.ProtoTCP && s.Mark&flow.NoTCPFlags == 0 {
			e.Flags = flow.TCPFlagNames(s.Flags)
		}
		out = append(out, e)
	}
	return out
}
