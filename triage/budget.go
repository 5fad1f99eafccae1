// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"sync"
	"time"
)

// Spent is what was spent on a day.
type Spent struct {
	Day    string  `json:"day"` // UTC, such as 2026-11-26
	Tokens int64   `json:"tokens"`
	Cost   float64 `json:"cost"`
}

// Ledger keeps what was spent over restarts.
type Ledger interface {
	Load() (Spent, error)
	Save(s Spent) error
}

// maxCases bounds the incidents whose spending is remembered; the oldest gives way.
const maxCases = 4096

// purse holds the budgets. What a question may cost at most is set aside before it is
// asked, so that questions side by side cannot overspend together.
type purse struct {
	cfg    *Config
	ledger Ledger // nil: nothing outlives a restart

	mu    sync.Mutex // guards what follows
	day   Spent
	cases map[string]*spending
	order []string // of cases, oldest first
}

// spending is what an incident has cost.
type spending struct {
	tokens int64
	cost   float64
}

func newPurse(cfg *Config, ledger Ledger) (*purse, error) {
	p := &purse{cfg: cfg, ledger: ledger, cases: map[string]*spending{}}
	if ledger == nil {
		return p, nil
	}
	var err error
	p.day, err = ledger.Load()
	return p, err
}

// cost is the price of tokens.
func (c *Config) cost(u Usage) float64 {
	return (float64(u.Input)*c.PriceIn + float64(u.Output)*c.PriceOut) / 1e6
}

// take sets aside what a question about an incident may use at most, and reports whether
// there was enough. now is the clock.
func (p *purse) take(id string, u Usage, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	c := p.of(id)
	tokens, cost := u.Input+u.Output, p.cfg.cost(u)
	over := func(cost, limit float64) bool { return limit > 0 && cost > limit }
	switch {
	case p.day.Tokens+tokens > p.cfg.DayTokens:
		return Fail(Budget, "tokens of the day")
	case over(p.day.Cost+cost, p.cfg.DayCost):
		return Fail(Budget, "money of the day")
	case c.tokens+tokens > p.cfg.CaseTokens:
		return Fail(Budget, "tokens of the incident")
	case over(c.cost+cost, p.cfg.CaseCost):
		return Fail(Budget, "money of the incident")
	}
	p.add(c, tokens, cost)
	return nil
}

// settle takes what a question really used in place of what was set aside for it.
func (p *purse) settle(id string, aside, used Usage, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	p.add(p.of(id), used.Input+used.Output-aside.Input-aside.Output, p.cfg.cost(used)-p.cfg.cost(aside))
	if p.ledger == nil {
		return nil
	}
	return p.ledger.Save(p.day)
}

func (p *purse) add(c *spending, tokens int64, cost float64) {
	p.day.Tokens, p.day.Cost = max(0, p.day.Tokens+tokens), max(0, p.day.Cost+cost)
	c.tokens, c.cost = max(0, c.tokens+tokens), max(0, c.cost+cost)
}

// turn begins a new day.
func (p *purse) turn(now time.Time) {
	if day := now.UTC().Format(time.DateOnly); day != p.day.Day {
		p.day = Spent{Day: day}
	}
}

func (p *purse) of(id string) *spending {
	if c := p.cases[id]; c != nil {
		return c
	}
	if len(p.order) >= maxCases {
		delete(p.cases, p.order[0])
		p.order = p.order[1:]
	}
	p.order = append(p.order, id)
	p.cases[id] = &spending{}
	return p.cases[id]
}
