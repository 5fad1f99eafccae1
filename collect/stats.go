// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"net/netip"
	"slices"
	"time"

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
	SkewKnown        bool              `json:"skew_known" doc:"false for sFlow, which carries no time of day"`
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
				e = &ExporterInfo{Address: s.Addr, Protocols: []string{}, Errors: map[string]uint64{}}
				byAddr[s.Addr] = e
			}
			e.add(&s)
		}
		r.mu.Unlock()
	}
	out := make([]ExporterInfo, 0, len(byAddr))
	for _, e := range byAddr {
		slices.Sort(e.Protocols)
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b ExporterInfo) int { return a.Address.Compare(b.Address) })
	return out
}

// add merges what one reader knows; an exporter may use several ports.
func (e *ExporterInfo) add(s *decode.ExporterStats) {
	for p := decode.NetFlow5; p <= decode.SFlow5; p++ {
		if s.Protocols&(1<<p) != 0 && !slices.Contains(e.Protocols, p.String()) {
			e.Protocols = append(e.Protocols, p.String())
		}
	}
	if seen := time.Unix(0, s.LastSeen).UTC(); seen.After(e.LastSeen) {
		e.LastSeen = seen
		e.Sampling, e.SamplingKnown = s.Sampling, s.SamplingKnown
	}
	if s.SkewKnown {
		e.SkewSeconds, e.SkewKnown = s.Skew.Seconds(), true
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

// Totals returns the sums since the start, the kernel's losses as of now.
func (c *Collector) Totals() (t Totals) {
	for _, r := range c.readers {
		r.mu.Lock()
		d := r.decoder.Totals()
		r.askDrops()
		t.Datagrams += d.Datagrams
		t.Records += d.Records
		t.Bytes += d.Bytes
		t.Refused += r.refused
		t.Cut += r.cut
		t.KernelDrops += r.dropped.total
		for i, n := range d.Broken {
			t.Broken[i] += n
		}
		r.mu.Unlock()
	}
	return t
}
