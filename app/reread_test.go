// SPDX-License-Identifier: Apache-2.0

package app

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/flow"
	"tidewatch/schedule"
)

// A reload reads calendars and leases again and keeps all state, what people added
// included. One that is broken keeps what was read before, and one line names the
// file and the place; the other one, and the configuration, are taken up.
func TestFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	calendar, leases := filepath.Join(dir, "work.ics"), filepath.Join(dir, "leases.csv")
	put := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(calendar, moveCalendar)
	put(leases, "address,name\n10.0.0.1,printer\n")
	no := false
	cfg := testConfig()
	cfg.DataDir, cfg.Shards, cfg.Identity.Leases = filepath.Join(dir, "data"), 2, leases
	cfg.Schedule.Calendars = []schedule.Calendar{{File: calendar, Effects: schedule.Effects{Alert: &no}}}
	cfg.Schedule.Holidays = []string{calendar}
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := &locked{}
	plans := planning(t, cfg, e)
	s := &Server{cfg: cfg, engine: e, plans: plans, excluded: excluding(t, cfg, plans), log: slog.New(slog.NewTextHandler(log, nil))}
	if _, err := s.plans.AddEvent(t.Context(), quietEvent("drill"), "anna", ""); err != nil {
		t.Fatal(err)
	}
	addr, noon := flow.AddrFrom(netip.MustParseAddr("10.0.0.1")), time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	state := func() string {
		t.Helper()
		e.mu.Lock()
		defer e.mu.Unlock()
		var out []string
		for _, sh := range e.shards {
			var on []string
			for _, at := range []time.Time{noon, noon.AddDate(0, 0, 1), time.Now()} {
				if got := sh.planned.At(addr, at, ""); got.NoAlert {
					on = append(on, got.Name)
				}
				if sh.planned.Holiday(at) {
					on = append(on, "holiday")
				}
			}
			out = append(out, strings.Join(on, " ")+" "+sh.who.Name(addr, noon.Unix()))
		}
		if out[0] != out[1] {
			t.Errorf("the shards differ: %q", out)
		}
		return out[0]
	}
	reload := func(minPPS float64) string {
		log.Reset()
		s.reload(func() (*Config, error) {
			next := *cfg
			next.Flood.MinPPS = minPPS
			return &next, nil
		})
		return log.String()
	}
	later := strings.Replace(moveCalendar, "20260301", "20260302", 1)
	for i, tc := range []struct {
		calendar, leases, state string
		says                    []string
	}{
		{moveCalendar, "address,name\n10.0.0.1,printer\n", "Move holiday drill printer", []string{"configuration reloaded"}},
		{later, "address,name\n10.0.0.1,camera\n", "Move holiday drill camera", []string{"configuration reloaded"}},
		{"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:never\r\n", "address,name\n10.0.0.1,scanner\n", "Move holiday drill scanner", []string{"scheduled events not reloaded", calendar, "configuration reloaded in part", "stays in force", "failed=[schedule]"}},
		{moveCalendar, "address,name\n10.0.0.1,a\n10.0.0.300,x\n", "Move holiday drill scanner", []string{"names and leases not reloaded", leases, "line 3", "configuration reloaded in part", "failed=[identity]"}},
	} {
		put(calendar, tc.calendar)
		put(leases, tc.leases)
		said := reload(float64(1000 + i))
		for _, want := range tc.says {
			if !strings.Contains(said, want) {
				t.Errorf("case %d says %s, want %q", i, said, want)
			}
		}
		if n := strings.Count(said, "level=ERROR"); n != min(len(tc.says)-1, 1) {
			t.Errorf("case %d has %d errors: %s", i, n, said)
		}
		if got := state(); got != tc.state || strings.Contains(said, "restart") || s.cfg.Flood.MinPPS != float64(1000+i) {
			t.Errorf("case %d: %q, want %q; %s", i, got, tc.state, said)
		}
	}
	put(calendar, moveCalendar)
	put(leases, "address,name\n10.0.0.1,scanner\n")
	cfg.Enrich.Geo = []string{leases} // that is no database
	if said := reload(5); !strings.Contains(said, "databases of countries not reloaded") || !strings.Contains(said, leases+" is no database") ||
		!strings.Contains(said, "in part, what could not be read stays in force as it was\" failed=[networks.geo] changed=[flood.min_pps]") {
		t.Errorf("a broken database: %s", said)
	}
	cfg.Enrich.Geo = nil
	if err := os.Remove(calendar); err != nil {
		t.Fatal(err)
	}
	if said := reload(5); !strings.Contains(said, calendar) || state() != "Move holiday drill scanner" {
		t.Errorf("a file that is gone: %s %s", state(), said)
	}
}
