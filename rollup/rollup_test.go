// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/flow"
	"tidewatch/query"
)

func begin() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

func sections(n byte) []Section {
	out := []Section{{Name: query.Src}, {Name: query.Service}}
	for i := range out {
		for k := range byte(10) {
			b := Bucket{Rest: query.Volume{Bytes: 1 << 60, Packets: 2, Flows: 3}, Lost: query.Volume{Bytes: uint64(k)}}
			for j := range k {
				b.Rows = append(b.Rows, Row{flow.Addr{15: j, 3: n}, query.Volume{Bytes: uint64(j) << 40, Packets: 7, Flows: uint64(n)}})
			}
			if b.Rows == nil {
				b.Rows = []Row{}
			}
			out[i].Buckets = append(out[i].Buckets, b)
		}
	}
	return out
}

// What was put on the shelf is what is taken from it; putting again replaces it.
func TestShelf(t *testing.T) {
	t.Parallel()
	s := NewShelf(t.TempDir(), Minutes())
	if units, err := s.Units(begin(), begin().Add(time.Hour)); err != nil || len(units) > 0 {
		t.Errorf("an empty shelf has %v, %v", units, err)
	}
	for i := range byte(3) {
		for again := range byte(2) {
			a := &About{From: begin().Add(time.Duration(i) * 10 * time.Minute), Flows: 12, Newest: 7}
			if err := s.Put(a, sections(i+again)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Put(&About{From: begin().Add(time.Minute)}, sections(1)); err == nil {
		t.Error("a unit begins anywhere")
	}
	units, err := s.Units(begin().Add(9*time.Minute), begin().Add(20*time.Minute))
	if err != nil || len(units) != 2 || !units[0].Equal(begin()) {
		t.Fatalf("units %v, %v", units, err)
	}
	about, err := s.About(units[1])
	if err != nil || about.Flows != 12 || about.Newest != 7 || !about.From.Equal(units[1]) {
		t.Errorf("about %+v, %v", about, err)
	}
	for _, want := range sections(2) {
		got, err := s.Section(units[1], want.Name)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&want, got); d != "" {
			t.Error(d)
		}
	}
	if _, err := s.Section(units[1], query.Dst); err == nil {
		t.Error("a section that was not written is there")
	}
}

// A flipped byte anywhere is an error, never a wrong figure or a panic.
func TestDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := NewShelf(dir, Minutes())
	if err := s.Put(&About{From: begin()}, sections(1)); err != nil {
		t.Fatal(err)
	}
	want, err := s.Section(begin(), query.Service)
	if err != nil {
		t.Fatal(err)
	}
	name := s.path(begin())
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(good); i += 3 {
		bad := bytes.Clone(good)
		bad[i] ^= 0x41
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Section(begin(), query.Service); err == nil && !cmp.Equal(got, want) {
			t.Fatalf("byte %d flipped gives other figures", i)
		}
		if err := os.WriteFile(name, good[:i], 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Section(begin(), query.Service); err == nil && !cmp.Equal(got, want) {
			t.Fatalf("cut at byte %d gives other figures", i)
		}
	}
}

func TestRetain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := NewShelf(dir, Hours())
	var size int64
	for i := range 10 {
		if err := s.Put(&About{From: begin().Add(time.Duration(i) * time.Hour)}, nil); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(s.path(begin()))
		if err != nil {
			t.Fatal(err)
		}
		size = info.Size()
	}
	left := filepath.Join(dir, "hours", "20260501T1200.rollup.tmp")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		before time.Time
		size   int64
		first  int
	}{{begin(), 1 << 40, 0}, {begin().Add(2*time.Hour + 1), 1 << 40, 2}, {begin(), 5*size + size/2, 5}, {begin(), 0, 10}} {
		until, err := s.Retain(c.before, c.size)
		units, _ := s.Units(begin(), begin().Add(100*time.Hour))
		if err != nil || until.IsZero() != (c.first == 0) || c.first > 0 && !until.Equal(begin().Add(time.Duration(c.first)*time.Hour)) || len(units) != 10-c.first || len(units) > 0 && !units[0].Equal(begin().Add(time.Duration(c.first)*time.Hour)) {
			t.Errorf("%+v: removed until %v, left %v, %v", c, until, units, err)
		}
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed writer left is still there")
	}
}

func FuzzUnpack(f *testing.F) {
	for _, s := range sections(1) {
		f.Add(pack(&s))
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := unpack(query.Src, data)
		if err != nil {
			return
		}
		again, err := unpack(query.Src, pack(s))
		if err != nil || !cmp.Equal(s, again) {
			t.Fatalf("read again: %v", err)
		}
	})
}
