// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"time"

	"tidewatch/flow"
)

const (
	// exporterIdle is how long an exporter must have been silent before a newcomer
	// may take its place, so that forged sources cannot push out live ones.
	exporterIdle = int64(10 * time.Minute)
	// maxStreams bounds the observation domains of one exporter; chassis routers
	// have one per line card.
	maxStreams = 256
	// maxSamplers bounds the samplers of one exporter over all its domains.
	maxSamplers = 4096
)

// exporter is all state of one source address.
type exporter struct {
	addr               flow.Addr
	index              uint32
	override, fallback uint32 // configured sampling rates, 0 where none
	seen               int64
	streams            map[streamKey]*stream
	lastKey            streamKey
	last               *stream // of lastKey: most exporters have one domain
	timed              *stream // the stream whose skew is shown: the last one with a clock
	templates          map[templateKey]*template
	used               templateList
	templateBytes      int
	pending            pending
	samplers           int
	sequence           sequenceStats
	lostRecords        int64
	lostDatagrams      int64
	jumpsBefore        uint64 // clock jumps of forgotten streams
	stats              ExporterStats
	prev, next         *exporter
}

// streamKey names one run of sequence numbers and one clock.
type streamKey struct {
	proto  Protocol
	domain uint32    // source id, observation domain, engine, sub-agent
	agent  flow.Addr // sFlow: a relay sends for many agents
}

// stream is the state of one observation domain.
type stream struct {
	seq      sequence
	skew     skew
	sampling sampling
	boot     int64 // Unix ns at which the exporter started (IE 160 in options data), 0 if unknown
	seen     int64
}

// exporter returns the state of a, making it if there is room, else nil.
func (d *Decoder) exporter(a flow.Addr, now int64) *exporter {
	ex := d.last
	if ex == nil || ex.addr != a {
		if ex = d.exporters[a]; ex == nil {
			if ex = d.admit(a, now); ex == nil {
				return nil
			}
		}
		d.last = ex
		d.recent.touch(ex)
	}
	ex.seen = max(ex.seen, now)
	return ex
}

// admit adds an exporter, in place of the one silent for longest if need be.
func (d *Decoder) admit(a flow.Addr, now int64) *exporter {
	full := len(d.exporters) >= d.cfg.MaxExporters
	if full && now-d.recent.back().seen < exporterIdle {
		return nil
	}
	ip := a.Netip()
	ex := &exporter{addr: a, seen: now, streams: map[streamKey]*stream{}, templates: map[templateKey]*template{}}
	if d.cfg.Index != nil {
		index, ok := d.cfg.Index(ip)
		if !ok {
			return nil
		}
		ex.index = index
	}
	if full {
		d.evictOldest()
	}
	if d.cfg.Index == nil {
		ex.index = d.number()
	}
	ex.override, ex.fallback = d.cfg.rates(ip)
	ex.used.init()
	ex.stats.Addr, ex.stats.Index = ip, ex.index
	d.exporters[a] = ex
	d.recent.touch(ex)
	if d.cfg.Seen != nil {
		d.cfg.Seen(ex.index, ip)
	}
	return ex
}

// evictOldest forgets the exporter silent for longest.
func (d *Decoder) evictOldest() {
	oldest := d.recent.back()
	d.recent.remove(oldest)
	delete(d.exporters, oldest.addr)
	d.last = nil
	d.totals.ExportersEvicted++
	if d.cfg.Index == nil {
		d.freeIndex = append(d.freeIndex, oldest.index)
	}
}

// number gives the next exporter index; those of forgotten exporters come again,
// so that columns indexed by it stay dense.
func (d *Decoder) number() uint32 {
	if last := len(d.freeIndex) - 1; last >= 0 {
		n := d.freeIndex[last]
		d.freeIndex = d.freeIndex[:last]
		return n
	}
	d.nextIndex++
	return d.nextIndex - 1
}

// stream returns the state of one domain, in place of the longest silent one if
// there are too many.
func (ex *exporter) stream(k streamKey, now int64) *stream {
	st := ex.last
	if st == nil || ex.lastKey != k {
		if st = ex.streams[k]; st == nil {
			if len(ex.streams) >= maxStreams {
				ex.forgetStream()
			}
			st = &stream{}
			ex.streams[k] = st
		}
		ex.last, ex.lastKey = st, k
	}
	st.seen = max(st.seen, now)
	if k.proto != SFlow5 {
		ex.timed = st
	}
	return st
}

func (ex *exporter) forgetStream() {
	var oldest *stream
	var key streamKey
	for k, st := range ex.streams {
		if oldest == nil || st.seen < oldest.seen {
			oldest, key = st, k
		}
	}
	delete(ex.streams, key)
	ex.samplers -= len(oldest.sampling.keyed)
	ex.jumpsBefore += oldest.skew.jumps
	ex.stats.StreamsEvicted++
}

// countLost books what a sequence number says is missing.
func (ex *exporter) countLost(p Protocol, lost int64) {
	if p == NetFlow5 || p == IPFIX {
		ex.lostRecords += lost
		return
	}
	ex.lostDatagrams += lost
}

// exporterList is a ring with a sentinel: sentinel.next is the most recent.
type exporterList struct{ sentinel exporter }

func (l *exporterList) init() { l.sentinel.prev, l.sentinel.next = &l.sentinel, &l.sentinel }

func (l *exporterList) remove(ex *exporter) {
	ex.prev.next, ex.next.prev = ex.next, ex.prev
	ex.prev, ex.next = nil, nil
}

func (l *exporterList) touch(ex *exporter) {
	if ex.next != nil {
		l.remove(ex)
	}
	ex.prev, ex.next = &l.sentinel, l.sentinel.next
	ex.prev.next, ex.next.prev = ex, ex
}

func (l *exporterList) front() *exporter { return l.after(&l.sentinel) }

func (l *exporterList) after(ex *exporter) *exporter {
	if ex.next == &l.sentinel {
		return nil
	}
	return ex.next
}

func (l *exporterList) back() *exporter { return l.sentinel.prev }
