// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"
	"math/rand/v2"
)

// draw is the source of chance. It is reseeded for every second of every source.
type draw struct {
	*rand.Rand
	pcg *rand.PCG
}

func newDraw() draw {
	pcg := rand.NewPCG(0, 0)
	return draw{Rand: rand.New(pcg), pcg: pcg} //nolint:gosec // traffic must be repeatable, not secret
}

// mix spreads two numbers over 64 bits (the finaliser of SplitMix64, public domain).
func mix(a, b uint64) uint64 {
	z := a + 0x9e3779b97f4a7c15*(b+1)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit maps a hash to [0,1).
func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// normalOf maps a hash to a standard normal value, for noise that belongs to a
// day or a host and not to a draw (Box-Muller).
func normalOf(h uint64) float64 {
	u, v := unit(h), unit(mix(h, 1))
	return math.Sqrt(-2*math.Log(1-u)) * math.Cos(2*math.Pi*v)
}

// count draws how many of many independent things happen: Poisson with mean
// lambda, whose exp(-lambda) the caller keeps. Above 16 the normal
// approximation is used, whose error does not show in traffic.
func (d *draw) count(lambda, expNegative float64) int {
	if lambda <= 0 {
		return 0
	}
	if lambda > 16 {
		return int(max(0, math.Round(lambda+math.Sqrt(lambda)*d.NormFloat64())))
	}
	n := 0
	for p := d.Float64(); p > expNegative; p *= d.Float64() {
		n++
	}
	return n
}

// size draws a volume in bytes: log-normal with the given median and spread,
// at most 1000 times the median, since one giant would be an event of its own.
func (d *draw) size(median, sigma float64) uint64 {
	return uint64(median * min(math.Exp(sigma*d.NormFloat64()), 1000))
}

// duration draws a time in nanoseconds: exponential with the given mean, at
// least 20 ms and at most longest; both in seconds.
func (d *draw) duration(mean, longest float64) int64 {
	return int64(min(0.02+mean*d.ExpFloat64(), longest) * 1e9)
}

// moment draws a time within second sec, in Unix nanoseconds.
func (d *draw) moment(sec int64) int64 { return sec*1e9 + d.Int64N(1e9) }

// port draws a client's port.
func (d *draw) port() uint16 { return uint16(32768 + d.IntN(28232)) } // Linux: 32768 to 60999

// skewed draws an index below n that favours small ones, as popularity does.
func (d *draw) skewed(n int) int {
	u := d.Float64()
	return int(u * u * u * float64(n))
}
