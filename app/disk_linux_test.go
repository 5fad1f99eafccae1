// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tidewatch/api"
	"tidewatch/encode"
	"tidewatch/flow"
)

// onSmallDisk names the folder in which a process that TestFullDisk starts mounts its disk.
const onSmallDisk = "APP_TEST_SMALL_DISK"

// smallDisk runs the rest of a test in a process of its own, in whose view of the file
// system a small disk lies at the folder that is returned; here "" is returned when that
// is over. Nothing is left of it however the test ends.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	if dir := os.Getenv(onSmallDisk); dir != "" {
		if err := errors.Join(
			unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)),
		); err != nil {
			t.Fatalf("mount a small disk: %v", err)
		}
		return dir
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), onSmallDisk+"="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		child.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := child.CombinedOutput()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		why := fmt.Sprintf("a small disk needs a mount namespace, of root or of a user's own: %v", err)
		if os.Getenv("TIDEWATCH_REQUIRE_DATA") == "1" || os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip("skipped: " + why)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return ""
}

// attack sends, for each victim, a flow of 20 seconds that ends now.
func (r *running) attack(t *testing.T, victims ...string) {
	t.Helper()
	conn, err := net.Dial("udp", r.Collector().Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	e, err := encode.New(encode.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	b := flow.NewBatch(len(victims))
	for i, victim := range victims {
		b.Append(&flow.Record{
			Start: now.UnixNano() - 20e9, End: now.UnixNano(), Proto: flow.ProtoUDP, SrcPort: 4000 + uint16(i), DstPort: 9,
			Src: flow.AddrFrom(netip.MustParseAddr("198.51.100.7")), Dst: flow.AddrFrom(netip.MustParseAddr(victim)),
			Packets: 4_000_000, Bytes: 240_000_000, Sampling: 1,
		})
	}
	if err := e.Encode(b, 0, b.Len(), now, func(d []byte) error { _, err := conn.Write(d); return err }); err != nil {
		t.Fatal(err)
	}
}

// fill writes to a file until so many bytes of the disk are free.
func fill(t *testing.T, path string, free int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for page := make([]byte, 4096); ; {
		var st unix.Statfs_t
		if err := unix.Statfs(path, &st); err != nil {
			t.Fatal(err)
		}
		if int64(st.Bavail)*st.Bsize <= free {
			return
		}
		if _, err := f.Write(page); err != nil && !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
}

func (r *running) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not within 30 s: %s\n%s", what, r.said())
		}
	}
}

func (r *running) said() string {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return r.log.String()
}

// subjects are those of the incidents that the API knows.
func (r *running) subjects(t *testing.T) map[string]bool {
	t.Helper()
	var list api.List
	if err := r.call(t.Context(), http.MethodGet, "/api/v1/incidents?limit=1000", nil, &list); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for i := range list.Incidents {
		out[list.Incidents[i].Subject] = true
	}
	return out
}

func (r *running) past(t *testing.T) (h api.HistoryState) {
	t.Helper()
	if err := r.call(t.Context(), http.MethodGet, "/api/v1/history", nil, &h); err != nil {
		t.Fatal(err)
	}
	return h
}

func (r *running) ready(t *testing.T) string {
	t.Helper()
	res, err := http.Get(r.base + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", res.StatusCode, text)
}

// TestFullDisk: on a real disk that fills up the history stops first, and leaves room to
// incidents; with no room at all attacks are found on, people are told that what they
// decide is not kept, and reading goes on; with room again all of it is there, over a
// restart too, and of flows what was lost was counted.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, 24)
	if dir == "" {
		return
	}
	filler := filepath.Join(dir, "of-somebody-else")
	configured := func(c *Config) {
		c.History.Segment, c.History.KeepFree = time.Second, 8<<20
		c.Rollups.Enabled = false
	}
	r := serveIn(t, filepath.Join(dir, "data"), configured)
	sent := uint64(0)
	attack := func(victims ...string) {
		t.Helper()
		r.attack(t, victims...)
		sent += uint64(len(victims))
	}
	attack("10.0.0.1", "2001:db8::1")
	r.until(t, "an incident and two flows are kept", func() bool { return r.subjects(t)["10.0.0.1"] && r.past(t).Flows == 2 })

	fill(t, filler, 6<<20)
	attack("10.0.0.2")
	r.until(t, "the history says that it stops", func() bool { return strings.Contains(r.past(t).Health, "disk is full") })
	r.until(t, "an incident is saved although the history stopped", func() bool { return r.subjects(t)["10.0.0.2"] })
	if got := r.past(t); got.Flows != 2 || got.Dropped != 1 {
		t.Errorf("the history has %d flows and dropped %d, want 2 and 1", got.Flows, got.Dropped)
	}
	if got := r.ready(t); !strings.HasPrefix(got, "200") || !strings.Contains(got, "degraded") || !strings.Contains(got, "history") {
		t.Errorf("while only the history stops: %s", got)
	}

	fill(t, filler, 0)
	victims := make([]string, 60)
	for i := range victims {
		victims[i] = fmt.Sprintf("10.0.1.%d", i+1)
	}
	attack(victims...)
	r.until(t, "attacks are found", func() bool { return strings.Count(r.said(), "incident opened") >= 60 })
	r.until(t, "it says that incidents are not saved", func() bool {
		return strings.Contains(r.said(), "incidents not saved; trying again") && strings.Contains(r.said(), "disk is full")
	})
	if got := r.ready(t); !strings.HasPrefix(got, "503") || !strings.Contains(got, "saving") {
		t.Errorf("with no room at all: %s", got)
	}
	plan := map[string]any{"name": "backup", "start": "2030-01-01 00:00", "duration": "1h", "learn": false}
	if err := r.call(t.Context(), http.MethodPost, "/api/v1/events", plan, nil); err == nil || !strings.Contains(err.Error(), "log says why") {
		t.Errorf("what somebody plans is taken: %v", err)
	}
	if got := r.subjects(t); !got["10.0.0.1"] {
		t.Errorf("nothing is read: %v", got)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	all := append([]string{"10.0.0.1", "10.0.0.2"}, victims...)
	complete := func() bool {
		got := r.subjects(t)
		for _, v := range all {
			if !got[v] {
				return false
			}
		}
		return true
	}
	r.until(t, "all incidents are saved", complete)
	r.until(t, "all is well", func() bool { return strings.HasPrefix(r.ready(t), "200") })
	if err := r.call(t.Context(), http.MethodPost, "/api/v1/events", plan, nil); err != nil {
		t.Errorf("what somebody plans is not taken: %v", err)
	}
	attack("10.0.2.1")
	r.until(t, "flows are kept again", func() bool { return r.past(t).Flows == 3 && r.past(t).Health == "" })
	if got := r.past(t); uint64(got.Flows)+got.Dropped != sent {
		t.Errorf("%d flows were sent, %d kept and %d counted as dropped", sent, got.Flows, got.Dropped)
	}
	r.stop()
	r = serveIn(t, filepath.Join(dir, "data"), configured)
	if !complete() || r.past(t).Flows != 3 {
		t.Errorf("after a restart there are incidents about %v and %d flows", r.subjects(t), r.past(t).Flows)
	}
}
