// SPDX-License-Identifier: Apache-2.0

// Package pcap reads packet captures (pcap and pcapng) in two ways, told by
// content: a capture of flow exports gives the flows in the exports, any other
// gives the flows of its packets, aggregated as a probe would.
package pcap

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"tidewatch/decode"
	"tidewatch/decode/packet"
	"tidewatch/flow"
	"tidewatch/flowfile"
)

// The names of the two ways.
const (
	RawFormat    = "pcap"
	ExportFormat = "pcap-export"
)

// Format returns the format for flowfile.Open.
func Format() flowfile.Format {
	return flowfile.Format{Name: RawFormat, Detect: isCapture, Open: open}
}

func open(name string, r *bufio.Reader, o flowfile.Options) (flowfile.Reader, error) {
	c, err := newCapture(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d := &reader{capture: c, links: map[packet.Link]uint64{}, probe: newProbe(maxFlows, max(1, o.Sampling))}
	if o.Active > 0 {
		d.probe.active = int64(o.Active) * 1e9
	}
	d.stats.Format, d.stats.Reasons = RawFormat, map[string]uint64{}
	if err := d.sniff(&o); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

type reader struct {
	capture *capture
	early   []held // frames read to find out what the capture is
	next    int
	probe   *probe
	exports *decode.Decoder // nil for raw packets
	stats   flowfile.Stats
	links   map[packet.Link]uint64 // frames of unknown link types
	ended   bool
	noTime  uint64
	last    int64
}

// records is about how many records a Read returns; the exports of one datagram
// are never torn apart.
const records = 4096

// Read implements flowfile.Reader.
func (d *reader) Read(b *flow.Batch) (int, error) {
	before := b.Len()
	err := d.fill(b, before+records)
	d.stats.Records += uint64(b.Len() - before)
	if d.exports != nil {
		for i := before; i < b.Len(); i++ {
			d.stats.Packets += b.Packets[i]
			d.stats.Bytes += b.Bytes[i]
		}
	}
	return b.Len() - before, err
}

// fill appends records until b holds limit of them or the capture ends.
func (d *reader) fill(b *flow.Batch, limit int) error {
	var f frame
	for b.Len() < limit && d.probe.run(b, limit) {
		switch {
		case d.next < len(d.early):
			h := &d.early[d.next]
			f, f.data = h.frame, h.copy
			d.next++
		case d.ended:
			if d.probe.flush(b, limit) {
				return io.EOF
			}
			return nil
		default:
			d.early, d.next = nil, 0
			if err := d.capture.next(&f); err != nil {
				d.finish(err)
				continue
			}
		}
		d.take(&f, b)
	}
	return nil
}

// finish notes how the capture ended.
func (d *reader) finish(err error) {
	d.ended = true
	if cut := (*cutError)(nil); errors.As(err, &cut) {
		d.stats.Skipped++
		d.stats.Reasons["cut_off"]++
		d.stats.Notes = append(d.stats.Notes, cut.Error())
	}
}

// take books one frame.
func (d *reader) take(f *frame, b *flow.Batch) {
	if f.at == 0 { // simple packet blocks have no time: they happen when the last one did
		f.at = d.last
		d.noTime++
	}
	d.last = f.at
	var i packet.Info
	if r := packet.Decode(f.link, f.data, f.wire, &i); r != packet.None {
		d.refuse(f, r)
		return
	}
	if d.exports == nil {
		d.stats.Packets++
		d.stats.Bytes += uint64(i.IPBytes)
		d.probe.add(f.at, &i)
		return
	}
	switch {
	case i.Mark&flow.Fragment != 0:
		d.stats.Skipped++
		d.stats.Reasons["fragmented_datagram"]++
	case i.Proto != flow.ProtoUDP || len(i.Payload) == 0:
		d.stats.Reasons["no_export"]++
	default:
		if res := d.exports.Decode(i.Payload, i.Src.Netip(), f.at, b); res.Broken != 0 {
			d.stats.Skipped++
			d.stats.Reasons[res.Broken.String()]++
		}
	}
}

// refuse counts a frame that gave no packet.
func (d *reader) refuse(f *frame, r packet.Reason) {
	d.stats.Reasons[r.String()]++
	switch r {
	case packet.UnknownLink:
		if _, ok := d.links[f.link]; ok || len(d.links) < maxLinks {
			d.links[f.link]++
		}
	case packet.Malformed:
		d.stats.Skipped++
		if d.exports == nil {
			d.stats.Packets++ // an IP packet all the same, but of no flow
		}
	case packet.Truncated:
		d.stats.Skipped++
	default: // ARP and the like are whole, and no loss
	}
}

// Close implements flowfile.Reader.
func (d *reader) Close() error { return nil }
