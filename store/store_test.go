// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/store/storetest"
)

var _ storetest.Incidents = (*Store)(nil)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := New(&Config{Dir: dir, MaxIncidents: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Incidents {
		t.Helper()
		return open(t, t.TempDir())
	})
}

func TestMemoryPassesTheSuite(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Incidents { return incident.NewMemory() })
}

// TestRestart: what was open is found again, oldest first, and the rest stays.
func TestRestart(t *testing.T) {
	dir, events := t.TempDir(), storetest.Events(40, 4)
	s := open(t, dir)
	if err := s.Save(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	got, err := s.Unfinished(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	active := 0
	for i := range events {
		if events[i].Incident.State.Active() {
			active++
		}
	}
	if len(got) != active {
		t.Errorf("%d unfinished, want %d", len(got), active)
	}
	for i := 1; i < len(got); i++ {
		if got[i].Detected.Before(got[i-1].Detected) {
			t.Errorf("%s comes after %s", got[i].Detected, got[i-1].Detected)
		}
	}
	cfg := incident.DefaultConfig()
	book, err := incident.New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := book.Restore(got); err != nil {
		t.Error(err)
	}
}

func TestPruneForgetsTheOldestThatAreOver(t *testing.T) {
	s := open(t, t.TempDir())
	s.cfg.MaxIncidents = 10
	events := storetest.Events(60, 5)
	var want []string
	for i := range events {
		e := &events[len(events)-1-i].Incident
		if e.State.Active() {
			want = append(want, e.ID)
		}
	}
	if err := s.Save(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	page, err := s.List(t.Context(), &incident.Filter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var active []string
	for i := range page.Incidents {
		if page.Incidents[i].State.Active() {
			active = append(active, page.Incidents[i].ID)
		} else if i >= 10 {
			t.Errorf("%s is over and beyond the bound", page.Incidents[i].ID)
		}
	}
	if len(active) != len(want) {
		t.Errorf("%d of %d open incidents are left", len(active), len(want))
	}
}

// TestMain lets the test binary play the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("STORE_TEST_WRITER"); dir != "" {
		if err := writeForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if dir := os.Getenv("STORE_TEST_SCRIBBLER"); dir != "" {
		if err := scribble(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForever saves incidents one by one and names each once it is saved.
func writeForever(dir string) error {
	s, err := New(&Config{Dir: dir, MaxIncidents: 100_000})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := s.Open(ctx); err != nil {
		return err
	}
	for seed := uint64(0); ; seed++ {
		events := storetest.Events(2, seed)
		if err := s.Save(ctx, events); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, events[0].Incident.ID, events[1].Incident.ID)
	}
}

// TestKill kills a writing process without warning: every incident that it said
// was saved is there, and the file opens.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	var acked []string
	for round := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), "STORE_TEST_WRITER="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 20 + 37*round {
			if !lines.Scan() {
				t.Fatalf("the writer ended early: %v", lines.Err())
			}
			acked = append(acked, strings.Fields(lines.Text())...)
		}
		if err := cmd.Process.Kill(); err != nil { // SIGKILL
			t.Fatal(err)
		}
		for lines.Scan() { // what it had still said
			if ids := strings.Fields(lines.Text()); len(ids) == 2 && len(ids[1]) == len(acked[0]) {
				acked = append(acked, ids...)
			}
		}
		_ = cmd.Wait() // it was killed, and says so
		cancel()
	}
	s := open(t, dir)
	for _, id := range acked {
		if _, err := s.Get(t.Context(), id); err != nil {
			t.Fatalf("%s was saved and is lost: %v", id, err)
		}
	}
	if len(acked) < 2*(20+57+94) {
		t.Errorf("only %d incidents were written", len(acked))
	}
}

// TestTrouble: whatever is wrong with the disk is one clear line.
func TestTrouble(t *testing.T) {
	made := func(t *testing.T) string { // a directory with a good database
		t.Helper()
		dir := t.TempDir()
		s := open(t, dir)
		if err := s.Save(t.Context(), storetest.Events(200, 6)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for name, tc := range map[string]struct {
		prepare func(t *testing.T) string
		want    string
	}{
		"the directory is a file": {func(t *testing.T) string {
			t.Helper()
			path := filepath.Join(t.TempDir(), "data")
			if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, "make data directory"},
		"nothing can be made in the directory": {readOnlyDir, "lock data directory"},
		"no database": {func(t *testing.T) string {
			t.Helper()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, fileName), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "the database is damaged; move the file away"},
		"a damaged page": {func(t *testing.T) string {
			t.Helper()
			dir := made(t)
			f, err := os.OpenFile(filepath.Join(dir, fileName), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			junk := []byte(strings.Repeat("\xff\x00junk", 2000))
			if _, err := f.WriteAt(junk, 4096); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "the database is damaged"},
		"a newer schema": {func(t *testing.T) string {
			t.Helper()
			dir := t.TempDir()
			s := open(t, dir)
			if _, err := s.write.Exec("INSERT INTO schema_version (version) VALUES (99)"); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "written by a newer tidewatch: its schema is version 99, this program knows 9; upgrade"},
		"another process": {func(t *testing.T) string {
			t.Helper()
			dir := t.TempDir()
			open(t, dir)
			return dir
		}, fmt.Sprintf("is in use by another tidewatch (process %d); stop that one, or set data_dir", os.Getpid())},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tc.prepare(t)
			s, err := New(&Config{Dir: dir, MaxIncidents: 10})
			if err != nil {
				t.Fatal(err)
			}
			err = s.Open(t.Context())
			if err == nil {
				_ = s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %q\nwant %q", err, tc.want)
			}
		})
	}
}

// readOnlyDir returns a directory in which nothing can be made. Permissions do
// not stop root, so it takes one that the kernel keeps.
func readOnlyDir(t *testing.T) string {
	t.Helper()
	if os.Getuid() == 0 {
		return "/proc/self/task"
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFullDisk(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Save(t.Context(), storetest.Events(10, 7)); err != nil {
		t.Fatal(err)
	}
	// SQLite's own limit stands in for the end of the disk: the same error code.
	if _, err := s.write.Exec("PRAGMA max_page_count = 40"); err != nil {
		t.Fatal(err)
	}
	err := s.Save(t.Context(), storetest.Events(500, 8))
	if err == nil || !strings.Contains(err.Error(), "the disk is full") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v", err)
	}
	if _, err := s.write.Exec("PRAGMA max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), storetest.Events(500, 8)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestReadersSeeNoHalfSave(t *testing.T) {
	s := open(t, t.TempDir())
	events := storetest.Events(2, 9)
	done := make(chan error)
	go func() {
		var err error
		for i := range 200 {
			for n := range events {
				events[n].Incident.Score = float64(i) / 200
			}
			err = errors.Join(err, s.Save(context.WithoutCancel(t.Context()), events))
		}
		done <- err
	}()
	for {
		page, err := s.List(t.Context(), &incident.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(page.Incidents); n != 0 && n != 2 || n == 2 && page.Incidents[0].Score != page.Incidents[1].Score {
			t.Fatalf("half a save: %s", cmp.Diff(page.Incidents[0], page.Incidents[1]))
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

// TestPrivate: nobody else on the machine reads who was attacked, also not in
// the files that an earlier version made for everybody.
func TestPrivate(t *testing.T) {
	for _, old := range []bool{false, true} {
		dir := t.TempDir()
		if old {
			if err := os.WriteFile(filepath.Join(dir, fileName), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(dir, fileName), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s := open(t, dir)
		if err := s.Save(t.Context(), storetest.Events(5, 1)); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{fileName, fileName + "-wal", fileName + "-shm"} {
			st, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if st.Mode().Perm() != 0o600 {
				t.Errorf("an old file is there: %v; %s has mode %v", old, name, st.Mode())
			}
		}
	}
}

func TestConfig(t *testing.T) {
	cfg := DefaultConfig()
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Config{{Dir: "", MaxIncidents: 1}, {Dir: "x"}} {
		if _, err := New(&bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	s, err := New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err == nil {
		t.Error("a store that is not open is ready")
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing it: %v", err)
	}
}

func BenchmarkSave(b *testing.B) {
	s, err := New(&Config{Dir: b.TempDir(), MaxIncidents: 100_000})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	events := storetest.Events(10, 1)
	events[0].Incident.Severity = detect.High
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Save(b.Context(), events); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(10*b.N)/b.Elapsed().Seconds(), "incidents/s")
}
