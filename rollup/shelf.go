// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"tidewatch/query"
)

const (
	suffix     = ".rollup"
	unfinished = ".tmp"
	layout     = "20060102T1504"
)

// ErrLater is the error of a file that a later program wrote. It is to be left alone.
var ErrLater = errors.New("it was written by a later program")

// Shelf is the directory of one grain. Reading beside writing is safe; two may not
// write.
type Shelf struct {
	dir   string
	grain Grain
	zstd  func() (*zstd.Decoder, error)

	mu      sync.Mutex
	spoiled map[int64]bool // begins of units of which something could not be read
}

// NewShelf names the directory below dir; it makes nothing.
func NewShelf(dir string, grain Grain) *Shelf {
	return &Shelf{
		dir: filepath.Join(dir, grain.Name), grain: grain, spoiled: map[int64]bool{},
		zstd: sync.OnceValues(func() (*zstd.Decoder, error) {
			return zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxPart))
		}),
	}
}

// Spoiled reports whether something of a unit could not be read since it was written.
func (s *Shelf) Spoiled(from time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spoiled[from.UnixNano()]
}

func (s *Shelf) spoil(from time.Time, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if is {
		s.spoiled[from.UnixNano()] = true
	} else {
		delete(s.spoiled, from.UnixNano())
	}
}

// Grain is what the shelf holds.
func (s *Shelf) Grain() Grain { return s.grain }

func (s *Shelf) path(from time.Time) string {
	return filepath.Join(s.dir, from.UTC().Format(layout)+suffix)
}

// Put writes the file of the unit that begins at a.From, in place of the one before.
func (s *Shelf) Put(a *About, sections []Section) error {
	if !a.From.Equal(a.From.Truncate(s.grain.Unit)) {
		return fmt.Errorf("%s is no begin of a unit of %s", a.From, s.grain.Unit)
	}
	a.From, a.Grain = a.From.UTC(), s.grain.Name
	data, err := encode(a, sections)
	if err != nil {
		return fmt.Errorf("write a roll-up: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("write a roll-up: %w", err)
	}
	name := s.path(a.From)
	if err := writeSynced(name+unfinished, data); err != nil {
		return fmt.Errorf("write a roll-up: %w", err)
	}
	if err := os.Rename(name+unfinished, name); err != nil {
		return fmt.Errorf("write a roll-up: %w", err)
	}
	s.spoil(a.From, false)
	return syncDir(s.dir)
}

func writeSynced(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // the name is made of a time
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // our own
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Units lists the begins of the units that are there and touch [from, to), oldest first.
func (s *Shelf) Units(from, to time.Time) ([]time.Time, error) {
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	var out []time.Time
	for _, f := range files {
		if f.from.Before(to) && f.from.Add(s.grain.Unit).After(from) {
			out = append(out, f.from)
		}
	}
	return out, nil
}

type file struct {
	from time.Time
	name string
}

func (s *Shelf) files() ([]file, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list roll-ups: %w", err)
	}
	var out []file
	for _, e := range entries {
		text, ours := strings.CutSuffix(e.Name(), suffix)
		if from, err := time.Parse(layout, text); ours && err == nil {
			out = append(out, file{from, filepath.Join(s.dir, e.Name())})
		}
	}
	slices.SortFunc(out, func(a, b file) int { return a.from.Compare(b.from) })
	return out, nil
}

// About reads the description of a unit.
func (s *Shelf) About(from time.Time) (*About, error) {
	f, err := os.Open(s.path(from))
	if err != nil {
		return nil, fmt.Errorf("read a roll-up: %w", err)
	}
	defer func() { _ = f.Close() }() // it is only read
	a, _, err := s.about(f)
	return a, err
}

// about also returns where the sections begin.
func (s *Shelf) about(f *os.File) (*About, int64, error) {
	damaged := func(why string) error { return fmt.Errorf("read the roll-up %s: %s", f.Name(), why) }
	head := make([]byte, 4096) // most descriptions are shorter
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, fmt.Errorf("read a roll-up: %w", err)
	}
	head = head[:n]
	const fixed = len(magic) + 4
	if n < fixed || string(head[:len(magic)]) != magic {
		return nil, 0, damaged("it is none")
	}
	length := int(binary.LittleEndian.Uint32(head[len(magic):]))
	if length > maxAbout {
		return nil, 0, damaged("its description is too long")
	}
	if fixed+length > n {
		head = make([]byte, fixed+length)
		if _, err := f.ReadAt(head, 0); err != nil {
			return nil, 0, damaged("it ends early")
		}
	}
	a := &About{}
	switch err := json.Unmarshal(head[fixed:fixed+length], a); {
	case err != nil:
		return nil, 0, damaged("its description is damaged")
	case a.Version > version:
		return nil, 0, fmt.Errorf("read the roll-up %s: %w: version %d, and this program knows versions up to %d", f.Name(), ErrLater, a.Version, version)
	case a.Version < 1 || a.Grain != s.grain.Name:
		return nil, 0, damaged(fmt.Sprintf("version %d of %q is none of %q", a.Version, a.Grain, s.grain.Name))
	}
	return a, int64(fixed + length), nil
}

// Section reads one section of a unit. One that cannot be read spoils the unit.
func (s *Shelf) Section(from time.Time, name query.Dimension) (*Section, error) {
	all, err := s.Sections(from, name)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Sections reads some sections of a unit, all or none.
func (s *Shelf) Sections(from time.Time, names ...query.Dimension) ([]*Section, error) {
	all, err := s.sections(from, names)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrLater) {
		s.spoil(from, true)
	}
	return all, err
}

func (s *Shelf) sections(from time.Time, names []query.Dimension) ([]*Section, error) {
	f, err := os.Open(s.path(from))
	if err != nil {
		return nil, fmt.Errorf("read a roll-up: %w", err)
	}
	defer func() { _ = f.Close() }() // it is only read
	a, begin, err := s.about(f)
	if err != nil {
		return nil, err
	}
	out := make([]*Section, len(names))
	for i, name := range names {
		if out[i], err = s.section(f, a, begin, name); err != nil {
			return nil, fmt.Errorf("read the roll-up %s: section %s: %w", f.Name(), name, err)
		}
	}
	return out, nil
}

func (s *Shelf) section(f *os.File, a *About, begin int64, name query.Dimension) (*Section, error) {
	i := slices.IndexFunc(a.Parts, func(p part) bool { return p.Name == name })
	if i < 0 {
		return nil, errors.New("there is none")
	}
	p := a.Parts[i]
	if p.At < 0 || p.Length < 0 || p.Length > maxPart || p.At > 1<<40 {
		return nil, errDamaged
	}
	data := make([]byte, p.Length)
	if _, err := f.ReadAt(data, begin+p.At); err != nil {
		return nil, err
	}
	z, err := s.zstd()
	if err != nil {
		return nil, err
	}
	section, err := decode(z, name, data, p.CRC)
	if err != nil {
		return nil, err
	}
	if want := int(s.grain.Unit / s.grain.Bucket); len(section.Buckets) != want {
		return nil, fmt.Errorf("%d buckets, not %d", len(section.Buckets), want)
	}
	section.Damaged = a.Damaged
	return section, nil
}

func decode(z *zstd.Decoder, name query.Dimension, data []byte, crc uint32) (*Section, error) {
	if crc32.ChecksumIEEE(data) != crc {
		return nil, errDamaged
	}
	plain, err := z.DecodeAll(data, nil)
	if err != nil {
		return nil, errDamaged
	}
	return unpack(name, plain)
}
