// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/store"
	"tidewatch/window"
)

// shortGap is how many seconds of an hour may be missing, because the program was
// not running, for the hour to be learned all the same: a restart, an upgrade.
const shortGap = 300

// overlook moves over the time between a checkpoint and the first second after
// it: nobody watched, so nothing is judged, and hours with a long gap teach nothing.
func (e *Engine) overlook(sec int64) {
	e.resumed = false
	if sec-e.now > shortGap {
		for _, s := range e.shards {
			s.blind = sec / 3600
		}
	}
	lesson := e.lesson
	e.lesson = true
	e.advance(sec)
	e.lesson = lesson
}

// owner tells a store which devices belong to a shard.
func (s *shard) owner(seed flow.Seed) func(flow.Addr) bool {
	return func(a flow.Addr) bool {
		if _, network := baseline.Network(a); network {
			return false
		}
		return s.of == 1 || s.owns(seed.Hash(&a))
	}
}

// keeper is a store with what belongs to it.
type keeper struct {
	*baseline.Store
	owns func(flow.Addr) bool
}

// keepers are the stores of all shards, then that of the networks.
func (e *Engine) keepers() []keeper {
	out := make([]keeper, 0, len(e.shards)+1)
	for _, s := range e.shards {
		out = append(out, keeper{s.past, s.owner(e.seed)})
	}
	return append(out, keeper{e.networks.past, e.networks.owns()})
}

// Recall gives the engine what earlier runs learned: the newest snapshot and the
// journal since. It comes before the first flow. whole is how many bytes of the
// journal were whole.
func (e *Engine) Recall(snapshot, journal []byte) (whole int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, k := range e.keepers() {
		if snapshot != nil {
			if err := k.Restore(snapshot, k.owns); err != nil {
				return 0, err
			}
		}
		if whole, err = k.Replay(journal, k.owns); err != nil {
			return whole, err
		}
		k.Recording(true)
	}
	return whole, nil
}

// Resume goes on with the hour that an earlier run was in. It comes after Recall.
func (e *Engine) Resume(checkpoint []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var now int64
	for _, s := range e.shards {
		owns := s.owns
		if s.of == 1 {
			owns = nil
		}
		var err error
		if now, err = s.windows.Resume(checkpoint, owns); err != nil {
			return err
		}
		s.since = (now - shortGap) / 3600 * 3600 // the hour before is open for some minutes more
	}
	if err := e.networks.totals.Resume(checkpoint); err != nil {
		return err
	}
	e.now, e.resumed = now, true
	return nil
}

// Learned takes what was learned since the last call, for the journal.
func (e *Engine) Learned(buf []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, k := range e.keepers() {
		buf = k.TakeJournal(buf)
	}
	return buf
}

// Memory is all that was learned, as a snapshot, with the number of devices. What
// Learned did not take yet is in it and will not be returned by Learned again.
func (e *Engine) Memory() (data []byte, devices int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.memory()
}

// closeHour moves flow time to where the running hour is learned, if it was nearly
// whole: a recording of a day ends a moment before midnight.
func (e *Engine) closeHour() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.now == 0 || e.now%3600 < 3600-shortGap {
		return
	}
	e.advance(e.now - e.now%3600 + 3600 + 240) // the hour closes two minutes after its end
}

func (e *Engine) union() *baseline.Store {
	keepers := e.keepers()
	all := make([]*baseline.Store, len(keepers))
	for i, k := range keepers {
		all[i] = k.Store
	}
	return baseline.Union(all...)
}

// memory is Memory for callers that have the mutex.
func (e *Engine) memory() (data []byte, devices int) {
	data = e.union().AppendSnapshot(nil)
	for _, k := range e.keepers() {
		_ = k.TakeJournal(nil)
	}
	for _, s := range e.shards {
		n, _ := s.past.Counts()
		devices += n
	}
	return data, devices
}

// Now is the running second of flow time, 0 before the first flow.
func (e *Engine) Now() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

// memory keeps the engine's baselines on disk while it runs.
type memory struct {
	engine *Engine
	files  *store.Baselines
	log    *slog.Logger
	hour   int64  // Unix hour in which habits were saved last
	day    int64  // of the last snapshot, in days since 1970
	owed   []byte // learned, and not yet in the journal
	buf    []byte
	use    sync.Mutex // one of save and what people do at a time; guards all of the above

	mu     sync.Mutex
	failed error // of the last save
}

// maxOwed bounds the frames that wait for a disk, in bytes.
const maxOwed = 64 << 20

// closes is how many seconds after its end an hour is learned at the latest: what is
// kept once an hour is kept then.
const closes = 180

// saveEvery is how much learning a crash may cost.
const saveEvery = time.Minute

// run saves once a minute until ctx ends. A disk that is full does not end
// detection: it is logged, told by health, and tried again.
func (m *memory) run(ctx context.Context) error {
	t := time.NewTicker(saveEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			m.note(m.save())
		}
	}
}

// last saves everything before the engine is drained: draining moves flow time to
// the end of the minute, and a run that went on from there would judge nothing until
// the clock is as far.
func (m *memory) last() {
	m.use.Lock()
	m.hour = 0
	m.use.Unlock()
	m.note(m.save())
}

func (m *memory) note(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil && m.failed == nil {
		m.log.Error("what was learned cannot be saved; a restart would lose it", "error", err)
	}
	if err == nil && m.failed != nil {
		m.log.Info("what was learned is saved again")
	}
	m.failed = err
}

func (m *memory) health() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failed
}

// newMemory loads what is on disk into the engine.
func newMemory(e *Engine, files *store.Baselines, log *slog.Logger) (*memory, error) {
	snapshot, journal, err := files.Load()
	if err != nil {
		return nil, err
	}
	checkpoint, err := files.Checkpoint()
	if err != nil {
		return nil, err
	}
	whole, err := e.Recall(snapshot, journal)
	if err != nil {
		return nil, fmt.Errorf("recall what was learned (version %q): %w; to go on without what was learned since: tidewatch baseline rollback %[1]s", files.Current(), err)
	}
	if cut := len(journal) - whole; cut > 0 {
		log.Warn("the end of the learning journal was cut off by a crash", "bytes", cut)
	}
	if checkpoint != nil {
		// It holds an hour at most: no reason not to start.
		if err := e.Resume(checkpoint); err != nil {
			log.Warn("the running hour starts anew, because its checkpoint cannot be read", "error", err)
		}
	}
	if err := files.Start(whole); err != nil {
		return nil, err
	}
	e.Freeze(files.Frozen())
	m := &memory{engine: e, files: files, log: log}
	if err := m.loadHabits(); err != nil {
		return nil, err
	}
	if v := files.Versions(); len(v) > 0 {
		m.day = v[len(v)-1].Created.Unix() / 86400
	}
	return m, nil
}

// save is called once a minute: what was learned goes to the journal, the running
// hour to the checkpoint, and once a day everything to a new version.
func (m *memory) save() error {
	m.use.Lock()
	defer m.use.Unlock()
	m.owed = m.engine.Learned(m.owed)
	if len(m.owed) > maxOwed { // a disk that is full for days: the next version holds all of it
		m.owed, m.day = m.owed[:0], 0
	}
	if err := m.files.Append(m.owed); err != nil {
		return err
	}
	m.owed = m.owed[:0]
	m.buf = m.engine.checkpoint(m.buf[:0])
	if len(m.buf) == 0 {
		return nil
	}
	if err := m.files.SaveCheckpoint(m.buf); err != nil {
		return err
	}
	if hour := (m.engine.Now() - closes) / 3600; hour != m.hour {
		if err := m.saveHabits(); err != nil {
			return err
		}
		m.hour = hour
	}
	if day := m.engine.Now() / 86400; day != m.day {
		data, devices := m.engine.Memory()
		if devices == 0 {
			return nil
		}
		_, err := m.shelve(data, devices, store.Candidate, "")
		return err
	}
	return nil
}

// saveHabits keeps who talks to whom, and when, the ledger, and in what rhythm and for
// how long. All of a shard is its own: with another number of shards it starts anew.
func (m *memory) saveHabits() error {
	for i := range m.engine.shards {
		data := m.engine.habits(i)
		if len(data) == 0 {
			continue
		}
		if err := m.files.SaveHabits(i, data); err != nil {
			return err
		}
	}
	return nil
}

// loadHabits takes up what saveHabits wrote. Habits that cannot be read are learned
// anew: they are no reason not to start.
func (m *memory) loadHabits() error {
	for i, s := range m.engine.shards {
		data, err := m.files.Habits(i)
		if err != nil {
			return err
		}
		of, rest := binary.Uvarint(data)
		if rest <= 0 || of != uint64(len(m.engine.shards)) {
			continue
		}
		left, err := s.habits.Decode(data[rest:])
		if err == nil && len(left) > 0 { // earlier releases kept no ledger
			left, err = s.ledger.Decode(left)
		}
		if err == nil && len(left) > 0 { // nor pairs
			err = s.windows.DecodePairs(left)
		}
		if err != nil {
			m.log.Warn("habits, the ledger or what is known of regular connections begin anew, because what was saved cannot be read", "shard", i, "error", err)
		}
	}
	return nil
}

// habits are those of shard i, its ledger and its pairs, behind the number of shards.
func (e *Engine) habits(i int) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	data := binary.AppendUvarint(nil, uint64(len(e.shards)))
	s := e.shards[i]
	return s.windows.AppendPairs(s.ledger.AppendBinary(s.habits.AppendBinary(data)))
}

// checkpoint appends the open hour of all shards to buf, nothing before the first flow.
func (e *Engine) checkpoint(buf []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.now == 0 {
		return buf
	}
	all := make([]*window.Tracker, len(e.shards))
	for i, s := range e.shards {
		all[i] = s.windows
	}
	return window.Checkpoint(buf, e.networks.totals, all...)
}
