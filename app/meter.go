// SPDX-License-Identifier: Apache-2.0

package app

import "tidewatch/flow"

const (
	// meterSpan is the longest that a flow is shown for, in seconds; a power of two
	// above 30 minutes, the longest active timeout that exporters have by default. A
	// longer flow is shown as if it had lasted so long.
	meterSpan = 2048
	// meterSeconds and meterMinutes are how much of the past is kept.
	meterSeconds = 304
	meterMinutes = 24*60 + 2
)

// meter is what all own devices carry together, second by second, for people to look at.
// A flow is known when it is over, or cut by its exporter's timeout: where it was then is
// told by windows, which revise the past. Who watches a moving line wants the newest
// second whole, without a spike for what took a minute. So a flow counts from the second
// in which it was received for as long as it lasted: flows that go on are late by one
// timeout, short ones are not, and no byte is shown twice or left out.
type meter struct {
	now  int64            // the running second, 0 before the first
	goes [2]carried       // by Direction, what flows that lasted longer carry a second
	once [2]carried       // what the others carried in the running second
	ends [meterSpan]lapse // by second: what no longer goes from then on
	runs reading          // the running minute
	secs [meterSeconds]reading
	mins [meterMinutes]reading
	told uint64 // flows received in the running second
}

type carried struct{ bytes, packets uint64 }

type lapse [2]carried

// reading is what was carried in one second or minute.
type reading struct {
	at      int64 // Unix second or minute
	seconds int64 // of it that were seen
	carried [2]carried
	flows   uint64
}

// add takes records [from,to) of a batch, received in second now.
func (m *meter) add(b *flow.Batch, from, to int, now int64) {
	m.turn(now)
	for i := from; i < to; i++ {
		mark := b.Mark[i]
		if mark&flow.Duplicate != 0 {
			continue
		}
		m.told++
		seconds := uint64(1)
		if lasted := b.End[i] - b.Start[i]; lasted > 1e9 {
			seconds = min(uint64(lasted+1e9-1)/1e9, meterSpan-1)
		}
		if mark&flow.DstInternal != 0 {
			m.take(0, b.Bytes[i], b.Packets[i], seconds)
		}
		if mark&flow.SrcInternal != 0 {
			m.take(1, b.Bytes[i], b.Packets[i], seconds)
		}
	}
}

func (m *meter) take(d int, bytes, packets, seconds uint64) {
	once := &m.once[d]
	if seconds == 1 {
		once.bytes += bytes
		once.packets += packets
		return
	}
	each := carried{bytes / seconds, packets / seconds}
	once.bytes += bytes - each.bytes*seconds
	once.packets += packets - each.packets*seconds
	goes, ends := &m.goes[d], &m.ends[(m.now+int64(seconds))%meterSpan][d]
	goes.bytes += each.bytes
	goes.packets += each.packets
	ends.bytes += each.bytes
	ends.packets += each.packets
}

// turn ends seconds until now is the running one.
func (m *meter) turn(now int64) {
	if m.now == 0 || now-m.now >= meterSpan {
		m.keep()
		m.goes, m.once, m.told = [2]carried{}, [2]carried{}, 0
		m.ends = [meterSpan]lapse{}
		m.now, m.runs = now, reading{at: now / 60}
		return
	}
	for m.now < now {
		m.next()
	}
}

func (m *meter) next() {
	r := reading{at: m.now, seconds: 1, flows: m.told}
	for d := range r.carried {
		r.carried[d] = carried{m.goes[d].bytes + m.once[d].bytes, m.goes[d].packets + m.once[d].packets}
	}
	m.secs[m.now%meterSeconds] = r
	m.runs.add(&r)
	m.once, m.told = [2]carried{}, 0
	m.now++
	ends := &m.ends[m.now%meterSpan]
	for d := range ends {
		m.goes[d].bytes -= ends[d].bytes
		m.goes[d].packets -= ends[d].packets
	}
	*ends = lapse{}
	if minute := m.now / 60; minute != m.runs.at {
		m.keep()
		m.runs = reading{at: minute}
	}
}

// keep puts the running minute to those that are over, as far as it was seen. One that a
// restart cut is put together.
func (m *meter) keep() {
	if m.runs.seconds == 0 {
		return
	}
	kept := &m.mins[m.runs.at%meterMinutes]
	if kept.at != m.runs.at {
		*kept = reading{at: m.runs.at}
	}
	kept.add(&m.runs)
	m.runs = reading{at: m.runs.at}
}

func (r *reading) add(o *reading) {
	r.seconds += o.seconds
	r.flows += o.flows
	for d := range r.carried {
		r.carried[d].bytes += o.carried[d].bytes
		r.carried[d].packets += o.carried[d].packets
	}
}

// last is the newest second that is over, seen up to second now; ok is false before there is one.
func (m *meter) last(now int64) (r reading, ok bool) {
	if m.now == 0 {
		return r, false
	}
	m.turn(now)
	r = m.secs[(m.now-1)%meterSeconds]
	return r, r.at == m.now-1 && r.seconds > 0
}

// lastSeconds lists the n newest seconds that are over, oldest first; those that were not
// seen are left out.
func (m *meter) lastSeconds(n, now int64) (out []reading) {
	if m.now == 0 {
		return out
	}
	m.turn(now)
	for s := m.now - min(n, meterSeconds); s < m.now; s++ {
		if r := &m.secs[max(s, 0)%meterSeconds]; r.at == s && r.seconds > 0 {
			out = append(out, *r)
		}
	}
	return out
}

// lastMinutes is likewise of minutes, also of those that were kept over a restart.
func (m *meter) lastMinutes(n, now int64) (out []reading) {
	if m.now != 0 {
		m.turn(now)
	}
	minute := now / 60
	for i := minute - min(n, meterMinutes-1); i < minute; i++ {
		if r := &m.mins[max(i, 0)%meterMinutes]; r.at == i && r.seconds > 0 {
			out = append(out, *r)
		}
	}
	return out
}

// bits is the mean rate of one direction, in bits per second.
func (r *reading) bits(d int) float64 { return 8 * float64(r.carried[d].bytes) / float64(r.seconds) }

// packets is likewise in packets per second.
func (r *reading) packets(d int) float64 { return float64(r.carried[d].packets) / float64(r.seconds) }
