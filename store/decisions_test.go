// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/feedback"
	"tidewatch/incident"
	"tidewatch/store/storetest"
)

func fresh(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := New(&Config{Dir: dir, MaxIncidents: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func verdict(n int) *feedback.Entry {
	e := feedback.New(fmt.Sprintf("inc-%d", n), "2001:db8::1", "ddos", feedback.Normal)
	e.By, e.Note, e.At = "anna", "load test", time.Unix(int64(1000+n), 7).UTC()
	return &e
}

// A decision is there after a restart with its line in the audit, or neither is.
func TestRecord(t *testing.T) {
	dir := t.TempDir()
	s := fresh(t, dir)
	inc := storetest.Events(1, 1)[0].Incident
	inc.State, inc.Verdict = incident.Closed, incident.VerdictNormal
	line := Audit{At: time.Unix(5000, 3).UTC(), Who: "anna", What: "incident.close", Target: inc.ID, Detail: "normal: load test"}
	for n := range 4 {
		if err := s.Record(t.Context(), &Change{Audit: line, Incident: &inc, Verdict: verdict(n), MaxKept: 3}); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Record(t.Context(), &Change{Audit: Audit{What: "feedback.undo"}, Forget: "fb-unknown"})
	if !errors.Is(err, feedback.ErrNotFound) {
		t.Errorf("forgetting what is not there: %v", err)
	}
	if err := s.Record(t.Context(), &Change{Audit: Audit{At: time.Unix(6000, 0).UTC(), What: "feedback.undo"}, Forget: "fb-2"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = fresh(t, dir)
	got, err := s.Get(t.Context(), inc.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&inc, got); diff != "" {
		t.Error(diff)
	}
	verdicts, err := s.Verdicts(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]feedback.Entry{*verdict(1), *verdict(3)}, verdicts); diff != "" {
		t.Error(diff)
	}
	lines, err := s.Audits(t.Context(), 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	line.Seq = 4
	if diff := cmp.Diff([]Audit{{Seq: 5, At: time.Unix(6000, 0).UTC(), What: "feedback.undo"}, line}, lines); diff != "" {
		t.Error(diff)
	}
	if all, err := s.Audits(t.Context(), 0, 100); err != nil || len(all) != 5 {
		t.Errorf("%d lines, %v", len(all), err)
	}
	if older, err := s.Audits(t.Context(), lines[1].Seq, 100); err != nil || len(older) != 3 || older[0].Seq != 3 {
		t.Errorf("the next page: %+v, %v", older, err)
	}
}

// Looking needs no lock, beside a writer and without one, and changes nothing.
func TestOpenReadOnly(t *testing.T) {
	dir := t.TempDir()
	look := func() (int, error) {
		r, err := New(&Config{Dir: dir, MaxIncidents: 10})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.OpenReadOnly(t.Context()); err != nil {
			return 0, err
		}
		page, err := r.List(t.Context(), &incident.Filter{})
		return len(page.Incidents), errors.Join(err, r.Close())
	}
	if _, err := look(); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty folder: %v", err)
	}
	s := fresh(t, dir)
	if err := s.Save(t.Context(), storetest.Events(3, 1)); err != nil {
		t.Fatal(err)
	}
	if n, err := look(); n != 3 || err != nil {
		t.Errorf("beside a writer: %d, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := look(); n != 3 || err != nil {
		t.Errorf("without a writer: %d, %v", n, err)
	}
	l, err := TakeLock(dir)
	if err != nil {
		t.Errorf("looking holds the lock: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	s = fresh(t, dir)
	if _, err := s.write.ExecContext(t.Context(), "DELETE FROM schema_version WHERE version > 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := look(); err == nil || !strings.Contains(err.Error(), "tidewatch serve brings it up to date") {
		t.Errorf("an older database: %v", err)
	}
}

func TestToken(t *testing.T) {
	dir := t.TempDir()
	token, err := MakeToken(dir)
	if err != nil || len(token) < 26 {
		t.Fatalf("%d letters, %v", len(token), err)
	}
	path := filepath.Join(dir, "token")
	if st, err := os.Stat(path); err != nil || st.Mode() != 0o600 || path != TokenFile(dir) {
		t.Errorf("%v, %v", st, err)
	}
	if again, err := MakeToken(dir); again != token || err != nil {
		t.Errorf("a second start makes another one: %v", err)
	}
	if other, err := MakeToken(t.TempDir()); other == token || err != nil {
		t.Errorf("two directories have the same: %v", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if got, err := MakeToken(dir); err == nil || got != "" || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others read: %v", err)
	}
	for name, text := range map[string]string{
		"short": "secret-secret-1", "empty": "", "two lines": "secret-secret-secret\nsecret-secret-secret", "long": strings.Repeat("secret", 1000),
		"not ASCII": "secret-secret-secrét",
	} {
		bad := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadToken(bad); err == nil || got != "" || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := ReadToken(dir); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("a folder: %v", err)
	}
}
