// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"encoding/binary"
	"math"

	"tidewatch/flow"
)

// Sizes of NetFlow v5 (Cisco NetFlow Export Datagram Format, table B-3 and B-4).
const (
	v5Header  = 24
	v5Record  = 48
	v5Records = 30 // the most that a datagram may hold
	v5Random  = 1  // sampling mode "packet interval" in the top two bits
)

func (e *Encoder) encodeV5(b *flow.Batch, from, to int) error {
	for i := from; i < to; i++ {
		if !is4(&b.Src[i], &b.Dst[i]) {
			e.stats.SkippedIPv6++
			continue
		}
		packets, bytes, _ := e.sampler.take(b.Packets[i], b.Bytes[i])
		if packets == 0 && e.sampler.n > 1 {
			e.stats.Unsampled++
			continue
		}
		// Counters have 32 bits: a larger flow leaves as several records, as an
		// exporter does whose counter is about to wrap.
		for {
			p, by := v5Share(packets, bytes)
			packets, bytes = packets-p, bytes-by
			if err := e.v5Row(b, i, uint32(p), uint32(by)); err != nil {
				return err
			}
			if packets == 0 && bytes == 0 {
				break
			}
		}
	}
	if e.pos > 0 {
		return e.v5Flush()
	}
	return nil
}

// v5Share is how much of a flow goes into the next record.
func v5Share(packets, bytes uint64) (p, by uint64) {
	if packets <= math.MaxUint32 && bytes <= math.MaxUint32 {
		return packets, bytes
	}
	parts := max(packets, bytes)/math.MaxUint32 + 1
	return packets / parts, bytes / parts
}

func (e *Encoder) v5Row(b *flow.Batch, i int, packets, bytes uint32) error {
	if e.count == v5Records || e.pos+v5Record > len(e.buf) {
		if err := e.v5Flush(); err != nil {
			return err
		}
	}
	if e.pos == 0 {
		e.pos = v5Header
	}
	be := binary.BigEndian
	w := e.buf[e.pos : e.pos+v5Record : e.pos+v5Record]
	copy(w[0:4], b.Src[i][12:])
	copy(w[4:8], b.Dst[i][12:])
	be.PutUint32(w[8:], 0) // next hop
	be.PutUint16(w[12:], uint16(b.InIf[i]))
	be.PutUint16(w[14:], uint16(b.OutIf[i]))
	be.PutUint32(w[16:], packets)
	be.PutUint32(w[20:], bytes)
	be.PutUint32(w[24:], e.uptime(b.Start[i]))
	be.PutUint32(w[28:], e.uptime(b.End[i]))
	be.PutUint16(w[32:], b.SrcPort[i])
	be.PutUint16(w[34:], b.DstPort[i])
	w[36] = 0
	w[37] = b.TCPFlags[i]
	w[38] = b.Proto[i]
	w[39] = 0 // type of service
	be.PutUint16(w[40:], as16(b.SrcAS[i]))
	be.PutUint16(w[42:], as16(b.DstAS[i]))
	be.PutUint32(w[44:], 0) // prefix lengths, padding
	e.pos += v5Record
	e.count++
	e.stats.Records++
	return nil
}

// as16 is an AS number in 16 bits: AS_TRANS (RFC 6793) where it does not fit.
func as16(as uint32) uint16 {
	const asTrans = 23456
	if as > math.MaxUint16 {
		return asTrans
	}
	return uint16(as)
}

func (e *Encoder) v5Flush() error {
	be := binary.BigEndian
	h := e.buf[:v5Header]
	ms := e.now / 1e6
	be.PutUint16(h[0:], 5)
	be.PutUint16(h[2:], uint16(e.count))
	be.PutUint32(h[4:], e.uptime(e.now))
	// Time is cut to the uptime's millisecond, so that boot time comes out the
	// same from every datagram.
	be.PutUint32(h[8:], uint32(ms/1e3))
	be.PutUint32(h[12:], uint32(ms%1e3*1e6))
	be.PutUint32(h[16:], e.sequence)
	be.PutUint16(h[20:], uint16(e.cfg.Domain))
	be.PutUint16(h[22:], v5Sampling(e.cfg.Sampling))
	e.sequence += uint32(e.count)
	return e.emit()
}

// v5Sampling is mode and interval; zero says that nothing is sampled.
func v5Sampling(n uint32) uint16 {
	if n <= 1 {
		return 0
	}
	return v5Random<<14 | uint16(n)
}
