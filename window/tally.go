// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"
	"math/bits"
)

// tally is a small HyperLogLog: 256 registers, an error of 6.5 % (1.04/sqrt(256)),
// with linear counting for the small range, where it is about one in thirty off. It
// never allocates and never grows.
type tally [256]uint8

func (t *tally) add(h uint64) {
	key := uint32(h >> 32)
	i := key >> 24
	t[i] = max(t[i], uint8(bits.LeadingZeros32(key<<8|1<<7))+1)
}

func (t *tally) join(o *tally) {
	for i, r := range o {
		t[i] = max(t[i], r)
	}
}

func (t *tally) estimate() uint64 {
	sum, zero := 0.0, 0
	for _, r := range t {
		sum += 1 / float64(uint64(1)<<r)
		if r == 0 {
			zero++
		}
	}
	const m = 256.0
	e := 0.7213 / (1 + 1.079/m) * m * m / sum
	if e <= 2.5*m && zero > 0 {
		e = m * math.Log(m/float64(zero))
	}
	return uint64(math.Round(e))
}

// patch counts up to some hundred different hashes in 32 bytes: linear counting over
// 256 bits. A full one says most.
type patch [4]uint64

const most = 1400 // 256 * ln(256)

func (p *patch) add(h uint64) { p[h>>62] |= 1 << (h >> 56 & 63) }

func (p *patch) join(o *patch) {
	for i := range p {
		p[i] |= o[i]
	}
}

func (p *patch) estimate() uint64 {
	ones := 0
	for _, x := range p {
		ones += bits.OnesCount64(x)
	}
	if ones == 256 {
		return most
	}
	return uint64(math.Round(256 * math.Log(256/float64(256-ones))))
}
