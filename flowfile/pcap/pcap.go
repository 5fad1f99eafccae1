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
	"net/netip"

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

// sniffed is how many UDP payloads decide what a capture is. Exports are told
// by a majority, so that stray look-alikes do not turn a capture over.
const sniffed = 200

// Format returns the format for flowfile.Open.
func Format() flowfile.Format {
	return flowfile.Format{Name: RawFormat, Detect: isCapture, Open: open}
}

func open(name string, r *bufio.Reader, o flowfile.Options) (flowfile.Reader, error) {
	c, err := newCapture(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d := &reader{capture: c, seen: map[packet.Link]uint64{}, sampling: max(1, o.Sampling)}
	d.stats.Format, d.stats.Reasons = RawFormat, map[string]uint64{}
	d.probe = newProbe(func(rec *flow.Record) {
		rec.Sampling = d.sampling
		d.batch.Append(rec)
	})
	if err := d.sniff(o); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// held is a frame read while sniffing.
type held struct {
	frame
	copy []byte
}

type reader struct {
	capture  *capture
	early    []held // frames read to find out what the capture is
	next     int
	batch    *flow.Batch
	probe    *probe
	exports  *decode.Decoder // nil for raw packets
	stats    flowfile.Stats
	seen     map[packet.Link]uint64 // frames of unknown link types
	sampling uint32
	ended    bool
	noTime   uint64
	last     int64
}

// sniff reads the first frames and decides.
func (d *reader) sniff(o flowfile.Options) error {
	var f frame
	var i packet.Info
	udp, exports := 0, 0
	for len(d.early) < 20*sniffed && udp < sniffed {
		err := d.capture.next(&f)
		if err != nil {
			if len(d.early) == 0 && !errors.Is(err, io.EOF) {
				return err
			}
			d.finish(err)
			break
		}
		d.early = append(d.early, held{frame: f, copy: append([]byte(nil), f.data...)})
		if packet.Decode(f.link, f.data, f.wire, &i) == packet.None && i.Proto == flow.ProtoUDP && len(i.Payload) > 0 {
			udp++
			if decode.Sniff(i.Payload) != decode.Unknown {
				exports++
			}
		}
	}
	if exports == 0 || 2*exports <= udp {
		return nil
	}
	cfg := o.DecodeConfig
	cfg.Clock = decode.ClockExport
	if o.Sampling > 0 {
		cfg.Sampling = append(cfg.Sampling[:len(cfg.Sampling):len(cfg.Sampling)],
			decode.SamplingRule{Exporter: netip.MustParsePrefix("0.0.0.0/0"), Rate: o.Sampling},
			decode.SamplingRule{Exporter: netip.MustParsePrefix("::/0"), Rate: o.Sampling})
	}
	dec, err := decode.New(cfg)
	if err != nil {
		return err
	}
	d.exports, d.stats.Format = dec, ExportFormat
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

// records is about how many records a Read returns.
const records = 4096

// Read implements flowfile.Reader.
func (d *reader) Read(b *flow.Batch) (int, error) {
	d.batch = b
	before := b.Len()
	var f frame
	for b.Len()-before < records {
		switch {
		case d.next < len(d.early):
			h := &d.early[d.next]
			f, f.data = h.frame, h.copy
			d.next++
		case d.ended:
			d.close()
			d.sum(b, before)
			return b.Len() - before, io.EOF
		default:
			d.early, d.next = nil, 0
			if err := d.capture.next(&f); err != nil {
				d.finish(err)
				continue
			}
		}
		d.take(&f, b)
	}
	d.sum(b, before)
	return b.Len() - before, nil
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
		d.stats.Reasons[r.String()]++
		switch r {
		case packet.UnknownLink:
			d.seen[f.link]++
		case packet.Malformed:
			d.stats.Skipped++
			if d.exports == nil {
				d.stats.Packets++ // an IP packet all the same, but of no flow
			}
		case packet.Truncated:
			d.stats.Skipped++
		}
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

// close ends the flows still open and writes the notes.
func (d *reader) close() {
	if d.probe != nil {
		d.probe.flush()
		d.stats.Reasons["flows_ended_early"] += d.probe.evicted
		if d.probe.evicted == 0 {
			delete(d.stats.Reasons, "flows_ended_early")
		}
		d.probe = nil
	}
	for link, n := range d.seen {
		d.stats.Notes = append(d.stats.Notes, fmt.Sprintf("%d frames have link type %d, in which no IP packet is looked for", n, link))
	}
	clear(d.seen)
	if d.noTime > 0 {
		d.stats.Notes = append(d.stats.Notes, fmt.Sprintf("%d packets carry no time; they count as sent with the packet before", d.noTime))
		d.noTime = 0
	}
}

// sum adds the records of this Read to the totals.
func (d *reader) sum(b *flow.Batch, from int) {
	d.stats.Records += uint64(b.Len() - from)
	if d.exports == nil {
		return
	}
	for i := from; i < b.Len(); i++ {
		d.stats.Packets += b.Packets[i]
		d.stats.Bytes += b.Bytes[i]
	}
}

// Stats implements flowfile.Reader.
func (d *reader) Stats() flowfile.Stats {
	s := d.stats
	if d.exports != nil {
		for range d.exports.Exporters() {
			s.Exporters++
		}
	}
	return s
}

// Close implements flowfile.Reader.
func (d *reader) Close() error { return nil }
