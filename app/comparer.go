// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"tidewatch/api"
	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/store"
)

// comparer compares versions of what was learned while serve runs, from the disk: judging
// has no part in it. One comparison of all devices takes seconds and as much memory as two
// baselines have, so there is one at a time, and the last one is kept.
type comparer struct {
	memory *memory
	cfg    *Config

	mu   sync.Mutex // held while something is compared
	last struct {
		from, to, device string
		changes          []baseline.Change
	}
}

// Diff implements api.Differ.
func (c *comparer) Diff(_ context.Context, from, to, device string) ([]baseline.Change, error) {
	if !c.mu.TryLock() {
		return nil, &api.RefusedError{Status: http.StatusServiceUnavailable, Detail: "another comparison runs; try again in some seconds"}
	}
	defer c.mu.Unlock()
	if l := &c.last; to != "" && l.from == from && l.to == to && l.device == device { // versions never change
		return l.changes, nil
	}
	var owns func(flow.Addr) bool
	if device != "" {
		key, err := c.memory.engine.keyOf(device)
		if err != nil {
			return nil, &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: err.Error()}
		}
		owns = func(a flow.Addr) bool { return a == key }
	}
	library := &Library{cfg: c.cfg, files: c.memory.files}
	read := func(version string) (*baseline.Store, error) {
		c.memory.use.Lock() // the files
		defer c.memory.use.Unlock()
		return library.of(version, owns)
	}
	before, err := read(from)
	if err == nil {
		var after *baseline.Store
		if after, err = read(to); err == nil {
			c.last.from, c.last.to, c.last.device = from, to, device
			c.last.changes = baseline.Diff(before, after)
			return c.last.changes, nil
		}
	}
	if errors.Is(err, store.ErrNoVersion) {
		return nil, &api.RefusedError{Status: http.StatusNotFound, Detail: err.Error()}
	}
	return nil, err
}

// keyOf is what the past of a device, told by its address or name, is kept under.
func (e *Engine) keyOf(device string) (flow.Addr, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return keyOf(e.shards[0].who, device, e.now)
}
