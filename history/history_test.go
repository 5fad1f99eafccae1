// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"tidewatch/flow"
	"tidewatch/segment"
)

func exporterAddr(i uint32) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }

// bench is a recorder on a disk of its own, whose fullness the test decides.
type bench struct {
	*Recorder

	t          *testing.T
	size, free atomic.Int64 // bytes of the disk; the recorder looks at any time
	log        bytes.Buffer
	closed     []uint64
	sent       uint64
}

func newBench(t *testing.T, dir string, change func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t}
	b.size.Store(1e12)
	b.free.Store(1e12)
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	r, err := New(&cfg, &Deps{
		Dir: dir, Exporter: exporterAddr, Logger: slog.New(slog.NewTextHandler(&b.log, nil)),
		Closed: func(s *Segment) { b.closed = append(b.closed, s.First) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.disk.statfs = func(string) (int64, int64, error) { return b.size.Load(), b.free.Load(), nil }
	if err := r.Open(); err != nil {
		t.Fatal(err)
	}
	b.Recorder = r
	return b
}

// take gives n flows that come now; each has a number, in its bytes.
func (b *bench) take(n int) { b.takeAt(time.Now(), n) }

func (b *bench) takeAt(at time.Time, n int) {
	batch := flow.NewBatch(n)
	now := at.UnixNano()
	for range n {
		b.sent++
		batch.Append(&flow.Record{
			Received: now, Start: now - 1e9, End: now, Src: flow.AddrFrom4([4]byte{10, 0, 0, 1}), Dst: flow.AddrFrom4([4]byte{192, 0, 2, 1}),
			Proto: flow.ProtoUDP, Bytes: b.sent, Packets: 1, Sampling: 1, Exporter: 7,
		})
	}
	b.Take(batch)
}

// kept are the numbers of all flows of the history, in its order.
func (b *bench) kept() []uint64 {
	b.t.Helper()
	list, release := b.Segments(time.Time{}, time.Unix(1<<40, 0))
	defer release()
	scan, err := segment.NewScanner()
	if err != nil {
		b.t.Fatal(err)
	}
	defer scan.Close()
	var out []uint64
	for _, s := range list {
		file, f, err := s.Open()
		if err != nil {
			b.t.Fatal(err)
		}
		x := segment.NewExporters()
		r, rows := segment.NewReader(file, scan, x), flow.NewBatch(0)
		for {
			if _, err := r.Read(rows); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.t.Fatal(err)
			}
		}
		_ = f.Close()
		if int64(rows.Len()) != s.Rows || x.Addr(0).Netip() != exporterAddr(7) {
			b.t.Errorf("%s: %d rows of exporter %v, %d were told", s.Path(), rows.Len(), x.Addr(0), s.Rows)
		}
		out = append(out, rows.Bytes...)
	}
	return out
}

func (b *bench) files() []string {
	b.t.Helper()
	var out []string
	err := filepath.WalkDir(b.deps.Dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(b.deps.Dir, path)
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// numbers are those from 1 to n.
func numbers(from, to uint64) []uint64 {
	var out []uint64
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

func (b *bench) want(from, to uint64) {
	b.t.Helper()
	if got := b.kept(); !slices.Equal(got, numbers(from, to)) {
		b.t.Errorf("%d flows are kept (%v ...), want %d to %d", len(got), got[:min(3, len(got))], from, to)
	}
}

// bubble runs a test with a clock of its own, and the recorder in it until the end.
func bubble(t *testing.T, change func(*Config), test func(b *bench)) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "history")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir, change)
		stop := b.start()
		defer stop()
		test(b)
	})
}

// start runs the recorder; the function ends it.
func (b *bench) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	}
}

// Flows are on disk within a minute after they came, in the directory of their hour, and a
// query finds them by time.
func TestFlowsAreKept(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(b *bench) {
		start := time.Now()
		b.take(100)
		time.Sleep(30 * time.Second)
		b.take(50)
		time.Sleep(28 * time.Second)
		synctest.Wait()
		if n := len(b.kept()); n != 0 {
			b.t.Errorf("%d flows are there long before the minute is over", n)
		}
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		b.want(1, 150)
		if f := b.files(); len(f) != 1 || f[0] != "day=2000-01-01/hour=00/0000000001.parquet" {
			b.t.Errorf("files %v", f)
		}
		if !slices.Equal(b.closed, []uint64{1}) {
			b.t.Errorf("told of segments %v", b.closed)
		}
		for _, c := range []struct {
			from, to time.Duration
			want     int
		}{{0, time.Hour, 1}, {time.Minute, time.Hour, 0}, {-time.Hour, -time.Second, 0}, {30 * time.Second, 30 * time.Second, 1}} {
			list, release := b.Segments(start.Add(c.from), start.Add(c.to))
			if release(); len(list) != c.want {
				b.t.Errorf("%v to %v: %d segments, want %d", c.from, c.to, len(list), c.want)
			}
		}
		if sum := b.Totals(); sum.Flows != 150 || sum.Segments != 1 || sum.Bytes == 0 || !sum.Oldest.Equal(start) {
			b.t.Errorf("totals %+v", sum)
		}
	})
}

// What has gathered is written at the end, and is there after a start.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "history")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir, nil)
		stop := b.start()
		b.take(10)
		time.Sleep(time.Second)
		stop()
		b.want(1, 10)
		again := newBench(t, dir, nil)
		again.want(1, 10)
		again.sent = 10
		stop = again.start()
		again.take(5)
		time.Sleep(time.Second)
		stop()
		again.want(1, 15)
		if !slices.Equal(again.closed, []uint64{2}) {
			t.Errorf("the next segments are %v, want number 2", again.closed)
		}
	})
}

// Many flows are written before the minute is over; what comes faster than that is
// dropped and counted, and Take does not wait.
func TestMoreThanIsWritten(t *testing.T) {
	t.Parallel()
	rows := func(c *Config) { c.SegmentRows = 1000 }
	bubble(t, rows, func(b *bench) {
		for range 4 {
			b.take(300)
		}
		synctest.Wait()
		b.want(1, 1200)
	})
	b := newBench(t, filepath.Join(t.TempDir(), "history"), rows) // nobody writes
	for range 9 {
		b.take(300)
	}
	if n := testutil.ToFloat64(b.metrics.queue); n != 900 || b.open.Len() != 1800 {
		t.Errorf("%d flows wait and %v were dropped, want 1800 and 900", b.open.Len(), n)
	}
}

// A full disk stops the history before others miss the room, says so once, and ends
// when there is room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(b *bench) {
		b.take(10)
		time.Sleep(62 * time.Second)
		b.free.Store(1e9 - 1)
		for range 3 {
			b.take(10)
			time.Sleep(62 * time.Second)
		}
		synctest.Wait()
		if err := b.Health(b.t.Context()); err == nil || !strings.Contains(err.Error(), "disk is full") {
			b.t.Errorf("health: %v", err)
		}
		b.want(1, 10)
		if n := testutil.ToFloat64(b.metrics.disk); n != 30 {
			b.t.Errorf("%v flows were counted as dropped, want 30", n)
		}
		b.free.Store(2e9)
		time.Sleep(2 * time.Second)
		b.take(5)
		time.Sleep(62 * time.Second)
		synctest.Wait()
		if err := b.Health(b.t.Context()); err != nil {
			b.t.Errorf("health with room: %v", err)
		}
		if got := b.kept(); len(got) != 15 {
			b.t.Errorf("%d flows are kept, want 15", len(got))
		}
		if n := strings.Count(b.log.String(), "not kept any more"); n != 1 {
			b.t.Errorf("said %d times that nothing is kept:\n%s", n, &b.log)
		}
	})
}

// A disk that breaks is no reason to stop either, and what was lost is counted.
func TestDiskBroken(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(b *bench) {
		if err := os.WriteFile(filepath.Join(b.deps.Dir, "day=2000-01-01"), nil, 0o600); err != nil {
			b.t.Fatal(err)
		}
		b.take(10)
		time.Sleep(62 * time.Second)
		synctest.Wait()
		if err := b.Health(b.t.Context()); err == nil {
			b.t.Error("nothing is said of flows that could not be written")
		}
		if n := testutil.ToFloat64(b.metrics.broken); n != 10 {
			b.t.Errorf("%v flows were counted as dropped, want 10", n)
		}
	})
}
