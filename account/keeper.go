// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// seenEvery is how often it is written down that somebody is there.
const seenEvery = time.Minute

// Config bounds what is kept.
type Config struct {
	Idle        time.Duration `yaml:"idle"`         // a session ends that was not used for so long
	Lifetime    time.Duration `yaml:"lifetime"`     // and so long after it began, used or not
	PerUser     int           `yaml:"per_user"`     // sessions of one user; the one not used for longest gives way
	MaxSessions int           `yaml:"max_sessions"` // sessions of all users; likewise
	MaxUsers    int           `yaml:"max_users"`    // accounts; one more is refused
	MaxTokens   int           `yaml:"max_tokens"`   // tokens of programs; one more is refused
	Hashing     int           `yaml:"hashing"`      // passwords checked at once, 19 MiB each; 32 more wait, others are sent away
}

// DefaultConfig ends a session after a night, and after a week at the latest.
func DefaultConfig() Config {
	return Config{
		Idle: 12 * time.Hour, Lifetime: 7 * 24 * time.Hour, PerUser: 10, MaxSessions: 1000,
		MaxUsers: 500, MaxTokens: 1000, Hashing: 2,
	}
}

// Validate reports the first value that makes no sense.
func (c *Config) Validate() error {
	if c.Idle < time.Minute || c.Lifetime < c.Idle {
		return errors.New("idle must be a minute at least, and lifetime no shorter")
	}
	for name, n := range map[string]int{
		"per_user": c.PerUser, "max_sessions": c.MaxSessions, "max_users": c.MaxUsers, "max_tokens": c.MaxTokens, "hashing": c.Hashing,
	} {
		if n < 1 {
			return fmt.Errorf("%s must be at least 1", name)
		}
	}
	return nil
}

// Keeper decides about accounts.
type Keeper struct {
	cfg    Config
	store  Store
	now    func() time.Time
	hasher *Hasher
	gate   *gate
	setUp  atomic.Bool  // a user exists: that stays so
	lost   atomic.Int64 // sessions that gave way

	mu sync.Mutex // one change of accounts after the other
}

// New reads nothing yet; Open does. now is the clock.
func New(cfg Config, s Store, now func() time.Time) (*Keeper, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	return &Keeper{cfg: cfg, store: s, now: now, hasher: NewHasher(cfg.Hashing), gate: newGate(now)}, nil
}

// Open finds out whether a user exists.
func (k *Keeper) Open(ctx context.Context) error {
	all, err := k.store.Users(ctx, "")
	k.setUp.Store(len(all) > 0)
	return err
}

// SetUp reports whether a user exists.
func (k *Keeper) SetUp() bool { return k.setUp.Load() }

// Lost counts sessions that gave way to others.
func (k *Keeper) Lost() int64 { return k.lost.Load() }

func (k *Keeper) line(who, what, target, detail string) Line {
	return Line{At: k.now(), Who: who, What: what, Target: target, Detail: detail}
}

func (k *Keeper) user(ctx context.Context, name string) (*User, error) {
	if name == "" {
		return nil, ErrNotFound
	}
	found, err := k.store.Users(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, ErrNotFound
	}
	return &found[0], nil
}
