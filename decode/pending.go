// SPDX-License-Identifier: Apache-2.0

package decode

import "slices"

// pendingSet is a data set that waits for its template, with what its header
// said: it is decoded as of the time it came.
type pendingSet struct {
	key      templateKey
	received int64
	export   int64
	upMillis uint32
	hasUp    bool
	body     []byte
}

// pendingCost is what holding one set costs beside its bytes: the pendingSet and
// the allocation. It bounds the number of tiny sets.
const pendingCost = 96

// pending holds sets in order of arrival within a byte bound. The live ones are
// sets[head:], so that dropping the oldest costs nothing.
type pending struct {
	sets  []pendingSet
	head  int
	bytes int
}

func (p *pending) live() []pendingSet { return p.sets[p.head:] }

// dropOldest forgets one set and returns its buffer for reuse.
func (p *pending) dropOldest() []byte {
	body := p.sets[p.head].body
	p.sets[p.head] = pendingSet{}
	p.bytes -= len(body) + pendingCost
	p.head++
	if p.head*2 > len(p.sets) {
		n := copy(p.sets, p.sets[p.head:])
		clear(p.sets[n:])
		p.sets, p.head = p.sets[:n], 0
	}
	return body
}

// hold copies a set aside and reports whether there was room. The oldest sets
// make room: what comes now says more about now.
func (d *Decoder) hold(m *message, key templateKey, body []byte) bool {
	m.ex.stats.MissingTemplate++
	p, cost := &m.ex.pending, len(body)+pendingCost
	if cost > d.cfg.PendingBytes {
		m.ex.stats.PendingDropped++
		return false
	}
	var spare []byte
	for p.bytes+cost > d.cfg.PendingBytes {
		spare = p.dropOldest()
		m.ex.stats.PendingDropped++
	}
	if cap(spare) > 2*len(body)+pendingCost {
		spare = nil // else a large buffer would hide behind a small length
	}
	p.bytes += cost
	p.sets = append(p.sets, pendingSet{
		key: key, received: m.received, export: m.export, upMillis: m.upMillis, hasUp: m.hasUp,
		body: append(spare[:0], body...),
	})
	return true
}

// release decodes the sets that waited for t. Those that waited longer than a
// template may live are dropped.
func (d *Decoder) release(m *message, t *template) {
	p := &m.ex.pending
	waits := func(s pendingSet) bool { return s.key == t.key }
	if !slices.ContainsFunc(p.live(), waits) {
		return // most templates come before their data
	}
	kept, due := p.sets[:0], d.scratch.due[:0]
	for _, s := range p.live() {
		if s.key != t.key {
			kept = append(kept, s)
			continue
		}
		due = append(due, s)
		p.bytes -= len(s.body) + pendingCost
	}
	clear(p.sets[len(kept):])
	p.sets, p.head = kept, 0
	for i := range due {
		s := &due[i]
		if m.received-s.received > int64(d.cfg.TemplateTTL) {
			m.ex.stats.PendingDropped++
			continue
		}
		then := *m
		then.received, then.stamp, then.export = s.received, s.received, s.export
		then.upMillis, then.hasUp, then.shift = s.upMillis, s.hasUp, 0
		d.chooseClock(&then)
		d.dataSet(&then, t, s.body)
	}
	clear(due)
	d.scratch.due = due[:0]
}
