// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"

	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/identity"
)

// whoIs reads the table of names.
func whoIs(cfg *Config) (*identity.Table, error) {
	t := identity.New(cfg.Identity)
	if cfg.Identity.Leases == "" {
		return t, nil
	}
	f, err := os.Open(cfg.Identity.Leases)
	if err != nil {
		return nil, fmt.Errorf("identity.leases: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := t.Read(f); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Identity.Leases, err)
	}
	return t, nil
}

// Identify takes other names and leases from now on.
func (e *Engine) Identify(who *identity.Table) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shards[0].who.Take(who) // all shards have the same
}

// keyed asks the baseline for whoever has an address.
type keyed struct {
	store *baseline.Store
	who   *identity.Table
}

// At is baseline.Store.At.
func (k keyed) At(a flow.Addr, at time.Time, m baseline.Measure) (baseline.Normal, bool) {
	key := k.who.Key(a, at.Unix())
	n, ok := k.store.At(key, at, m)
	n.Shared = key != a
	return n, ok
}

// Shift is baseline.Store.Shift; of several addresses that share a past none has one.
func (k keyed) Shift(a flow.Addr, at int64) (baseline.Shift, bool) {
	if k.who.Key(a, at) != a {
		return baseline.Shift{}, false
	}
	return k.store.Shift(a)
}

// sharedHour is the hour of several addresses that have one past.
type sharedHour struct {
	baseline.Hour
	ignore bool
}

// share adds the hour of one address. The busiest five minutes of the sum are taken
// as the sum of the busiest, which is no less.
func (s *shard) share(key flow.Addr, h *baseline.Hour, ignore bool) {
	sum := s.shared[key]
	if sum == nil {
		sum = &sharedHour{}
		s.shared[key] = sum
	}
	sum.Add(h)
	sum.ignore = sum.ignore || ignore
}

func sortedKeys(m map[flow.Addr]*sharedHour) []flow.Addr {
	keys := make([]flow.Addr, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b flow.Addr) int { return cmp.Compare(string(a[:]), string(b[:])) })
	return keys
}
