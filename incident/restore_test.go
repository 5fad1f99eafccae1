// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"testing"

	"tidewatch/detect"
)

// TestTotals: a detector that sees the last minute only must not make an attack
// of ten minutes look like one of one.
func TestTotals(t *testing.T) {
	b := newBook(t, nil)
	events := run(b, 0, 700, func(s int) []detect.Finding {
		if s < 1 || s > 600 {
			return nil
		}
		return []detect.Finding{flood(float64(max(0, s-60)), float64(s), 0.8, 20_000)}
	})
	got := float64(events[len(events)-1].Incident.Metrics.Packets)
	if want := 600 * 20_000.0; got < 0.98*want || got > 1.02*want {
		t.Errorf("packets = %.0f, want %.0f within 2 %%", got, want)
	}
}

func TestRestore(t *testing.T) {
	first := newBook(t, nil)
	events := first.Apply(at(10), []detect.Finding{flood(5, 10, 0.8, 20_000)}, nil)
	events = first.Flush(at(12), events)
	if got := types(events); got != "opened updated" {
		t.Fatalf("first run: %s", got)
	}
	saved := events[1].Incident

	t.Run("what goes on is the same incident", func(t *testing.T) {
		b := newBook(t, nil)
		if err := b.Restore([]Incident{saved}); err != nil {
			t.Fatal(err)
		}
		out := run(b, 3600, 3800, func(s int) []detect.Finding {
			if s < 3610 {
				return []detect.Finding{flood(3590, float64(s), 0.8, 20_000)}
			}
			return nil
		})
		if got := types(out); got != "restored updated resolved" {
			t.Errorf("events: %s", got)
		}
		if i := out[len(out)-1].Incident; i.ID != saved.ID || i.Reason != ReasonQuiet || !i.Started.Equal(saved.Started) {
			t.Errorf("got %s %s started %s", i.ID, i.Reason, i.Started)
		}
	})
	t.Run("what is over is resolved after the quiet time of this run", func(t *testing.T) {
		b := newBook(t, nil)
		if err := b.Restore([]Incident{saved}); err != nil {
			t.Fatal(err)
		}
		out := run(b, 3600, 3700, func(int) []detect.Finding { return nil })
		last := out[len(out)-1]
		if got := types(out); got != "restored resolved" || last.Incident.Reason != ReasonRestart ||
			!last.At.Equal(at(3660)) || !last.Incident.Ended.Equal(saved.LastSeen) {
			t.Errorf("got %s: %+v", got, last.Incident)
		}
	})
	t.Run("a damaged subject is an error", func(t *testing.T) {
		bad := saved
		bad.Subject = "nobody"
		if err := newBook(t, nil).Restore([]Incident{bad}); err == nil {
			t.Error("no error")
		}
	})
}
