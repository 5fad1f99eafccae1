// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/rollup"
)

func begin() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// recorded is an hour of traffic in some segments.
func recorded(n int, seed uint64) (*memory, []flow.Record) {
	all := traffic(n, begin(), rand.New(rand.NewPCG(seed, 1)))
	m := &memory{}
	for s := range slices.Chunk(all, 500) {
		m.segments = append(m.segments, s)
	}
	return m, all
}

func asker(t *testing.T, m *memory, change func(*Config), shelves Shelves) *Asker {
	t.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	a, err := New(&cfg, m, shelves, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func filter(t *testing.T, text string) *query.Filter {
	t.Helper()
	f, err := query.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Whatever is asked, the answer is what adding up record by record gives.
func TestAnswerIsWhatAddingUpGives(t *testing.T) {
	t.Parallel()
	m, all := recorded(1500, 1)
	filters := []string{
		"", "proto = udp", "src = 10.0.0.0/24 and dst_port in (80, 443)", "not host = 2001:db8::/32 or duration > 30s",
		"exporter = 198.51.100.2 and direction = out", "bytes > 90k", "as = 1048576",
	}
	for i, d := range query.Dimensions() {
		for k, by := range []query.Measure{query.Bytes, query.Packets, query.Flows} {
			q := &query.Question{
				From: begin().Add(7 * time.Minute), To: begin().Add(52*time.Minute + time.Second), Filter: filter(t, filters[(i+k)%len(filters)]),
				Group: []query.Dimension{d}, By: by, Limit: 7, Points: 8,
			}
			if k == 1 {
				q.Group = append(q.Group, query.Dimensions()[(i+5)%18])
			}
			if k == 2 {
				q.Group = append(q.Group, query.Dimensions()[(i+3)%18], query.Dimensions()[(i+11)%18])
			}
			check(t, m, all, q)
		}
	}
	check(t, m, all, &query.Question{From: begin(), To: begin().Add(time.Hour), By: query.Bytes, Limit: 5, Points: 30})
	check(t, m, all, &query.Question{From: begin(), To: begin().Add(time.Hour), By: query.Flows, Limit: 5})
}

func check(t *testing.T, m *memory, all []flow.Record, q *query.Question) {
	t.Helper()
	about := fmt.Sprintf("%v by %s, filter %q", q.Group, q.By, q.Filter)
	got, err := asker(t, m, nil, Shelves{}).Answer(t.Context(), q)
	if err != nil {
		t.Fatalf("%s: %v", about, err)
	}
	want := plain(all, q)
	noGroups := *q
	noGroups.Group = nil
	if total := plain(all, &noGroups)["[]"]; total != got.Total {
		t.Errorf("%s: total %+v, want %+v", about, got.Total, total)
	}
	if got.Partial || got.Source != query.Raw || m.opened != int(m.closed.Load()) {
		t.Errorf("%s: %+v; %d segments were opened, %d closed", about, got, m.opened, m.closed.Load())
	}
	var everything query.Volume
	for _, v := range want {
		everything.Add(v)
	}
	if len(q.Group) > 0 {
		if len(got.Groups) != min(q.Limit, len(want)) {
			t.Errorf("%s: %d groups of %d", about, len(got.Groups), len(want))
		}
		last := ^uint64(0)
		sum := got.Other.Volume
		for _, g := range got.Groups {
			if v := want[fmt.Sprint(g.Key)]; v != g.Volume || g.Of(q.By) > last {
				t.Errorf("%s: %v is %+v, want %+v", about, g.Key, g.Volume, v)
			}
			last = g.Of(q.By)
			sum.Add(g.Volume)
			delete(want, fmt.Sprint(g.Key))
		}
		for k, v := range want {
			if v.Of(q.By) > last {
				t.Errorf("%s: %v with %+v is missing", about, k, v)
			}
		}
		if sum != everything {
			t.Errorf("%s: groups and others are %+v, want %+v", about, sum, everything)
		}
	}
	checkSeries(t, about, all, q, got)
}

// checkSeries asks again for each step alone.
func checkSeries(t *testing.T, about string, all []flow.Record, q *query.Question, got *query.Answer) {
	t.Helper()
	if len(got.Times) > q.Points || q.Points > 0 && len(got.Times) == 0 {
		t.Fatalf("%s: %d points, want up to %d", about, len(got.Times), q.Points)
	}
	for i, at := range got.Times {
		step := *q
		step.From, step.To = at, at.Add(time.Duration(got.StepSeconds)*time.Second)
		if step.From.Before(q.From) {
			step.From = q.From
		}
		if step.To.After(q.To) {
			step.To = q.To
		}
		want, rest := plain(all, &step), uint64(0)
		for _, g := range got.Groups {
			v := want[fmt.Sprint(g.Key)]
			if g.Series[i] != v.Of(q.By) {
				t.Errorf("%s: %v at %s is %d, want %d", about, g.Key, at, g.Series[i], v.Of(q.By))
			}
			delete(want, fmt.Sprint(g.Key))
		}
		for _, v := range want {
			rest += v.Of(q.By)
		}
		if got.Other.Series[i] != rest {
			t.Errorf("%s: others at %s are %d, want %d", about, at, got.Other.Series[i], rest)
		}
	}
}

// Too many groups make an answer partial: the heavy ones are right within what it says,
// and nothing is forgotten.
func TestTooManyGroups(t *testing.T) {
	t.Parallel()
	tab := newTable(2, query.Bytes, 100)
	r := rand.New(rand.NewPCG(3, 3))
	want := map[uint32]uint64{}
	var total query.Volume
	for range 20_000 {
		n := uint32(r.IntN(5000))
		bytes := uint64(10)
		if r.IntN(3) == 0 {
			n, bytes = uint32(r.IntN(5)), 1000
		}
		want[n] += bytes
		k := [query.MaxGroup]flow.Addr{packNumber(n), packNumber(7)}
		v := query.Volume{Bytes: bytes, Packets: 1, Flows: 1}
		tab.volume[tab.place(&k)].Add(v)
		total.Add(v)
		tab.prune()
		if len(tab.keys) > 101 || len(tab.dims[0].list) > 101 {
			t.Fatalf("%d groups, %d values", len(tab.keys), len(tab.dims[0].list))
		}
	}
	slots, other := tab.top(5)
	for _, s := range slots {
		values := tab.named(tab.keys[s])
		got, real := tab.volume[s].Bytes, want[unpackNumber(&values[0])]
		if got > real || got+tab.lost.Bytes < real || real < 100_000 {
			t.Errorf("%v: %d, really %d, at most %d lost", values, got, real, tab.lost)
		}
		other.Add(tab.volume[s])
	}
	if other != total || len(slots) != 5 {
		t.Errorf("%d groups; all add up to %+v, want %+v", len(slots), other, total)
	}
}

func TestPartialAnswersSayWhy(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for i := range uint32(15_000) {
		if i%1000 == 0 {
			m.segments = append(m.segments, nil)
		}
		s := &m.segments[len(m.segments)-1]
		*s = append(*s, flow.Record{Received: begin().UnixNano(), Src: packNumber(i), Bytes: uint64(1 + i%3)})
	}
	a := asker(t, m, func(c *Config) { c.Workers, c.MaxGroups = 1, 10_000 }, Shelves{})
	q := &query.Question{From: begin(), To: begin().Add(time.Second), Group: []query.Dimension{query.Src}, By: query.Bytes, Limit: 3}
	got, err := a.Answer(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Partial || !strings.Contains(got.Reason, "more than 10000 groups") || got.Total.Flows != 15_000 || got.Other.Flows != 14_997 {
		t.Errorf("%+v", got)
	}
}

func TestGivenUpAndBroken(t *testing.T) {
	t.Parallel()
	m, _ := recorded(2000, 1)
	q := &query.Question{From: begin(), To: begin().Add(time.Hour), Group: []query.Dimension{query.Src}, By: query.Bytes, Limit: 3}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := asker(t, m, nil, Shelves{}).Answer(ctx, q); !errors.Is(err, context.Canceled) {
		t.Errorf("who goes away gets %+v, %v", got, err)
	}
	m.fail = errors.New("the disk is gone")
	if _, err := asker(t, m, nil, Shelves{}).Answer(t.Context(), q); !errors.Is(err, m.fail) {
		t.Errorf("a broken history gives %v", err)
	}
	if m.opened != int(m.closed.Load()) {
		t.Errorf("%d segments were opened, %d closed", m.opened, m.closed.Load())
	}
}

// leaving is a history whose asker goes away while it is read.
type leaving struct {
	*memory

	cancel context.CancelFunc
}

func (l leaving) Segments(from, to time.Time) (Segments, error) {
	s, err := l.memory.Segments(from, to)
	return &leavingSegments{s, 2, l.cancel}, err
}

type leavingSegments struct {
	Segments

	left   int
	cancel context.CancelFunc
}

func (s *leavingSegments) Next() (Segment, error) {
	if s.left--; s.left < 0 {
		s.cancel()
	}
	return s.Segments.Next()
}

// Who goes away leaves no goroutine behind, and no open file.
func TestGoneAway(t *testing.T) {
	t.Parallel()
	all := &query.Selection{From: begin(), To: begin().Add(time.Hour), Limit: 1000}
	for name, ask := range map[string]func(context.Context, *Asker) error{
		"answer": func(ctx context.Context, a *Asker) error {
			_, err := a.Answer(ctx, &query.Question{From: all.From, To: all.To, Group: []query.Dimension{query.Src}, By: query.Bytes, Limit: 3, Points: 9})
			return err
		},
		"list": func(ctx context.Context, a *Asker) error { _, err := a.List(ctx, all); return err },
		"export": func(ctx context.Context, a *Asker) error {
			_, err := a.Export(ctx, all, func(*query.Flow) error { return nil })
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			m, _ := recorded(4000, 16)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cfg := DefaultConfig()
			a, err := New(&cfg, leaving{m, cancel}, Shelves{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := ask(ctx, a); !errors.Is(err, context.Canceled) || m.opened == 8 {
				t.Errorf("%s: %v; %d segments were read", name, err, m.opened)
			}
			if m.opened != int(m.closed.Load()) {
				t.Errorf("%s: %d segments were opened, %d closed", name, m.opened, m.closed.Load())
			}
		})
	}
}

// What is damaged is left out, and the answer says so.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	m, all := recorded(2000, 9)
	spoiled := 0
	m.spoil = func(file []byte) {
		if spoiled++; spoiled == 2 { // behind the half is what tells where the columns are
			clear(file[100 : len(file)/2])
		}
	}
	q := &query.Question{From: begin(), To: begin().Add(time.Hour), Group: []query.Dimension{query.Src}, By: query.Bytes, Limit: 3, Points: 10}
	got, err := asker(t, m, nil, Shelves{}).Answer(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	noGroups := *q
	noGroups.Group = nil
	want := plain(slices.Concat(all[:1000], all[1500:]), &noGroups)["[]"]
	if !got.Partial || !strings.Contains(got.Reason, "damaged") || got.Total != want {
		t.Errorf("total %+v, want %+v; partial %v: %s", got.Total, want, got.Partial, got.Reason)
	}
	m.lost = 3
	if got, err = asker(t, m, nil, Shelves{}).Answer(t.Context(), q); err != nil || !got.Partial || got.Total.Flows >= want.Flows {
		t.Errorf("without a segment: %+v, %v", got, err)
	}
	rolled := *q
	rolled.Source = query.Rollup
	got, err = asker(t, m, nil, Shelves{Minutes: shelved(t, m, rollup.Minutes())}).Answer(t.Context(), &rolled)
	if err != nil || !strings.Contains(got.Reason, "damaged") {
		t.Errorf("from roll-ups that were made of a damaged history: partial %q, %v", got.Reason, err)
	}
	page, err := asker(t, m, nil, Shelves{}).List(t.Context(), &query.Selection{From: begin(), To: begin().Add(time.Hour), Limit: 1000})
	if err != nil || !strings.Contains(page.Reason, "damaged") {
		t.Errorf("%d flows, partial %q, %v", len(page.Flows), page.Reason, err)
	}
	for _, m.lost = range []int{0, 3} {
		n := uint64(0)
		_, err = asker(t, m, nil, Shelves{}).Export(t.Context(), &query.Selection{From: begin(), To: begin().Add(time.Hour), Limit: 10_000},
			func(*query.Flow) error { n++; return nil })
		if !errors.Is(err, query.ErrDamaged) || (n == want.Flows) != (m.lost == 0) || n == 0 {
			t.Errorf("%d flows of %d exported, %v", n, want.Flows, err)
		}
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	for _, span := range []time.Duration{time.Second, time.Minute, 61 * time.Minute, 24 * time.Hour, 31 * 24 * time.Hour, 5 * 366 * 24 * time.Hour} {
		for _, n := range []int{1, 2, 3, 60, 1000} {
			from := begin().Add(-13*time.Hour - 7*time.Minute - 1)
			first, step, points := steps(from, from.Add(span), n)
			last := first.Add(step * time.Duration(points))
			if points < 1 || points > n || first.After(from) || from.Sub(first) >= step || last.Before(from.Add(span)) || step%time.Second != 0 {
				t.Errorf("%s in %d: %d of %s from %s", span, n, points, step, first)
			}
		}
	}
}
