// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tidewatch/api"
	"tidewatch/store"
)

// shelf carries out what people decide about baselines while they are in use. What
// it does takes effect at once and is saved.
type shelf struct {
	memory *memory
	store  *store.Store // keeps the audit
}

// Baselines implements api.Baselines.
func (s *shelf) Baselines(context.Context) (*api.BaselineList, error) {
	m := s.memory
	m.use.Lock()
	defer m.use.Unlock()
	out := &api.BaselineList{Current: m.files.Current(), Frozen: m.files.Frozen(), Devices: m.engine.learned()}
	all := m.files.Versions()
	for i := range all {
		out.Versions = append(out.Versions, versionOf(&all[i]))
	}
	return out, nil
}

func versionOf(v *store.Version) api.BaselineVersion {
	return api.BaselineVersion{ID: v.ID, Created: v.Created, Devices: v.Devices, Bytes: v.Bytes, State: v.State, Note: v.Note}
}

// ApproveVersion implements api.Baselines.
func (s *shelf) ApproveVersion(ctx context.Context, id, by string) error {
	return s.change(ctx, &store.Audit{Who: by, What: "baseline.approve", Target: id}, func(m *memory) error {
		return m.files.Approve(id)
	})
}

// ApproveDevice implements api.Baselines.
func (s *shelf) ApproveDevice(ctx context.Context, device string, since time.Time, by string) (*api.Approval, error) {
	out := &api.Approval{}
	from := since.Format(time.RFC3339)
	err := s.change(ctx, &store.Audit{Who: by, What: "baseline.approve", Target: device, Detail: "since " + from}, func(m *memory) error {
		var err error
		if out.Hours, err = m.engine.Approve(device, since); err != nil {
			return &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: err.Error()}
		}
		if out.Hours == 0 {
			return &api.RefusedError{
				Status: http.StatusConflict, Detail: fmt.Sprintf("%s has no hours since %s that are not trusted already", device, from),
			}
		}
		v, err := m.keep(store.Approved, fmt.Sprintf("%s approved since %s", device, from))
		out.Version = v.ID
		return err
	})
	return out, err
}

// Freeze implements api.Baselines. It holds over restarts.
func (s *shelf) Freeze(ctx context.Context, on bool, by string) error {
	what := "baseline.freeze"
	if !on {
		what = "baseline.unfreeze"
	}
	return s.change(ctx, &store.Audit{Who: by, What: what}, func(m *memory) error {
		if err := m.files.Freeze(on); err != nil {
			return err
		}
		m.engine.Freeze(on)
		return nil
	})
}

// Rollback implements api.Baselines. What was learned until now is saved first, so
// that this can be undone, too.
func (s *shelf) Rollback(ctx context.Context, id, by string) (*api.BaselineVersion, error) {
	var out api.BaselineVersion
	err := s.change(ctx, &store.Audit{Who: by, What: "baseline.rollback", Target: id}, func(m *memory) error {
		v, err := m.rollback(id)
		out = versionOf(&v)
		return err
	})
	return &out, err
}

// change runs f alone and notes it in the audit.
func (s *shelf) change(ctx context.Context, a *store.Audit, f func(*memory) error) error {
	s.memory.use.Lock()
	defer s.memory.use.Unlock()
	err := f(s.memory)
	if errors.Is(err, store.ErrNoVersion) {
		return &api.RefusedError{Status: http.StatusNotFound, Detail: err.Error()}
	}
	if err != nil {
		return err
	}
	a.At = time.Now()
	return s.store.Record(ctx, &store.Change{Audit: *a})
}

// learned is the number of devices with a learned past.
func (e *Engine) learned() (devices int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.shards {
		n, _ := s.past.Counts()
		devices += n
	}
	return devices
}

// keep saves all that was learned as a version. The caller has m.use.
func (m *memory) keep(state, note string) (store.Version, error) {
	data, devices := m.engine.Memory()
	return m.shelve(data, devices, state, note)
}

// shelve saves a snapshot of all that was learned; nothing waits for the journal then.
func (m *memory) shelve(data []byte, devices int, state, note string) (store.Version, error) {
	at := m.engine.FlowTime()
	v, err := m.files.Save(data, store.Version{Created: at, Devices: devices, State: state, Note: note})
	if err == nil {
		m.owed, m.day = m.owed[:0], at.Unix()/86400
	}
	return v, err
}

// rollback judges and learns on by an old version. When it cannot be saved, all is
// as it was.
func (m *memory) rollback(id string) (v store.Version, err error) {
	data, err := m.files.Read(id)
	if err != nil {
		return v, err
	}
	before, devices, err := m.engine.Replace(data)
	if err != nil {
		return v, err
	}
	if _, err = m.shelve(before, devices, store.Candidate, "before rolling back to "+id); err == nil {
		v, err = m.keep(store.Approved, "rolled back to "+id)
	}
	if err != nil {
		_, _, undo := m.engine.Replace(before)
		return v, errors.Join(err, undo)
	}
	return v, nil
}
