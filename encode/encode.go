// SPDX-License-Identifier: Apache-2.0

// Package encode writes flow records as the datagrams of a real exporter:
// NetFlow v5 and v9, IPFIX, sFlow v5. It is what `simulate` sends; its output is
// checked against nfcapd and tshark, so that an error that encoder and decoder
// share cannot hide.
//
// Rows hold true volumes. With a sampling rate of N the encoder counts packets
// over all flows and keeps every N-th, as a systematic sampler does: a flow of
// which no packet was kept is not exported, the sums hold on average. Sampling
// marks, fragments and AS paths beyond the two AS numbers are not carried.
package encode

import (
	"encoding/binary"
	"fmt"
	"time"

	"tidewatch/flow"
)

// Stats counts what an Encoder did since New.
type Stats struct {
	Datagrams   uint64 // handed to send
	Records     uint64 // flow records or packet samples written
	SkippedIPv6 uint64 // rows that NetFlow v5 cannot carry
	Unsampled   uint64 // rows of which sampling kept no packet
}

// Encoder is one exporter. It is not safe for concurrent use.
type Encoder struct {
	cfg     Config
	sampler sampler
	stats   Stats

	buf       []byte // MTU bytes, reused for every datagram
	pos       int    // bytes written to buf; 0 = no datagram is open
	count     int    // records in the open datagram, in the unit of its header
	set       int    // where the open set of v9 or IPFIX begins; 0 = none
	setID     uint16
	templates []byte // template sets, options template and options data, ready to copy
	sinceTmpl int    // datagrams since the templates were sent; <0 = never sent

	boot     int64  // Unix ms
	now      int64  // Unix ns of this call
	sequence uint32 // next header sequence, in the unit of the protocol
	samples  uint32 // sFlow: flow sample sequence
	pool     uint32 // sFlow: packets that could have been sampled
	send     func([]byte) error
}

// New returns an encoder, or the error that names what is wrong with cfg.
func New(cfg Config) (*Encoder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	cfg = cfg.withDefaults()
	e := &Encoder{
		cfg:       cfg,
		sampler:   newSampler(uint64(cfg.Sampling)),
		buf:       make([]byte, cfg.MTU),
		sinceTmpl: -1,
	}
	if !cfg.BootTime.IsZero() {
		e.boot = cfg.BootTime.UnixMilli()
	}
	switch cfg.Protocol {
	case V9:
		e.templates = netflow9Templates(cfg.Sampling)
	case IPFIX:
		e.templates = ipfixTemplates(cfg.Domain, cfg.Sampling)
	case V5, SFlow:
	}
	return e, nil
}

// Stats returns the counts so far.
func (e *Encoder) Stats() Stats { return e.stats }

// Encode packs rows [from,to) of b, exported at now, and calls send for each
// datagram; the last one may be short. The datagram is valid during the call of
// send only. It stops at the first error of send; the datagram that failed then
// counts as lost, as on a real network. Nothing is allocated.
func (e *Encoder) Encode(b *flow.Batch, from, to int, now time.Time, send func([]byte) error) error {
	if from < 0 || to > b.Len() || from > to {
		return fmt.Errorf("encode rows %d to %d of a batch of %d: no such rows", from, to, b.Len())
	}
	e.now, e.send = now.UnixNano(), send
	if e.boot == 0 {
		e.boot = (e.now + dayAgo) / 1e6
	}
	e.pos, e.count, e.set = 0, 0, 0
	var err error
	switch e.cfg.Protocol {
	case V5:
		err = e.encodeV5(b, from, to)
	case V9, IPFIX:
		err = e.encodeTemplated(b, from, to)
	case SFlow:
		err = e.encodeSFlow(b, from, to)
	}
	e.send = nil
	if err != nil {
		return fmt.Errorf("send datagram %d: %w", e.stats.Datagrams, err)
	}
	return nil
}

// emit hands the open datagram to send and closes it, whatever send says.
func (e *Encoder) emit() error {
	out := e.buf[:e.pos]
	e.pos, e.count, e.set = 0, 0, 0
	e.stats.Datagrams++
	return e.send(out)
}

// uptime is a moment in milliseconds since boot, as all uptime fields have it:
// 32 bits that wrap after 49.7 days.
func (e *Encoder) uptime(ns int64) uint32 {
	return uint32(max(ns/1e6-e.boot, 0))
}

// is4 reports whether a row's two addresses fit into IPv4.
func is4(src, dst *flow.Addr) bool {
	const mapped = 0xffff // ::ffff:0:0/96
	be := binary.BigEndian
	return be.Uint64(src[:8])|be.Uint64(dst[:8]) == 0 &&
		be.Uint32(src[8:12]) == mapped && be.Uint32(dst[8:12]) == mapped
}
