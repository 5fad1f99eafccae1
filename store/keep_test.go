// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"
	"time"

	"tidewatch/incident"
	"tidewatch/store/storetest"
)

// Incidents that have been over for two years are forgotten; what goes on stays.
func TestIncidentsAreForgottenByTime(t *testing.T) {
	s := open(t, t.TempDir())
	events := storetest.Events(3, 5)
	now := time.Now().UTC()
	for i, c := range []struct {
		state   incident.State
		updated time.Time
	}{
		{incident.Resolved, now.AddDate(-3, 0, 0)},
		{incident.Open, now.AddDate(-3, 0, 0)},
		{incident.Closed, now.AddDate(-1, 0, 0)},
	} {
		events[i].Incident.ID = string('a' + rune(i))
		events[i].Incident.State, events[i].Incident.Updated = c.state, c.updated
	}
	if err := s.Save(t.Context(), events[:3]); err != nil {
		t.Fatal(err)
	}
	page, err := s.List(t.Context(), &incident.Filter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for i := range page.Incidents {
		got[page.Incidents[i].ID] = true
	}
	if len(got) != 2 || got["a"] {
		t.Errorf("%v are left, want b, which goes on, and c, which is a year old", got)
	}
}
