// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"encoding/binary"
	"math"
)

const (
	riseFew   = 7   // days with bytes after which it is known what an account usually gets
	riseAllow = 1.0 // deviations a day that count for nothing: half of the shift of two that is looked for (Page 1954)
	riseStep  = 3.0 // deviations that one day counts at most, so that a single day, however large, is none of a rise
	riseClip  = 2.0 // of its own deviations above the mean is what a day teaches at most (winsorised), so that a rise becomes usual slowly
	// risePrior is by how much the uploads of one user differ from day to day before
	// anything is known of him, in logs: a factor of 1.8. risePriorDays days of it are
	// taken as seen.
	risePrior     = 0.6
	risePriorDays = 5
	// Risen is where an account counts as risen: after three days of three times the
	// usual, four of twice; by chance (normal logs, no memory) not once in a lifetime.
	Risen = 5.0
)

// rise is the sequential test of what an account gets against its own past.
type rise struct {
	usual habitTrend // logs of the units of days with bytes
	sum   float32
}

// day tests a closed day with bytes and learns it. Days without are no days: who
// pauses does not take back what rose.
func (r *rise) day(x float64) {
	if r.usual.n >= riseFew {
		mean, spread := float64(r.usual.mean), r.spread()
		z := min((x-mean)/spread, riseStep)
		r.sum = float32(max(0, min(excessMax, float64(r.sum)+z-riseAllow)))
		x = min(x, mean+riseClip*max(math.Sqrt(float64(r.usual.vari)), trendFloor))
	}
	r.usual.learn(x)
}

// spread is how much the next day may differ from the mean. Eight days often look more
// alike than the days to come will, and then every ordinary day counts for the rise; so
// a working week of days that differ as those of people do is taken as seen before
// (the conjugate prior of a variance), and the mean, too, is known from n days only.
func (r *rise) spread() float64 {
	n := float64(r.usual.n)
	vari := (n*float64(r.usual.vari) + risePriorDays*risePrior*risePrior) / (n + risePriorDays)
	return max(math.Sqrt(vari*(1+1/n)), trendFloor)
}

// Rise is where the test of the account's own past stands, see Risen.
func (a *Account) Rise() float64 { return float64(a.rise.sum) }

// Usual is how many bytes the account gets on a day with any, by its past.
func (a *Account) Usual() float64 { return dripUnit * math.Expm1(float64(a.rise.usual.mean)) }

// Beyond is how many bytes beyond the usual the account got in the week up to the open
// day, and on how many of its days it got more than usual.
func (a *Account) Beyond(day uint16) (bytes float64, days int) {
	usual := a.Usual()
	for i := range accountDays {
		got := float64(a.today)
		if i > 0 {
			got = float64(unpack(a.days[(int(day)-i+7*accountDays)%accountDays]))
		}
		if got > usual {
			bytes, days = bytes+got-usual, days+1
		}
	}
	return bytes, days
}

// watched reports whether a detector should look at the account.
func (a *Account) watched() bool { return a.excess >= Watched || a.rise.sum >= Risen }

func (r *rise) appendBinary(buf []byte) []byte {
	buf = append(buf, r.usual.n)
	for _, v := range [...]float32{r.usual.mean, r.usual.vari, r.usual.top, r.sum} {
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
	}
	return buf
}

func (r *rise) read(in *habitInput) {
	if r.usual.n = in.u8(); r.usual.n > trendMemory {
		in.bad = true
	}
	for _, v := range []*float32{&r.usual.mean, &r.usual.vari, &r.usual.top, &r.sum} {
		*v = in.number(false)
	}
}
