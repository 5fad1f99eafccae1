// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/store"
	"tidewatch/window"
)

// Library is what was learned, as it lies in the data directory, for people to look
// at and to correct.
type Library struct {
	cfg   *Config
	files *store.Baselines
	lock  *store.Lock
}

// OpenLibrary opens the data directory. To change anything no server may be using
// it; looking is always possible, shows what was saved last, and makes nothing.
func OpenLibrary(cfg *Config, change bool) (*Library, error) {
	var lock *store.Lock
	if change {
		var err error
		if lock, err = store.TakeLock(cfg.DataDir); err != nil {
			return nil, err
		}
	}
	return openLibrary(cfg, lock)
}

// openLibrary takes over the lock, which is nil to look only.
func openLibrary(cfg *Config, lock *store.Lock) (*Library, error) {
	files, err := store.OpenBaselines(cfg.DataDir)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return &Library{cfg: cfg, files: files, lock: lock}, nil
}

// Close gives the data directory back.
func (l *Library) Close() error { return errors.Join(l.files.Close(), l.lock.Release()) }

// Versions lists what was saved, oldest first, and which one is in use.
func (l *Library) Versions() (all []store.Version, current string, frozen bool) {
	return l.files.Versions(), l.files.Current(), l.files.Frozen()
}

// Store returns the baseline of a version; "" is what is in use, with what was
// learned since it was saved.
func (l *Library) Store(version string) (*baseline.Store, error) { return l.of(version, nil) }

// of is Store for those devices alone that owns tells; nil: for all.
func (l *Library) of(version string, owns func(flow.Addr) bool) (*baseline.Store, error) {
	bcfg := l.cfg.Baseline
	bcfg.Zone = l.cfg.zone()
	bcfg.MaxDevices += window.MaxNetworks + 1
	s, err := baseline.New(bcfg)
	if err != nil {
		return nil, err
	}
	if version != "" {
		data, err := l.files.Read(version)
		if err != nil {
			return nil, err
		}
		err = s.Restore(data, owns)
		return s, err
	}
	snapshot, journal, err := l.files.Load()
	if err != nil {
		return nil, err
	}
	if snapshot != nil {
		if err := s.Restore(snapshot, owns); err != nil {
			return nil, err
		}
	}
	_, err = s.Replay(journal, owns)
	return s, err
}

// Approve accepts what a device does since a moment as its new normal, and saves
// that as a version.
func (l *Library) Approve(device string, since time.Time) (hours int, v store.Version, err error) {
	key, err := l.key(device)
	if err != nil {
		return 0, v, err
	}
	s, err := l.Store("")
	if err != nil {
		return 0, v, err
	}
	if hours = s.Approve(key, since); hours == 0 {
		return 0, v, fmt.Errorf("%s has no hours since %s that are not trusted already", device, since.Format(time.RFC3339))
	}
	v, err = l.save(s, store.Approved, fmt.Sprintf("%s approved since %s", device, since.Format(time.RFC3339)))
	return hours, v, err
}

// ApproveVersion marks a version, so that it is kept.
func (l *Library) ApproveVersion(id string) error { return l.files.Approve(id) }

// Freeze stops learning from the next start of the server on, or lets it go on.
func (l *Library) Freeze(on bool) error { return l.files.Freeze(on) }

// Rollback makes an old version the one in use. What was learned since is kept as a
// version of its own, so that this can be undone, too.
func (l *Library) Rollback(id string) (v store.Version, err error) {
	old, err := l.Store(id)
	if err != nil {
		return v, err
	}
	if now, err := l.Store(""); err == nil {
		if _, err := l.save(now, store.Candidate, "before rolling back to "+id); err != nil {
			return v, err
		}
	}
	return l.save(old, store.Approved, "rolled back to "+id)
}

func (l *Library) save(s *baseline.Store, state, note string) (store.Version, error) {
	devices, _ := s.Counts()
	devices -= len(networksOf(s))
	return l.files.Save(s.AppendSnapshot(nil), store.Version{Created: time.Now().UTC(), Devices: devices, State: state, Note: note})
}

// Learned is what Learn did.
type Learned struct {
	Input   ResultInput   `json:"input"`
	Version store.Version `json:"version"`
}

// Learn teaches the data directory what recorded flows show, and judges nothing.
// Hours older than what is known of a device already teach nothing.
func Learn(ctx context.Context, cfg *Config, o *AnalyzeOptions) (*Learned, error) {
	l, err := OpenLibrary(cfg, true)
	if err != nil {
		return nil, err
	}
	out, err := l.learn(ctx, o)
	return out, errors.Join(err, l.Close())
}

func (l *Library) learn(ctx context.Context, o *AnalyzeOptions) (*Learned, error) {
	a, err := newAnalysis(l.cfg, o)
	if err != nil {
		return nil, err
	}
	if err := l.recall(a.engine, false); err != nil {
		return nil, err
	}
	a.engine.Lesson(true)
	for _, f := range o.Files {
		if err := a.file(ctx, f, true); err != nil {
			return nil, err
		}
	}
	res := a.finish()
	a.engine.closeHour()
	data, devices := a.engine.Memory()
	if devices == 0 {
		return nil, &InputError{errors.New("nothing was learned: the files hold no whole hour of an internal device (name your networks with --internal)")}
	}
	created := time.Now().UTC()
	v, err := l.files.Save(data, store.Version{
		Created: created, Devices: devices, State: store.Candidate, Note: fmt.Sprintf("learned from %d files", len(o.Files)),
	})
	return &Learned{Input: res.Input, Version: v}, err
}

// recall gives an engine what is in the data directory. When there must be something,
// nothing is an error.
func (l *Library) recall(e *Engine, must bool) error {
	snapshot, journal, err := l.files.Load()
	if err != nil {
		return err
	}
	if must && len(snapshot)+len(journal) == 0 {
		return l.nothing("")
	}
	if _, err := e.Recall(snapshot, journal); err != nil {
		return fmt.Errorf("recall what was learned (version %q): %w", l.files.Current(), err)
	}
	return nil
}

// Absent is Config.Absent.
func (l *Library) Absent() string { return l.cfg.Absent() }

// nothing is the error of who asks for what was learned when nothing was.
func (l *Library) nothing(of string) error {
	text := l.cfg.Absent()
	if text == "" {
		text = "nothing was learned in " + l.cfg.DataDir + " yet; " + howToLearn
	}
	return &InputError{errors.New(of + text)}
}
