// SPDX-License-Identifier: Apache-2.0

package file

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/notify"
)

func message(id string) *notify.Message {
	return &notify.Message{
		ID: id, Key: "inc-1", Status: notify.Trigger, At: time.Unix(1, 0).UTC(),
		Incident: &incident.Incident{ID: "inc-1", Subject: "2001:db8::7", Severity: detect.High},
	}
}

func send(t *testing.T, s *Sink, id string) {
	t.Helper()
	if _, err := s.Send(t.Context(), message(id), ""); err != nil {
		t.Fatal(err)
	}
}

// ids reads the messages of a file.
func ids(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		var m notify.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			out = append(out, "?")
			continue
		}
		out = append(out, m.ID)
	}
	return strings.Join(out, " ")
}

func newSink(t *testing.T, path string) *Sink {
	t.Helper()
	s, err := New(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Lines go where the path leads, whatever became of the file before.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	s := newSink(t, path)
	send(t, s, "a")
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	send(t, s, "b")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	send(t, s, "c")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	send(t, s, "d")
	if err := os.Truncate(path, 0); err != nil { // copytruncate
		t.Fatal(err)
	}
	send(t, s, "e")
	if old, now := ids(t, path+".1"), ids(t, path); old != "a b" || now != "e" {
		t.Errorf("the old file has %q, the new one %q", old, now)
	}
}

// After a crash in the middle of a line only that line is lost.
func TestCutLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	s := newSink(t, path)
	send(t, s, "a")
	send(t, s, "b")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text[:len(text)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	send(t, newSink(t, path), "c")
	if got := ids(t, path); got != "a ? c" {
		t.Errorf("it has %q", got)
	}
}

func TestTrouble(t *testing.T) {
	dir := t.TempDir()
	s := newSink(t, filepath.Join(dir, "later", "alerts.jsonl"))
	if _, err := s.Send(t.Context(), message("a"), ""); !errors.Is(err, fs.ErrNotExist) || notify.IsPermanent(err) {
		t.Errorf("no folder: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "later"), 0o700); err != nil {
		t.Fatal(err)
	}
	send(t, s, "a") // it is there now
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newSink(t, pipe).Send(t.Context(), message("a"), ""); !notify.IsPermanent(err) {
		t.Errorf("a pipe: %v", err)
	}
	full := newSink(t, "/dev/full")
	if _, err := full.Send(t.Context(), message("a"), ""); err == nil {
		t.Error("a device is no file")
	}
	if _, err := New(Config{Path: "alerts.jsonl"}); err == nil {
		t.Error("a relative path depends on where the program was started")
	}
}
