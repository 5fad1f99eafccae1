// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"testing"
	"time"

	"tidewatch/flow"
)

// ntpBytes writes a time in the NTP format of IPFIX.
func ntpBytes(ns int64) []byte {
	s, frac := uint64(ns/second)+ntpEpoch, uint64(ns%second)<<32/uint64(second)
	return u64(s<<32 | frac)
}

// Every way to say when a flow began and ended. Times are in ms after t0.
func TestTimes(t *testing.T) {
	const none = flow.NoTime | flow.Clamped
	ms := func(v int) []byte { return u64(uint64(t0*1000 + v)) }
	at := func(v int) int64 { return t0*second + int64(v)*millisecond }
	before := func(v int) []byte { return u32(up + v) }
	for name, tc := range map[string]struct {
		v9         bool
		fields     []int
		data       []byte
		start, end int
		mark       flow.Mark
	}{
		"none":                       {true, nil, nil, 0, 0, flow.NoTime},
		"sysUptime":                  {true, []int{22, 4, 21, 4}, join(before(-3000), before(-1500)), -3000, -1500, 0},
		"sysUptime after its wrap":   {true, []int{22, 4, 21, 4}, join(u32(-5000), u32(1000)), -5000 - up, 1000 - up, 0},
		"sysUptime after the header": {true, []int{22, 4, 21, 4}, join(before(-3000), before(900)), -3000, 900, 0},
		"seconds":                    {false, []int{150, 4, 151, 4}, join(u32(t0-5), u32(t0-2)), -5000, -2000, 0},
		"seconds in eight bytes":     {false, []int{150, 8, 151, 8}, join(u64(t0-5), u64(t0-2)), -5000, -2000, 0},
		"milliseconds":               {false, []int{152, 8, 153, 8}, join(ms(-2500), ms(-250)), -2500, -250, 0},
		"microseconds":               {false, []int{154, 8, 155, 8}, join(ntpBytes(at(-2500)), ntpBytes(at(-250))), -2500, -250, 0},
		"plain microseconds":         {false, []int{154, 8, 155, 8}, join(u64(uint64(at(-2500)/1000)), u64(uint64(at(-250)/1000))), -2500, -250, 0},
		"nanoseconds":                {false, []int{156, 8, 157, 8}, join(ntpBytes(at(-2500)), ntpBytes(at(-250))), -2500, -250, 0},
		"plain nanoseconds":          {false, []int{156, 8, 157, 8}, join(u64(uint64(at(-2500))), u64(uint64(at(-250)))), -2500, -250, 0},
		"delta microseconds":         {false, []int{158, 4, 159, 4}, join(u32(2_500_000), u32(250_000)), -2500, -250, 0},
		"finer before coarser":       {false, []int{150, 4, 151, 4, 152, 8, 153, 8}, join(u32(t0-5), u32(t0-2), ms(-2500), ms(-250)), -2500, -250, 0},
		"coarser where finer is 0":   {false, []int{150, 4, 151, 4, 152, 8, 153, 8}, join(u32(t0-5), u32(t0-2), u64(0), u64(0)), -5000, -2000, 0},
		"start and duration":         {false, []int{152, 8, 161, 4}, join(ms(-2500), u32(1000)), -2500, -1500, 0},
		"end and duration":           {false, []int{153, 8, 161, 4}, join(ms(-250), u32(1000)), -1250, -250, 0},
		"duration in microseconds":   {false, []int{153, 8, 162, 4}, join(ms(-250), u32(1_000_000)), -1250, -250, 0},
		"duration alone":             {false, []int{161, 4}, u32(1000), -1000, 0, flow.NoTime},
		"start alone":                {false, []int{152, 8}, ms(-2500), -2500, 0, 0},
		"start alone, in the second": {false, []int{152, 8}, ms(300), 300, 300, 0},
		"end alone":                  {false, []int{153, 8}, ms(-250), -250, -250, 0},
		"an event's time":            {false, []int{152, 8, 323, 8}, join(ms(-2500), ms(-250)), -2500, -250, 0},
		"boot in the record":         {false, []int{160, 8, 22, 4, 21, 4}, join(ms(-10_000), u32(7500), u32(9000)), -2500, -1000, 0},
		"IPFIX uptimes without boot": {false, []int{22, 4, 21, 4}, join(u32(7500), u32(9000)), -1500, 0, flow.NoTime},
		"the same over the wrap":     {false, []int{21, 4, 22, 4}, join(u32(500), u32(-500)), -1000, 0, flow.NoTime},
		"zero":                       {false, []int{152, 8, 153, 8}, u128(0), 0, 0, flow.NoTime},
		"start after end":            {false, []int{152, 8, 153, 8}, join(ms(-250), ms(-2500)), -2500, -2500, flow.Clamped},
		"end in the future":          {false, []int{152, 8, 153, 8}, join(ms(-250), ms(5000)), -250, 0, flow.Clamped},
		"all in the future":          {false, []int{152, 8, 153, 8}, join(ms(1<<40), ms(1<<41)), 0, 0, flow.Clamped},
		"1970":                       {false, []int{150, 4, 151, 4}, join(u32(7), u32(9)), 0, 0, none},
		"a month long":               {false, []int{150, 4, 151, 4}, join(u32(t0-30*86_400), u32(t0-1)), -86_401_000, -1000, flow.Clamped},
		"largest values":             {false, []int{156, 8, 157, 8}, join(u64(1<<64-1), u64(1<<64-1)), 0, 0, flow.Clamped},
		"largest milliseconds":       {false, []int{152, 8, 153, 8}, join(u64(1<<64-1), u64(1<<64-1)), 0, 0, flow.Clamped},
		"largest delta":              {false, []int{158, 8, 159, 8}, join(u64(1<<64-1), u64(1<<64-1)), 0, 0, none},
	} {
		t.Run(name, func(t *testing.T) {
			message, set := messageIPFIX, 2
			if tc.v9 {
				message, set = message9, 0
			}
			d := newDecoder(t, nil)
			got := decodeOne(t, d, message(0, 1,
				setOf(set, templateOf(256, append(append([]int{}, flowFields...), tc.fields...)...)), setOf(256, flowBytes(17), tc.data)))
			if len(got) != 1 {
				t.Fatalf("%d records", len(got))
			}
			r := &got[0]
			s, e := r.Start-at(tc.start), r.End-at(tc.end)
			if s < -1 || s > 1 || e < -1 || e > 1 || r.Mark&none != tc.mark {
				t.Errorf("%v to %v after export, marks %#x; want %d and %d ms, %#x",
					time.Duration(r.Start-t0*second), time.Duration(r.End-t0*second), r.Mark&none, tc.start, tc.end, tc.mark)
			}
		})
	}
}

func u128(v uint64) []byte { return join(u64(0), u64(v)) }

// IPFIX uptimes count from the start that options data name, over the wrap, too.
func TestBootFromOptions(t *testing.T) {
	const wrap = 1 << 32
	boot := uint64(t0*1000 - wrap - 10_000) // 49.7 days and 10 s ago
	spec := join(u16(300), u16(2), u16(1), fieldSpec(149, 4, 0), fieldSpec(160, 8, 0))
	got := decodeOne(t, newDecoder(t, nil),
		messageIPFIX(0, 1, setOf(3, spec), setOf(300, u32(1), u64(boot))),
		messageIPFIX(0, 1, setOf(2, templateOf(256, append(append([]int{}, flowFields...), 22, 4, 21, 4)...)),
			setOf(256, flowBytes(17), u32(-5000), u32(8000))))
	if len(got) != 1 || got[0].Start != t0*second-15*second || got[0].End != t0*second-2*second || got[0].Mark&flow.NoTime != 0 {
		t.Errorf("got %+v", got)
	}
}
