// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"
	"testing"

	"tidewatch/incident"
	"tidewatch/store/storetest"
)

// TestPlans: a page of a list is found in an index, in its order where many may fit, and
// nothing but the page is read: the plans of SQLite say so. BenchmarkList says how long a
// page of 100 000 incidents takes.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir())
	year(t, s, 3*few)
	for name, f := range yearly(3 * few) {
		way, err := s.way(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		query, args, err := selection(f, way)
		if err != nil {
			t.Fatal(err)
		}
		plan := planOf(t, s, query, args)
		text := strings.Join(plan, "; ")
		sorts := 1 // of the page itself
		if way == byState || way == byUpdate {
			sorts = 2 // few are sorted to find it
		}
		if !strings.Contains(text, way) || strings.Count(text, "TEMP B-TREE FOR ORDER BY") > sorts || strings.Contains(text, "SCAN incidents;") ||
			!strings.HasPrefix(plan[0], "SEARCH incidents USING INTEGER PRIMARY KEY") {
			t.Errorf("%s, by %s: %s", name, way, text)
		}
	}
	for name, want := range map[string]string{
		"the newest": byDetection, "open": byState, "one subject": bySubject, "the last hour": byUpdate, "a rare kind": byKind, "critical": bySeverity,
		"a rare category": byCategory, "resolved or closed": byDetection, "a day half a year ago": byDetection,
	} {
		if got, err := s.way(t.Context(), yearly(3 * few)[name]); err != nil || got != want {
			t.Errorf("%s goes by %s, want %s (%v)", name, got, want, err)
		}
	}
}

// planOf is how SQLite would answer.
func planOf(t *testing.T, s *Store, query string, args []any) (plan []string) {
	t.Helper()
	rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var line string
		if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// TestFill: what an earlier version wrote is found by text and kind once the store was
// opened by this one; a row that cannot be read keeps nobody from starting.
func TestFill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openIn(t, dir)
	events := storetest.Events(2500, 9)
	if err := s.Save(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	want, err := s.List(t.Context(), &incident.Filter{Text: "syn FLOOD", Kinds: []string{"volume"}})
	if err != nil || len(want.Incidents) != 100 {
		t.Fatalf("%d incidents, %v", len(want.Incidents), err)
	}
	for _, text := range []string{
		"UPDATE incidents SET kind = '', search = ''",
		"UPDATE incidents SET body = '{' WHERE id = '" + events[0].Incident.ID + "'",
	} {
		if _, err := s.write.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := openIn(t, dir).List(t.Context(), &incident.Filter{Text: "syn FLOOD", Kinds: []string{"volume"}})
	if err != nil || len(got.Incidents) != 100 || got.Incidents[99].ID != want.Incidents[99].ID {
		t.Errorf("%d incidents, %v", len(got.Incidents), err)
	}
}
