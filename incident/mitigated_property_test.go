// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// anyAction draws what mitigation might say.
func anyAction(t *rapid.T) *Action {
	covers := rapid.Float64Range(0, 1).Draw(t, "covers")
	return &Action{
		ID:     "m" + strconv.Itoa(rapid.IntRange(0, 20).Draw(t, "id")),
		Name:   rapid.SampledFrom([]string{"blackhole", "flowspec_drop", "block", "hook"}).Draw(t, "name"),
		State:  rapid.SampledFrom([]string{ActionProposed, ActionApproved, ActionActive, ActionActive, ActionExpiring, ActionWithdrawn, ActionFailed, ActionRejected}).Draw(t, "state"),
		DryRun: rapid.IntRange(0, 3).Draw(t, "dry") == 0, Covers: &covers,
		Effect: rapid.SampledFrom([]string{"", "unknown", "helps", "no_help", "harms"}).Draw(t, "effect"),
	}
}

// coherent checks what must hold of an incident at any time.
func coherent(t *rapid.T, i *Incident) {
	switch {
	case i.State.Active() && (i.State == Mitigated) != i.stopped():
		t.Fatalf("it is %s, and stopped is %v: %+v", i.State, i.stopped(), i.Actions)
	case i.Acknowledged && i.State != Mitigated:
		t.Fatalf("it is %s, and taken in that state", i.State)
	case len(i.Actions) > maxActions:
		t.Fatalf("%d actions", len(i.Actions))
	}
	for n := range i.Actions {
		for k := range n {
			if i.Actions[n].ID == i.Actions[k].ID {
				t.Fatalf("two actions %s", i.Actions[n].ID)
			}
		}
	}
}

// TestActsAndFindings: whatever detectors, people, mitigation and restarts do in any
// order, an incident is mitigated exactly while something stops its traffic, never ends
// by itself in that state, and is counted as going on.
func TestActsAndFindings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fresh := func() *Book { return newBook(tbOf(t), func(c *Config) { c.MaxOpen = 6 }) }
		b, saved := fresh(), map[string]Incident{}
		take := func(events ...Event) {
			for _, e := range events {
				coherent(t, &e.Incident)
				if saved[e.Incident.ID].State == Mitigated && e.Incident.State == Resolved {
					t.Fatalf("%s ends while it is mitigated: %+v", e.Type, e.Incident.Actions)
				}
				saved[e.Incident.ID] = e.Incident
			}
		}
		for now := range rapid.IntRange(1, 50).Draw(t, "steps") {
			sec := 10 * now
			take(b.Apply(at(float64(sec)), rapid.SliceOfN(anyFinding(sec), 0, 3).Draw(t, "findings"), nil)...)
			ids := []string{"inc-nobody"}
			for i := range b.All() {
				ids = append(ids, i.ID)
			}
			slices.Sort(ids)
			for range rapid.IntRange(0, 2).Draw(t, "acts") {
				e, err := b.Act(at(float64(sec)+1), rapid.SampledFrom(ids).Draw(t, "of"), anyAction(t))
				if err == nil {
					take(e)
				} else if !errors.Is(err, ErrNotFound) {
					t.Fatal(err)
				}
			}
			if rapid.IntRange(0, 5).Draw(t, "person") == 0 {
				d := rapid.SampledFrom([]*Decision{ack(), closing(VerdictAttack)}).Draw(t, "decision")
				if e, err := b.Decide(at(float64(sec)+2), rapid.SampledFrom(ids).Draw(t, "which"), d); err == nil {
					take(e)
				}
			}
			if rapid.IntRange(0, 30).Draw(t, "restart") == 0 {
				take(b.Flush(at(float64(sec)+3), nil)...)
				b = takenOver(t, fresh(), saved)
			}
			going := 0
			for i := range b.All() {
				coherent(t, &i)
				if i.State.Active() {
					going++
				}
			}
			if going != b.Active() {
				t.Fatalf("%d go on, and %d are counted", going, b.Active())
			}
		}
	})
}

// takenOver has a new book take over what was saved, as JSON.
func takenOver(t *rapid.T, b *Book, saved map[string]Incident) *Book {
	var all []Incident
	for _, i := range saved {
		raw, err := json.Marshal(i)
		if err != nil {
			t.Fatal(err)
		}
		var back Incident
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(i, back); diff != "" {
			t.Fatalf("JSON does not keep it:\n%s", diff)
		}
		all = append(all, back)
	}
	slices.SortFunc(all, func(x, y Incident) int { return compare(y.Detected.UnixNano(), y.ID, x.Detected.UnixNano(), x.ID) })
	if err := b.Restore(all); err != nil {
		t.Fatal(err)
	}
	return b
}
