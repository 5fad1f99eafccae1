// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"
	"math/bits"
)

const (
	knownBits  = 1 << 14 // of one map: 2 KiB
	knownTurns = 720     // minutes after which the older half of the memory is forgotten: half a day
	knownFresh = 800     // sources learned in one minute from which on fewer are remembered
	knownFill  = 0.2     // of a map, likewise
)

// known remembers which sources a device had dealings with: those that completed a
// connection, and those it sent UDP to. A source is one bit of a map, so a stranger
// is taken for known by chance as often as bits are set: 5 % of the time with 840
// sources, half of the time with 11 400. Known.Chance tells the share, by which
// what is counted is corrected.
//
// When a minute has brought 800 sources, or a half day has filled its map to a fifth,
// only sources with a hash in the lower half of those remembered so far are learned
// from then on; when it has filled to three tenths, again; and so on up to two fifths. Samples of sources hold those with the smallest hashes, so what is sampled
// of many is what is still remembered; the others are of unknown standing.
//
// What is learned counts a minute later at the earliest, and never when the device
// was suspected meanwhile: else attackers would vouch for themselves. What is not
// learned again is forgotten after a half to a whole day.
type known struct {
	fresh, waiting [knownBits / 64]uint64 // learned in this minute and in the one before
	day            [2][knownBits / 64]uint64
	news           int      // bits set in fresh, of sources that are still remembered
	full           float64  // what the map of this half day may fill to; 0: knownFill
	halved         uint8    // how many times the remembered sources were halved
	before         [2]uint8 // likewise at the begin of this minute, and of the one before
}

// remembers reports whether a source with this hash is one of those that are learned.
func (k *known) remembers(hash uint64) bool { return hash>>32<<k.halved <= math.MaxUint32 }

func (k *known) learn(hash uint64) {
	if !k.remembers(hash) {
		return
	}
	b := uint32(hash) % knownBits
	if word, bit := &k.fresh[b/64], uint64(1)<<(b%64); *word&bit == 0 {
		*word |= bit
		if k.news++; k.news > knownFresh {
			k.halve()
		}
	}
}

// halve remembers half as many sources from now on.
func (k *known) halve() {
	k.news /= 2
	if k.halved < 16 {
		k.halved++
	}
}

func (k *known) has(hash uint64) bool {
	b := uint32(hash) % knownBits
	return (k.day[0][b/64]|k.day[1][b/64])>>(b%64)&1 != 0
}

func (k *known) turn(minute int64, quiet bool) {
	if minute%knownTurns == 0 {
		if k.halved > 0 && filled(&k.day[0], nil) < knownFill/4 {
			k.halved-- // there is room for twice as many
		}
		k.day[1], k.day[0] = k.day[0], [knownBits / 64]uint64{}
		k.full = 0
	}
	k.news = 0
	if !quiet { // nor do attackers decide how many customers are remembered
		k.halved = k.before[1]
		k.before[0] = k.halved
		clear(k.waiting[:])
		clear(k.fresh[:])
		return
	}
	k.before[1] = k.before[0]
	defer func() { k.before[0] = k.halved }()
	for i, w := range &k.waiting {
		k.day[0][i] |= w
	}
	k.waiting, k.fresh = k.fresh, [knownBits / 64]uint64{}
	if k.full = max(k.full, knownFill); filled(&k.day[0], nil) > k.full {
		k.halve()
		k.full += (2*knownFill - k.full) / 2
	}
}

// chance is how likely a stranger is taken for known.
func (k *known) chance() float64 {
	return filled(&k.day[0], &k.day[1])
}

// filled is the share of bits that are set in one of two maps, or in one alone.
func filled(a, b *[knownBits / 64]uint64) float64 {
	n := 0
	for i, w := range a {
		if b != nil {
			w |= b[i]
		}
		n += bits.OnesCount64(w)
	}
	return float64(n) / knownBits
}

// KnownByChance is how likely a source that the device never dealt with is marked as
// known; 0 means that it knows none at all.
func (h *Host) KnownByChance() float64 {
	if h.near == nil {
		return 0
	}
	return h.near.known.chance()
}
