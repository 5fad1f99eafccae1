// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"math"
	"net/netip"
	"testing"

	"tidewatch/flow"
)

// Where a record's sampling rate comes from.
func TestSampling(t *testing.T) {
	data := func(extra ...[]byte) []byte { return setOf(256, flowBytes(17), join(extra...)) }
	tpl := func(fields ...int) []byte {
		return setOf(0, templateOf(256, append(append([]int{}, flowFields...), fields...)...))
	}
	whole := setOf(1, optionsTemplate9(300, []int{1, 4}, []int{34, 4}))
	sampler := setOf(1, optionsTemplate9(300, []int{1, 4}, []int{48, 1, 49, 1, 50, 4}))
	iface := setOf(1, optionsTemplate9(300, []int{2, 4}, []int{34, 4}))
	rule := func(prefix string, rate uint32, override bool) SamplingRule {
		return SamplingRule{Exporter: netip.MustParsePrefix(prefix), Rate: rate, Override: override}
	}
	probability := u64(math.Float64bits(0.001))
	for name, tc := range map[string]struct {
		rules []SamplingRule
		sets  [][]byte
		want  uint32
		known bool
	}{
		"none":                         {nil, [][]byte{tpl(), data()}, 1, false},
		"in the record, 34":            {nil, [][]byte{tpl(34, 4), data(u32(100))}, 100, true},
		"in the record, 50":            {nil, [][]byte{tpl(50, 4), data(u32(200))}, 200, true},
		"34 is zero, 50 is not":        {nil, [][]byte{tpl(34, 4, 50, 4), data(u32(0), u32(300))}, 300, true},
		"zero says nothing":            {nil, [][]byte{tpl(34, 4), data(u32(0))}, 1, false},
		"305 and 306":                  {nil, [][]byte{tpl(305, 4, 306, 4), data(u32(2), u32(198))}, 100, true},
		"306 before 305":               {nil, [][]byte{tpl(306, 4, 305, 4), data(u32(99), u32(1))}, 100, true},
		"305 and 306, all packets":     {nil, [][]byte{tpl(305, 4, 306, 4), data(u32(1), u32(0))}, 1, true},
		"305 alone":                    {nil, [][]byte{tpl(305, 4), data(u32(64))}, 64, true},
		"306 alone":                    {nil, [][]byte{tpl(306, 4), data(u32(64))}, 1, false},
		"309 alone":                    {nil, [][]byte{tpl(309, 4), data(u32(64))}, 1, false},
		"309 and 310":                  {nil, [][]byte{tpl(309, 4, 310, 4), data(u32(2), u32(1000))}, 500, true},
		"311":                          {nil, [][]byte{tpl(311, 8), data(probability)}, 1000, true},
		"34 before 305 and 306":        {nil, [][]byte{tpl(305, 4, 306, 4, 34, 4), data(u32(1), u32(9), u32(77))}, 77, true},
		"options of the domain":        {nil, [][]byte{whole, setOf(300, u32(0), u32(512)), tpl(), data()}, 512, true},
		"options, the last one counts": {nil, [][]byte{whole, setOf(300, u32(0), u32(512)), setOf(300, u32(0), u32(64)), tpl(), data()}, 64, true},
		"options do not override":      {nil, [][]byte{whole, setOf(300, u32(0), u32(512)), tpl(34, 4), data(u32(9))}, 9, true},
		"options stand in for zero":    {nil, [][]byte{whole, setOf(300, u32(0), u32(512)), tpl(34, 4), data(u32(0))}, 512, true},
		"sampler by number": {
			nil,
			[][]byte{sampler, setOf(300, u32(0), []byte{1, 2}, u32(100), u32(0), []byte{2, 2}, u32(200)), tpl(48, 1), data([]byte{2})},
			200, true,
		},
		"selectorId is the same number": {
			nil,
			[][]byte{sampler, setOf(300, u32(0), []byte{1, 2}, u32(100), u32(0), []byte{2, 2}, u32(200)), tpl(302, 8), data(u64(1))},
			100, true,
		},
		"unknown sampler, all agree": {nil, [][]byte{sampler, setOf(300, u32(0), []byte{1, 2}, u32(100)), tpl(48, 1), data([]byte{9})}, 100, true},
		"unknown sampler, they differ": {
			nil,
			[][]byte{sampler, setOf(300, u32(0), []byte{1, 2}, u32(100), u32(0), []byte{2, 2}, u32(200)), tpl(48, 1), data([]byte{9})},
			1, false,
		},
		"no sampler named, all agree": {nil, [][]byte{sampler, setOf(300, u32(0), []byte{1, 2}, u32(100)), tpl(), data()}, 100, true},
		"by interface": {
			nil,
			[][]byte{iface, setOf(300, u32(3), u32(100), u32(4), u32(200)), tpl(10, 4), data(u32(4))},
			200, true,
		},
		"override":                   {[]SamplingRule{rule("192.0.2.0/24", 7, true)}, [][]byte{tpl(34, 4), data(u32(100))}, 7, true},
		"default":                    {[]SamplingRule{rule("192.0.2.0/24", 7, false)}, [][]byte{tpl(), data()}, 7, true},
		"default gives way":          {[]SamplingRule{rule("192.0.2.0/24", 7, false)}, [][]byte{tpl(34, 4), data(u32(100))}, 100, true},
		"rule of another exporter":   {[]SamplingRule{rule("198.51.100.0/24", 7, true)}, [][]byte{tpl(), data()}, 1, false},
		"the longest prefix decides": {[]SamplingRule{rule("0.0.0.0/0", 5, true), rule("192.0.2.1/32", 6, true), rule("192.0.2.0/24", 7, true)}, [][]byte{tpl(), data()}, 6, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDecoder(t, func(c *Config) { c.Sampling = tc.rules })
			got := decodeOne(t, d, message9(0, 1, tc.sets...))
			if len(got) != 1 || got[0].Sampling != tc.want || (got[0].Mark&flow.NoRate == 0) != tc.known {
				t.Errorf("got %+v, want 1:%d, known %v", got, tc.want, tc.known)
			}
			if s := only(t, d); s.Sampling != tc.want || s.SamplingKnown != tc.known {
				t.Errorf("shown: 1:%d, known %v", s.Sampling, s.SamplingKnown)
			}
		})
	}
}

// Options data of domain 0 speak for the whole exporter, others for their own.
func TestSamplingDomains(t *testing.T) {
	options := func(domain, rate int) []byte {
		return message9(0, domain, setOf(1, optionsTemplate9(300, []int{1, 4}, []int{34, 4})), setOf(300, u32(0), u32(rate)))
	}
	data := message9(0, 5, setOf(0, templateOf(256, flowFields...)), setOf(256, flowBytes(6)))
	for name, tc := range map[string]struct {
		options []byte
		want    uint32
	}{"its own": {options(5, 10), 10}, "domain 0": {options(0, 20), 20}, "another's": {options(6, 30), 1}} {
		if got := decodeOne(t, newDecoder(t, nil), tc.options, data); got[0].Sampling != tc.want {
			t.Errorf("%s: 1:%d, want 1:%d", name, got[0].Sampling, tc.want)
		}
	}
}

// IPFIX options: a selector's packet interval and space, as pmacct and others say it.
func TestSamplingIPFIX(t *testing.T) {
	spec := join(u16(300), u16(4), u16(1), fieldSpec(302, 8, 0), fieldSpec(304, 2, 0), fieldSpec(306, 4, 0), fieldSpec(305, 4, 0))
	got := decodeOne(t, newDecoder(t, nil),
		messageIPFIX(0, 1, setOf(3, spec), setOf(300, u64(4), u16(1), u32(1999), u32(1), u64(5), u16(1), u32(99), u32(1))),
		messageIPFIX(0, 1, setOf(2, templateOf(256, append(append([]int{}, flowFields...), 302, 4)...)), setOf(256, flowBytes(6), u32(4), flowBytes(6), u32(5))))
	if len(got) != 2 || got[0].Sampling != 2000 || got[1].Sampling != 100 {
		t.Errorf("got %+v", got)
	}
}

// The table of samplers is bounded over all domains of an exporter.
func TestSamplerBound(t *testing.T) {
	d, b := newDecoder(t, nil), flow.NewBatch(1)
	opt := setOf(1, optionsTemplate9(300, []int{1, 4}, []int{48, 4, 50, 4}))
	n := 0
	for domain := range 10 {
		feed(d, b, message9(0, domain, opt, setOf(300, repeat(1000, func(int) []byte { n++; return join(u32(0), u32(n), u32(10)) }))))
	}
	s := only(t, d)
	if want := uint64(10*1000 - maxSamplers); s.Broken[SamplerTableFull] != want {
		t.Errorf("%d refused, want %d", s.Broken[SamplerTableFull], want)
	}
}
