// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"testing"

	"tidewatch/decision"
)

// TestApproveDry shows that what a person approves in a dry run goes the way of a real
// rule, and that nobody is told to do it.
func TestApproveDry(t *testing.T) {
	t.Parallel()
	bubble(t, "approved", func(c *Config) { ladder(c); c.Mode = DryRun; c.Policy[0].Approve = byPerson }, func(h *house) {
		h.attack()
		d, err := h.desk.Approve(h.t.Context(), h.waiting()[0].ID, Person{By: "ann"})
		if err != nil {
			t.Fatal(err)
		}
		if d.State != decision.Active || d.By != "ann" || d.Until.IsZero() || !d.DryRun {
			t.Errorf("it is %+v; ledger:\n%s", d, h.story())
		}
		h.holds() // no router has heard of it
	})
}
