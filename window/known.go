// SPDX-License-Identifier: Apache-2.0

package window

import "math/bits"

const (
	knownBits  = 1 << 14 // of one map: 2 KiB
	knownTurns = 720     // minutes after which the older half of the memory is forgotten: half a day
)

// known remembers which sources a device had dealings with: those that completed a
// connection, and those it sent UDP to. A source is one bit of a map, so a stranger
// is taken for known by chance as often as bits are set: 5 % of the time with 840
// sources, half of the time with 11 400. Known.Chance tells the share, by which
// what is counted is corrected.
//
// What is learned counts a minute later at the earliest, and never when the device
// was suspected meanwhile: else attackers would vouch for themselves. What is not
// learned again is forgotten after a half to a whole day.
type known struct {
	fresh, waiting [knownBits / 64]uint64 // learned in this minute and in the one before
	day            [2][knownBits / 64]uint64
}

func (k *known) learn(hash uint64) {
	b := uint32(hash) % knownBits
	k.fresh[b/64] |= 1 << (b % 64)
}

func (k *known) has(hash uint64) bool {
	b := uint32(hash) % knownBits
	return (k.day[0][b/64]|k.day[1][b/64])>>(b%64)&1 != 0
}

func (k *known) turn(minute int64, quiet bool) {
	if minute%knownTurns == 0 {
		k.day[1], k.day[0] = k.day[0], [knownBits / 64]uint64{}
	}
	if !quiet {
		clear(k.waiting[:])
		clear(k.fresh[:])
		return
	}
	for i, w := range &k.waiting {
		k.day[0][i] |= w
	}
	k.waiting, k.fresh = k.fresh, [knownBits / 64]uint64{}
}

// chance is how likely a stranger is taken for known.
func (k *known) chance() float64 {
	n := 0
	for i := range k.day[0] {
		n += bits.OnesCount64(k.day[0][i] | k.day[1][i])
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
