// SPDX-License-Identifier: Apache-2.0

package query

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"

	"tidewatch/flow"
)

// Verdict is what the least and the largest value of a column tell of its rows.
type Verdict uint8

// The verdicts.
const (
	Some Verdict = iota // each row must be looked at
	None
	All
)

func (v Verdict) not() Verdict { return [3]Verdict{Some, All, None}[v] }

// Test is one comparison of one column, ready to be asked many times: sorted spans
// that do not touch, or a set of TCP flags.
type Test struct {
	Column  Column
	spans   []span[uint64]
	addrs   []span[flow.Addr]
	flags   func(have uint8) bool // of comparisons of flags
	isFlags bool
}

// span is low to high, both included.
type span[T any] struct{ low, high T }

// Value reports whether a number passes.
func (t *Test) Value(v uint64) bool {
	if t.isFlags {
		return t.flags(uint8(v))
	}
	if len(t.spans) == 1 {
		return v >= t.spans[0].low && v <= t.spans[0].high
	}
	i, exact := slices.BinarySearchFunc(t.spans, v, func(s span[uint64], v uint64) int { return cmp.Compare(s.low, v) })
	return exact || i > 0 && v <= t.spans[i-1].high
}

// Addr reports whether an address passes.
func (t *Test) Addr(a *flow.Addr) bool {
	i, exact := slices.BinarySearchFunc(t.addrs, a, func(s span[flow.Addr], a *flow.Addr) int { return bytes.Compare(s.low[:], a[:]) })
	return exact || i > 0 && bytes.Compare(a[:], t.addrs[i-1].high[:]) <= 0
}

// Between tells of values that all lie between low and high.
func (t *Test) Between(low, high uint64) Verdict {
	if t.isFlags {
		return Some
	}
	for _, s := range t.spans {
		switch {
		case s.low <= low && high <= s.high:
			return All
		case s.low <= high && low <= s.high:
			return Some
		}
	}
	return None
}

// BetweenAddr tells of addresses that all lie between low and high.
func (t *Test) BetweenAddr(low, high *flow.Addr) Verdict {
	for i := range t.addrs {
		s := &t.addrs[i]
		switch {
		case bytes.Compare(s.low[:], low[:]) <= 0 && bytes.Compare(high[:], s.high[:]) <= 0:
			return All
		case bytes.Compare(s.low[:], high[:]) <= 0 && bytes.Compare(low[:], s.high[:]) <= 0:
			return Some
		}
	}
	return None
}

// newTest compiles what the comparison of n is without its "not".
func newTest(n *node, c Column) Test {
	t := Test{Column: c}
	switch n.field.kind {
	case kindAddr:
		for i := range n.values {
			t.addrs = append(t.addrs, addrSpans(&n.values[i])...)
		}
		t.addrs = merged(t.addrs, func(a, b flow.Addr) int { return bytes.Compare(a[:], b[:]) })
	case kindFlags:
		t.isFlags, t.flags = true, flagTest(n)
	case kindNumber, kindVolume, kindDuration, kindProto, kindDirection:
		for i := range n.values {
			if s, some := numberSpan(n.compare, &n.values[i]); some {
				t.spans = append(t.spans, s)
			}
		}
		t.spans = merged(t.spans, cmp.Compare[uint64])
	}
	return t
}

func numberSpan(compare string, v *value) (s span[uint64], some bool) {
	const top = 1<<64 - 1
	switch compare {
	case "<":
		return span[uint64]{0, v.low - 1}, v.low > 0
	case "<=":
		return span[uint64]{0, v.low}, true
	case ">":
		return span[uint64]{v.low + 1, top}, true // values stop at 1<<62
	case ">=":
		return span[uint64]{v.low, top}, true
	}
	return span[uint64]{v.low, v.high}, true
}

// addrSpans are the addresses of a value. A large network of IPv6 leaves out the
// block in which IPv4 addresses are kept.
func addrSpans(v *value) []span[flow.Addr] {
	low := flow.AddrFrom(v.prefix.Addr())
	if v.until.IsValid() {
		return without4(v.until.Is4(), span[flow.Addr]{low, flow.AddrFrom(v.until)})
	}
	bits, high := v.prefix.Bits(), low
	if v.prefix.Addr().Is4() {
		bits += 96
	}
	for i := bits; i < 128; i++ {
		high[i/8] |= 0x80 >> (i % 8)
	}
	return without4(v.prefix.Addr().Is4(), span[flow.Addr]{low, high})
}

func without4(is4 bool, s span[flow.Addr]) []span[flow.Addr] {
	first := flow.AddrFrom4([4]byte{})
	last := flow.AddrFrom4([4]byte{255, 255, 255, 255})
	if is4 || bytes.Compare(s.high[:], first[:]) < 0 || bytes.Compare(s.low[:], last[:]) > 0 {
		return []span[flow.Addr]{s}
	}
	var out []span[flow.Addr]
	if bytes.Compare(s.low[:], first[:]) < 0 {
		out = append(out, span[flow.Addr]{s.low, flow.Addr(netip.AddrFrom16(first).Prev().As16())})
	}
	if bytes.Compare(last[:], s.high[:]) < 0 {
		out = append(out, span[flow.Addr]{flow.Addr(netip.AddrFrom16(last).Next().As16()), s.high})
	}
	return out
}

// merged sorts spans and joins those that overlap.
func merged[T any](spans []span[T], compare func(a, b T) int) []span[T] {
	slices.SortFunc(spans, func(a, b span[T]) int { return compare(a.low, b.low) })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && compare(s.low, out[n-1].high) <= 0 {
			if compare(s.high, out[n-1].high) > 0 {
				out[n-1].high = s.high
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// flagTest compares sets: <= is "none but these", >= is "at least these".
func flagTest(n *node) func(uint8) bool {
	var sets [256]bool
	for i := range n.values {
		want := uint8(n.values[i].low)
		for have := range sets {
			have8 := uint8(have)
			within, holds := have8&^want == 0, want&^have8 == 0
			switch n.compare {
			case "<":
				sets[have] = within && !holds
			case "<=":
				sets[have] = within
			case ">":
				sets[have] = holds && !within
			case ">=":
				sets[have] = holds
			default:
				sets[have] = sets[have] || have8 == want
			}
		}
	}
	return func(have uint8) bool { return sets[have] }
}
