// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tidewatch/history"
	"tidewatch/query"
)

// Inquiry is a question about recorded flows as people type it.
type Inquiry struct {
	From, To, Filter, Group, By, Source string
	Limit, Points                       int
}

// question reads it; errors are an InputError that names the flag.
func (i *Inquiry) question(now time.Time) (*query.Question, error) {
	q := &query.Question{Limit: i.Limit, Points: i.Points}
	var err error
	wrong := func(flag string) error { return &InputError{fmt.Errorf("--%s: %w", flag, err)} }
	if q.From, err = query.ParseTime(i.From, now, now.Add(-time.Hour)); err != nil {
		return nil, wrong("from")
	}
	if q.To, err = query.ParseTime(i.To, now, now); err != nil {
		return nil, wrong("to")
	}
	if q.Filter, err = query.Parse(i.Filter); err != nil {
		return nil, wrong("filter")
	}
	if q.Group, err = query.ParseGroup(i.Group); err != nil {
		return nil, wrong("group")
	}
	if q.By, err = query.ParseMeasure(i.By); err != nil {
		return nil, wrong("by")
	}
	if q.Source, err = query.ParseSource(i.Source); err != nil {
		return nil, wrong("source")
	}
	if err := q.Validate(); err != nil {
		return nil, &InputError{err}
	}
	return q, nil
}

// AskHistory answers through the server that uses the data directory, or from the
// directory itself when none does.
func AskHistory(ctx context.Context, cfg *Config, i *Inquiry) (*HistoryAnswer, error) {
	q, err := i.question(time.Now())
	if err != nil {
		return nil, err
	}
	out := &HistoryAnswer{dimensions: q.Group}
	dir := filepath.Join(cfg.DataDir, historyDir)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, &InputError{fmt.Errorf("no flows were recorded in %s; tidewatch serve records them; is it another directory (data_dir)?", cfg.DataDir)}
	}
	lock, server, err := enter(cfg)
	if err != nil {
		return nil, err
	}
	if server != nil {
		v := url.Values{
			"from": {q.From.Format(time.RFC3339Nano)}, "to": {q.To.Format(time.RFC3339Nano)}, "filter": {q.Filter.String()}, "group": {i.Group},
			"by": {string(q.By)}, "source": {string(q.Source)}, "limit": {strconv.Itoa(q.Limit)}, "points": {strconv.Itoa(q.Points)},
		}
		return out, server.call(ctx, http.MethodGet, "/api/v1/flows/query?"+v.Encode(), nil, &out.Answer)
	}
	answer, err := cfg.askDirectory(ctx, dir, q)
	if err := errors.Join(err, lock.Release()); err != nil {
		return nil, err
	}
	out.Answer = *answer
	return out, nil
}

// askDirectory answers from files that nobody else uses.
func (c *Config) askDirectory(ctx context.Context, dir string, q *query.Question) (*query.Answer, error) {
	log := slog.New(slog.DiscardHandler) // what is missing makes the answer partial
	r, err := history.New(&c.History, &history.Deps{Dir: dir, Exporter: func(uint32) netip.Addr { return netip.Addr{} }, Logger: log})
	if err != nil {
		return nil, err
	}
	if err := r.Open(); err != nil {
		return nil, err
	}
	asker, _, err := c.questions(r, log, nil)
	if err != nil {
		return nil, err
	}
	answer, err := asker.Answer(ctx, q)
	if errors.Is(err, query.ErrNoRollup) {
		return nil, &InputError{err}
	}
	return answer, err
}
