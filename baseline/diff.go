// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"cmp"
	"math"
	"slices"

	"tidewatch/flow"
)

// Change is how what is normal for a device differs between two baselines.
type Change struct {
	Address string  `json:"address"`
	Kind    string  `json:"kind"`              // changed, added, removed
	Measure string  `json:"measure,omitempty"` // the one that changed most
	Before  float64 `json:"before"`            // sum over the hours of a day of the usual busiest five minutes
	After   float64 `json:"after"`
	Factor  float64 `json:"factor"` // after over before, 0 when one of them is nothing
	Hour    int     `json:"hour"`   // of the day, in which it changed most
}

// Diff lists what changed from one baseline to another, largest first: devices
// that came and went, and those whose usual day changed by at least a tenth.
func Diff(before, after *Store) (out []Change) {
	for _, a := range before.Addresses() {
		if after.devices[a] == nil {
			out = append(out, Change{Address: Label(a), Kind: "removed", Before: before.usual(a, BytesIn).sum()})
		}
	}
	for _, a := range after.Addresses() {
		if before.devices[a] == nil {
			out = append(out, Change{Address: Label(a), Kind: "added", After: after.usual(a, BytesIn).sum()})
			continue
		}
		if c, ok := compare(before, after, a); ok {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(x, y Change) int { return cmp.Compare(y.size(), x.size()) })
	return out
}

// size orders changes: by how many times more or less, in log values.
func (c *Change) size() float64 {
	return math.Abs(math.Log1p(c.After/1e6) - math.Log1p(c.Before/1e6))
}

func compare(before, after *Store, a flow.Addr) (worst Change, ok bool) {
	for k := range HourBytesIn {
		x, y := before.usual(a, k), after.usual(a, k)
		c := Change{Address: Label(a), Kind: "changed", Measure: k.String(), Before: x.sum(), After: y.sum()}
		if c.Before > 0 && c.After > 0 {
			c.Factor = c.After / c.Before
		}
		most := 0.0
		for h := range x {
			if d := math.Abs(k.log(y[h]) - k.log(x[h])); d > most {
				most, c.Hour = d, h
			}
		}
		if math.Abs(k.log(c.After)-k.log(c.Before)) > math.Log(1.1) && c.size() > worst.size() {
			worst, ok = c, true
		}
	}
	return worst, ok
}

// day is a usual day: the median of each of its hours.
type day [hoursOfDay]float64

func (d *day) sum() (total float64) {
	for _, v := range d {
		total += v
	}
	return total
}

// usual is a device's usual day as it was learned.
func (s *Store) usual(a flow.Addr, k Measure) *day {
	var d day
	p := s.devices[a]
	s.scratch.view.fill(s, p, p.last+1)
	m := &s.scratch.model
	m.fit(&s.scratch.view, k)
	for h, raw := range m.raw {
		d[h] = k.value(float64(raw))
	}
	return &d
}
