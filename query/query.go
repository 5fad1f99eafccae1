// SPDX-License-Identifier: Apache-2.0

// Package query is the vocabulary of questions about recorded flows: what can be
// asked, what an answer says, and the language of filters. A filter is parsed and
// never pasted into anything; it is bounded, and it says where an error stands.
//
// A filter is matched column by column: it names the columns that it needs, asks
// whoever holds the rows to test one column at a time, and can tell from the least
// and the largest value of each column that no row, or every row, will match.
package query

import (
	"fmt"
	"slices"
	"time"
)

// Bounds of a question.
const (
	MaxGroup  = 3    // dimensions at once
	MaxLimit  = 1000 // groups
	MaxPoints = 1000 // points of a series
)

// Question asks for the largest groups of flows in a span of time.
type Question struct {
	From, To time.Time // flows reported in [From, To)
	Filter   *Filter   // nil: every flow
	Group    []Dimension
	By       Measure
	Limit    int
	Points   int // 0: no series
	Source   Source
}

// Validate says what is wrong with q.
func (q *Question) Validate() error {
	switch {
	case !q.From.Before(q.To):
		return fmt.Errorf("from (%s) must lie before to (%s)", q.From.Format(time.RFC3339), q.To.Format(time.RFC3339))
	case len(q.Group) > MaxGroup:
		return fmt.Errorf("group by at most %d dimensions", MaxGroup)
	case q.Limit < 1 || q.Limit > MaxLimit:
		return fmt.Errorf("the limit lies between 1 and %d", MaxLimit)
	case q.Points < 0 || q.Points > MaxPoints:
		return fmt.Errorf("at most %d points", MaxPoints)
	}
	for i, d := range q.Group {
		if slices.Contains(q.Group[:i], d) {
			return fmt.Errorf("%s is named twice in the group", d)
		}
	}
	return nil
}

// Volume is what flows add up to: true bytes and packets, each flow counted once.
type Volume struct {
	Bytes   uint64 `json:"bytes"`
	Packets uint64 `json:"packets"`
	Flows   uint64 `json:"flows"`
}

// Add adds another volume.
func (v *Volume) Add(o Volume) {
	v.Bytes += o.Bytes
	v.Packets += o.Packets
	v.Flows += o.Flows
}

// Of is the measure m of v.
func (v *Volume) Of(m Measure) uint64 {
	switch m {
	case Packets:
		return v.Packets
	case Flows:
		return v.Flows
	case Bytes:
	}
	return v.Bytes
}

// Group is one line of an answer.
type Group struct {
	Key []string `json:"key" nullable:"false" doc:"one value for each dimension"`
	Volume
	Share  float64  `json:"share" doc:"part of the total, by the measure asked for"`
	Series []uint64 `json:"series,omitempty" doc:"the measure in each step; a bucket per entry of times"`
}

// Rest is what the listed groups leave over.
type Rest struct {
	Volume
	Share  float64  `json:"share"`
	Series []uint64 `json:"series,omitempty"`
}

// Answer answers a Question.
type Answer struct {
	From         time.Time   `json:"from"`
	To           time.Time   `json:"to"`
	Source       Source      `json:"source" enum:"raw,minutes,hours" doc:"where the answer comes from: flows, or roll-ups of minutes or hours"`
	StepSeconds  int64       `json:"step_seconds,omitempty" doc:"distance of two points of a series"`
	By           Measure     `json:"by" enum:"bytes,packets,flows"`
	ScannedFlows uint64      `json:"scanned_flows" doc:"rows that were looked at"`
	TookMS       float64     `json:"took_ms"`
	Partial      bool        `json:"partial" doc:"something is missing or estimated; reason says what"`
	Reason       string      `json:"reason,omitempty"`
	Total        Volume      `json:"total"`
	Times        []time.Time `json:"times,omitempty" doc:"begin of each step"`
	Groups       []Group     `json:"groups" nullable:"false"`
	Other        Rest        `json:"other"`
}

// Flow is one recorded flow as the API gives it.
type Flow struct {
	Received        time.Time `json:"received" doc:"when it was reported; questions go by it"`
	Start           time.Time `json:"start"`
	End             time.Time `json:"end"`
	Source          string    `json:"source"`
	Destination     string    `json:"destination"`
	SourcePort      uint16    `json:"source_port"`
	DestinationPort uint16    `json:"destination_port"`
	Protocol        string    `json:"protocol"`
	TCPFlags        string    `json:"tcp_flags,omitempty" doc:"CEUAPRSF, a dot for each that is clear; absent when not reported"`
	Bytes           uint64    `json:"bytes" doc:"true volume: what was exported times the sampling rate"`
	Packets         uint64    `json:"packets"`
	Sampling        uint32    `json:"sampling" doc:"one of so many packets was seen"`
	Exporter        string    `json:"exporter"`
	Input           uint32    `json:"input"`
	Output          uint32    `json:"output"`
	SourceAS        uint32    `json:"source_as"`
	DestinationAS   uint32    `json:"destination_as"`
	Direction       string    `json:"direction" enum:"in,out,internal,external"`
}
