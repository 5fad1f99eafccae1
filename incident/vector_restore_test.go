// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"slices"
	"testing"

	"tidewatch/detect"
)

// A restart in the middle of an attack changes no name by itself, however long it took,
// and afterwards a name changes as it does without one.
func TestVectorsAfterARestart(t *testing.T) {
	of := func(s int, vector string, vectors ...string) []detect.Finding {
		f := flood(0, float64(s), 0.8, 20_000)
		f.Vector, f.Vectors = vector, vectors
		return []detect.Finding{f}
	}
	changed := func(s int) []detect.Finding {
		if s <= 20 {
			return of(s, "udp_flood")
		}
		return of(s, "syn_flood")
	}
	both := func(s int) []detect.Finding { return of(s, "mixed", "udp_flood", "syn_flood") }
	inTurn := func(s int) []detect.Finding {
		if s%3 == 0 {
			return of(s, "udp_flood")
		}
		return of(s, "syn_flood")
	}
	for name, tc := range map[string]struct {
		before, after func(s int) []detect.Finding
		until, want   string   // before the restart, at the end
		lines         []string // of the timeline since the restart
	}{
		"changed before":          {changed, changed, "syn_flood", "syn_flood", nil},
		"both at once":            {both, both, "mixed", "mixed", nil},
		"reported in turn":        {both, inTurn, "mixed", "mixed", nil},
		"one has ended meanwhile": {both, changed, "mixed", "syn_flood", []string{"of several vectors only SYN flood goes on"}},
		"back to the first": {
			changed, func(s int) []detect.Finding { return of(s, "udp_flood") }, "syn_flood", "udp_flood",
			[]string{"several vectors hold at once: UDP flood and SYN flood", "of several vectors only UDP flood goes on"},
		},
	} {
		for _, pause := range []int{1, 30} {
			first := newBook(t, nil)
			run(first, 1, 60, tc.before)
			saved := slices.Collect(first.All())
			if len(saved) != 1 || saved[0].Vector != tc.until {
				t.Fatalf("%s: %+v", name, saved)
			}
			b := newBook(t, nil)
			if err := b.Restore(saved); err != nil {
				t.Fatal(err)
			}
			run(b, 60+pause, 120, func(s int) []detect.Finding {
				if s < 63+pause {
					return nil // nothing is judged yet
				}
				return tc.after(s)
			})
			for i := range b.All() {
				var lines []string
				for _, l := range i.Timeline[len(saved[0].Timeline):] {
					if l.Event == VectorChanged {
						lines = append(lines, l.Text)
					}
				}
				if i.Vector != tc.want || !slices.Equal(lines, tc.lines) {
					t.Errorf("%s, %d s: %s, %q", name, pause, i.Vector, lines)
				}
			}
		}
	}
}
