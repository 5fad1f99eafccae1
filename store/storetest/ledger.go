// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// Ledger is a store of decisions.
type Ledger interface {
	mitigate.Ledger
	mitigate.Reader
}

// Changes returns n lines about some n/2 decisions, each on a way that decisions may
// take. The same seed gives the same lines; two decisions begin at each moment, so that
// lists must order by id too.
func Changes(n int, seed uint64) []mitigate.Entry {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // reproducible test data, no secret
	var out []mitigate.Entry
	var open []decision.Decision
	states := []decision.State{decision.Proposed, decision.Approved, decision.Active, decision.Expiring, decision.Withdrawn, decision.Failed, decision.Rejected}
	for made := 0; len(out) < n; {
		at := Start().Add(time.Duration(len(out)) * 7 * time.Second)
		e := mitigate.Entry{At: at}
		if len(open) == 0 || r.IntN(2) == 0 {
			target := netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(r.IntN(5))}), 32)
			if made%2 == 1 {
				target = netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x::/48", r.IntN(5)))
			}
			covers := float64(r.IntN(100)) / 100
			d := decision.Decision{
				Incident: fmt.Sprintf("inc-%d", r.IntN(8)), Category: "ddos_attack", Kind: "ddos", Vector: "dns_amplification", Severity: "high",
				Action: decision.FlowSpecDrop, Scope: "host", Target: target, Via: "bgp", State: decision.Proposed,
				Match:  decision.Match{Destination: target, Protocol: "udp", SrcPort: 53, PacketBytes: &decision.Range{From: 1000, To: 1500}},
				Origin: "automatic", Effect: decision.EffectUnknown, Covers: &covers, Held: []string{"a person must approve what hits a /48"},
				Created: Start().Add(time.Duration(made/2) * time.Minute), Updated: at,
			}
			d.ID = d.NewID(made)
			made++
			open, e.Text, e.Decision = append(open, d), "proposed", d.Clone()
		} else {
			i := r.IntN(len(open))
			d := &open[i]
			may := slices.DeleteFunc(slices.Clone(states), func(s decision.State) bool { return !d.State.May(s) })
			d.State, d.Updated = may[r.IntN(len(may))], at
			if d.State.Wanted() {
				d.Until = at.Add(time.Minute)
			}
			if r.IntN(2) == 0 {
				e.By, d.By = "anna", "anna"
			}
			e.Text, e.Decision = string(d.State), d.Clone()
			if d.State.Over() {
				open = slices.Delete(open, i, i+1)
			}
		}
		out = append(out, e)
	}
	return out
}

// RunLedger passes a ledger made by open through the suite.
func RunLedger(t *testing.T, open func(*testing.T) Ledger) {
	t.Helper()
	t.Run("what is written is read back", func(t *testing.T) { told(t, open(t)) })
	t.Run("the last line of each counts", func(t *testing.T) { unfinished(t, open(t)) })
	t.Run("lists hold what was decided, latest first", func(t *testing.T) { listed(t, open(t)) })
	t.Run("a page goes on where the last ended", func(t *testing.T) { turned(t, open(t)) })
	t.Run("the panic button stays pressed until it is released", func(t *testing.T) { halted(t, open(t)) })
	t.Run("a wrong cursor is an error", func(t *testing.T) {
		for _, cursor := range []string{"%", "bm9uZQ", "OjEyMw"} {
			if _, err := open(t).Decisions(t.Context(), &mitigate.ListFilter{Cursor: cursor}); !errors.Is(err, mitigate.ErrBadCursor) {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
	})
}

// write appends lines, some at a time.
func write(t *testing.T, l Ledger, all []mitigate.Entry) {
	t.Helper()
	for part := range slices.Chunk(all, 3) {
		if err := l.Append(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
}

func told(t *testing.T, l Ledger) {
	t.Helper()
	all := Changes(60, 1)
	write(t, l, all)
	about := map[string][]mitigate.Entry{}
	for i := range all {
		if i > 0 && all[i].Seq <= all[i-1].Seq {
			t.Fatalf("line %d has number %d after %d", i, all[i].Seq, all[i-1].Seq)
		}
		about[all[i].Decision.ID] = append(about[all[i].Decision.ID], all[i])
	}
	for id, want := range about {
		d, got, err := l.Decision(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, got, prefixes()); diff != "" {
			t.Fatal(diff)
		}
		if diff := gocmp.Diff(want[len(want)-1].Decision, *d, prefixes()); diff != "" {
			t.Fatal(diff)
		}
	}
	if _, _, err := l.Decision(t.Context(), "mit-unknown"); !errors.Is(err, mitigate.ErrNotFound) {
		t.Errorf("an unknown id: %v", err)
	}
	if err := l.Append(t.Context(), nil); err != nil {
		t.Errorf("no lines: %v", err)
	}
}

// prefixes compares prefixes and addresses.
func prefixes() gocmp.Option { return gocmp.Comparer(func(a, b netip.Prefix) bool { return a == b }) }

// last is what the lines say of each decision, latest made first.
func last(all []mitigate.Entry) []decision.Decision {
	now := map[string]decision.Decision{}
	for i := range all {
		now[all[i].Decision.ID] = all[i].Decision
	}
	out := make([]decision.Decision, 0, len(now))
	for _, d := range now { //nolint:gocritic // test data
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b decision.Decision) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
	})
	return out
}

func unfinished(t *testing.T, l Ledger) {
	t.Helper()
	if got, err := l.Unfinished(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("an empty ledger: %v, %v", got, err)
	}
	all := Changes(90, 2)
	write(t, l, all)
	want := slices.DeleteFunc(last(all), func(d decision.Decision) bool { return d.State.Over() })
	slices.SortFunc(want, func(a, b decision.Decision) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	got, err := l.Unfinished(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, got, prefixes()); diff != "" || len(want) < 5 {
		t.Errorf("%d wanted: %s", len(want), diff)
	}
}

func listed(t *testing.T, l Ledger) {
	t.Helper()
	all := Changes(160, 3)
	write(t, l, all)
	now := last(all)
	found := 0
	for _, f := range []*mitigate.ListFilter{
		{},
		{Limit: 1000},
		{Limit: 5000},
		{Limit: -1},
		{Limit: 1000, States: []decision.State{decision.Proposed}},
		{Limit: 1000, States: []decision.State{decision.Active, decision.Rejected}},
		{Limit: 1000, Incident: "inc-3"},
		{Limit: 1000, Incident: "' OR 1=1 --"},
		{Limit: 1000, Target: "203.0.113.2"},
		{Limit: 1000, Target: "203.0.113.2/32"},
		{Limit: 1000, Target: "2001:db8:3::/48"},
		{Limit: 1000, Target: "2001:0db8:0003::/48"},
		{Limit: 1000, Target: "nowhere"},
		{Limit: 7, States: []decision.State{decision.Withdrawn}, Incident: "inc-1"},
		{Limit: 10, Cursor: mitigate.CursorOf(&now[30])},
	} {
		page, err := l.Decisions(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		want := selected(now, f)
		size := min(len(want), f.PageSize())
		if diff := gocmp.Diff(append([]decision.Decision{}, want[:size]...), append([]decision.Decision{}, page.Decisions...), prefixes()); diff != "" || (page.Next != "") != (len(want) > size) {
			t.Errorf("%+v, next %q: %s", f, page.Next, diff)
		}
		found += len(page.Decisions)
	}
	if found < 150 {
		t.Errorf("only %d were found in all", found)
	}
}

// selected is what a filter selects, of all pages from its cursor on.
func selected(now []decision.Decision, f *mitigate.ListFilter) []decision.Decision {
	after, id, cursor := time.Time{}, "", f.Cursor != ""
	if cursor {
		after, id, _ = mitigate.ParseCursor(f.Cursor) // it was made by the suite
	}
	return slices.DeleteFunc(slices.Clone(now), func(d decision.Decision) bool {
		same := f.Target == "" || d.Target.String() == f.Target || decision.PrefixText(d.Target) == f.Target
		if p, err := netip.ParsePrefix(f.Target); err == nil {
			same = p == d.Target
		}
		return len(f.States) > 0 && !slices.Contains(f.States, d.State) || f.Incident != "" && d.Incident != f.Incident || !same ||
			cursor && (d.Created.After(after) || d.Created.Equal(after) && d.ID <= id)
	})
}

func turned(t *testing.T, l Ledger) {
	t.Helper()
	all := Changes(100, 4)
	write(t, l, all)
	var got []decision.Decision
	for f := (&mitigate.ListFilter{Limit: 7}); ; {
		page, err := l.Decisions(t.Context(), f)
		if err != nil || len(page.Decisions) == 0 {
			t.Fatal(len(page.Decisions), err)
		}
		got = append(got, page.Decisions...)
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	if diff := gocmp.Diff(last(all), got, prefixes()); diff != "" {
		t.Error(diff)
	}
}

func halted(t *testing.T, l Ledger) {
	t.Helper()
	ctx := t.Context()
	is := func(want *mitigate.Halt) {
		t.Helper()
		got, err := l.Halted(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	set := func(h *mitigate.Halt) {
		t.Helper()
		if err := l.Halt(ctx, h); err != nil {
			t.Fatal(err)
		}
	}
	is(nil)
	first := &mitigate.Halt{At: Start(), By: "anna", Note: "it hurts"}
	second := &mitigate.Halt{At: Start().Add(time.Hour), By: "ben"}
	set(first)
	is(first)
	set(second)
	is(second)
	set(&mitigate.Halt{At: Start().Add(2 * time.Hour), By: "anna", Released: true})
	is(nil)
	set(first)
	set(nil)
	is(nil)
	set(nil)
	is(nil)
}
