// SPDX-License-Identifier: Apache-2.0

package history

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Flows are dropped when they are old enough, oldest first; empty folders go, too.
func TestOldFlowsGo(t *testing.T) {
	t.Parallel()
	bubble(t, func(c *Config) { c.Keep = 3 * time.Hour }, func(b *bench) {
		for range 5 {
			b.take(10)
			time.Sleep(time.Hour)
		}
		synctest.Wait()
		b.want(21, 50)
		if _, err := os.Stat(filepath.Join(b.deps.Dir, "day=2000-01-01", "hour=00")); !os.IsNotExist(err) {
			b.t.Errorf("the folder of the first hour: %v", err)
		}
	})
}

// The size of the history is bounded by bytes, and by a share of the disk.
func TestTooManyBytes(t *testing.T) {
	t.Parallel()
	for name, bound := range map[string]func(b *bench, each int64){
		"bytes": func(b *bench, each int64) { b.cfg.MaxBytes = 3*each + 1 },
		"share": func(b *bench, each int64) {
			b.cfg.MaxShare = 0.5
			b.size.Store(6*each + 2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, filepath.Join(t.TempDir(), "history"), nil)
			for range 5 {
				b.take(10)
				b.rotate()
			}
			each := b.catalogue.all(false)[0].Bytes + 8 // they differ by a few bytes
			bound(b, each)
			b.expire(time.Now())
			b.want(21, 50)
		})
	}
}

// What was written while the clock was ahead goes with what was written next: it neither
// outlives it nor takes its room.
func TestFlowsOfTheFutureGo(t *testing.T) {
	t.Parallel()
	b := newBench(t, filepath.Join(t.TempDir(), "history"), nil)
	now := time.Now()
	for _, at := range []time.Time{now.Add(-3 * time.Hour), now.AddDate(4, 0, 0), now.AddDate(4, 0, 0), now.Add(-2 * time.Hour), now.Add(-time.Hour)} {
		b.takeAt(at, 10)
		b.rotate()
	}
	b.cfg.MaxBytes = 2*b.catalogue.all(false)[0].Bytes + 100
	b.expire(now)
	b.want(31, 50)
	b.cfg.MaxBytes = 1e9
	b.expire(now.Add(b.cfg.Keep - 90*time.Minute))
	b.want(41, 50)
}

// Where the clock was set a segment ends: none claims the time between.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	b := newBench(t, filepath.Join(t.TempDir(), "history"), nil)
	now := time.Now()
	for _, at := range []time.Time{time.Unix(5, 0), time.Unix(6, 0), now, now.Add(-30 * time.Minute), now.Add(-2 * time.Hour)} {
		b.takeAt(at, 10)
	}
	b.rotate()
	b.want(1, 50)
	var spans []time.Duration
	for _, s := range b.catalogue.all(false) {
		spans = append(spans, s.To.Sub(s.From))
	}
	if !slices.Equal(spans, []time.Duration{time.Second, 30 * time.Minute, 0}) || len(b.closed) != 3 {
		t.Errorf("segments of %v, told of %v", spans, b.closed)
	}
	for i := range 30 { // it may be set again and again
		b.takeAt(now.Add(time.Duration(i%2)*2*time.Hour), 1)
	}
	b.rotate()
	b.want(1, 80)
	if n := len(b.catalogue.all(false)); n != 3+maxPieces {
		t.Errorf("%d segments", n)
	}
}

// A query that reads a segment is not disturbed by its end.
func TestHeldSegments(t *testing.T) {
	t.Parallel()
	b := newBench(t, filepath.Join(t.TempDir(), "history"), nil)
	b.take(10)
	b.rotate()
	list, release := b.Segments(time.Time{}, time.Now())
	other, releaseOther := b.Segments(time.Time{}, time.Now())
	b.expire(time.Now().Add(30 * 24 * time.Hour))
	b.want(1, 0)
	release()
	release() // twice is once
	if file, f, err := other[0].Open(); err != nil || file.Rows() != 10 {
		t.Errorf("a segment that is read: %v", err)
	} else {
		_ = f.Close()
	}
	releaseOther()
	if _, err := os.Stat(list[0].Path()); !os.IsNotExist(err) {
		t.Errorf("the file is still there (%v)", err)
	}
}

// The segments of an hour become one when it is over: every flow once, in order.
func TestJoin(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(b *bench) {
		for range 10 {
			b.take(100)
			time.Sleep(2 * time.Minute)
		}
		synctest.Wait()
		b.want(1, 1000)
		if n := len(b.files()); n != 10 {
			b.t.Errorf("%d files before the hour is over", n)
		}
		list, release := b.Segments(time.Time{}, time.Now())
		time.Sleep(45 * time.Minute)
		synctest.Wait()
		b.want(1, 1000)
		if n := len(b.files()); n != 11 {
			b.t.Errorf("%d files while the small ones are read, want 11", n)
		}
		release()
		if f := b.files(); len(f) != 1 || f[0] != "day=2000-01-01/hour=00/0000000001-0000000010.parquet" {
			b.t.Errorf("files %v", f)
		}
		if before := list[9].Bytes; before == 0 {
			b.t.Error("a small segment without bytes")
		}
		b.take(1)
		time.Sleep(62 * time.Second)
		synctest.Wait()
		b.want(1, 1001)
	})
}

// Segments of full row groups stay as they are: a busy site writes each flow once.
func TestWholeSegmentsAreNotJoined(t *testing.T) {
	t.Parallel()
	b := newBench(t, filepath.Join(t.TempDir(), "history"), nil)
	for range 3 {
		b.takeAt(time.Now().Truncate(time.Hour), 10) // in one folder
		b.rotate()
	}
	later := time.Now().Add(3 * time.Hour)
	middle := b.catalogue.all(false)[1]
	rows := middle.Rows
	middle.Rows = wholeRows
	if run := b.smallRun(later); run != nil {
		t.Errorf("%d segments are to be joined around one that is whole", len(run))
	}
	middle.Rows = rows
	if run := b.smallRun(later); len(run) != 3 {
		t.Errorf("%d small segments are to be joined, want 3", len(run))
	}
}

// Flows stay in the order in which they were judged, whatever their times are: also
// when several sockets fill segments, or a clock was set back.
func TestJoinKeepsTheOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t, filepath.Join(t.TempDir(), "history"), nil)
	start := time.Date(2026, 11, 27, 10, 30, 0, 0, time.UTC)
	for _, segment := range [][]int{{0, 20, 10}, {15, 5}, {-5000}, {-4000}} {
		for _, at := range segment {
			b.takeAt(start.Add(time.Duration(at)*time.Millisecond), 1)
		}
		b.rotate()
	}
	b.joinSmall(t.Context(), start.Add(2*time.Hour))
	b.want(1, 7)
	list := b.catalogue.all(false)
	if len(list) != 1 || !list[0].From.Equal(start.Add(-5*time.Second)) || !list[0].To.Equal(start.Add(20*time.Millisecond)) {
		t.Errorf("segments %+v", list)
	}
}

// crash is a history of three segments, and the one that they were joined to.
type crash struct {
	dir    string
	small  map[string][]byte // by path
	joined string
	whole  []byte
}

func crashed(t *testing.T) *crash {
	t.Helper()
	c := &crash{dir: filepath.Join(t.TempDir(), "history"), small: map[string][]byte{}}
	b := newBench(t, c.dir, nil)
	for range 3 {
		b.take(10)
		b.rotate()
	}
	for _, s := range b.catalogue.all(false) {
		data, err := os.ReadFile(s.path)
		if err != nil {
			t.Fatal(err)
		}
		c.small[s.path] = data
	}
	b.joinSmall(t.Context(), time.Now().Add(2*time.Hour))
	list := b.catalogue.all(false)
	if len(list) != 1 { // an hour ended meanwhile, which it does not twice
		return crashed(t)
	}
	data, err := os.ReadFile(list[0].path)
	if err != nil {
		t.Fatal(err)
	}
	c.joined, c.whole = list[0].path, data
	return c
}

// Wherever joining is interrupted, every flow is there once after the next start.
func TestCrashWhileJoining(t *testing.T) {
	t.Parallel()
	c := crashed(t)
	paths := make([]string, 0, 3)
	for p := range c.small {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	unfinished := filepath.Join(filepath.Dir(c.joined), "."+filepath.Base(c.joined))
	for step := range 6 {
		for _, p := range slices.Concat(paths, []string{c.joined, unfinished}) {
			_ = os.Remove(p)
		}
		if err := os.MkdirAll(filepath.Dir(c.joined), 0o700); err != nil {
			t.Fatal(err)
		}
		files := map[string][]byte{}
		switch step {
		case 0: // half written
			files[unfinished] = c.whole[:len(c.whole)/2]
		case 1: // not renamed
			files[unfinished] = c.whole
		default: // some of the small ones removed
			files[c.joined] = c.whole
		}
		for i, p := range paths {
			if i >= step-2 {
				files[p] = c.small[p]
			}
		}
		for p, data := range files {
			if err := os.WriteFile(p, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b := newBench(t, c.dir, nil)
		b.want(1, 30)
		for _, f := range b.files() {
			if strings.Contains(f, "/.") {
				t.Errorf("step %d: %s is still there", step, f)
			}
		}
	}
}

// A segment that cannot be read is told of and left out; the others are read, and a
// joined one that cannot be read does not cost those it was joined from.
func TestDamagedSegments(t *testing.T) {
	t.Parallel()
	c := crashed(t)
	for p, data := range c.small {
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(c.joined, c.whole[:len(c.whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, c.dir, nil)
	b.want(1, 30)
	if !strings.Contains(b.log.String(), c.joined) || b.catalogue.damaged() != 1 {
		t.Errorf("nothing is said of %s: %s", c.joined, &b.log)
	}
	b.expire(time.Now().Add(8 * 24 * time.Hour))
	if f := b.files(); len(f) != 0 {
		t.Errorf("files %v are older than all that is kept", f)
	}
}

// What can be neither read nor removed is told of, and hinders nothing.
func TestStubbornFiles(t *testing.T) {
	t.Parallel()
	c := crashed(t)
	unfinished := filepath.Join(filepath.Dir(c.joined), ".0000000009.parquet")
	if err := os.MkdirAll(filepath.Join(unfinished, "x"), 0o700); err != nil { // like a file of somebody else
		t.Fatal(err)
	}
	hour := filepath.Join(c.dir, "day=2000-01-01", "hour=05")
	if err := os.MkdirAll(filepath.Dir(hour), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hour, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, c.dir, nil)
	b.want(1, 30)
	at := time.Date(2000, 1, 1, 5, 30, 0, 0, time.UTC)
	if log := b.log.String(); !strings.Contains(log, unfinished) || !strings.Contains(log, hour) || b.Broken(at, at) != 1 {
		t.Errorf("%d are broken; said:\n%s", b.Broken(at, at), log)
	}
}

// Files of others are left alone.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "history")
	hour := filepath.Join(dir, "day=2000-01-01", "hour=00")
	if err := os.MkdirAll(hour, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"notes.txt", "1.parquet", "0000000002-0000000001.parquet"} {
		if err := os.WriteFile(filepath.Join(hour, f), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := newBench(t, dir, nil)
	b.expire(time.Now())
	if n := len(b.files()); n != 3 {
		t.Errorf("%d files are left, want 3", n)
	}
}
