// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"time"
)

// Series judges the values of one series as they come, whatever their unit and
// interval, by what hours of devices are judged by: the median of the hour of the day,
// and deviations calibrated by the series' own past, whose second largest is 1. It looks at nothing later than the value it judges.
//
// A deviation is looked at as one value, as the mean of an hour and of half a day, so
// that a small one that lasts is seen, too, and beside them how much an hour jumps
// about. The strangest of the four counts.
type Series struct {
	hours  [hoursOfDay]yardstick // values, by hour of the day
	all    yardstick             // values
	signs  [numSigns]yardstick   // the sizes of earlier deviations
	away   trail                 // newest deviations from the median
	jumps  trail                 // newest differences between neighbours
	last   float64
	first  time.Time
	values int
	newest []float64 // scores, of which one that is no record is not told again
}

// The four ways in which a value can be strange.
const (
	signValue = iota
	signHour
	signHalfDay
	signJumps
	numSigns
)

const (
	// Of values five minutes apart, which most series of traffic are.
	seriesHour     = 12
	seriesHalfDay  = 144
	seriesPast     = 4032 // two weeks
	seriesHourPast = seriesPast / hoursOfDay
	seriesQuiet    = 6 * seriesHour // for so long what is not stranger than before is not told again

	seriesDay   = 24 * time.Hour
	seriesLeast = 30   // deviations that make a past
	seriesFloor = 0.05 // of the quartiles' distance: the least deviation that may be the largest
)

// NewSeries returns a judge without a past.
func NewSeries() *Series {
	s := &Series{all: yardstick{most: seriesPast}, away: trail{most: seriesHalfDay}, jumps: trail{most: seriesHour}}
	for i := range s.hours {
		s.hours[i].most = seriesHourPast
	}
	for i := range s.signs {
		s.signs[i].most = seriesPast
	}
	return s
}

// Add judges the next value: 0 is nothing to tell of, 1 as strange as the second
// largest deviation so far. What is no number is passed over.
func (s *Series) Add(at time.Time, v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	hour := &s.hours[at.UTC().Hour()]
	if s.values == 0 {
		s.first = at
	}
	known := at.Sub(s.first) >= seriesDay // before, an hour is compared with itself
	s.away.add(v - s.expected(hour))
	if s.values > 0 {
		s.jumps.add(math.Abs(v - s.last))
	}
	sizes := [numSigns]float64{
		math.Abs(s.away.mean(1)), math.Abs(s.away.mean(seriesHour)), math.Abs(s.away.mean(seriesHalfDay)), s.jumps.mean(seriesHour),
	}
	floor := seriesFloor * (s.all.quantile(0.75) - s.all.quantile(0.25))
	floor = max(floor, 1e-9*math.Abs(s.all.quantile(0.5)), math.SmallestNonzeroFloat32)
	strange := 0.0
	for i := range s.signs {
		strange = max(strange, s.signs[i].strange(sizes[i], floor))
		if known {
			s.signs[i].add(sizes[i])
		}
	}
	s.all.add(v)
	hour.add(v)
	s.last = v
	s.values++
	return s.once(strange)
}

// expected is the median of an hour of the day; of all values while it has none.
func (s *Series) expected(hour *yardstick) float64 {
	if len(hour.newest) == 0 {
		return s.all.quantile(0.5)
	}
	return hour.quantile(0.5)
}

// once passes a score on when it is higher than all of the last hours.
func (s *Series) once(score float64) float64 {
	told := score
	for _, before := range s.newest {
		if before >= score {
			told = 0
		}
	}
	if s.newest = append(s.newest, score); len(s.newest) > seriesQuiet {
		s.newest = s.newest[1:]
	}
	return told
}
