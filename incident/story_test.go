// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
)

const day = 86400.0

// part is a finding about a device at a second: "scan", "scanned", or a kind.
func part(what, device string, second, score float64) detect.Finding {
	f := detect.Finding{
		Detector: what, Category: detect.DataExfiltration, Kind: what, Subject: host(device),
		At: at(second), Started: at(second - 60), Last: at(second), Score: score, Severity: detect.SeverityOf(score),
		Baseline: detect.NoBaseline(), Indicators: []detect.Indicator{{Name: "duty", Observed: 1, Weight: score}},
	}
	switch what {
	case "scan", "guess":
		f.Category, f.Kind = detect.Reconnaissance, map[string]string{"scan": "port_scan", "guess": "brute_force"}[what]
		f.Top.Destinations = []detect.Share{{Key: "198.51.100.9", Share: 1}}
	case "guessed":
		f.Category, f.Kind = detect.Reconnaissance, "brute_force"
		f.Top.Sources = []detect.Share{{Key: "198.51.100.9", Share: 1}}
	case "beacon", "long_connection", "threat_list":
		f.Category = detect.CommandControl
	case "volume":
		f.Category = detect.BaselineAnomaly
	}
	return f
}

// teller is a book that is told of parts as the engine does it, and what it told.
type teller struct {
	*Book

	last map[string]Incident
}

func newTeller(tb testing.TB, change func(*Config)) *teller {
	tb.Helper()
	return &teller{newBook(tb, change), map[string]Incident{}}
}

func (b *teller) tick(second float64, found ...detect.Finding) {
	for i := range found {
		b.Context(at(second), &found[i])
	}
	for _, e := range b.Apply(at(second), found, nil) {
		b.last[e.Incident.ID] = e.Incident
	}
}

// of is what was told last of the newest incident of a kind about a device.
func (b *teller) of(tb testing.TB, kind, device string) *Incident {
	tb.Helper()
	var out *Incident
	for _, i := range b.last {
		if i.Kind == kind && i.Subject == device && (out == nil || i.Detected.After(out.Detected)) {
			out = &i
		}
	}
	if out == nil {
		tb.Fatalf("no %s of %s", kind, device)
	}
	return out
}

func line(chapters []Chapter) string {
	var all []string
	for i := range chapters {
		all = append(all, string(chapters[i].Stage)+"="+chapters[i].Kind)
	}
	return strings.Join(all, " ")
}

func weightOf(i *Incident) (weight, stages float64) {
	for k := range i.Indicators {
		if n := &i.Indicators[k]; n.Name == EarlierStages {
			return n.Weight, n.Observed
		}
	}
	return 0, 0
}

// A device's story: which earlier stages its last incident names, and how much they weigh.
func TestStages(t *testing.T) {
	t.Parallel()
	type step struct {
		what  string
		day   float64
		score float64
	}
	for name, tc := range map[string]struct {
		steps  []step // the last one is asked about
		names  string
		weight float64
	}{
		"all of it":                         {[]step{{"guessed", 0, 0.7}, {"scan", 1, 0.6}, {"beacon", 8, 0.6}, {"exfiltration", 16, 0.6}}, "targeted=brute_force scanning=port_scan command=beacon", 0.15},
		"a scan alone":                      {[]step{{"scan", 0, 0.6}, {"exfiltration", 7, 0.6}}, "scanning=port_scan", 0.1},
		"a scan and a beacon":               {[]step{{"scan", 0, 0.6}, {"beacon", 7, 0.6}}, "scanning=port_scan", 0.1},
		"an open connection":                {[]step{{"long_connection", 0, 0.6}, {"dns_tunnel", 1, 0.6}}, "command=long_connection", 0.1},
		"a listed address":                  {[]step{{"threat_list", 0, 0.6}, {"slow_exfiltration", 1, 0.6}}, "command=threat_list", 0.1},
		"guessed before it guesses":         {[]step{{"guessed", 0, 0.7}, {"guess", 1, 0.6}}, "targeted=brute_force", 0},
		"nothing before":                    {[]step{{"exfiltration", 0, 0.6}}, "", 0},
		"a theft before":                    {[]step{{"exfiltration", 0, 0.8}, {"beacon", 1, 0.6}}, "", 0},
		"a beacon before the scan":          {[]step{{"beacon", 0, 0.8}, {"scan", 1, 0.6}}, "", 0},
		"an anomaly":                        {[]step{{"volume", 0, 0.9}, {"exfiltration", 1, 0.6}}, "", 0},
		"an anomaly afterwards":             {[]step{{"scan", 0, 0.9}, {"volume", 1, 0.6}}, "", 0},
		"just in time":                      {[]step{{"scan", 0, 0.6}, {"beacon", 29.9, 0.6}}, "scanning=port_scan", 0.1},
		"too late":                          {[]step{{"scan", 0, 0.6}, {"beacon", 30.1, 0.6}}, "", 0},
		"a listed scan":                     {[]step{{"scan", 0, 0.5}, {"beacon", 0.3, 0.6}}, "", 0},
		"a listed scan of it, still held":   {[]step{{"guessed", 0, 0.4}, {"beacon", 0.3, 0.6}}, "targeted=brute_force", 0},
		"a listed scan of it, let go":       {[]step{{"guessed", 0, 0.4}, {"beacon", 7, 0.6}}, "", 0},
		"the newest of two":                 {[]step{{"scan", 0, 0.6}, {"guess", 3, 0.6}, {"beacon", 5, 0.6}}, "scanning=brute_force", 0.1},
		"one that counts before a new one":  {[]step{{"scan", 0, 0.6}, {"guess", 5, 0.5}, {"beacon", 5.1, 0.6}}, "scanning=port_scan", 0.1},
		"a score that can rise no further":  {[]step{{"scan", 0, 0.6}, {"beacon", 1, 0.95}}, "scanning=port_scan", 0.1},
		"in the same second":                {[]step{{"scan", 1, 0.6}, {"beacon", 1, 0.6}}, "", 0},
		"three at once, of which one is on": {[]step{{"beacon", 0, 0.6}, {"threat_list", 0.2, 0.6}, {"long_connection", 0.3, 0.6}, {"icmp_tunnel", 0.4, 0.6}}, "command=long_connection", 0.1},
	} {
		for _, device := range []string{"10.0.0.1", "2001:db8::1"} {
			b := newTeller(t, nil)
			ids := map[string]bool{}
			var asked *Incident
			last := 1e6
			for n := 0; n < len(tc.steps); n++ {
				second := 1e6 + tc.steps[n].day*day
				found := []detect.Finding{part(tc.steps[n].what, device, second, tc.steps[n].score)}
				if n+1 < len(tc.steps) && tc.steps[n+1].day == tc.steps[n].day {
					n++
					found = append(found, part(tc.steps[n].what, device, second, tc.steps[n].score))
				}
				for ; b.now.Before(at(second - 60)); last += 1800 { // what is over is let go meanwhile
					b.tick(min(last, second-60))
				}
				other := part("exfiltration", "10.0.0.2", second, 0.6)
				b.tick(second-30, other)
				b.tick(second, found...)
				asked = b.of(t, found[len(found)-1].Kind, device)
			}
			if got := line(asked.Earlier); got != tc.names {
				t.Errorf("%s, %s: names %q, want %q", name, device, got, tc.names)
			}
			weight, _ := weightOf(asked)
			want := detect.Plus(tc.steps[len(tc.steps)-1].score, tc.weight)
			if weight != tc.weight || asked.Score != want || asked.Severity != detect.SeverityOf(want) {
				t.Errorf("%s, %s: weighs %v, score %v %s, want %v and %v", name, device, weight, asked.Score, asked.Severity, tc.weight, want)
			}
			for i := range asked.Earlier {
				c := &asked.Earlier[i]
				p := b.last[c.ID]
				at := slices.IndexFunc(p.Later, func(l Chapter) bool { return l.ID == asked.ID })
				if ids[c.ID] || p.ID == "" || p.Subject != device || !p.Started.Equal(c.Started) || at < 0 {
					t.Errorf("%s, %s: %s names %+v, which names %+v", name, device, asked.ID, c, p.Later)
				}
				ids[c.ID] = true
			}
			if out := b.of(t, "exfiltration", "10.0.0.2"); len(out.Earlier)+len(out.Later) > 0 || out.Score != 0.6 {
				t.Errorf("%s: another device is part of it: %+v", name, out)
			}
		}
	}
}

// What people said of an earlier incident counts, whether it is held, long let go, or of
// an earlier run; a restart changes nothing.
func TestStoryAndVerdicts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		score  float64
		say    *Decision
		names  string
		weight float64
	}{
		"nothing":               {0.6, nil, "scanning=port_scan", 0.1},
		"closed as normal":      {0.9, closing(VerdictNormal), "", 0},
		"judged as normal":      {0.9, &Decision{Action: Judge, Verdict: VerdictNormal}, "", 0},
		"closed as uncertain":   {0.6, closing(VerdictUncertain), "scanning=port_scan", 0.1},
		"closed as an attack":   {0.6, closing(VerdictAttack), "scanning=port_scan", 0.1},
		"a listed one is real":  {0.4, &Decision{Action: Judge, Verdict: VerdictAttack}, "scanning=port_scan", 0.1},
		"a listed one is known": {0.4, ack(), "", 0},
	} {
		for _, when := range []float64{0.01, 3} { // days after the scan; that is held for half a day
			for _, restart := range []bool{false, true} {
				b := newTeller(t, nil)
				b.tick(0, part("scan", "2001:db8::1", 0, tc.score))
				id := b.of(t, "port_scan", "2001:db8::1").ID
				saved := func() Incident { // as a store gives it back
					raw, err := json.Marshal(b.last[id])
					if err != nil {
						t.Fatal(err)
					}
					var out Incident
					if err := json.Unmarshal(raw, &out); err != nil {
						t.Fatal(err)
					}
					return out
				}
				b.tick(when * day / 10) // resolved
				b.tick(when * day)      // let go
				if held := slices.ContainsFunc(b.entries, func(e *entry) bool { return e.inc.ID == id }); held != (when < 1) {
					t.Fatalf("%v days after the scan the book holds it: %v", when, held)
				}
				if tc.say != nil && (when < 1 || tc.score >= 0.6) {
					e, err := b.Decide(at(when*day+3), id, tc.say)
					if err != nil {
						t.Fatalf("%s after %v days: %v", name, when, err)
					}
					b.last[id] = e.Incident
				}
				names, weight := tc.names, tc.weight
				if tc.score < 0.6 && when > 1 {
					names, weight = "", 0 // let go before anybody spoke
				}
				b.tick(7 * day)
				b.tick(7*day + 1)
				if restart {
					over := saved()
					b = newTeller(t, nil)
					if err := b.Recall([]Incident{over, over}); err != nil {
						t.Fatal(err)
					}
					if n := len(b.told.ring); n > 1 {
						t.Errorf("%s: it is recalled %d times", name, n)
					}
				}
				b.tick(9*day, part("beacon", "2001:db8::1", 9*day, 0.6))
				got := b.of(t, "beacon", "2001:db8::1")
				if w, _ := weightOf(got); line(got.Earlier) != names || w != weight {
					t.Errorf("%s after %v days, restart %v: names %q with weight %v, want %q and %v", name, when, restart, line(got.Earlier), w, names, weight)
				}
				if scan, ok := b.last[id]; names != "" && (!ok || line(scan.Later) != "command=beacon" || !scan.Updated.Equal(at(9*day)) || scan.State.Active() ||
					tc.say != nil && scan.Verdict != tc.say.Verdict) {
					t.Errorf("%s after %v days, restart %v: the scan became %+v", name, when, restart, scan)
				}
			}
		}
	}
}

// What goes on is judged by what was known when it opened, also when it pauses: a scan
// that comes later is no reason for it. Nor does being named make it pause for longer.
func TestStoryOfWhatGoesOn(t *testing.T) {
	t.Parallel()
	call := func(second float64) detect.Finding {
		f := part("beacon", "10.0.0.1", second, 0.6)
		f.Top.Destinations = []detect.Share{{Key: "198.51.100.7", Share: 1}}
		return f
	}
	b := newTeller(t, nil)
	b.tick(0, call(0))
	b.tick(60, part("scan", "10.0.0.1", 60, 0.9), call(60))
	b.tick(120, call(120))
	b.tick(day / 2)
	b.tick(day, call(day))
	for d := 2.0; d < 7; d++ {
		b.tick(d * day)
	}
	b.tick(7*day, part("exfiltration", "10.0.0.1", 7*day, 0.6))
	first := b.of(t, "beacon", "10.0.0.1")
	if w, _ := weightOf(first); w != 0 || len(first.Earlier) > 0 || line(first.Later) != "theft=exfiltration" {
		t.Errorf("%+v", first)
	}
	b.tick(10*day, call(10*day)) // nine days later, of which seven are a pause
	if again := b.of(t, "beacon", "10.0.0.1"); again.ID == first.ID || line(again.Earlier) != "scanning=port_scan" {
		t.Errorf("%s goes on as %s: %+v", first.ID, again.ID, again)
	}
	b.tick(10*day+60, call(10*day+60))
	if w, n := weightOf(b.of(t, "beacon", "10.0.0.1")); w != 0.1 || n != 1 {
		t.Errorf("weight %v for %v stages", w, n)
	}
}

// What is kept for later is bounded; the oldest goes first, and is counted.
func TestStoriesAreBounded(t *testing.T) {
	t.Parallel()
	b := newTeller(t, func(c *Config) { c.MaxOpen = 64 })
	device := func(i int) string { return fmt.Sprintf("10.0.%d.%d", i/200, i%200) }
	for i := range 50 {
		for n := range 4 { // four of each: only two are kept, and they cost nobody a place
			second := float64(4*i+n) * 0.1 * day
			b.tick(second, part([]string{"beacon", "threat_list", "long_connection", "beacon"}[n], device(i), second, 0.6))
		}
	}
	second := 28 * day
	b.tick(20.5 * day) // resolved
	b.tick(second)     // let go
	held := 0
	for _, list := range b.told.by {
		held += len(list)
	}
	if two := len(b.told.about(host(device(49)))); two != 2 {
		t.Errorf("%d of one stage are kept", two)
	}
	if len(b.told.ring) != 16 || held > 16 || b.Stats().Forgotten == 0 {
		t.Errorf("%d kept, %d found, %d forgotten", len(b.told.ring), held, b.Stats().Forgotten)
	}
	for i, want := range map[int]string{0: "", 49: "command=beacon"} {
		b.tick(second+2, part("exfiltration", device(i), second+2, 0.6))
		if got := line(b.of(t, "exfiltration", device(i)).Earlier); got != want {
			t.Errorf("device %d: %q, want %q", i, got, want)
		}
	}
	off := newTeller(t, func(c *Config) { c.StoryWithin = 0 })
	off.tick(0, part("scan", "10.0.0.1", 0, 0.9))
	off.tick(9, part("beacon", "10.0.0.1", 9, 0.6))
	if i := off.of(t, "beacon", "10.0.0.1"); len(i.Earlier) > 0 || i.Score != 0.6 {
		t.Errorf("switched off, and %+v", i)
	}
	if err := off.Recall([]Incident{{ID: "inc-x", Subject: "nobody"}}); err == nil {
		t.Error("a damaged subject is no error")
	}
	cfg := DefaultConfig()
	if cfg.StoryWithin = 40 * 24 * time.Hour; cfg.Validate() == nil {
		t.Error("forty days are taken")
	}
}

// Without a story nothing is allocated, and a finding's list, which may be a part of a
// longer one, is not written over.
func TestContextIsPure(t *testing.T) {
	b := newTeller(t, nil)
	b.tick(0, part("scan", "10.0.0.1", 0, 0.6))
	f := part("beacon", "10.0.0.2", 60, 0.6)
	if n := testing.AllocsPerRun(100, func() { b.Context(at(60), &f) }); n != 0 {
		t.Errorf("%v allocations for a device without a story", n)
	}
	f = part("beacon", "10.0.0.1", 60, 0.6)
	mine := append(make([]detect.Indicator, 0, 4), f.Indicators...)
	f.Indicators = mine
	if b.Context(at(60), &f); len(f.Indicators) != 2 || len(mine[:cap(mine)][1].Name) > 0 {
		t.Errorf("somebody else's list was written over: %+v", mine[:cap(mine)])
	}
	backup := part("beacon", "10.0.0.1", 60, 0.59)
	backup.Ordinary = true
	if b.Context(at(60), &backup); backup.Score != 0.59 || backup.Severity != detect.Low || len(backup.Indicators) != 2 || backup.Indicators[1].Weight != 0 {
		t.Errorf("what is ordinary became %+v", backup)
	}
	if text := indicatorText(&f.Indicators[1], ""); text != "the same device went through 1 earlier stage: port scan" {
		t.Error(text)
	}
}

// The newest of a later stage takes the place of the one before it, but not in what was
// told already.
func TestLaterIsTheNewest(t *testing.T) {
	t.Parallel()
	b := newTeller(t, nil)
	b.tick(0, part("scan", "10.0.0.1", 0, 0.6))
	b.tick(60, part("beacon", "10.0.0.1", 60, 0.6))
	told := *b.of(t, "port_scan", "10.0.0.1")
	b.tick(120, part("threat_list", "10.0.0.1", 120, 0.6))
	if now := b.of(t, "port_scan", "10.0.0.1"); line(told.Later) != "command=beacon" || line(now.Later) != "command=threat_list" || !strings.Contains(now.Timeline[len(now.Timeline)-1].Text, now.Later[0].ID) {
		t.Errorf("%q became %q: %+v", line(told.Later), line(now.Later), now.Timeline)
	}
}
