// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// Scribble appends lines for ever, two at a time, and says which decisions they were
// about once they are written; after each somebody presses the button. It is
// what a process does that a test kills.
func Scribble(ctx context.Context, l Ledger, say func(...any)) error {
	for seed := uint64(time.Now().UnixNano()); ; seed++ {
		pair := Changes(2, seed)
		pair[1] = pair[0]
		pair[1].Decision.State = decision.Approved
		pair[0].Decision.ID, pair[1].Decision.ID = fmt.Sprintf("mit-%d", seed), fmt.Sprintf("mit-%d", seed)
		if err := l.Append(ctx, pair); err != nil {
			return err
		}
		say(pair[0].Decision.ID)
		if err := l.Halt(ctx, &mitigate.Halt{At: Start(), Note: pair[0].Decision.ID}); err != nil {
			return err
		}
		say("halt", pair[0].Decision.ID)
	}
}

// Survived checks that a ledger holds all that was said to be written, and nothing by
// half. halt is the last that was said of the button.
func Survived(t *testing.T, l Ledger, ids []string, halt string) {
	t.Helper()
	for _, id := range ids {
		d, lines, err := l.Decision(t.Context(), id)
		if err != nil || len(lines) != 2 || d.State != decision.Approved || lines[0].Decision.State != decision.Proposed {
			t.Fatalf("%s was written, and is %d lines, %v", id, len(lines), err)
		}
	}
	open, err := l.Unfinished(t.Context())
	if err != nil || len(open) < len(ids) {
		t.Fatalf("%d unfinished of %d, %v", len(open), len(ids), err)
	}
	for i := range open {
		if open[i].State != decision.Approved {
			t.Errorf("%s is there by half", open[i].ID)
		}
	}
	h, err := l.Halted(t.Context())
	if err != nil || h == nil {
		t.Fatalf("the button: %v, %v", h, err)
	}
	// The next one may have been written without being told of.
	if at := slices.Index(ids, halt); h.Note != halt && slices.Contains(ids[:max(at, 0)], h.Note) {
		t.Errorf("the button was pressed for %s, not %s", h.Note, halt)
	}
}
