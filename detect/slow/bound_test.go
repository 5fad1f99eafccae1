// SPDX-License-Identifier: Apache-2.0

package slow

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
)

// profile is what a device gives on its days beside a drip.
type profile struct {
	name      string
	usual     int     // networks that it gives to every day, 50 MB each
	strangers int     // networks a day that it never gave to
	median    float64 // megabytes to each of those
	spread    float64 // of the logs of that
	shared    bool    // another device gives to the network of the drip, so that it is not alone
	varies    float64 // spread of the logs of the drip's days
	never     bool
}

// by is the day on which the sequential test has alarmed at the latest, as a function of
// the allowance: its limit over what one day adds, judged when the next day begins.
func (p *profile) by(c *Config, allowance float64) int {
	const drip = 10e6
	limit := c.Alone
	if p.shared {
		limit = c.Limit
	}
	gain := math.Log1p(drip/1e6) - math.Log1p(allowance/1e6)
	days := limit / gain
	if p.varies > 0 {
		// The sum of n days strays by the root of n times their spread; once in a
		// hundred by 2.33 of that, and half a variance is lost to the logarithm.
		gain -= p.varies * p.varies / 2
		root := (2.33*p.varies + math.Sqrt(2.33*2.33*p.varies*p.varies+4*gain*limit)) / (2 * gain)
		days = root * root
	}
	by := max(int(math.Ceil(days)), c.MinDays) + 1
	if p.usual+p.strangers >= 32 {
		by++ // the first day may be lost among those of others
	}
	return by
}

// play returns the day of a drip of 10 MB a day on which it was first found, 0 for never
// in half a year, and the highest allowance meanwhile.
func (p *profile) play(t *testing.T, seed uint64) (found int, allowance float64) {
	t.Helper()
	const begins = 30
	w := newWorld(t, seed%2 == 0)
	w.r = rand.New(rand.NewPCG(seed, 9))
	device, other, thief := w.own(7), w.own(8), w.host(77, 9)
	for day := range begins + 180 {
		for k := range p.usual {
			w.gives(device, day, 9, w.host(1000+k, 1), 50*math.Exp(0.3*w.r.NormFloat64()), 0, 443)
		}
		for range p.strangers {
			w.gives(device, day, 10+w.r.IntN(8), w.host(2000+w.r.IntN(30_000), 1), p.median*math.Exp(p.spread*w.r.NormFloat64()), 0, 443)
		}
		w.gives(device, day, 8, w.host(999, 1), 0.5, 0, 443)
		if p.shared {
			w.gives(other, day, 9, thief, 1, 0, 443)
		}
		if day >= begins {
			w.gives(device, day, 12+4*w.r.IntN(2), thief, 10*math.Exp(p.varies*w.r.NormFloat64()), 0.1, 443)
			allowance = max(allowance, w.ledger.Device(device).Allowance())
		}
		for _, f := range w.judge(day) {
			if f.Severity.Rank() <= detect.Low.Rank() || f.Subject != detect.HostSubject(device) {
				continue
			}
			if f.Top.Destinations[0].Key != flow.NetworkPrefix(flow.NetworkOf(thief)).String() {
				t.Errorf("%s, seed %d: %s to %s on day %d", p.name, seed, f.Severity, f.Top.Destinations[0].Key, day)
				continue
			}
			return day - begins + 1, allowance
		}
	}
	return 0, allowance
}

// What docs/detectors.md states of 10 MB a day for half a year to a new destination, for
// devices that give much or little to strangers: found by the day that follows from the
// device's allowance and from nothing else, or never.
func TestDripBound(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	for _, p := range []profile{
		{name: "no strangers"},
		{name: "12 strangers, 0.2 MB, factor 3", strangers: 12, median: 0.2, spread: 1.2},
		{name: "12 strangers, 1 MB, factor 3", strangers: 12, median: 1, spread: 1.2},
		{name: "12 strangers, 2 MB, factor 2", strangers: 12, median: 2, spread: 0.7},
		{name: "12 strangers, 2 MB, factor 3", strangers: 12, median: 2, spread: 1.2},
		{name: "12 strangers, 5 MB, factor 2", strangers: 12, median: 5, spread: 0.7},
		{name: "12 strangers, 20 MB, factor 7", strangers: 12, median: 20, spread: 2},
		{name: "12 strangers, 20 MB, factor 7, shared", strangers: 12, median: 20, spread: 2, shared: true},
		{name: "12 strangers, 2 MB, factor 3, shared", strangers: 12, median: 2, spread: 1.2, shared: true},
		{name: "no strangers, shared", shared: true},
		{name: "60 strangers, 2 MB, factor 3", strangers: 60, median: 2, spread: 1.2},
		{name: "20 usual and 12 strangers, 2 MB", usual: 20, strangers: 12, median: 2, spread: 1.2},
		{name: "12 strangers, 20 MB, the drip varies by a factor of 1.3", strangers: 12, median: 20, spread: 2, varies: 0.25},
		{name: "40 usual and 12 strangers, 2 MB", usual: 40, strangers: 12, median: 2, spread: 1.2},
		{name: "60 usual", usual: 60},
		{name: "100 strangers, 5 MB, factor 3", strangers: 100, median: 5, spread: 1.2},
		{name: "30 usual and 100 strangers, 5 MB, factor 3", usual: 30, strangers: 100, median: 5, spread: 1.2},
		{name: "80 usual", usual: 80, never: true},
	} {
		var days []int
		top := 0.0
		for seed := range uint64(5) {
			found, allowance := p.play(t, seed+1)
			days, top = append(days, found), max(top, allowance)
			switch by := p.by(&cfg, allowance); {
			case p.never && found > 0:
				t.Errorf("%s, seed %d: found on day %d; the page says never", p.name, seed+1, found)
			case !p.never && (found == 0 || found > by):
				t.Errorf("%s, seed %d: found on day %d, with an allowance of %.1f MB it must be by day %d", p.name, seed+1, found, allowance/1e6, by)
			}
		}
		slices.Sort(days)
		t.Logf("%-60s found on day %d, at worst %d; by day %d", p.name, days[2], days[4], p.by(&cfg, top))
	}
}
