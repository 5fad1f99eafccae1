// SPDX-License-Identifier: Apache-2.0

package exclude

import (
	"net/netip"
	"slices"
	"time"

	"tidewatch/detect"
)

// Indicator is the name of the indicator that names the exclusion.
const Indicator = "exclusion"

// Book holds exclusions and counts what they did. It belongs to one goroutine.
type Book struct {
	rules   []rule
	by      map[netip.Prefix][]int32 // rules by device, those without by destination
	rest    []int32                  // rules with neither
	lengths [2][]int                 // lengths of the networks in by, IPv4 and IPv6
	applied map[string]uint64
	work    struct {
		found  []int32
		places []place
		rules  []*rule
		by     []float64
	}
}

// NewBook returns an empty book.
func NewBook() *Book {
	b := &Book{applied: map[string]uint64{}}
	for _, kind := range detect.Kinds() {
		b.applied[kind] = 0
	}
	return b
}

// Take makes the book judge by these exclusions from now on, in place of those that it
// had. On an error nothing has changed.
func (b *Book) Take(all []Entry) error {
	rules := make([]rule, 0, len(all))
	for i := range all {
		r, err := parse(&all[i])
		if err != nil {
			return err
		}
		rules = append(rules, r)
	}
	b.rules, b.by, b.rest, b.lengths = rules, map[netip.Prefix][]int32{}, nil, [2][]int{}
	for i := range rules {
		key := rules[i].device
		if !key.IsValid() {
			key = rules[i].destination
		}
		if !key.IsValid() {
			b.rest = append(b.rest, int32(i))
			continue
		}
		b.by[key] = append(b.by[key], int32(i))
		lengths := &b.lengths[family(key)]
		if !slices.Contains(*lengths, key.Bits()) {
			*lengths = append(*lengths, key.Bits())
		}
	}
	return nil
}

func family(p netip.Prefix) int {
	if p.Addr().Is4() {
		return 0
	}
	return 1
}

// Len is the number of exclusions, those that are over included.
func (b *Book) Len() int { return len(b.rules) }

// Applied counts the findings that were kept low, by kind.
func (b *Book) Applied() map[string]uint64 { return b.applied }

// Apply keeps a finding low if exclusions cover it at a moment of flow time, and tells
// which. It reports whether they do.
func (b *Book) Apply(at time.Time, f *detect.Finding) bool {
	if len(b.rules) == 0 {
		return false
	}
	w := &b.work
	w.places = places(f, w.places[:0])
	w.found = append(w.found[:0], b.rest...)
	b.near(f.Subject)
	for i := range w.places {
		b.near(w.places[i].net)
	}
	slices.Sort(w.found)
	w.found = slices.Compact(w.found)
	by, share := b.covering(at, f)
	if by == nil {
		return false
	}
	e := by.entry
	f.List(detect.Indicator{Name: Indicator, Observed: share, Expected: 1 - outside, Unit: "share", Detail: e.ID + ": " + e.Reason})
	b.applied[f.Kind]++
	return true
}

// near finds the rules about the networks that hold another.
func (b *Book) near(p netip.Prefix) {
	if !p.IsValid() {
		return
	}
	for _, bits := range b.lengths[family(p)] {
		if bits > p.Bits() {
			continue
		}
		if key, err := p.Addr().Prefix(bits); err == nil {
			b.work.found = append(b.work.found, b.by[key]...)
		}
	}
}

// covering finds the rule that covers a finding, or covers most of it among those that
// do together, and how much of it is covered.
func (b *Book) covering(at time.Time, f *detect.Finding) (by *rule, share float64) {
	w := &b.work
	w.rules = w.rules[:0]
	ports := 0.0
	for _, i := range w.found {
		r := &b.rules[i]
		if !r.applies(f, at) {
			continue
		}
		miss := r.elsewhere(f)
		switch {
		case !little(f, miss):
		case !r.destination.IsValid():
			return r, 1 - miss
		default:
			ports = max(ports, miss)
			w.rules = append(w.rules, r)
		}
	}
	if len(w.rules) == 0 {
		return nil, 0
	}
	w.by = append(w.by[:0], make([]float64, len(w.rules))...)
	got, most := covered(w.places, w.rules, w.by)
	// What goes to other ports may be what goes to the known places.
	if miss := 1 - got + ports; little(f, miss) {
		return w.rules[most], 1 - miss
	}
	return nil, 0
}
