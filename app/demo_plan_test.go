// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/config"
	"tidewatch/flow"
	"tidewatch/scenario"
	"tidewatch/store"
)

// Whenever it is shown, it is the last hour of the day at the site of the demo.
func TestDemoIsAtNight(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 27, 0, 30, 0, 0, time.UTC)
	for h := range 24 {
		at := day.Add(time.Duration(h) * time.Hour)
		cfg := demoConfig(t.TempDir(), at)
		if err := cfg.Validate(); err != nil {
			t.Error(err)
		}
		if local := at.In(cfg.zone()); local.Hour() != 23 {
			t.Errorf("at %v it is %v in %s", at, local, cfg.Timezone)
		}
	}
}

// The usual ports are not needed: who has them keeps them. A port that was named is.
func TestDemoFindsPorts(t *testing.T) {
	t.Parallel()
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	at, ok := taken.LocalAddr().(*net.UDPAddr)
	if !ok {
		t.Fatal(taken.LocalAddr())
	}
	port := at.Port
	for named, want := range map[int]string{-1: "127.0.0.1:0", 0: "127.0.0.1:0", port: taken.LocalAddr().String()} {
		if got, err := choosePort(t.Context(), "udp", named, port); err != nil || got != want {
			t.Errorf("port %d: %s, %v; want %s", named, got, err, want)
		}
	}
	if _, err := choosePort(t.Context(), "tcp", 70_000, 0); err == nil {
		t.Error("70000 is taken for a port")
	}
}

// A folder with something in it is not the demo's.
func TestDemoWantsANewFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, _, err := demoDir(dir); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := demoDir(dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder that is used: %v", err)
	}
	own, remove, err := demoDir("")
	if err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(own); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", own, err)
	}
}

// Who is taught without one-second bins learns the same as who watches second by second.
func TestLectureTeachesTheSame(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 2, 7, 30, 0, 0, time.UTC)
	of := func() *scenario.Scenario {
		s, err := scenario.New("office", demoNetwork(3, time.UTC, begin, 5*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	cfg := testConfig()
	cfg.DataDir = t.TempDir()
	cfg.own(of().Internal())
	watched, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	watched.Lesson(true)
	b := flow.NewBatch(4096)
	for s := of(); s.Next(b); b.Reset() {
		watched.Process(b)
	}
	watched.Process(b)
	want, devices := watched.Memory()
	l := lecture{cfg: cfg, scenario: of(), until: func() time.Time { return begin.Add(5 * time.Hour) }}
	if err := l.teach(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := store.OpenBaselines(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = files.Close() }()
	taught, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newMemory(taught, files, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if got, n := taught.Memory(); devices < 20 || n != devices || !bytes.Equal(got, want) {
		t.Errorf("%d devices in %d bytes, want %d in %d", n, len(got), devices, len(want))
	}
	for i, s := range taught.shards {
		if got, want := s.habits.AppendBinary(nil), watched.shards[i].habits.AppendBinary(nil); !bytes.Equal(got, want) {
			t.Errorf("habits of %d bytes, want %d", len(got), len(want))
		}
	}
	if at := time.Unix(taught.Now(), 0); at.Before(begin.Add(5*time.Hour-time.Minute)) || at.After(begin.Add(5*time.Hour)) {
		t.Errorf("the next run goes on at %v", at)
	}
}

// Every flow of the simulated network is told by one exporter, and each of them tells
// of some.
func TestDemoExportersShareFlows(t *testing.T) {
	t.Parallel()
	s, err := scenario.New("office", demoNetwork(3, time.UTC, time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), 10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	told := map[*demoExporter]int{}
	all := demoExporters()
	b := flow.NewBatch(4096)
	for s.Next(b) {
		for _, x := range all {
			x.b = flow.NewBatch(64)
		}
		deal(b, all)
		n := 0
		for _, x := range all {
			told[x] += x.b.Len()
			n += x.b.Len()
		}
		if n != b.Len() {
			t.Fatalf("%d of %d flows are told of", n, b.Len())
		}
		b.Reset()
	}
	for _, x := range all {
		if told[x] == 0 {
			t.Errorf("%v tells of nothing", x.from)
		}
	}
}

// What the demonstration chose is not shown as a default.
func TestDemoSaysWhatItChose(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Timezone, cfg.API.Listen = "Asia/Tokyo", "127.0.0.1:9"
	if err := cfg.chosenBy("the demonstration"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"timezone": "the demonstration", "api.listen": "the demonstration", "data_dir": "default", "api.token": "default"} {
		if got := cfg.origins.Of(path); got != want {
			t.Errorf("%s comes from %q, want %q", path, got, want)
		}
	}
	var out bytes.Buffer
	if err := config.Print(&out, &cfg, cfg.origins); err != nil || !strings.Contains(out.String(), "Asia/Tokyo") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
