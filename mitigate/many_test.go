// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"tidewatch/decision"
	"tidewatch/incident"
)

// BenchmarkManyProposals is one second of a desk with as many stories as it has places,
// each with a proposal that waits for a person.
func BenchmarkManyProposals(b *testing.B) {
	cfg := DefaultConfig()
	cfg.Guard.Own = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	w := &crowd{all: map[string]*incident.Incident{}}
	book, err := newBook(&cfg, nil, w, anybody{})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	for i := range maxStories {
		inc := flood(fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250))
		inc.ID, inc.Assessment.Confidence = fmt.Sprintf("inc-%d", i), 0.5
		w.all[inc.ID] = &inc
		book.hear(now, &inc)
	}
	if n := len(book.those(func(d *decision.Decision) bool { return d.State == decision.Proposed })); n != maxStories {
		b.Fatalf("%d proposals", n)
	}
	for b.Loop() {
		now = now.Add(time.Second)
		for _, i := range w.all {
			i.LastSeen = now
		}
		book.tick(now)
		book.changes = nil
	}
}
