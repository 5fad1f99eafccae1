// SPDX-License-Identifier: Apache-2.0

package decode

// v9ScopeInterface is the NetFlow v9 scope type of an interface (RFC 3954, 6.1).
const v9ScopeInterface = 2

// optionElement places a field of an options record; i is its position. NetFlow
// v9 scopes are numbered apart from the elements.
func optionElement(f field, i, scope int, proto Protocol) element {
	if f.pen != 0 {
		return element{}
	}
	if i < scope && proto == NetFlow9 {
		if f.id == v9ScopeInterface {
			return element{col: colInIf}
		}
		return element{}
	}
	switch e := ianaElement(f.id); e.col {
	case colRate, colInterval, colSpace, colSize, colPopulation, colProbability, colSampler, colBoot:
		return e
	case colInIf, colOutIf:
		if i < scope {
			return element{col: colInIf}
		}
	default:
	}
	return element{}
}

// tells reports whether options records of these fields say anything we use.
func tells(fields []field, scope int, proto Protocol) bool {
	for i, f := range fields {
		switch optionElement(f, i, scope, proto).col {
		case noColumn, colInIf, colSampler:
		default:
			return true
		}
	}
	return false
}

// optionsSet reads the records of an options data set.
func (d *Decoder) optionsSet(m *message, t *template, body []byte) {
	if !t.telling && !t.variable {
		n := len(body) / t.size
		d.countOptions(m, n)
		return
	}
	spans := d.spans(len(t.fields))
	for len(body) >= t.size {
		size, ok := measure(t.fields, body, spans)
		if !ok {
			if !isPadding(body) {
				d.broken(m, BadField)
				m.blind = true
			}
			return
		}
		d.countOptions(m, 1)
		if t.telling {
			d.learn(m, t, body, spans)
		}
		body = body[size:]
	}
}

func (d *Decoder) countOptions(m *message, n int) {
	m.data += uint32(n)
	m.res.Options += n
	m.ex.stats.Options += uint64(n)
}

// learn takes sampling rates and the exporter's start from one options record.
// A pair's first element may stand after its second, so the pairs are taken in
// a second step.
func (d *Decoder) learn(m *message, t *template, rec []byte, spans []span) {
	var key samplerKey
	var rate uint32
	var pair [colProbability + 1]uint64
	var present [colProbability + 1]bool
	keyed := false
	proto := t.key.proto()
	for i, f := range t.fields {
		e, s := optionElement(f, i, t.scope, proto), spans[i]
		if e.col == noColumn || s.width == 0 || s.width > 8 {
			continue
		}
		v := load(rec[s.off:], s.width)
		switch e.col {
		case colSampler:
			key, keyed = samplerKey{id: v}, true
		case colInIf:
			if !keyed {
				key, keyed = samplerKey{isInterface: true, id: v}, true
			}
		case colRate:
			if rate == 0 {
				rate = clampRate(v)
			}
		case colBoot:
			if boot := int64(v) * millisecond; v < uint64(maxUnixMillis) && boot <= m.export {
				m.setBoot(boot)
			}
		default:
			if e.col != colProbability || s.width == 8 {
				pair[e.col], present[e.col] = v, true
			}
		}
	}
	var num uint64
	for c := colInterval; c <= colProbability && rate == 0; c++ {
		switch {
		case !present[c]:
		case c == colInterval && present[colSpace]:
			num = pair[c] // not yet the rate
		default:
			rate = pairedRate(c, &num, pair[c])
		}
	}
	d.learnRate(m, key, keyed, rate)
}

// maxUnixMillis is the last Unix millisecond that fits ns in 63 bits.
const maxUnixMillis = (1<<63 - 1) / millisecond

// setBoot notes when the exporter started.
func (m *message) setBoot(boot int64) {
	m.st.boot = boot
	if m.proto == IPFIX {
		m.upMillis, m.hasUp = uint32((m.export-boot)/millisecond), boot != 0
	}
}
