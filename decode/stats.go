// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"iter"
	"net/netip"
	"time"
)

// Totals sum over all exporters, refused and forgotten ones included.
type Totals struct {
	Datagrams, Bytes, Records uint64
	ExportersEvicted          uint64
	Broken                    [NumReasons]uint64
}

// Totals returns the sums since New.
func (d *Decoder) Totals() Totals { return d.totals }

// ExporterStats is what is known of one exporter. Counters start with its first
// datagram, and again if it was forgotten in between.
type ExporterStats struct {
	Addr      netip.Addr
	Index     uint32
	LastSeen  int64 // Unix ns of the last datagram's arrival
	Protocols uint8 // bit 1<<Protocol for each protocol seen

	Datagrams, Bytes, Records uint64
	Options, Counters         uint64 // options data records; sFlow counter samples
	FlowSamples               uint64 // sFlow flow samples

	SequenceGaps, SequenceReordered, SequenceResets uint64
	LostRecords                                     uint64 // v5 and IPFIX: records missing by sequence number
	LostDatagrams                                   uint64 // v9 and sFlow: datagrams missing by sequence number

	Templates                          int // known now
	TemplatesEvicted, TemplatesExpired uint64
	MissingTemplate                    uint64 // data sets that came before their template, held or not
	PendingSets, PendingBytes          int    // held now
	PendingDropped                     uint64 // held sets dropped for want of room or because they aged
	StreamsEvicted                     uint64 // observation domains forgotten
	SamplingKnown                      bool   // the last record's rate came from export or configuration
	Sampling                           uint32 // the last record's rate
	Skew                               time.Duration
	SkewKnown                          bool   // false for sFlow, whose header has no time
	ClockJumps                         uint64 // times the exporter's clock was set
	NoRate, NoTime, NoInterface        uint64 // records so marked
	Clamped                            uint64 // records whose times were implausible
	NoAddress                          uint64 // records without addresses
	Broken                             [NumReasons]uint64
}

// Exporters yields the state of each known exporter, most recently heard first.
// Decode must not run meanwhile.
func (d *Decoder) Exporters() iter.Seq[ExporterStats] {
	return func(yield func(ExporterStats) bool) {
		for ex := d.recent.front(); ex != nil; ex = d.recent.after(ex) {
			if !yield(ex.snapshot()) {
				return
			}
		}
	}
}

func (ex *exporter) snapshot() ExporterStats {
	s := ex.stats
	s.LastSeen = ex.seen
	s.SequenceGaps, s.SequenceReordered, s.SequenceResets = ex.sequence.Gaps, ex.sequence.Reordered, ex.sequence.Resets
	s.LostRecords, s.LostDatagrams = uint64(max(ex.lostRecords, 0)), uint64(max(ex.lostDatagrams, 0))
	s.Templates = len(ex.templates)
	s.PendingSets, s.PendingBytes = len(ex.pending.live()), ex.pending.bytes
	s.ClockJumps = ex.jumpsBefore
	for _, st := range ex.streams {
		s.ClockJumps += st.skew.jumps
		if st.skew.known && st == ex.timed {
			s.SkewKnown, s.Skew = true, time.Duration(st.skew.estimate())
		}
	}
	return s
}
