// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Version is one saved state of what was learned.
type Version struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"` // in flow time
	Devices int       `json:"devices"`
	Bytes   int64     `json:"bytes"`
	SHA256  string    `json:"sha256"`
	State   string    `json:"state"` // candidate, approved
	Note    string    `json:"note,omitempty"`
}

// The states of a version.
const (
	Candidate = "candidate"
	Approved  = "approved"
)

// catalog says which versions there are; replacing its file is what commits.
type catalog struct {
	Format   int       `json:"format"`
	Current  string    `json:"current"` // the version that the journal goes on from; empty before the first
	Frozen   bool      `json:"frozen"`
	Versions []Version `json:"versions"` // oldest first
}

const (
	catalogFormat = 1
	keepVersions  = 30 // candidates kept beside the approved ones: a month
)

// ErrNoVersion says that there is no version of that name.
var ErrNoVersion = errors.New("there is no version")

func noVersion(id string) error {
	return fmt.Errorf("baselines: %w %q; see tidewatch baseline list", ErrNoVersion, id)
}

// Baselines keeps versions of what was learned in a folder: a snapshot each, a
// journal of what was learned since the newest, and a checkpoint of the running
// hour (docs/reference/baseline-format.md). A crash at any moment leaves what was
// saved before or after it, never half of it. It is not safe for concurrent use.
type Baselines struct {
	dir     string
	catalog catalog
	journal *os.File
	written int64 // whole bytes of the journal
}

// OpenBaselines opens the folder. One that is not there is empty, and made by what
// writes first: looking makes nothing.
func OpenBaselines(dir string) (*Baselines, error) {
	b := &Baselines{dir: filepath.Join(dir, "baselines"), catalog: catalog{Format: catalogFormat}}
	text, err := os.ReadFile(b.path("catalog.json"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return b, nil
	case err != nil:
		return nil, fmt.Errorf("baselines: %w", err)
	}
	if err := json.Unmarshal(text, &b.catalog); err != nil {
		return nil, fmt.Errorf("baselines: %s: %w", b.path("catalog.json"), err)
	}
	if b.catalog.Format != catalogFormat {
		return nil, fmt.Errorf("baselines: %s has format %d; this program reads %d", b.path("catalog.json"), b.catalog.Format, catalogFormat)
	}
	return b, nil
}

func (b *Baselines) path(name string) string    { return filepath.Join(b.dir, name) }
func (b *Baselines) snapshot(id string) string  { return b.path(id + ".snapshot") }
func (b *Baselines) journalOf(id string) string { return b.path(id + ".journal") }

// Versions lists the saved states, oldest first.
func (b *Baselines) Versions() []Version { return slices.Clone(b.catalog.Versions) }

// Current is the version that learning goes on from, empty before the first.
func (b *Baselines) Current() string { return b.catalog.Current }

// Frozen reports whether learning is stopped until a person lets it go on.
func (b *Baselines) Frozen() bool { return b.catalog.Frozen }

// Freeze stops learning, or lets it go on, from the next start.
func (b *Baselines) Freeze(on bool) error {
	next := b.catalog
	next.Frozen = on
	return b.commit(next)
}

// Read returns a version's snapshot, checked against its checksum.
func (b *Baselines) Read(id string) ([]byte, error) {
	v, ok := b.version(id)
	if !ok {
		return nil, noVersion(id)
	}
	data, err := os.ReadFile(b.snapshot(id))
	if err != nil {
		return nil, fmt.Errorf("baselines: %w", err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != v.SHA256 {
		return nil, fmt.Errorf("baselines: %s is damaged: its checksum is not the one in the catalogue; roll back to another version", b.snapshot(id))
	}
	return data, nil
}

func (b *Baselines) version(id string) (Version, bool) {
	i := slices.IndexFunc(b.catalog.Versions, func(v Version) bool { return v.ID == id })
	if i < 0 {
		return Version{}, false
	}
	return b.catalog.Versions[i], true
}

// Load returns the newest snapshot, nil before the first, and the journal since.
func (b *Baselines) Load() (snapshot, journal []byte, err error) {
	if b.catalog.Current != "" {
		if snapshot, err = b.Read(b.catalog.Current); err != nil {
			return nil, nil, err
		}
	}
	journal, err = os.ReadFile(b.journalOf(b.catalog.Current))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("baselines: %w", err)
	}
	return snapshot, journal, nil
}

// Start opens the journal for Append, cut to its whole frames.
func (b *Baselines) Start(whole int) error {
	if err := b.make(); err != nil {
		return err
	}
	f, err := os.OpenFile(b.journalOf(b.catalog.Current), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("baselines: %w", err)
	}
	if err := f.Truncate(int64(whole)); err != nil {
		return errors.Join(fmt.Errorf("baselines: %w", err), f.Close())
	}
	b.journal, b.written = f, int64(whole)
	return nil
}

// Append adds frames to the journal and waits until they are on disk. When that
// fails, what was written of them is taken back, so that a later Append does not
// follow half a frame.
func (b *Baselines) Append(frames []byte) error {
	if len(frames) == 0 {
		return nil
	}
	_, err := b.journal.WriteAt(frames, b.written)
	if err == nil {
		err = b.journal.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("baselines: %w", err), b.journal.Truncate(b.written))
	}
	b.written += int64(len(frames))
	return nil
}

// Save makes a new version of a snapshot, and the journal starts anew. Old
// candidates are dropped.
func (b *Baselines) Save(data []byte, v Version) (Version, error) {
	v.ID = b.freeID(v.Created)
	sum := sha256.Sum256(data)
	v.SHA256, v.Bytes = hex.EncodeToString(sum[:]), int64(len(data))
	if v.State == "" {
		v.State = Candidate
	}
	if err := b.replace(b.snapshot(v.ID), data); err != nil {
		return v, err
	}
	old := b.catalog
	next := old
	next.Current = v.ID
	next.Versions = append(slices.Clone(old.Versions), v)
	var gone []string
	next.Versions, gone = prune(next.Versions)
	if err := b.commit(next); err != nil {
		return v, err
	}
	started := b.journal != nil
	if started {
		_ = b.journal.Close()
	}
	// From here on the old files are not needed; what cannot be removed only takes room.
	_ = os.Remove(b.journalOf(old.Current))
	for _, id := range gone {
		_ = os.Remove(b.snapshot(id))
	}
	if started {
		return v, b.Start(0)
	}
	return v, nil
}

// prune drops the oldest candidates beyond those that are kept; the newest version
// is never one of them.
func prune(all []Version) (kept []Version, gone []string) {
	candidates := 0
	for _, v := range slices.Backward(all) { //nolint:gocritic // a month of them
		if v.State == Candidate {
			if candidates++; candidates > keepVersions {
				gone = append(gone, v.ID)
				continue
			}
		}
		kept = append(kept, v)
	}
	slices.Reverse(kept)
	return kept, gone
}

// freeID names a version by its day, with a letter when there are several.
func (b *Baselines) freeID(at time.Time) string {
	day := at.UTC().Format("2006-01-02")
	for i := 0; ; i++ {
		id := day
		if i > 0 {
			id = fmt.Sprintf("%s.%d", day, i)
		}
		if _, taken := b.version(id); !taken {
			return id
		}
	}
}

// Approve marks a version as approved: it is kept until it is rolled back from.
func (b *Baselines) Approve(id string) error {
	next := b.catalog
	next.Versions = slices.Clone(next.Versions)
	for i := range next.Versions {
		if next.Versions[i].ID == id {
			next.Versions[i].State = Approved
			return b.commit(next)
		}
	}
	return noVersion(id)
}

// SaveCheckpoint replaces the checkpoint of the running hour.
func (b *Baselines) SaveCheckpoint(data []byte) error {
	return b.replace(b.path("checkpoint"), data)
}

// Checkpoint returns the newest, nil when there is none.
func (b *Baselines) Checkpoint() ([]byte, error) {
	data, err := os.ReadFile(b.path("checkpoint"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("baselines: %w", err)
	}
	return data, nil
}

// SaveHabits replaces the habits of shard i.
func (b *Baselines) SaveHabits(i int, data []byte) error {
	return b.replace(b.path(fmt.Sprintf("habits.%d", i)), data)
}

// Habits returns the habits of shard i, nil when there are none.
func (b *Baselines) Habits(i int) ([]byte, error) {
	data, err := os.ReadFile(b.path(fmt.Sprintf("habits.%d", i)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("baselines: %w", err)
	}
	return data, nil
}

// Close closes the journal.
func (b *Baselines) Close() error {
	if b.journal == nil {
		return nil
	}
	return b.journal.Close()
}

func (b *Baselines) commit(next catalog) error {
	text, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return fmt.Errorf("baselines: %w", err)
	}
	if err := b.replace(b.path("catalog.json"), append(text, '\n')); err != nil {
		return err
	}
	b.catalog = next
	return nil
}

// make makes the folder.
func (b *Baselines) make() error {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return fmt.Errorf("baselines: %w", err)
	}
	return nil
}

func (b *Baselines) replace(path string, data []byte) error {
	if err := b.make(); err != nil {
		return err
	}
	if err := replace(path, data); err != nil {
		return fmt.Errorf("baselines: %w", err)
	}
	return nil
}

// replace writes a file so that a crash leaves the old one or the new one.
func replace(path string, data []byte) error {
	dir, name := filepath.Split(path)
	f, err := os.CreateTemp(dir, "."+strings.TrimPrefix(name, ".")+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir) //nolint:gosec // the data directory is the operator's choice
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
