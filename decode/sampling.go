// SPDX-License-Identifier: Apache-2.0

package decode

import "tidewatch/flow"

// sampling is what options data said about one observation domain.
type sampling struct {
	whole uint32 // rate of the whole domain, 0 if unknown
	keyed map[samplerKey]uint32
	users map[uint32]int // how many keys have a rate
	byIf  bool           // some keys are interfaces
}

// samplerKey names one sampler of a domain: by its number (IE 48, and IE 302
// that took its place) or by the interface it sits on.
type samplerKey struct {
	isInterface bool
	id          uint64
}

// set learns a keyed rate. It reports whether it took a new place, and false for
// ok when there was no room for one.
func (s *sampling) set(k samplerKey, rate uint32, room bool) (added, ok bool) {
	old, had := s.keyed[k]
	switch {
	case !had && !room:
		return false, false
	case s.keyed == nil:
		s.keyed, s.users = map[samplerKey]uint32{}, map[uint32]int{}
	case had:
		if s.users[old]--; s.users[old] == 0 {
			delete(s.users, old)
		}
	}
	s.keyed[k] = rate
	s.users[rate]++
	s.byIf = s.byIf || k.isInterface
	return !had, true
}

// rate serves records that name no sampler: the domain's rate, else the one that
// all its samplers share, else 0.
func (s *sampling) rate() uint32 {
	if s.whole == 0 && len(s.users) == 1 {
		for r := range s.users {
			return r
		}
	}
	return s.whole
}

// learnRate stores a rate of m's domain.
func (d *Decoder) learnRate(m *message, k samplerKey, keyed bool, rate uint32) {
	if rate == 0 {
		return
	}
	if !keyed {
		m.st.sampling.whole = rate
		return
	}
	added, ok := m.st.sampling.set(k, rate, m.ex.samplers < maxSamplers)
	if added {
		m.ex.samplers++
	}
	if !ok {
		d.broken(m, SamplerTableFull)
	}
}

// rate decides the sampling rate of records that all say the same: exported is
// what record or header names, 0 for nothing. Order: configured override,
// export, configured default, 1.
func (m *message) rate(exported uint32) (rate uint32, known bool) {
	rate = m.ex.override
	if rate == 0 {
		rate = exported
	}
	if rate == 0 {
		rate = m.ex.fallback
	}
	known = rate != 0
	rate = max(rate, 1)
	m.ex.stats.Sampling, m.ex.stats.SamplingKnown = rate, known
	return rate, known
}

func rateMark(known bool) flow.Mark {
	if known {
		return 0
	}
	return flow.NoRate
}

// domainRate is what options data say for records that name no sampler. Domain 0
// speaks for the whole exporter (RFC 7011, 3.1).
func (m *message) domainRate() uint32 {
	if r := m.st.sampling.rate(); r != 0 || m.domain == 0 {
		return r
	}
	if zero := m.ex.streams[streamKey{proto: m.proto}]; zero != nil {
		return zero.sampling.rate()
	}
	return 0
}

// samplerRate is what options data say for records of sampler k, else of the
// whole domain.
func (m *message) samplerRate(k samplerKey) uint32 {
	if r := m.st.sampling.keyed[k]; r != 0 {
		return r
	}
	if m.domain != 0 {
		if zero := m.ex.streams[streamKey{proto: m.proto}]; zero != nil {
			if r := zero.sampling.keyed[k]; r != 0 {
				return r
			}
		}
	}
	return 0
}

// rates fills Sampling for the records from at on; those with a rate of their
// own already hold it there.
func (d *Decoder) rates(m *message, p *plan, at int) {
	rates, marks := m.out.Sampling[at:], m.out.Mark[at:]
	byIf := m.st.sampling.byIf && !p.sampler
	if m.ex.override != 0 || !p.ownRate && !p.sampler && !byIf {
		rate, known := m.rate(m.domainRate())
		mark := rateMark(known)
		for i := range rates {
			rates[i] = rate
			marks[i] |= mark
		}
		return
	}
	whole := m.domainRate()
	var key samplerKey
	keyRate, cached := uint32(0), false
	for i, r := range rates {
		if r == 0 && (p.sampler || byIf) {
			k := samplerKey{isInterface: byIf}
			if byIf {
				k.id = uint64(m.out.InIf[at+i])
			} else {
				k.id = d.scratch.sampler[i]
			}
			if !cached || k != key {
				key, keyRate, cached = k, m.samplerRate(k), true
			}
			r = keyRate
		}
		if r == 0 {
			r = whole
		}
		var known bool
		rates[i], known = m.rate(r)
		marks[i] |= rateMark(known)
	}
}
