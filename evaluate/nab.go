// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Scoring of anomalies in series after the Numenta Anomaly Benchmark (Lavin and
// Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms: the Numenta Anomaly
// Benchmark", ICMLA 2015, arXiv 1510.03336), standard profile.
const (
	nabFalse  = 0.11 // weight of a false detection; of a true one and of a missed window it is 1
	nabSlope  = 5
	nabFar    = 3    // widths behind a window from which a false detection counts in full
	probation = 0.15 // of a series, not judged
	probeMost = 5000 // rows of which that share is taken at most
)

// Judged is one series with what a detector says of each value, 0 to anything.
type Judged struct {
	Path    string
	At      []time.Time
	Score   []float64
	Windows []Span
}

// Probation is how many values of a series are not judged.
func Probation(n int) int { return int(probation * float64(min(n, probeMost))) }

// Profile is the result of scoring series at one threshold.
type Profile struct {
	Threshold float64 `json:"threshold"`
	Score     float64 `json:"score"` // 0: nothing is told; 100: all windows at their first value, and nothing else
	Windows   int     `json:"windows"`
	Found     int     `json:"found"`
	False     int     `json:"false_detections"` // values outside of windows
}

// sigmoid is what a detection is worth at a place relative to the right end of its
// window, in widths: about 1 at the left end, -1; 0 at the right one; down to -1 behind.
func sigmoid(y float64) float64 {
	if y > nabFar {
		return -1
	}
	return 2/(1+math.Exp(nabSlope*y)) - 1
}

// told is one value that is told of at thresholds up to its score.
type told struct {
	score  float64
	worth  float64
	window int // -1: false
}

// worth lists the values of series by what telling of them is worth.
func worth(all []Judged) (out []told, windows int) {
	for i := range all {
		s := &all[i]
		type span struct{ from, to int }
		var spans []span
		for _, w := range s.Windows {
			from, _ := slices.BinarySearchFunc(s.At, w.From, time.Time.Compare)
			to, found := slices.BinarySearchFunc(s.At, w.To, time.Time.Compare)
			if !found {
				to--
			}
			if from <= to {
				spans = append(spans, span{from, to})
			}
		}
		slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
		next := 0
		for k := Probation(len(s.At)); k < len(s.At); k++ {
			for next < len(spans) && spans[next].to < k {
				next++
			}
			t := told{score: s.Score[k], window: -1, worth: -nabFalse}
			switch {
			case next < len(spans) && k >= spans[next].from:
				w := spans[next]
				t.window = windows + next
				t.worth = sigmoid(-float64(w.to-k+1)/float64(w.to-w.from+1)) / sigmoid(-1)
			case next > 0:
				w := spans[next-1]
				t.worth = nabFalse * sigmoid(float64(k-w.to)/float64(max(1, w.to-w.from)))
			}
			out = append(out, t)
		}
		windows += len(spans)
	}
	return out, windows
}

// At scores series at a threshold.
func At(all []Judged, threshold float64) Profile {
	values, windows := worth(all)
	p := sweep(values, windows, func(score float64) bool { return score >= threshold }, nil)
	p.Threshold = threshold
	return p
}

// Best finds the threshold with the best score, as the benchmark does for every
// detector, and scores by it.
func Best(all []Judged) Profile {
	values, windows := worth(all)
	slices.SortFunc(values, func(a, b told) int { return cmp.Compare(b.score, a.score) })
	best := Profile{Threshold: math.Inf(1), Windows: windows}
	sweep(values, windows, func(score float64) bool { return score > 0 }, func(p *Profile) {
		if p.Score > best.Score {
			best = *p
		}
	})
	return best
}

// sweep tells of values as long as they are told of; each hears of every step after
// which another threshold would tell of more.
func sweep(values []told, windows int, tells func(float64) bool, each func(*Profile)) Profile {
	p := Profile{Windows: windows}
	best := make([]float64, windows)
	found := make([]bool, windows)
	sum := -float64(windows)
	for i := range values {
		v := &values[i]
		if !tells(v.score) {
			continue
		}
		switch {
		case v.window < 0:
			p.False++
			sum += v.worth
		case !found[v.window]:
			found[v.window], best[v.window] = true, v.worth
			p.Found++
			sum += 1 + v.worth
		case v.worth > best[v.window]:
			sum += v.worth - best[v.window]
			best[v.window] = v.worth
		}
		if each != nil && (i+1 == len(values) || values[i+1].score < v.score) {
			p.Threshold, p.Score = v.score, normal(sum, windows)
			each(&p)
		}
	}
	p.Score = normal(sum, windows)
	return p
}

// normal puts a sum on the scale on which silence is 0 and perfection 100.
func normal(sum float64, windows int) float64 {
	return 100 * (sum + float64(windows)) / (2 * float64(max(1, windows)))
}
