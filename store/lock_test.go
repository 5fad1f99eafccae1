// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A lock is had by one, tells who that is, and is free when released.
func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "the", "way")
	l, err := TakeLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, api := range []string{"http://[2001:db8::1]:8080", "http://127.0.0.1:80", ""} { // shorter each time
		if err := l.Tell(api); err != nil {
			t.Fatal(err)
		}
		_, err = TakeLock(dir)
		var used *InUseError
		if !errors.As(err, &used) {
			t.Fatalf("a second lock gives %v", err)
		}
		if diff := cmp.Diff(&InUseError{Dir: dir, Process: os.Getpid(), API: api}, used); diff != "" {
			t.Error(diff)
		}
	}
	if st, err := os.Stat(filepath.Join(dir, lockName)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the lock file: %v, %v", st, err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := TakeLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
	if err := (*Lock)(nil).Release(); err != nil {
		t.Error(err)
	}
}

// Whatever stands in the file of somebody else's lock, the line stays one line.
func TestInUseError(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "data directory d is in use by another tidewatch; stop that one, or set data_dir to another folder",
		"pid x\nnoise\n":                  "data directory d is in use by another tidewatch; stop that one, or set data_dir to another folder",
		"pid 7\napi http://127.0.0.1:1\n": "data directory d is in use by another tidewatch (process 7, API at http://127.0.0.1:1); stop that one, or set data_dir to another folder",
	} {
		if got := inUse("d", text).Error(); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

// A store under the caller's lock neither takes nor releases it.
func TestStoreUnderForeignLock(t *testing.T) {
	dir := t.TempDir()
	l, err := TakeLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(&Config{Dir: dir, MaxIncidents: 10, Lock: l})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Open(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := TakeLock(dir); err == nil {
		t.Error("closing the store released the lock")
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}
