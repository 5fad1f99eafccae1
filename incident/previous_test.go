// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"testing"
	"time"

	"tidewatch/detect"
)

// TestPrevious: an incident names the one before it of the same cause, whether that
// is still held, long forgotten, or of an earlier run; and nobody else's.
func TestPrevious(t *testing.T) {
	for name, tc := range map[string]struct {
		pause   time.Duration
		restart bool
		want    bool // another incident that names the first
	}{
		"back within five minutes":    {2 * time.Minute, false, false},
		"back while it is still held": {10 * time.Minute, false, true},
		"back when it is forgotten":   {time.Hour, false, true},
		"back after a restart":        {time.Hour, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, nil)
			last := map[string]Incident{}
			tick := func(s float64, found ...detect.Finding) {
				for _, e := range b.Apply(at(s), found, nil) {
					last[e.Incident.ID] = e.Incident
				}
			}
			tick(10, flood(5, 10, 0.8, 20_000))
			again := 10 + tc.pause.Seconds()
			for s := 11.0; s < again; s++ {
				tick(s)
			}
			var first string
			for id := range last {
				first = id
			}
			if tc.restart {
				b = newBook(t, nil)
				if err := b.Restore([]Incident{last[first]}); err != nil {
					t.Fatal(err)
				}
			}
			other := flood(again-5, again, 0.8, 20_000)
			other.Subject = host("2001:db8::7")
			tick(again, flood(again-5, again, 0.8, 20_000), other)
			linked := 0
			for id := range last {
				inc := last[id]
				switch {
				case inc.Previous == "":
				case inc.Previous == first && inc.Subject == "192.0.2.10" && id != first:
					linked++
				default:
					t.Errorf("%s about %s names %s", id, inc.Subject, inc.Previous)
				}
			}
			if (linked == 1) != tc.want {
				t.Errorf("%d of %d incidents name the first", linked, len(last))
			}
		})
	}
}
