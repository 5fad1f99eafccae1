// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// targets is how many heavy destinations outside are kept. An attack by one own
// device has one target or a few; what has more is a service or a scan.
const targets = 8

// sentTo notes to whom outside a device sends most packets, in this minute and the
// one before. It takes the same sample of flows as the lists of sources, so that
// a busy server pays for each eighth of its small flows.
type sentTo struct {
	minute int64
	ranked uint32
	now    [2]targetsOf
}

// targetsOf is one minute of it.
type targetsOf struct {
	total uint64 // packets of all flows in the sample, those to own devices included
	dests topK
}

func (t *targetsOf) reset() {
	t.total = 0
	t.dests.reset()
}

func (s *sentTo) reset(now int64) {
	for i := range s.now {
		if s.now[i].dests.entries == nil {
			s.now[i].dests = newTopK(targets)
		}
		s.now[i].reset()
	}
	s.minute, s.ranked = now/60, 0
}

func (s *sentTo) add(p *piece, now int64) {
	if m := now / 60; m != s.minute {
		s.now[0], s.now[1] = s.now[1], s.now[0]
		s.now[0].reset()
		if m != s.minute+1 {
			s.now[1].reset()
		}
		s.minute, s.ranked = m, 0
	}
	switch times := offer(&s.ranked, p.packets); times {
	case 0:
		return
	case rankEvery:
		q := p.times(times)
		p = &q
	}
	t := &s.now[0]
	t.total += p.packets
	if p.mark&flow.DstInternal == 0 && !nowhere(p.dst) {
		note(&t.dests, uint32(p.dstHash>>32), p.dst, p)
	}
}

// TopTargets appends the addresses outside that the device sent most packets to
// in this minute and the one before, heaviest first, at most n; total is the
// packets of all it sent, to whomever.
func (h *Host) TopTargets(out []Entry, n int) (entries []Entry, total uint64) {
	s := &h.sent
	return merged(out, n, &s.now[0].dests, &s.now[1].dests), s.now[0].total + s.now[1].total
}
