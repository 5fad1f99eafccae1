// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"
	"time"
)

// generator is what all sources share: chance, the pending records, the
// addresses and the local time.
type generator struct {
	draw
	cfg      *Config
	seed     uint64
	calendar calendar
	net      network
	weight   float64 // natural sessions that the session being made stands for
	as       int     // who acts, where it is not drawn

	minute int64 // the minute that local time is known for
	offset int64 // of local time from UTC, in seconds
}

func newGenerator(cfg *Config) *generator {
	g := &generator{draw: newDraw(), cfg: cfg, seed: mix(cfg.Seed, 0), weight: 1, minute: math.MinInt64}
	g.net = newNetwork(g.seed)
	return g
}

// reseed starts the draws of one source for one second.
func (g *generator) reseed(source uint64, sec int64) {
	g.pcg.Seed(mix(g.seed, source), mix(g.seed^0x5bd1e995, uint64(sec)))
}

// tick tells the second; local time is looked up once a minute.
func (g *generator) tick(sec int64) {
	minute := floorDiv(sec, 60)
	if minute == g.minute {
		return
	}
	g.minute = minute
	_, offset := time.Unix(sec, 0).In(g.cfg.Zone).Zone()
	g.offset = int64(offset)
}

// local returns the day number, the weekday (0 = Sunday) and the hour of day of
// a second, in local time.
func (g *generator) local(sec int64) (day int64, weekday int, hour float64) {
	sec += g.offset
	day = floorDiv(sec, 86400)
	weekday = int(((day+4)%7 + 7) % 7) // 1970-01-01 was a Thursday
	return day, weekday, float64(sec-day*86400) / 3600
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// population makes sessions of one kind, each on its own, at a rate that
// follows the clock.
type population struct {
	id      uint64
	rate    float64 // sessions per second when the curve is 1
	curve   *curve  // nil = the same at all hours
	longest int64   // seconds a session lasts at most
	natural bool    // background: thinned, and noisy from day to day
	session func(g *generator, sec int64)
	// event replaces curve: the rate at a second, for what happens once.
	event func(sec int64) float64

	minute       int64
	lambda, expN float64
}

func (p *population) reach() int64 { return p.longest + overhead }

func (p *population) second(g *generator, sec int64) {
	if p.event != nil {
		p.lambda = p.event(sec)
		p.expN = math.Exp(-p.lambda)
	} else if p.minute != g.minute || p.expN == 0 {
		p.minute = g.minute
		p.lambda = p.rateAt(g, sec)
		p.expN = math.Exp(-p.lambda)
	}
	n := g.count(p.lambda, p.expN)
	if n == 0 {
		return
	}
	if p.natural {
		g.weight = g.cfg.thin()
	}
	for range n {
		p.session(g, sec)
	}
	g.weight = 1
}

// Noise of the background: days differ by 12 %, hours by 6 % (standard
// deviations), so that a baseline has something to learn.
const (
	dayNoise  = 0.12
	hourNoise = 0.06
)

func (p *population) rateAt(g *generator, sec int64) float64 {
	day, weekday, hour := g.local(sec)
	rate := p.rate
	if p.curve != nil {
		rate *= p.curve.at(weekday, hour)
	}
	if p.natural {
		k := mix(g.seed, 0xda1<<32|p.id)
		noise := dayNoise*normalOf(mix(k, uint64(day))) + hourNoise*normalOf(mix(k, uint64(day)*24+uint64(hour)+1<<40))
		rate *= math.Exp(noise) / g.cfg.thin()
	}
	return rate
}
