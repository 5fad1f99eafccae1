// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/decision"
	"tidewatch/mitigate"
	"tidewatch/store/storetest"
)

func TestLedgerPassesTheSuite(t *testing.T) {
	storetest.RunLedger(t, func(t *testing.T) storetest.Ledger {
		t.Helper()
		return open(t, t.TempDir()).Ledger()
	})
}

// scribble is the process that TestKilledLedger kills.
func scribble(dir string) error {
	s, err := New(&Config{Dir: dir, MaxIncidents: 10})
	if err != nil {
		return err
	}
	if err := s.Open(context.Background()); err != nil {
		return err
	}
	return storetest.Scribble(context.Background(), s.Ledger(), func(what ...any) { fmt.Fprintln(os.Stdout, what...) })
}

// A process that writes decisions is killed without warning, again and again: every line
// that it said was written is there, none is there by half, and the button stays pressed.
func TestKilledLedger(t *testing.T) {
	dir := t.TempDir()
	var acked []string
	var halt string
	for round := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), "STORE_TEST_SCRIBBLER="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, said := bufio.NewReader(out), 0
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				break // and half a line was not said
			}
			if id, pressed := strings.CutPrefix(strings.TrimSpace(line), "halt "); pressed {
				halt = id
			} else {
				acked = append(acked, id)
			}
			if said++; said == 21+38*round {
				if err := cmd.Process.Kill(); err != nil { // SIGKILL
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed, and says so
		cancel()
		if said < 21 {
			t.Fatalf("the writer ended early, after %d lines", said)
		}
	}
	storetest.Survived(t, open(t, dir).Ledger(), acked, halt)
}

// Commits are synced: a decision that was told to a router is not lost with the power.
func TestCommitsAreSynced(t *testing.T) {
	s := open(t, t.TempDir())
	var sync int
	var journal string
	if err := s.write.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&sync); err != nil {
		t.Fatal(err)
	}
	if err := s.write.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&journal); err != nil {
		t.Fatal(err)
	}
	if sync != 2 || journal != "wal" { // 2 is FULL: the log is synced at each commit
		t.Errorf("synchronous %d, journal %s", sync, journal)
	}
}

func TestFullDiskOfTheLedger(t *testing.T) {
	s := open(t, t.TempDir())
	l := s.Ledger()
	all := storetest.Changes(400, 5)
	if err := l.Append(t.Context(), all[:10]); err != nil {
		t.Fatal(err)
	}
	before, err := l.Unfinished(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// SQLite's own limit stands in for the end of the disk: the same error code.
	if _, err := s.write.Exec("PRAGMA max_page_count = 50"); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), all[10:]); err == nil || !strings.Contains(err.Error(), "the disk is full") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v", err)
	}
	after, err := l.Unfinished(t.Context())
	if err != nil || len(after) != len(before) || all[10].Seq != 0 {
		t.Errorf("%d unfinished before, %d after, numbered %d, %v", len(before), len(after), all[10].Seq, err)
	}
	if _, err := s.write.Exec("PRAGMA max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), all[10:]); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// Nothing changes a line, not even a program that has the database.
func TestLedgerIsOnlyAddedTo(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Ledger().Append(t.Context(), storetest.Changes(40, 6)); err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{
		"UPDATE ledger SET text = 'nothing happened'":                  "only added to",
		"UPDATE ledger SET who = 'anna' WHERE seq = 1":                 "only added to",
		"DELETE FROM ledger":                                           "only added to",
		"DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)": "only added to",
		"DELETE FROM decisions WHERE over = 0":                         "is kept",
	} {
		if _, err := s.write.ExecContext(t.Context(), text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What is over and old, or too much, is forgotten whole, the oldest first; what is not
// over stays.
func TestLedgerForgets(t *testing.T) {
	now := time.Now().UTC()
	long := now.Add(-3 * 365 * 24 * time.Hour)
	line := func(id string, state decision.State, created time.Time) mitigate.Entry {
		e := storetest.Changes(1, 7)[0]
		e.Decision.ID, e.Decision.State, e.Decision.Created = id, state, created
		return e
	}
	for name, tc := range map[string]struct {
		cfg  Config
		have []mitigate.Entry
		want string // ids, latest first
	}{
		"too old": {Config{}, []mitigate.Entry{
			line("a", decision.Withdrawn, long), line("b", decision.Active, long), line("c", decision.Rejected, now.Add(-time.Hour)),
		}, "c b"},
		"too many": {Config{MaxDecisions: 3}, []mitigate.Entry{
			line("a", decision.Active, now.Add(-9*time.Hour)), line("b", decision.Failed, now.Add(-8*time.Hour)),
			line("c", decision.Withdrawn, now.Add(-7*time.Hour)), line("d", decision.Proposed, now.Add(-6*time.Hour)),
			line("e", decision.Withdrawn, now.Add(-5*time.Hour)),
		}, "e d a"},
		"too many lines": {Config{MaxDecisions: 2}, append(
			[]mitigate.Entry{line("a", decision.Withdrawn, now.Add(-9*time.Hour))},
			func() (all []mitigate.Entry) {
				for range 2 * linesEach {
					all = append(all, line("b", decision.Active, now.Add(-time.Hour)))
				}
				return all
			}()...), "b"},
		"another time is set": {Config{KeepDecisions: time.Hour}, []mitigate.Entry{
			line("a", decision.Withdrawn, now.Add(-2*time.Hour)), line("b", decision.Withdrawn, now.Add(-30*time.Minute)),
		}, "b"},
	} {
		tc.cfg.Dir, tc.cfg.MaxIncidents = t.TempDir(), 10
		s, err := New(&tc.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := s.Ledger()
		if err := l.Append(t.Context(), tc.have); err != nil {
			t.Fatal(err)
		}
		page, err := l.Decisions(t.Context(), &mitigate.ListFilter{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range page.Decisions {
			got = append(got, page.Decisions[i].ID)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %v are left, want %s", name, got, tc.want)
		}
		var lines int
		if err := s.read.QueryRowContext(t.Context(), "SELECT count(*) FROM ledger WHERE decision NOT IN (SELECT id FROM decisions)").Scan(&lines); err != nil || lines != 0 {
			t.Errorf("%s: %d lines of nothing, %v", name, lines, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Many that must go at once go in parts, with the lines that follow.
func TestLedgerForgetsInParts(t *testing.T) {
	s := open(t, t.TempDir())
	s.cfg.MaxDecisions = 10
	l := s.Ledger()
	var all []mitigate.Entry
	for i := range 3*forgetsAtOnce + 10 {
		e := storetest.Changes(1, 8)[0]
		e.Decision.ID, e.Decision.State = fmt.Sprintf("mit-%04d", i), decision.Withdrawn
		e.Decision.Created = time.Now().Add(time.Duration(i) * time.Second)
		all = append(all, e)
	}
	left := func() (n int) {
		t.Helper()
		if err := s.read.QueryRowContext(t.Context(), "SELECT count(*) FROM decisions").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := l.Append(t.Context(), all); err != nil || left() != 2*forgetsAtOnce+10 {
		t.Errorf("after the first look %d are left, %v", left(), err)
	}
	for range 3 {
		if err := l.Append(t.Context(), all[len(all)-1:]); err != nil {
			t.Fatal(err)
		}
	}
	if left() != 10 {
		t.Errorf("%d are left", left())
	}
}

// Lines that were damaged on the disk keep nothing else from working.
func TestDamagedLedger(t *testing.T) {
	s := open(t, t.TempDir())
	l := s.Ledger()
	a, b, c := storetest.Changes(1, 9)[0], storetest.Changes(1, 10)[0], storetest.Changes(1, 11)[0]
	a.Decision.ID, b.Decision.ID, c.Decision.ID = "mit-a", "mit-b", "mit-c"
	active := a
	active.Decision.State = decision.Active
	if err := l.Append(t.Context(), []mitigate.Entry{a, active, b, c}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"DROP TRIGGER ledger_keeps_lines",
		"UPDATE ledger SET body = '{' WHERE decision = '" + b.Decision.ID + "' OR seq = 2",
	} {
		if _, err := s.write.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	open, err := l.Unfinished(t.Context())
	if err != nil || len(open) != 2 {
		t.Fatalf("%d unfinished, %v", len(open), err)
	}
	for i := range open {
		if d := &open[i]; d.ID == a.Decision.ID && (d.State != decision.Active || d.Match.Protocol != "udp") {
			t.Errorf("the line before the damaged one: %+v", d)
		}
	}
	page, err := l.Decisions(t.Context(), &mitigate.ListFilter{})
	if err != nil || len(page.Decisions) != 3 {
		t.Errorf("%d in the list, %v", len(page.Decisions), err)
	}
	d, lines, err := l.Decision(t.Context(), b.Decision.ID)
	if err != nil || d.Error != damagedText || d.Target != b.Decision.Target || d.State != decision.Proposed || len(lines) != 1 || lines[0].Text != "proposed" {
		t.Errorf("%+v, %+v, %v", d, lines, err)
	}
	b.Decision.State = decision.Withdrawn
	if err := l.Append(t.Context(), []mitigate.Entry{b}); err != nil {
		t.Errorf("a further line: %v", err)
	}
	if _, err := s.write.ExecContext(t.Context(), "INSERT INTO halt VALUES (1, '{')"); err != nil {
		t.Fatal(err)
	}
	if h, err := l.Halted(t.Context()); err != nil || h == nil {
		t.Errorf("a damaged halt is none: %v", err)
	}
}

// What people did stands in the audit, in the same transaction.
func TestLedgerAndAudit(t *testing.T) {
	s := open(t, t.TempDir())
	l := s.Ledger()
	e := storetest.Changes(1, 12)[0]
	e.Text = ""
	step := func(by string, state decision.State, text string) {
		t.Helper()
		e.By, e.Text, e.Decision.State, e.Decision.Incident = by, text, state, ""
		if err := l.Append(t.Context(), []mitigate.Entry{e}); err != nil {
			t.Fatal(err)
		}
	}
	step("", decision.Proposed, "proposed by the policy")
	step("anna", decision.Approved, "approved: it is an attack")
	step("", decision.Active, "in force")
	step("ben", decision.Expiring, "")
	e.Decision.ID = "mit-2"
	step("anna", decision.Approved, "asked for")
	e.Decision.ID = "mit-3"
	step("", decision.Proposed, "")
	step("anna", decision.Rejected, "rejected")
	for _, h := range []*mitigate.Halt{{At: e.At, By: "anna", Note: "it hurts"}, {At: e.At, By: "ben", Released: true}, {At: e.At}, nil} {
		if err := l.Halt(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := s.Audits(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range lines {
		got = append(got, strings.TrimSpace(lines[i].Who+" "+lines[i].What+" "+lines[i].Detail))
	}
	what := "flowspec_drop of " + e.Decision.Match.String() + ": "
	want := []string{
		"ben mitigation.resume", "anna mitigation.panic it hurts", "anna mitigation.reject " + what + "rejected",
		"anna mitigation.request " + what + "asked for", "ben mitigation.withdraw " + what + "expiring", "anna mitigation.approve " + what + "approved: it is an attack",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The ledger is read beside the server that writes in it.
func TestLedgerReadOnly(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Ledger().Append(t.Context(), storetest.Changes(9, 13)); err != nil {
		t.Fatal(err)
	}
	r, err := New(&Config{Dir: dir, MaxIncidents: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.OpenReadOnly(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := r.Ledger().Decisions(t.Context(), &mitigate.ListFilter{})
	if err != nil || len(page.Decisions) == 0 {
		t.Errorf("%d decisions, %v", len(page.Decisions), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// A database of the version before gets a ledger, and keeps what it has.
func TestLedgerOfAnOlderDatabase(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Save(t.Context(), storetest.Events(3, 1)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"DROP TABLE ledger", "DROP TRIGGER decisions_end_before_they_go", "DROP TABLE decisions", "DROP TABLE halt",
		"DROP TABLE links", "DROP TABLE tokens", "DROP TABLE sessions", "DROP TABLE users", "DROP TABLE traffic",
		"DROP INDEX incidents_by_detection", "DROP INDEX incidents_by_kind", "DROP INDEX incidents_by_category", "DROP INDEX incidents_by_severity",
		"DROP INDEX incidents_by_subject", "DROP INDEX incidents_by_update", "ALTER TABLE incidents DROP COLUMN kind", "ALTER TABLE incidents DROP COLUMN search",
		"CREATE INDEX incidents_by_detection ON incidents (detected DESC, id)", "DELETE FROM schema_version WHERE version >= 6",
	} {
		if _, err := s.write.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := New(&Config{Dir: dir, MaxIncidents: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.OpenReadOnly(t.Context()); !errors.Is(err, errOlder) {
		t.Errorf("looking at it: %v", err)
	}
	s = open(t, dir)
	if err := s.Ledger().Append(t.Context(), storetest.Changes(9, 13)); err != nil {
		t.Error(err)
	}
	open, err := s.Unfinished(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.read.QueryRowContext(t.Context(), "SELECT count(*) FROM incidents").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d incidents, %d unfinished, %v", n, len(open), err)
	}
	if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil {
		t.Error(err)
	}
}

// What one line costs, synced to the disk; by a person with a line in the audit.
func BenchmarkAppend(b *testing.B) {
	for _, by := range []string{"", "anna"} {
		b.Run("by "+by, func(b *testing.B) {
			s, err := New(&Config{Dir: b.TempDir(), MaxIncidents: 10})
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Open(b.Context()); err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			l, all := s.Ledger(), storetest.Changes(1000, 14)
			for n := 0; b.Loop(); n++ {
				e := all[n%len(all)]
				e.By = by
				if err := l.Append(b.Context(), []mitigate.Entry{e}); err != nil {
					b.Fatal(err)
				}
			}
			var bytes int64
			for _, name := range []string{fileName, fileName + "-wal"} {
				if st, err := os.Stat(filepath.Join(s.cfg.Dir, name)); err == nil {
					bytes += st.Size()
				}
			}
			b.ReportMetric(float64(bytes)/float64(b.N), "disk-B/op")
		})
	}
}

// What looking costs when the ledger is full: 50 000 decisions of 10 lines.
func BenchmarkForget(b *testing.B) {
	s, err := New(&Config{Dir: b.TempDir(), MaxIncidents: 10})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.write.ExecContext(b.Context(), `WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 50000)
		INSERT INTO decisions SELECT 'mit-' || v, v, 10, unixepoch() * 1000000000 + v, 'withdrawn', 1, 'inc', 'x' FROM n`); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Ledger().change(b.Context(), func(tx *sql.Tx) error { _, err := s.forget(b.Context(), tx, time.Now()); return err }); err != nil {
			b.Fatal(err)
		}
	}
}
