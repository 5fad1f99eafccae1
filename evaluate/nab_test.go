// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// a series of 1000 values, five minutes apart, with a window from the 500th to the 599th.
func judged(scores map[int]float64) Judged {
	j := Judged{Score: make([]float64, 1000)}
	for i := range 1000 {
		j.At = append(j.At, at(300*float64(i)))
	}
	for i, s := range scores {
		j.Score[i] = s
	}
	j.Windows = []Span{{j.At[500], j.At[599]}}
	return j
}

// TestBenchmarkScore holds the scores to what the description of the benchmark says.
func TestBenchmarkScore(t *testing.T) {
	for name, tc := range map[string]struct {
		scores map[int]float64
		want   float64
	}{
		"nothing is 0":                          {nil, 0},
		"the window's first value is 100":       {map[int]float64{500: 1}, 100},
		"so it is with all others":              {map[int]float64{500: 1, 501: 1, 599: 1}, 100},
		"its middle is less":                    {map[int]float64{550: 1}, 100 * (1 + (2/(1+math.Exp(-2.5))-1)/(2/(1+math.Exp(-5))-1)) / 2},
		"a false one before it takes 0.11 of 2": {map[int]float64{300: 1}, -5.5},
		"one far behind, too":                   {map[int]float64{950: 1}, -5.5},
		"one just behind hardly":                {map[int]float64{600: 1}, 100 * 0.11 * (2/(1+math.Exp(5.0/99)) - 1) / 2},
		"the first 15 % are not judged":         {map[int]float64{149: 1, 0: 1}, 0},
	} {
		if got := At([]Judged{judged(tc.scores)}, 0.5); math.Abs(got.Score-tc.want) > 1e-9 {
			t.Errorf("%s: %g, want %g", name, got.Score, tc.want)
		}
	}
}

// TestBest finds the threshold between what helps and what does not.
func TestBest(t *testing.T) {
	all := []Judged{judged(map[int]float64{500: 3, 300: 2, 301: 2, 302: 2}), judged(map[int]float64{520: 4, 800: 1})}
	got := Best(all)
	if got.Threshold != 3 || got.Found != 2 || got.False != 0 || got.Windows != 2 {
		t.Errorf("%+v", got)
	}
	if same := At(all, got.Threshold); same != got {
		t.Errorf("%+v is not %+v", same, got)
	}
	if silent := Best([]Judged{judged(map[int]float64{300: 1})}); silent.Score != 0 || !math.IsInf(silent.Threshold, 1) {
		t.Errorf("%+v", silent)
	}
}

func TestGaussian(t *testing.T) {
	var g Gaussian
	for i := range 100 {
		g.Add(float64(i % 2)) // mean 0.5, deviation 0.5
	}
	for _, tc := range []struct{ value, want float64 }{{0.5, 0.5}, {1.5, 0.977}, {-0.5, 0.977}} {
		h := g
		h.window = slices.Clone(g.window)
		if got := h.Add(tc.value); math.Abs(got-tc.want) > 0.001 {
			t.Errorf("%g: %g, want %g", tc.value, got, tc.want)
		}
	}
}

// TestReadSeries lays windows around marked values.
func TestReadSeries(t *testing.T) {
	var text strings.Builder
	text.WriteString("timestamp,value,label\n")
	for i := range 100 {
		mark := "0"
		if i == 50 || i == 51 || i == 99 {
			mark = "1"
		}
		text.WriteString(at(300*float64(i)).Format(time.DateTime) + ",1.5," + mark + "\n")
	}
	s, err := ReadSeries(strings.NewReader(text.String()))
	want := []Span{{at(48 * 300), at(52 * 300)}, {at(97 * 300), at(99 * 300)}} // 100/10/2 = 5 values each
	if err != nil || len(s.Values) != 100 || !slices.Equal(s.Windows, want) {
		t.Errorf("%v %v", s.Windows, err)
	}
	for _, bad := range []string{"", "a,b\n", "timestamp,value\nx,1\n", "timestamp,value\n1,x\n", "timestamp,value\n1\n", "timestamp,value\n"} {
		if _, err := ReadSeries(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
