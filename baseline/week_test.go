// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"encoding/csv"
	"io/fs"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidewatch/test/shareddata"
)

// exact computes mean and standard deviation in two passes with 200 bits.
func exact(values []float64) (mean, stddev float64) {
	n := new(big.Float).SetPrec(200).SetInt64(int64(len(values)))
	sum := new(big.Float).SetPrec(200)
	for _, v := range values {
		sum.Add(sum, big.NewFloat(v))
	}
	m := new(big.Float).SetPrec(200).Quo(sum, n)
	squares := new(big.Float).SetPrec(200)
	for _, v := range values {
		d := new(big.Float).SetPrec(200).Sub(big.NewFloat(v), m)
		squares.Add(squares, d.Mul(d, d))
	}
	mean, _ = m.Float64()
	squares.Quo(squares, n.Sub(n, big.NewFloat(1)))
	stddev, _ = squares.Sqrt(squares).Float64()
	return mean, stddev
}

// ranked finds a quantile by counting: the k-th smallest is the value that fewer
// than k are below and at least k are not above.
func ranked(values []float64, q float64) float64 {
	kth := func(k int) float64 {
		for _, v := range values {
			below, upTo := 0, 0
			for _, x := range values {
				if x < v {
					below++
				}
				if x <= v {
					upTo++
				}
			}
			if below < k && k <= upTo {
				return v
			}
		}
		return math.NaN()
	}
	at := q * float64(len(values)-1)
	low := kth(int(at) + 1)
	if at == math.Trunc(at) {
		return low
	}
	return low + (at-math.Trunc(at))*(kth(int(at)+2)-low)
}

func near(got, want, relative float64) bool {
	return math.Abs(got-want) <= relative*math.Max(math.Abs(want), 1e-300) || got == want
}

func compareStats(tb testing.TB, name string, values []float64) {
	tb.Helper()
	s := Describe(append([]float64(nil), values...))
	mean, stddev := exact(values)
	scale := math.Max(math.Abs(mean), stddev)
	if math.Abs(s.Mean-mean) > 1e-9*scale || math.Abs(s.StdDev-stddev) > 1e-9*scale {
		tb.Errorf("%s: mean %v, deviation %v; want %v, %v", name, s.Mean, s.StdDev, mean, stddev)
	}
	away := make([]float64, len(values))
	for i, v := range values {
		away[i] = math.Abs(v - s.Median)
	}
	for what, pair := range map[string][2]float64{
		"median": {s.Median, ranked(values, 0.5)}, "p95": {s.P95, ranked(values, 0.95)},
		"p99": {s.P99, ranked(values, 0.99)}, "MAD": {s.MAD, ranked(away, 0.5)},
	} {
		if !near(pair[0], pair[1], 1e-9) {
			tb.Errorf("%s: %s is %v, want %v", name, what, pair[0], pair[1])
		}
	}
}

// The statistics equal those of an independent computation on recorded series.
func TestStatisticsOfRecordedSeries(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(filepath.Join(shareddata.Dir(t), "timeseries"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".csv") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			return nil // not such a table
		}
		var values []float64
		for _, row := range rows {
			if v, err := strconv.ParseFloat(row[len(row)-1], 64); err == nil && len(values) < 1500 {
				values = append(values, v)
			}
		}
		if len(values) > 20 {
			seen++
			compareStats(t, filepath.Base(path), values)
		}
		return nil
	})
	if err != nil || seen < 10 {
		t.Errorf("%d series: %v", seen, err)
	}
}

// Nor do they lose digits where the values are large beside their differences.
func TestStatisticsOfAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		base := rapid.Float64Range(0, 1e12).Draw(rt, "base")
		values := rapid.SliceOfN(rapid.Float64Range(0, 1e6), 2, 60).Draw(rt, "values")
		for i := range values {
			values[i] = math.Round(base + values[i])
		}
		compareStats(t, "drawn", values)
	})
}

// What is shown of a device are the hours that were taught: silent ones are in,
// ignored ones are not.
func TestProfile(t *testing.T) {
	teach := newTeacher(t, nil)
	for day := range 14 {
		for hour := range 24 {
			switch {
			case hour == 3: // silent
			case hour == 5 && day == 6:
				teach.Learn(device, teach.hour, hourOf(9e12), true) // an attack
			default:
				teach.Learn(device, teach.hour, hourOf(float64(1000*(hour+1)*(day+1))*1e3), false)
			}
			teach.Observed(teach.hour)
			teach.hour++
		}
	}
	p, ok := teach.Profile(device, FieldBytesIn)
	if !ok {
		t.Fatal("unknown")
	}
	five := p.Days[5]
	if five.Count != 13 || five.Max != 6e6*14 || p.Days[3].Max != 0 || p.Days[3].Count != 14 || p.Trust["ignored"] != 1 {
		t.Errorf("05:00: %+v; 03:00: %+v; %v", five, p.Days[3], p.Trust)
	}
	if p.Weeks[24+10].Count != 2 || p.DaysLearned != 14 || math.Abs(p.UploadRatio-0.1) > 1e-3 {
		t.Errorf("Monday at ten: %d hours; %d days; ratio %v", p.Weeks[34].Count, p.DaysLearned, p.UploadRatio)
	}
	if !p.FirstSeen.Equal(time.Unix(day0*3600, 0)) || p.Expected[12] == 0 {
		t.Errorf("first seen %v, expected %v", p.FirstSeen, p.Expected)
	}
	for _, f := range Fields() {
		if _, ok := teach.Profile(device, f); !ok || hourOf(1e9).Value(f) == 0 {
			t.Errorf("nothing of %s", f)
		}
	}
}
