// SPDX-License-Identifier: Apache-2.0

// Package store keeps incidents, verdicts, added events, the ledger of decisions and the audit over restarts, in one
// SQLite file in the data directory (write-ahead log, every commit synced to disk), without cgo. It
// implements the reader that api declares, and the ledger of mitigate.
//
// One process owns a data directory: it has the Lock.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // registers the driver that sql.Open names

	"tidewatch/notify"
)

const (
	fileName = "tidewatch.db"
	// readers is how many queries run at once; a page of 100 incidents takes about 2 ms.
	readers = 4
	// pruneEvery is how many saves lie between two looks at MaxIncidents.
	pruneEvery = 1000
)

// Config says where incidents are kept and how many.
type Config struct {
	Dir           string        `yaml:"dir"`            // data directory; made when it is missing
	MaxIncidents  int           `yaml:"max_incidents"`  // about 5 KiB each; the oldest that are over are forgotten
	KeepIncidents time.Duration `yaml:"keep_incidents"` // those that are over are forgotten then, by when they changed last; 0: the default
	MaxDecisions  int           `yaml:"max_decisions"`  // of the ledger, about 10 KiB each with all lines; likewise; 0: the default
	KeepDecisions time.Duration `yaml:"keep_decisions"` // those that are over are forgotten then; 0: the default
	Lock          *Lock         `yaml:"-"`              // the directory's, when the caller has it; nil: Open takes it and Close releases it
}

// DefaultConfig keeps incidents and decisions for two years in ./data: no more than
// 100 000 incidents, which is about 500 MiB at most, and 50 000 decisions, which is one
// in 20 minutes.
func DefaultConfig() Config {
	return Config{Dir: "data", MaxIncidents: 100_000, KeepIncidents: 2 * 365 * 24 * time.Hour, MaxDecisions: 50_000, KeepDecisions: 2 * 365 * 24 * time.Hour}
}

// Validate reports the first value that makes no sense.
func (c *Config) Validate() error {
	if c.Dir == "" {
		return errors.New("a data directory is needed")
	}
	if c.MaxIncidents < 1 {
		return errors.New("max_incidents must be at least 1")
	}
	if c.MaxDecisions < 0 || c.KeepDecisions < 0 || c.KeepIncidents < 0 {
		return errors.New("keep_incidents, max_decisions and keep_decisions must be positive")
	}
	return nil
}

// Store is the open database. Its methods may be called from several goroutines.
type Store struct {
	cfg   Config
	lock  *Lock   // nil when the caller has it
	write *sql.DB // one connection: SQLite has one writer
	read  *sql.DB
	saves int          // guarded by the single write connection
	lines atomic.Int64 // of the ledger until it is bounded again

	planner atomic.Pointer[notify.Planner] // nil: nobody is told of anything
}

// New checks the configuration and touches no file.
func New(cfg *Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := &Store{cfg: *cfg}
	s.cfg.MaxDecisions = cmp.Or(s.cfg.MaxDecisions, DefaultConfig().MaxDecisions)
	s.cfg.KeepIncidents = cmp.Or(s.cfg.KeepIncidents, DefaultConfig().KeepIncidents)
	s.cfg.KeepDecisions = cmp.Or(s.cfg.KeepDecisions, DefaultConfig().KeepDecisions)
	return s, nil
}

// Open makes the directory, takes its lock, and opens and migrates the database.
// Every error is one line that names the file and what can be done.
func (s *Store) Open(ctx context.Context) error {
	var err error
	if s.cfg.Lock == nil {
		if s.lock, err = TakeLock(s.cfg.Dir); err != nil {
			return err
		}
	}
	path := filepath.Join(s.cfg.Dir, fileName)
	err = private(path)
	if err == nil {
		err = s.open(ctx, path)
	}
	if err != nil {
		return errors.Join(explain(err, path), s.Close())
	}
	return nil
}

func (s *Store) open(ctx context.Context, path string) error {
	var err error
	if s.write, err = sql.Open("sqlite", source(path, "rwc", "immediate")); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	s.write.SetMaxIdleConns(1)
	if err := check(ctx, s.write); err != nil {
		return err
	}
	if err := migrate(ctx, s.write); err != nil {
		return err
	}
	if err := fill(ctx, s.write); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite", source(path, "ro", "deferred")); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(readers)
	return s.read.PingContext(ctx)
}

// private makes the database readable by its owner alone, before SQLite would
// make it readable by everybody; its helper files take their mode from it.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the data directory is the operator's choice
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} { // those of an earlier version, too
		st, err := os.Stat(name)
		if err == nil && st.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(name, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// source is the driver's name of a database. Every commit is synced (FULL): an
// incident that was told to somebody is not lost with the power.
func source(path, mode, lock string) string {
	q := url.Values{"mode": {mode}, "_txlock": {lock}, "_pragma": {
		"busy_timeout(5000)", "synchronous(FULL)", "foreign_keys(ON)", "trusted_schema(OFF)",
	}}
	if mode == "rwc" {
		q.Add("_pragma", "journal_mode(WAL)")
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// check reads the whole file once: a damaged one is found at the start, not at
// the first alert. It takes about a second for 500 MiB.
func check(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, strings.Join(strings.Fields(verdict), " ")) // it has several lines
	}
	return nil
}

// Close releases the files. A Store that was never opened closes well.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	errs = append(errs, s.lock.Release())
	s.read, s.write, s.lock = nil, nil, nil
	return errors.Join(errs...)
}

// Ready reports whether the database answers, for the readiness page.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if s.read == nil {
		return errors.New("the store is not open")
	}
	if err := s.read.PingContext(ctx); err != nil {
		return fmt.Errorf("ask the store: %w", err)
	}
	return nil
}
