// SPDX-License-Identifier: Apache-2.0

// Package ask answers questions about recorded flows: the largest groups, series in
// time, single flows. It reads only the columns that a question needs, leaves out
// blocks of rows that cannot match, and counts in bounded memory: what is too much
// makes an answer partial, and the answer says so.
//
// A flow belongs to the moment at which it was reported. Flows that another exporter
// reported already are left out (see package enrich), and volumes are true volumes:
// what was exported times the sampling rate.
package ask

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/query"
	"tidewatch/rollup"
)

// History is what is asked.
type History interface {
	// Segments opens those that may hold flows that were reported in [from, to).
	Segments(from, to time.Time) (Segments, error)
	// Extent is how many flows that may be, and from when on flows are kept at all.
	Extent(from, to time.Time) (flows uint64, oldest time.Time)
}

// Shelves hold the roll-ups; both may be nil.
type Shelves struct{ Minutes, Hours *rollup.Shelf }

// Config holds the bounds of questions.
type Config struct {
	Workers   int           `yaml:"workers"`    // goroutines of one question; more than cores do not help
	AtOnce    int           `yaml:"at_once"`    // questions that run at the same time; others wait, five seconds at most; and as many exports
	MaxGroups int           `yaml:"max_groups"` // groups that one question counts at once, some 200 bytes each; the lightest give way
	TimeLimit time.Duration `yaml:"time_limit"` // longest run of a question; what was found by then is the answer
}

// DefaultConfig leaves most of two cores to detection.
func DefaultConfig() Config {
	return Config{Workers: 2, AtOnce: 2, MaxGroups: 400_000, TimeLimit: 20 * time.Second}
}

// Validate says what is wrong.
func (c *Config) Validate() error {
	switch {
	case c.Workers < 1 || c.Workers > 64:
		return errors.New("workers must lie between 1 and 64")
	case c.AtOnce < 1 || c.AtOnce > 64:
		return errors.New("at_once must lie between 1 and 64")
	case c.MaxGroups < 10*query.MaxLimit || c.MaxGroups > 50_000_000:
		return fmt.Errorf("max_groups must lie between %d and 50000000", 10*query.MaxLimit)
	case c.TimeLimit < time.Second || c.TimeLimit > 20*time.Second:
		return errors.New("time_limit must lie between 1s and 20s: the API gives up a connection after 30s")
	}
	return nil
}

// Asker answers questions. Many may ask at once.
type Asker struct {
	cfg     Config
	history History
	shelves Shelves
	places  chan struct{}
	exports chan struct{} // whose readers may be slow
	metrics *asked
}

// New checks the configuration; it opens nothing. A nil registry registers nowhere.
func New(cfg *Config, history History, shelves Shelves, registry prometheus.Registerer) (*Asker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	return &Asker{
		cfg: *cfg, history: history, shelves: shelves,
		places: make(chan struct{}, cfg.AtOnce), exports: make(chan struct{}, cfg.AtOnce),
		metrics: newAsked(registry),
	}, nil
}

const (
	// patience is how long a question waits for others.
	patience = 5 * time.Second
	// exportLimit is how long a reader of an export may take.
	exportLimit = 5 * time.Minute
)

// enter waits for a place, and begins the time limit.
func enter(ctx context.Context, places chan struct{}, limit time.Duration) (context.Context, func(), error) {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case places <- struct{}{}:
	case <-t.C:
		return nil, nil, query.ErrBusy
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("wait for other questions: %w", context.Cause(ctx))
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	return limited, func() { cancel(); <-places }, nil
}

// Answer answers q from the flows themselves, or from roll-ups.
func (a *Asker) Answer(ctx context.Context, q *query.Question) (*query.Answer, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	began := time.Now()
	answer, err := a.answer(ctx, q)
	if err != nil {
		a.metrics.count(ctx, "", false, began, err)
		return nil, err
	}
	a.metrics.count(ctx, answer.Source, answer.Partial, began, nil)
	return answer, nil
}

func (a *Asker) answer(ctx context.Context, q *query.Question) (*query.Answer, error) {
	limited, leave, err := enter(ctx, a.places, a.cfg.TimeLimit)
	if err != nil {
		return nil, err
	}
	defer leave()
	began := time.Now()
	r := &run{asker: a, q: q, matcher: q.Filter.Compile(), answer: &query.Answer{
		From: q.From, To: q.To, Source: query.Raw, By: q.By, Groups: []query.Group{},
	}}
	if err := r.answerIt(limited); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("the question was given up: %w", context.Cause(ctx))
	}
	r.answer.TookMS = float64(time.Since(began).Microseconds()) / 1000
	return r.answer, nil
}
