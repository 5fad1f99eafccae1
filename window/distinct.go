// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"
	"math/bits"
	"slices"
)

const (
	exactMax  = 16   // counted exactly up to here
	registers = 1024 // relative error 1.04/sqrt(1024) = 3.3 %
)

// distinct counts different hashes: exactly while they are few, then by
// HyperLogLog (Flajolet et al. 2007, with linear counting for the small range).
type distinct struct {
	n     int32
	exact [exactMax]uint32
	regs  *hll
}

func (d *distinct) reset() {
	d.n = 0
	if d.regs != nil {
		*d.regs = hll{} // kept: a busy device will need it again
	}
}

// add counts a hash. Its registers are allocated once in a device's busy life.
func (d *distinct) add(h uint64) {
	if d.n <= exactMax {
		key := uint32(h >> 32)
		if slices.Contains(d.exact[:d.n], key) {
			return
		}
		if d.n < exactMax {
			d.exact[d.n] = key
			d.n++
			return
		}
		if d.regs == nil {
			d.regs = new(hll)
		}
		for _, have := range d.exact {
			d.regs.add(uint64(have) << 32)
		}
		d.n = exactMax + 1
	}
	d.regs.add(h)
}

// union collects several distincts into one estimate.
type union struct {
	regs hll
	any  bool
}

func (u *union) add(d *distinct) {
	if d.n == 0 {
		return
	}
	u.any = true
	if d.n <= exactMax {
		for _, key := range d.exact[:d.n] {
			u.regs.add(uint64(key) << 32)
		}
		return
	}
	for i, r := range d.regs {
		u.regs[i] = max(u.regs[i], r)
	}
}

// estimate returns the number of different hashes.
func (u *union) estimate() uint64 {
	if !u.any {
		return 0
	}
	sum, zero := 0.0, 0
	for _, r := range u.regs {
		sum += 1 / float64(uint64(1)<<r)
		if r == 0 {
			zero++
		}
	}
	const m = float64(registers)
	e := 0.7213 / (1 + 1.079/m) * m * m / sum
	if e <= 2.5*m && zero > 0 {
		e = m * math.Log(m/float64(zero))
	}
	return uint64(math.Round(e))
}

// hll is a set of registers. Only the upper half of a hash is used, so that an
// exactly kept 32-bit key and the full hash fall into the same register.
type hll [registers]uint8

func (r *hll) add(h uint64) {
	key := uint32(h >> 32)
	rank := uint8(bits.LeadingZeros32(key<<10|1<<9)) + 1
	i := key >> 22
	r[i] = max(r[i], rank)
}
