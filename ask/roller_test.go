// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tidewatch/query"
	"tidewatch/rollup"
)

// rolling is a roller over a directory, as it is after a start.
func rolling(t *testing.T, m *memory, dir string, change func(*rollup.Config)) (*Roller, Shelves) {
	t.Helper()
	cfg := rollup.DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	shelves := Shelves{rollup.NewShelf(dir, rollup.Minutes()), rollup.NewShelf(dir, rollup.Hours())}
	r, err := NewRoller(&cfg, m, shelves, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, shelves
}

// sameTotals holds what roll-ups say of the whole hour to what the flows say.
func sameTotals(t *testing.T, m *memory, shelves Shelves) {
	t.Helper()
	for _, one := range []Shelves{{Minutes: shelves.Minutes}, {Hours: shelves.Hours}} {
		q := &query.Question{From: begin(), To: begin().Add(time.Hour), Group: []query.Dimension{query.Proto}, By: query.Bytes, Limit: 10, Source: query.Rollup}
		got, err := asker(t, m, nil, one).Answer(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		raw := *q
		raw.Source = query.Raw
		want, err := asker(t, m, nil, Shelves{}).Answer(t.Context(), &raw)
		if err != nil {
			t.Fatal(err)
		}
		if got.Total != want.Total || len(got.Groups) != len(want.Groups) || got.Groups[0].Volume != want.Groups[0].Volume {
			t.Errorf("%s: total %+v, %+v, want %+v, %+v", got.Source, got.Total, got.Groups, want.Total, want.Groups)
		}
	}
}

func units(t *testing.T, s *rollup.Shelf) int {
	t.Helper()
	list, err := s.Units(begin().AddDate(-1, 0, 0), begin().AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// Whatever was lost or came late, after the next step roll-ups say what flows say, and
// what is not over has none.
func TestRollerMakesWhatIsMissing(t *testing.T) {
	t.Parallel()
	m, _ := recorded(1200, 11)
	dir := t.TempDir()
	r, shelves := rolling(t, m, dir, nil)
	step := func(at time.Duration) {
		t.Helper()
		if err := r.Step(t.Context(), begin().Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	step(31 * time.Minute)
	if n, h := units(t, shelves.Minutes), units(t, shelves.Hours); n != 2 || h != 0 {
		t.Errorf("after 31 minutes there are %d units of minutes and %d hours", n, h)
	}
	sameTotals(t, m, shelves)
	step(2 * time.Hour)
	if n, h := units(t, shelves.Minutes), units(t, shelves.Hours); n != 6 || h != 1 {
		t.Errorf("after two hours there are %d units of minutes and %d hours", n, h)
	}
	sameTotals(t, m, shelves)

	late := slices.Clone(m.segments[0][:200]) // flows of the first minutes that were written late
	m.segments = append(m.segments, late)
	step(2*time.Hour + time.Minute)
	sameTotals(t, m, shelves)

	// A killed process leaves a file half written, or nothing; a disk damages one.
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.rollup"))
	if err != nil || len(files) != 7 {
		t.Fatal(files, err)
	}
	half := files[0] + ".tmp"
	for name, data := range map[string][]byte{half: []byte("TWROLL"), files[2]: []byte("TWROLLUP")} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	r, shelves = rolling(t, m, dir, nil)
	step(3 * time.Hour)
	sameTotals(t, m, shelves)
	if _, err := os.Stat(half); err == nil {
		t.Error("the half file is still there")
	}

	// A question meets what is damaged behind the description.
	for _, shelf := range []*rollup.Shelf{shelves.Minutes, shelves.Hours} {
		spoilShelf(t, dir, shelf, begin())
	}
	sameTotals(t, m, shelves)
	step(3*time.Hour + time.Minute)
	for _, shelf := range []*rollup.Shelf{shelves.Minutes, shelves.Hours} {
		if _, err := shelf.Section(begin(), query.Proto); err != nil || shelf.Spoiled(begin()) {
			t.Errorf("damage of %s that a question met is still there: %v", shelf.Grain().Name, err)
		}
	}

	// Flows that are gone do not take their roll-ups with them.
	before, err := asker(t, m, nil, shelves).Answer(t.Context(), &query.Question{From: begin(), To: begin().Add(time.Hour), By: query.Flows, Limit: 1, Source: query.Rollup})
	if err != nil {
		t.Fatal(err)
	}
	m.segments[0], m.segments[1] = nil, nil
	m.segments = append(m.segments, m.segments[2][:1])
	r, shelves = rolling(t, m, dir, nil)
	step(4 * time.Hour)
	after, err := asker(t, m, nil, shelves).Answer(t.Context(), &query.Question{From: begin(), To: begin().Add(time.Hour), By: query.Flows, Limit: 1, Source: query.Rollup})
	if err != nil || after.Total != before.Total {
		t.Errorf("total %+v, was %+v, %v", after.Total, before.Total, err)
	}
}

// What is made when the first of its flows were dropped already says so.
func TestRollerOfWhatIsLeft(t *testing.T) {
	t.Parallel()
	for _, dropped := range []bool{false, true} {
		m, _ := recorded(1000, 15)
		if dropped {
			m.segments[0] = nil
		}
		r, shelves := rolling(t, m, t.TempDir(), nil)
		if err := r.Step(t.Context(), begin().Add(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		for _, from := range []time.Duration{0, 40 * time.Minute} {
			got, err := asker(t, m, nil, Shelves{Minutes: shelves.Minutes}).Answer(t.Context(), &query.Question{
				From: begin().Add(from), To: begin().Add(time.Hour), By: query.Bytes, Limit: 1, Source: query.Rollup,
			})
			// Of the second half of the hour nothing is missing.
			if err != nil || from > 0 && got.Partial {
				t.Errorf("dropped %v, from %s: %+v, %v", dropped, from, got, err)
			}
		}
		about, err := shelves.Hours.About(begin())
		if err != nil || about.Damaged != dropped {
			t.Errorf("dropped %v: %+v, %v", dropped, about, err)
		}
	}
}

// A file of a later version is left alone, whatever flows there are.
func TestRollerLeavesLaterVersions(t *testing.T) {
	t.Parallel()
	m, _ := recorded(600, 14)
	dir := t.TempDir()
	r, _ := rolling(t, m, dir, nil)
	if err := r.Step(t.Context(), begin().Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "hours", "20260501T1200.rollup")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	later := bytes.Replace(data, []byte(`"version":1`), []byte(`"version":2`), 1)
	if err := os.WriteFile(name, later, 0o600); err != nil || bytes.Equal(data, later) {
		t.Fatal(err)
	}
	m.segments = append(m.segments, slices.Clone(m.segments[0][:10]))
	r, shelves := rolling(t, m, dir, nil)
	if err := r.Step(t.Context(), begin().Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, later) {
		t.Errorf("the file of a later version is another one now (%v)", err)
	}
	sameTotals(t, m, shelves)
}

// What is too old or too much is dropped, and not made again.
func TestRollerDropsOldOnes(t *testing.T) {
	t.Parallel()
	m, _ := recorded(600, 12)
	r, shelves := rolling(t, m, t.TempDir(), nil)
	if err := r.Step(t.Context(), begin().Add(31*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n, h := units(t, shelves.Minutes), units(t, shelves.Hours); n != 0 || h != 1 {
		t.Errorf("after a month there are %d units of minutes and %d hours", n, h)
	}
	many, _ := recorded(20_000, 13)
	r, shelves = rolling(t, many, t.TempDir(), func(c *rollup.Config) { c.MaxBytes = 1 << 20 })
	r.cfg.MaxBytes = 150 << 10
	for range 2 {
		if err := r.Step(t.Context(), begin().Add(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n := units(t, shelves.Minutes); n == 0 || n == 6 {
			t.Errorf("%d units of minutes are kept", n)
		}
	}
	if r.floor["minutes"].IsZero() {
		t.Error("what was dropped for its size is made again")
	}
}
