// SPDX-License-Identifier: Apache-2.0

//go:build !race

package app

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// theftTally is what became of one act in all offices.
type theftTally struct {
	after     []time.Duration // of each office in which it was found
	kinds     []string
	low, high detect.Severity // of those incidents, in the end
	told      detect.Severity // the highest about the device meanwhile, of mere anomalies too
	anomaly   detect.Severity
}

func (a *theftTally) found(g *incident.Incident, after time.Duration) {
	a.after = append(a.after, after)
	if !slices.Contains(a.kinds, g.Kind) {
		a.kinds = append(a.kinds, g.Kind)
	}
	if a.low == "" || g.Severity.Rank() < a.low.Rank() {
		a.low = g.Severity
	}
	if g.Severity.Rank() > a.high.Rank() {
		a.high = g.Severity
	}
}

// loudest notes an incident about the device.
func (a *theftTally) loudest(g *incident.Incident) {
	of := &a.told
	if g.Category == detect.BaselineAnomaly {
		of = &a.anomaly
	}
	if g.Severity.Rank() > of.Rank() {
		*of = g.Severity
	}
}

// theftTable is the part of docs/detectors.md that `make thefts` writes.
func theftTable(rows []theft, tallies []theftTally, offices int) string {
	var s strings.Builder
	fmt.Fprintf(&s, "| what is done | found in, of %d offices | as | median delay | worst delay |\n|---|---|---|---|---|\n", offices)
	for i := range rows {
		a := &tallies[i]
		if rows[i].kinds == "" {
			continue
		}
		severity := string(a.low)
		if a.high != a.low {
			severity += " or " + string(a.high)
		}
		kinds := make([]string, len(a.kinds))
		for k := range a.kinds {
			kinds[k] = "`" + a.kinds[k] + "`"
		}
		slices.Sort(kinds)
		slices.Sort(a.after)
		median, worst := "", ""
		if n := len(a.after); n > 0 {
			median, worst = delay(a.after[n/2]), delay(a.after[n-1])
		}
		fmt.Fprintf(&s, "| `%s` | %d | %s, %s | %s | %s |\n", rows[i].act, len(a.after), strings.Join(kinds, " or "), severity, median, worst)
	}
	fmt.Fprintf(&s, "\n| what only looks like it | highest severity in any office | of mere anomalies |\n|---|---|---|\n")
	for i := range rows {
		if rows[i].kinds == "" {
			fmt.Fprintf(&s, "| `%s` | %s | %s |\n", rows[i].act, or(tallies[i].told), or(tallies[i].anomaly))
		}
	}
	return s.String()
}

func or(s detect.Severity) string {
	if s == "" {
		return "nothing"
	}
	return string(s)
}

// delay names minutes, hours, or the day that it is.
func delay(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("day %d", int(d.Hours()/24)+1)
}

// writeThefts puts the table between its marks.
func writeThefts(t *testing.T, page, table string) {
	t.Helper()
	const begin, end = "<!-- thefts: written by `make thefts`, do not edit -->\n", "<!-- thefts: end -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(text), begin)
	_, tail, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s has no lines %q and %q", page, begin, end)
	}
	if err := os.WriteFile(page, []byte(head+begin+table+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
