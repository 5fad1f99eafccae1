// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/exclude"
)

// Exclusions are there after a restart as they were added, and a failed change leaves
// neither an exclusion nor a line in the audit.
func TestExclusions(t *testing.T) {
	dir := t.TempDir()
	s := fresh(t, dir)
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	add := func(r exclude.Rule, at time.Time) *exclude.Entry {
		e, err := exclude.New(&r, "anna", at, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Record(t.Context(), &Change{Audit: Audit{At: at, What: "exclusion.add", Target: e.ID}, Exclude: &e}); err != nil {
			t.Fatal(err)
		}
		return &e
	}
	old := add(exclude.Rule{Kind: "volume", Reason: "old"}, at.Add(-time.Hour))
	wrong := add(exclude.Rule{Kind: "ddos", Reason: "wrong"}, at.Add(time.Hour))
	backup := add(exclude.Rule{Device: "2001:db8::/64", Destination: "192.0.2.1", Port: "443/tcp", Kind: "exfiltration", Reason: "backup"}, at)
	if err := s.Record(t.Context(), &Change{Audit: Audit{What: "exclusion.add"}, Exclude: backup}); err == nil {
		t.Error("an exclusion is added twice")
	}
	if err := s.Record(t.Context(), &Change{Audit: Audit{What: "exclusion.remove"}, Include: "ex-unknown"}); !errors.Is(err, exclude.ErrNotFound) {
		t.Errorf("taking away what is not there: %v", err)
	}
	if err := s.Record(t.Context(), &Change{Audit: Audit{What: "exclusion.remove", Target: wrong.ID}, Include: wrong.ID, Lapsed: []string{old.ID, "ex-gone"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = fresh(t, dir)
	got, err := s.Exclusions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]exclude.Entry{*backup}, got); diff != "" {
		t.Error(diff)
	}
	if lines, err := s.Audits(t.Context(), 0, 10); err != nil || len(lines) != 4 || lines[0].Target != wrong.ID {
		t.Errorf("audit %+v, %v", lines, err)
	}
}
