// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"testing"
	"time"

	"tidewatch/flow"
)

// Data that came before its template is decoded when that comes, as of the time
// at which it came.
func TestPending(t *testing.T) {
	d, b := newDecoder(t, func(c *Config) { c.Clock = ClockArrival }), flow.NewBatch(8)
	got := feed(d, b,
		message9(0, 1, setOf(256, pairs(2))),
		message9(1, 1, setOf(257, pairs(1))),
		message9(2, 1, setOf(256, pairs(1)), setOf(0, templateOf(256, pairFields...)), setOf(256, pairs(3))))
	if got[0].Held != 1 || got[1].Held != 1 || got[2].Held != 1 || got[2].Records != 6 {
		t.Fatalf("got %+v", got)
	}
	for i, want := range []int64{0, 0, 2, 2, 2, 2} {
		if at := b.Received[i]/second - t0; at != want {
			t.Errorf("record %d was received at %d s, want %d", i, at, want)
		}
	}
	if s := only(t, d); s.PendingSets != 1 || s.MissingTemplate != 3 || s.PendingDropped != 0 {
		t.Errorf("%d pending, %d without template, %d dropped", s.PendingSets, s.MissingTemplate, s.PendingDropped)
	}
}

// The oldest sets make room, tiny ones count for more than their bytes, and all
// losses are counted.
func TestPendingBound(t *testing.T) {
	for name, tc := range map[string]struct {
		records, sets, want int
	}{
		"large sets": {records: 10, sets: 20, want: 8},
		"tiny sets":  {records: 1, sets: 1000, want: 16},
	} {
		t.Run(name, func(t *testing.T) {
			limit := 8 * (10*12 + pendingCost)
			d, b := newDecoder(t, func(c *Config) { c.PendingBytes = limit }), flow.NewBatch(8)
			for i := range tc.sets {
				feed(d, b, message9(i, 1, setOf(256, pairs(tc.records))))
				if s := only(t, d); s.PendingBytes > limit {
					t.Fatalf("%d bytes held, %d allowed", s.PendingBytes, limit)
				}
			}
			s := only(t, d)
			if s.PendingSets != tc.want || int(s.PendingDropped) != tc.sets-tc.want {
				t.Errorf("%d sets held, %d dropped, want %d of %d held", s.PendingSets, s.PendingDropped, tc.want, tc.sets)
			}
			if got := feed(d, b, message9(0, 1, setOf(0, templateOf(256, pairFields...)))); got[0].Records != tc.want*tc.records {
				t.Errorf("%d records came out, want %d", got[0].Records, tc.want*tc.records)
			}
			if s := only(t, d); s.PendingSets != 0 || s.PendingBytes != 0 {
				t.Errorf("%d sets, %d bytes left", s.PendingSets, s.PendingBytes)
			}
		})
	}
}

func TestPendingAges(t *testing.T) {
	d, b := newDecoder(t, func(c *Config) { c.TemplateTTL = time.Minute }), flow.NewBatch(8)
	d.Decode(message9(0, 1, setOf(256, pairs(2))), exporterA, t0*second, b)
	got := d.Decode(message9(1, 1, setOf(0, templateOf(256, pairFields...))), exporterA, (t0+61)*second, b)
	if s := only(t, d); got.Records != 0 || s.PendingDropped != 1 || s.PendingSets != 0 {
		t.Errorf("%+v, %d dropped, %d held", got, s.PendingDropped, s.PendingSets)
	}
}

// Options data may come before its template, too.
func TestPendingOptions(t *testing.T) {
	d := newDecoder(t, nil)
	got := decodeOne(t, d,
		message9(0, 1, setOf(300, u32(0), u32(500))),
		message9(1, 1, setOf(1, optionsTemplate9(300, []int{1, 4}, []int{34, 4}))),
		message9(2, 1, setOf(0, templateOf(256, pairFields...)), setOf(256, pairs(1))))
	if len(got) != 1 || got[0].Sampling != 500 {
		t.Errorf("got %+v", got)
	}
}
