// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"fmt"
	"math"
	"slices"
	"time"

	"tidewatch/flow"
)

const (
	auditDays   = 10  // days with traffic needed
	auditStep   = 0.4 // change in log values that is worth a remark: half as much again
	activeHours = 6   // hours of a day that must be known for the day to count
)

// concern is the log value of limitFloor grains.
var concern = math.Log1p(limitFloor) //nolint:gochecknoglobals // a constant that Go cannot compute

// Remark is something that a person should look at in what was learned.
type Remark struct {
	Kind    string    `json:"kind"` // level_shift, creep
	Measure string    `json:"measure"`
	Since   time.Time `json:"since"`
	Factor  float64   `json:"factor"` // how many times as much as before
	Text    string    `json:"text"`
	days    int       // of a level_shift: days on the new level, none if the last two are not
}

// Audit looks for a change that stayed (level_shift) and for growth over what is
// followed without approval (creep). Both are left for a person to approve.
func (s *Store) Audit(addr flow.Addr) (out []Remark) {
	p := s.devices[addr]
	if p == nil || p.active < auditDays {
		return nil
	}
	v := &s.scratch.view
	v.fill(s, p, p.last+1)
	for k := range HourBytesIn { // what the hours say besides is the same
		days := s.dayLevels(v, k)
		if r, ok := s.shift(days, k); ok {
			out = append(out, r)
			continue
		}
		if r, ok := s.creep(p, v, k); ok {
			out = append(out, r)
		}
	}
	return out
}

// dayLevel is how far a day lay over the middle of all days, in log values.
type dayLevel struct {
	day int64 // Unix hour of its first hour
	y   float64
}

// dayLevels compares every day, hour by hour, with the middle of the same hour on
// all days, whatever the hours count.
func (s *Store) dayLevels(v *view, k Measure) []dayLevel {
	c := &s.scratch.levels
	bins, today, out := &c.bins, c.today[:0], c.days[:0]
	for h := range bins {
		bins[h] = bins[h][:0]
	}
	for i, w := range v.w {
		if w > 0 {
			h := v.places[i].day
			bins[h] = append(bins[h], float64(v.y[k][i]))
		}
	}
	var mid [hoursOfDay]float64
	for h := range bins {
		slices.Sort(bins[h])
		mid[h] = Quantile(bins[h], 0.5)
	}
	start := int64(0)
	flush := func() {
		if len(today) >= activeHours {
			slices.Sort(today)
			out = append(out, dayLevel{start, Quantile(today, 0.5)})
		}
		today = today[:0]
	}
	for i, w := range v.w {
		at := v.places[i]
		if at.day == 0 && len(today) > 0 {
			flush()
		}
		if len(today) == 0 {
			start = v.from + int64(i)
		}
		// Quiet hours say nothing of the level, nor do days without the user.
		if w > 0 && at.kind == weekDay && v.y[k][i] >= resting && max(mid[at.day], float64(v.y[k][i])) > concern {
			today = append(today, float64(v.y[k][i])-mid[at.day])
		}
	}
	flush()
	c.today, c.days = today, out
	return out
}

// levels is memory that looking for changes reuses.
type levels struct {
	bins   [hoursOfDay][]float64
	today  []float64
	days   []dayLevel
	middle []float64
}

// shift finds the day that parts the days best into two levels, and reports it
// when two levels explain the days much better than a steady growth does.
func (s *Store) shift(days []dayLevel, k Measure) (r Remark, ok bool) {
	const edge = 3 // days on either side
	if len(days) < 2*edge+2 {
		return r, false
	}
	c := &s.scratch.levels
	best, at, step := math.Inf(1), 0, 0.0
	for i := edge; i <= len(days)-edge; i++ {
		before, after := c.middleOf(days[:i]), c.middleOf(days[i:])
		if e := off(days[:i], before) + off(days[i:], after); e < best {
			best, at, step = e, i, after-before
		}
	}
	clear := best <= 0.5*off(days, c.middleOf(days)) && best <= 0.6*c.lineOff(days)
	stayed := c.stayed(days, at, step)
	sure := stayed >= workingWeek && best <= 0.8*c.lineOff(days) && math.Abs(step) >= sureSteps*c.doubt(days, at)
	if math.Abs(step) < auditStep || !clear && !sure {
		return r, false
	}
	since := time.Unix(days[at].day*3600, 0).In(s.cfg.Zone)
	word := fmt.Sprintf("%.1f times as much", math.Exp(step))
	if step < 0 {
		word = fmt.Sprintf("%.0f %% of it", 100*math.Exp(step))
	}
	return Remark{
		Kind: "level_shift", Measure: k.String(), Since: since, Factor: math.Exp(step), days: stayed,
		Text: fmt.Sprintf("%s changed on %s to %s, and stayed: accept it as the new normal?", k, since.Format("2 January"), word),
	}, true
}

// workingWeek is how many days a new level must have stayed to be told: the end of a
// month, or of a project, is over by then.
const workingWeek = 5

// stayed counts the days from at on that lie nearer to their level than to the one
// before; it is 0 when the last two do not.
func (c *levels) stayed(days []dayLevel, at int, step float64) (n int) {
	after := c.middleOf(days[at:])
	for i := at; i < len(days); i++ {
		switch {
		case math.Abs(days[i].y-after) < math.Abs(step)/2:
			n++
		case i >= len(days)-2:
			return 0
		}
	}
	return n
}

// sureSteps is how many times its standard error a step must be when only a few
// days lie behind it; with two series and a month of days to part at, chance reaches
// four.
const sureSteps = 5

// doubt is the standard error of the step between two levels, from the middle distance
// of the days from theirs (medians have pi/2 times the variance of means).
func (c *levels) doubt(days []dayLevel, at int) float64 {
	before, after := c.middleOf(days[:at]), c.middleOf(days[at:])
	c.middle = c.middle[:0]
	for i, d := range days {
		level := before
		if i >= at {
			level = after
		}
		c.middle = append(c.middle, math.Abs(d.y-level))
	}
	slices.Sort(c.middle)
	sigma := max(madToSigma*Quantile(c.middle, 0.5), dayNoise)
	return sigma * math.Sqrt(medianNoise*(1/float64(at)+1/float64(len(days)-at)))
}

// dayNoise is the smallest spread of days that is believed, in natural-log units.
const dayNoise = 0.1

// creep reports traffic of the last week that is over what may be followed.
func (s *Store) creep(p *past, v *view, k Measure) (r Remark, ok bool) {
	if p.limit == nil {
		return r, false
	}
	bins := &s.scratch.levels.bins
	for h := range bins {
		bins[h] = bins[h][:0]
	}
	// Two weeks: of one, the hours of a device that is wild by nature say too little.
	for i := max(0, len(v.w)-2*hoursOfWeek); i < len(v.w); i++ {
		if at := v.places[i]; v.w[i] > 0 && at.kind == weekDay {
			bins[at.day] = append(bins[at.day], float64(v.y[k][i]))
		}
	}
	sum, n := 0.0, 0
	for h := range bins {
		slices.Sort(bins[h])
		if mid := Quantile(bins[h], 0.5); mid > concern {
			sum += p.limit.beyond(k, h, mid)
			n++
		}
	}
	if n == 0 || sum/float64(n) < auditStep {
		return r, false
	}
	factor := math.Exp(sum / float64(n))
	since := time.Unix(p.limit.since*3600, 0).In(s.cfg.Zone)
	return Remark{
		Kind: "creep", Measure: k.String(), Since: since, Factor: factor,
		Text: fmt.Sprintf("%s grew to %.1f times what may be followed without approval since %s", k, factor, since.Format("2 January")),
	}, true
}

func (c *levels) middleOf(days []dayLevel) float64 {
	c.middle = c.middle[:0]
	for _, d := range days {
		c.middle = append(c.middle, d.y)
	}
	slices.Sort(c.middle)
	return Quantile(c.middle, 0.5)
}

// off is the sum of distances from a level.
func off(days []dayLevel, level float64) (sum float64) {
	for _, d := range days {
		sum += math.Abs(d.y - level)
	}
	return sum
}

// lineOff is the sum of distances from the line through the middles of the first
// and the last third of the days.
func (c *levels) lineOff(days []dayLevel) (sum float64) {
	n := len(days)
	a, b := c.middleOf(days[:n/3]), c.middleOf(days[n-n/3:])
	slope := (b - a) / float64(n-n/3)
	for i, d := range days {
		sum += math.Abs(d.y - a - slope*(float64(i)-float64(n/3)/2))
	}
	return sum
}
