// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"encoding/binary"
	"math/bits"
)

// Seed keys a hash, so that a stranger cannot craft collisions. All nodes of
// one deployment use the same seed, so that their sketches merge.
type Seed [2]uint64

// Hash mixes an address with the seed into 64 well-spread bits (two rounds of
// the 128-bit multiply-and-fold known from wyhash, public domain).
func (s Seed) Hash(a *Addr) uint64 {
	return s.Mix(binary.LittleEndian.Uint64(a[:8]), binary.LittleEndian.Uint64(a[8:]))
}

// Mix hashes two words with the seed.
func (s Seed) Mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^s[0]^0x2d358dccaa6c78a5, b^s[1]^0x8bb84b93962eacc9)
	hi, lo = bits.Mul64(hi^s[0]^0x4b33a62ed433d4a3, lo^s[1]^0x4d5a2da51de1aa47)
	return hi ^ lo
}
