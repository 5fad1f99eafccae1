// SPDX-License-Identifier: Apache-2.0

package evaluate

import "math"

// Gaussian is the benchmark's reference detector "windowed Gaussian": the tail
// probability of a value under the normal distribution of the newest 6400, which
// move on by 100 at a time.
type Gaussian struct {
	window, step []float64
	mean, std    float64
}

const (
	gaussWindow = 6400
	gaussStep   = 100
)

// Add judges the next value.
func (g *Gaussian) Add(v float64) (score float64) {
	if len(g.window) > 0 {
		score = 1 - 0.5*math.Erfc(math.Abs(v-g.mean)/g.std/math.Sqrt2)
	}
	if len(g.window) < gaussWindow {
		g.window = append(g.window, v)
		g.fit()
		return score
	}
	if g.step = append(g.step, v); len(g.step) == gaussStep {
		g.window = append(g.window[gaussStep:], g.step...)
		g.step = g.step[:0]
		g.fit()
	}
	return score
}

func (g *Gaussian) fit() {
	var sum, squares float64
	for _, v := range g.window {
		sum += v
	}
	g.mean = sum / float64(len(g.window))
	for _, v := range g.window {
		squares += (v - g.mean) * (v - g.mean)
	}
	g.std = max(math.Sqrt(squares/float64(len(g.window))), 1e-6)
}
