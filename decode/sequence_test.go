// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"testing"

	"tidewatch/flow"
)

func TestSequence(t *testing.T) {
	type step struct{ seq, n uint32 }
	for name, tc := range map[string]struct {
		steps                   []step
		lost                    int64
		gaps, reordered, resets uint64
	}{
		"in order":             {[]step{{7, 2}, {9, 3}, {12, 1}}, 0, 0, 0, 0},
		"a gap":                {[]step{{7, 2}, {14, 3}, {17, 1}}, 5, 1, 0, 0},
		"late, then filled":    {[]step{{0, 2}, {4, 2}, {2, 2}, {6, 2}}, 0, 1, 1, 0},
		"over the wrap":        {[]step{{1<<32 - 2, 4}, {2, 1}}, 0, 0, 0, 0},
		"a gap over the wrap":  {[]step{{1<<32 - 2, 1}, {2, 1}}, 3, 1, 0, 0},
		"restart at zero":      {[]step{{500_000, 2}, {0, 2}, {2, 2}}, 0, 0, 0, 1},
		"restart at something": {[]step{{5_000_000, 2}, {70_000, 2}, {70_002, 2}}, 0, 0, 0, 1},
		"a jump too far":       {[]step{{0, 2}, {50_000_000, 2}}, 0, 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var s sequence
			var st sequenceStats
			var lost int64
			for _, p := range tc.steps {
				lost += s.step(p.seq, p.n, &st)
			}
			if lost != tc.lost || st.Gaps != tc.gaps || st.Reordered != tc.reordered || st.Resets != tc.resets {
				t.Errorf("lost %d, %+v; want %d, %d, %d, %d", lost, st, tc.lost, tc.gaps, tc.reordered, tc.resets)
			}
		})
	}
}

// What counts as one differs by protocol.
func TestSequenceUnits(t *testing.T) {
	tpl9 := setOf(0, templateOf(256, pairFields...))
	tplX := setOf(2, templateOf(256, pairFields...))
	for name, tc := range map[string]struct {
		payloads           [][]byte
		records, datagrams uint64
	}{
		"v5 counts records":      {[][]byte{message5(100, 0, 10), message5(115, 0, 10)}, 5, 0},
		"v9 counts datagrams":    {[][]byte{message9(100, 1, tpl9, setOf(256, pairs(9))), message9(103, 1, setOf(256, pairs(9)))}, 0, 2},
		"IPFIX counts records":   {[][]byte{messageIPFIX(100, 1, tplX, setOf(256, pairs(9))), messageIPFIX(110, 1, setOf(256, pairs(4)))}, 1, 0},
		"IPFIX, last record":     {[][]byte{messageIPFIX(9, 1, tplX, setOf(256, pairs(9))), messageIPFIX(13, 1, setOf(256, pairs(4))), messageIPFIX(14, 1, setOf(256, pairs(1)))}, 0, 0},
		"IPFIX, unknown length":  {[][]byte{messageIPFIX(0, 1, setOf(300, pairs(9))), messageIPFIX(777, 1, tplX, setOf(256, pairs(4))), messageIPFIX(782, 1)}, 1, 0},
		"sFlow counts datagrams": {[][]byte{messageSFlow(5), messageSFlow(9)}, 0, 3},
		"domains count alone":    {[][]byte{message9(100, 1), message9(500, 2), message9(101, 1), message9(501, 2)}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, b := newDecoder(t, nil), flow.NewBatch(64)
			feed(d, b, tc.payloads...)
			if s := only(t, d); s.LostRecords != tc.records || s.LostDatagrams != tc.datagrams {
				t.Errorf("lost %d records, %d datagrams, want %d, %d", s.LostRecords, s.LostDatagrams, tc.records, tc.datagrams)
			}
		})
	}
}
