// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/api"
	"tidewatch/detect"
	"tidewatch/exclude"
	"tidewatch/flow"
)

// excluding has the data directory in common with a planner.
func excluding(t *testing.T, cfg *Config, p *planner) *excluder {
	t.Helper()
	x, err := newExcluder(t.Context(), cfg, p.store, p.engine)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// An exclusion that is added takes effect in the second after, holds over a restart
// and a reload, and no longer when it is taken back.
func TestExclusionsTakeEffectAtOnce(t *testing.T) {
	cfg := testConfig()
	cfg.DataDir, cfg.Shards = t.TempDir(), 3
	now := time.Now().Unix() - 900
	run := func() (*Engine, func(victim byte, want detect.Severity)) {
		e, err := NewEngine(cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		return e, func(victim byte, want detect.Severity) {
			t.Helper()
			b := flow.NewBatch(1)
			r := udpFlood(now, now+20)
			r.Dst[15] = victim
			b.Append(&r)
			e.Process(b)
			e.Advance(now + 22)
			now += 40
			for _, inc := range e.Incidents() {
				if inc.Subject != fmt.Sprintf("10.0.0.%d", victim) {
					continue
				}
				if inc.Severity != want {
					t.Errorf("device %d: severity %s, want %s: %+v", victim, inc.Severity, want, inc.Indicators)
				}
				return
			}
			t.Errorf("device %d: no incident", victim)
		}
	}
	e, flood := run()
	plans := planning(t, cfg, e)
	x := excluding(t, cfg, plans)
	flood(1, detect.High)
	added, err := x.AddExclusion(t.Context(), &exclude.Rule{Device: "10.0.0.0/29", Kind: "ddos", Reason: "stress test"}, "anna")
	if err != nil {
		t.Fatal(err)
	}
	flood(2, detect.Low)
	flood(9, detect.High) // another device

	if err := plans.store.Close(); err != nil {
		t.Fatal(err)
	}
	e, flood = run()
	plans = planning(t, cfg, e)
	x = excluding(t, cfg, plans)
	flood(3, detect.Low)
	log := &locked{}
	s := &Server{cfg: cfg, engine: e, plans: plans, excluded: x, log: slog.New(slog.NewTextHandler(log, nil))}
	reload := func(rules ...exclude.Rule) string {
		log.Reset()
		s.reload(func() (*Config, error) {
			next := *cfg
			next.Exclusions = rules
			return &next, nil
		})
		return log.String()
	}
	if said := reload(exclude.Rule{Device: "10.0.0.17", Reason: "lab"}); !strings.Contains(said, "exclusions") || strings.Contains(said, "restart") {
		t.Error(said)
	}
	flood(17, detect.Low)
	flood(4, detect.Low)
	if said := reload(exclude.Rule{Device: "10.0.0.17"}); !strings.Contains(said, "exclusion 1: a reason is needed") {
		t.Error(said)
	}
	if err := x.RemoveExclusion(t.Context(), added.ID, "ben", ""); err != nil {
		t.Fatal(err)
	}
	flood(5, detect.High)
	flood(17, detect.Low) // the broken file changed nothing
	if got := e.excluded.Applied()["ddos"]; got == 0 {
		t.Error("nothing is counted")
	}
}

func TestRefusedExclusions(t *testing.T) {
	cfg := testConfig()
	cfg.DataDir = t.TempDir()
	cfg.Exclusions = []exclude.Rule{{Device: "10.0.0.1", Reason: "lab"}}
	x := excluding(t, cfg, planning(t, cfg, nil))
	add := func(device, expires string) error {
		_, err := x.AddExclusion(t.Context(), &exclude.Rule{Device: device, Reason: "lab", Expires: expires}, "anna")
		return err
	}
	own := x.base[0].ID
	for want, err := range map[string]error{
		"422 covers everything":                     add("", ""),
		"422 neither an address":                    add("lab", ""),
		"409 " + own + " says the same already":     add("10.0.0.1", ""),
		"409 comes from the configuration":          x.RemoveExclusion(t.Context(), own, "anna", ""),
		"404 no exclusion \"ex-none\"":              x.RemoveExclusion(t.Context(), "ex-none", "anna", ""),
		"422 characters that do not print":          x.RemoveExclusion(t.Context(), own, "a\nb", ""),
		"422 the note holds characters that do not": x.RemoveExclusion(t.Context(), own, "anna", "a\nb"),
	} {
		status, says, _ := strings.Cut(want, " ")
		if !refusedWith(err, map[string]int{"404": 404, "409": 409, "422": 422}[status], says) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	// A full list refuses, and what is over gives way.
	for i := range exclude.MaxAdded {
		x.added = append(x.added, exclude.Entry{ID: fmt.Sprint("ex-", i), Origin: exclude.FromPeople, Rule: exclude.Rule{Device: fmt.Sprintf("10.1.%d.%d", i/250, i%250)}})
	}
	if err := add("10.0.0.2", ""); !refusedWith(err, 409, "10000 exclusions were added, which is the most") {
		t.Error(err)
	}
	x.added[7].Until = time.Now().Add(-time.Hour)
	if err := add("10.0.0.2", "12h"); err != nil || len(x.added) != exclude.MaxAdded {
		t.Errorf("%d, %v", len(x.added), err)
	}
	// Pages of the list hold each once, the newest first, the configuration's last.
	seen, cursor := []string{}, ""
	for {
		page, err := x.Exclusions(t.Context(), &api.ListFilter{Limit: 999, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Exclusions {
			seen = append(seen, page.Exclusions[i].ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(seen) != exclude.MaxAdded+1 || !strings.HasPrefix(seen[0], "ex-") || seen[1] != "ex-9999" || seen[exclude.MaxAdded] != own {
		t.Errorf("%d: %s %s ... %s", len(seen), seen[0], seen[1], seen[len(seen)-1])
	}
	if _, err := x.Exclusions(t.Context(), &api.ListFilter{Limit: 1, Cursor: "x"}); !refusedWith(err, 422, "begin anew") {
		t.Error(err)
	}
}

// A theft in a file is found, and listed as low when the configuration excludes it: by
// what it is made of, and up to the day that it says, in the time of the flows.
func TestExclusionInAnalysis(t *testing.T) {
	var b strings.Builder
	b.WriteString("start,end,src,dst,src_port,dst_port,proto,packets,bytes\n")
	for m := range 120 {
		at := time.Date(2026, 3, 3, 3, m, 0, 0, time.UTC)
		for _, to := range []string{"10.0.0.5,198.51.100.7", "2001:db8::5,2001:db8:ffff::7"} {
			fmt.Fprintf(&b, "%s,%s,%s,%d,22,tcp,30000,45000000\n", at.Format(time.RFC3339), at.Add(50*time.Second).Format(time.RFC3339), to, 40000+m)
		}
	}
	path := filepath.Join(t.TempDir(), "theft.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		rules []exclude.Rule
		low   int
	}{
		"nothing excluded": {nil, 0},
		"both":             {[]exclude.Rule{{Device: "10.0.0.0/8", Destination: "198.51.100.0/24", Port: "22", Kind: "exfiltration", Reason: "replica"}, {Destination: "2001:db8:ffff::/48", Reason: "replica"}}, 2},
		"one of them":      {[]exclude.Rule{{Device: "2001:db8::5", Port: "22/tcp", Reason: "replica", Expires: "2026-03-03"}}, 1},
		"others":           {[]exclude.Rule{{Device: "10.0.0.6", Reason: "x"}, {Destination: "198.51.100.8", Reason: "x"}, {Port: "443", Reason: "x"}, {Kind: "ddos", Reason: "x"}}, 0},
		"over before":      {[]exclude.Rule{{Kind: "exfiltration", Reason: "replica", Expires: "2026-03-02"}}, 0},
	} {
		cfg := testConfig("10.0.0.0/8", "2001:db8::/64")
		cfg.Exclusions = tc.rules
		res, err := Analyze(t.Context(), cfg, &AnalyzeOptions{Files: []string{path}, KeepInternal: true})
		if err != nil {
			t.Fatal(err)
		}
		low, found := 0, 0
		for i := range res.Incidents {
			inc := &res.Incidents[i]
			if inc.Category != detect.DataExfiltration {
				continue
			}
			found++
			excluded := false
			for _, ind := range inc.Indicators {
				if ind.Name == "exclusion" {
					excluded = strings.HasPrefix(ind.Detail, "ex-") && strings.HasSuffix(ind.Detail, ": replica") && strings.Contains(ind.Text, "listed and not alerted")
				}
			}
			if inc.Severity == detect.Low && inc.Score <= 0.59 && excluded {
				low++
			} else if inc.Severity.Rank() < detect.High.Rank() || excluded {
				t.Errorf("%s: %s %g %+v", name, inc.Severity, inc.Score, inc.Indicators)
			}
		}
		if found != 2 || low != tc.low {
			t.Errorf("%s: %d thefts, %d low, want 2 and %d", name, found, low, tc.low)
		}
	}
}
