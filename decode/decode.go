// SPDX-License-Identifier: Apache-2.0

// Package decode turns exported datagrams (NetFlow v5 and v9, IPFIX, sFlow v5)
// into flow.Batch columns. A template is compiled once into a plan of (column,
// offset, width) that runs column by column over all records of a set, so a
// record costs a few copies and no allocation. The package is pure: it opens
// nothing, reads no clock, and treats every byte as hostile. What it cannot use
// is counted by Reason and never an error.
package decode

import (
	"net/netip"

	"tidewatch/flow"
)

// Result says what one datagram gave.
type Result struct {
	Proto     Protocol
	Records   int    // flow records appended, those of sets held back earlier included
	Templates int    // templates and options templates accepted or refreshed
	Options   int    // options data records read
	Held      int    // data sets put aside until their template comes
	Counters  int    // sFlow counter samples, which are no flows
	Broken    Reason // the first thing wrong with it; None for a clean datagram
}

// Decoder decodes the datagrams of many exporters. It is not safe for
// concurrent use, and all datagrams of one exporter must reach the same Decoder,
// because that is where the exporter's templates are.
type Decoder struct {
	cfg       Config
	exporters map[flow.Addr]*exporter
	recent    exporterList // most recently heard first
	last      *exporter    // datagrams come in runs of one exporter
	totals    Totals
	nextIndex uint32
	freeIndex []uint32
	scratch   scratch
	msg       message // the datagram in hand: here, because locals would escape
	result    Result
}

// New returns a Decoder that knows no exporter yet.
func New(cfg Config) (*Decoder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	d := &Decoder{cfg: cfg, exporters: map[flow.Addr]*exporter{}}
	d.recent.init()
	return d, nil
}

// message is one datagram on its way through the decoder.
type message struct {
	ex       *exporter
	st       *stream
	out      *flow.Batch
	res      *Result
	received int64   // Unix ns of arrival
	export   int64   // Unix ns the header names; 0 for sFlow
	stamp    int64   // what Batch.Received gets
	shift    int64   // ns to add to flow times, from exporter's clock to ours
	upMillis uint32  // exporter's uptime in ms at export
	hasUp    bool    // upMillis is known
	data     uint32  // data records seen, for the IPFIX sequence number
	blind    bool    // a set could not be counted, so data is a lower bound
	emptied  [2]bool // all templates, all options templates were withdrawn already
	addr     flow.Addr
	proto    Protocol
	domain   uint32
}

// Decode appends the records of one UDP payload, sent by from and received at
// the Unix nanosecond received, to out. Nothing in payload is kept.
func (d *Decoder) Decode(payload []byte, from netip.Addr, received int64, out *flow.Batch) Result {
	d.totals.Datagrams++
	d.totals.Bytes += uint64(len(payload))
	m, res := &d.msg, &d.result
	*res = Result{}
	*m = message{addr: flow.AddrFrom(from), received: received, stamp: received, out: out, res: res}
	before := out.Len()
	switch protocolOf(payload) {
	case NetFlow5:
		d.netflow5(payload, m)
	case NetFlow9:
		d.netflow9(payload, m)
	case IPFIX:
		d.ipfix(payload, m)
	case SFlow5:
		d.sflow5(payload, m)
	case Unknown:
		d.broken(m, UnknownProtocol)
	}
	res.Proto = m.proto
	res.Records = out.Len() - before
	d.totals.Records += uint64(res.Records)
	if m.ex != nil {
		m.ex.stats.Records += uint64(res.Records)
	}
	m.out = nil // the batch is the caller's
	return *res
}

// broken counts one thing that was wrong with a datagram.
func (d *Decoder) broken(m *message, why Reason) {
	d.totals.Broken[why]++
	if m.ex != nil {
		m.ex.stats.Broken[why]++
	}
	if m.res.Broken == None {
		m.res.Broken = why
	}
}

// open finds the exporter and stream of a datagram whose header was sound. It
// reports false when the exporter table is full.
func (d *Decoder) open(m *message, payload []byte, agent flow.Addr) bool {
	ex := d.exporter(m.addr, m.received)
	if ex == nil {
		d.broken(m, ExporterTableFull)
		return false
	}
	m.ex = ex
	ex.stats.Datagrams++
	ex.stats.Bytes += uint64(len(payload))
	ex.stats.Protocols |= 1 << m.proto
	m.st = ex.stream(streamKey{proto: m.proto, domain: m.domain, agent: agent}, m.received)
	if m.export != 0 {
		m.st.skew.observe(m.received, m.export)
		d.chooseClock(m)
	}
	return true
}

// chooseClock decides whose time the records of m carry.
func (d *Decoder) chooseClock(m *message) {
	switch d.cfg.Clock {
	case ClockArrival:
		m.shift = m.st.skew.shift()
	case ClockExport:
		m.stamp = m.export
	}
}
