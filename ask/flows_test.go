// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"encoding/base64"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"tidewatch/query"
)

// Page by page, every flow that matches is listed once, newest first.
func TestPagesHoldEveryFlowOnce(t *testing.T) {
	t.Parallel()
	m, all := recorded(3000, 4)
	m.segments = nil
	for s := range slices.Chunk(all, 100) {
		m.segments = append(m.segments, s)
	}
	for i := range all { // many are reported in one moment
		all[i].Received -= all[i].Received % int64(10*time.Second)
	}
	from, to := begin().Add(5*time.Minute), begin().Add(50*time.Minute)
	for text, limit := range map[string]int{"": 100, "proto = udp and direction = out": 7, "src = 192.0.2.1": 10} {
		f := filter(t, text)
		want := 0
		for i := range all {
			if counts(&all[i], from, to, f) {
				want++
			}
		}
		a := asker(t, m, nil, Shelves{})
		var got []query.Flow
		page := query.Selection{From: from, To: to, Filter: f, Limit: limit}
		for turned := 0; ; turned++ {
			if turned%3 == 2 { // meanwhile segments are joined
				m.joinTwo(turned % len(m.segments))
			}
			p, err := a.List(t.Context(), &page)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.Flows...)
			if len(p.Flows) > limit || p.Partial || p.Next != "" && len(p.Flows) < limit {
				t.Fatalf("%q: %d flows, partial %v", text, len(p.Flows), p.Partial)
			}
			if page.Cursor = p.Next; p.Next == "" {
				break
			}
		}
		if len(got) != want || !slices.IsSortedFunc(got, func(a, b query.Flow) int { return b.Received.Compare(a.Received) }) {
			t.Errorf("%q: %d flows, want %d in order", text, len(got), want)
		}
		seen := map[query.Flow]bool{}
		for _, one := range got {
			if seen[one] {
				t.Fatalf("%q: %+v is listed twice", text, one)
			}
			seen[one] = true
		}
	}
	if m.opened != int(m.closed.Load()) {
		t.Errorf("%d segments were opened, %d closed", m.opened, m.closed.Load())
	}
}

// A cursor does not reach beyond what is asked for, and claims cost nothing.
func TestForgedCursors(t *testing.T) {
	t.Parallel()
	m, _ := recorded(1000, 5)
	p := query.Selection{From: begin(), To: begin().Add(10 * time.Minute), Limit: 3}
	for _, c := range []cursor{{begin().Add(time.Hour).UnixNano(), 0}, {begin().Add(time.Hour).UnixNano(), 1 << 30}} {
		want, err := asker(t, m, nil, Shelves{}).List(t.Context(), &p)
		if err != nil {
			t.Fatal(err)
		}
		forged := p
		forged.Cursor = c.text()
		if got, err := asker(t, m, nil, Shelves{}).List(t.Context(), &forged); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: %+v, %v; want %+v", c, got, err, want)
		}
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	m, all := recorded(2000, 5)
	want := 0
	for i := range all {
		if counts(&all[i], begin(), begin().Add(time.Hour), nil) {
			want++
		}
	}
	for limit, expect := range map[int]int{want + 1: want, want: want, want - 1: want - 1, 10: 10} {
		got := 0
		more, err := asker(t, m, nil, Shelves{}).Export(t.Context(), &query.Selection{From: begin(), To: begin().Add(time.Hour), Limit: limit},
			func(*query.Flow) error { got++; return nil })
		if err != nil || got != expect || more != (limit < want) {
			t.Errorf("limit %d: %d flows, more %v, %v; want %d", limit, got, more, err, expect)
		}
	}
	gone := errors.New("the reader is gone")
	_, err := asker(t, m, nil, Shelves{}).Export(t.Context(), &query.Selection{From: begin(), To: begin().Add(time.Hour), Limit: 10},
		func(*query.Flow) error { return gone })
	if !errors.Is(err, gone) || m.opened != int(m.closed.Load()) {
		t.Errorf("got %v; %d segments were opened, %d closed", err, m.opened, m.closed.Load())
	}
}

func TestStrangeCursors(t *testing.T) {
	t.Parallel()
	m, _ := recorded(10, 5)
	for _, text := range []string{
		"x", "?", base64.RawURLEncoding.EncodeToString([]byte("1,2,3")), base64.RawURLEncoding.EncodeToString([]byte("1,-2")),
		base64.RawURLEncoding.EncodeToString([]byte("9223372036854775807,2")), base64.RawURLEncoding.EncodeToString([]byte("7")), base64.RawURLEncoding.EncodeToString(make([]byte, 600)),
	} {
		_, err := asker(t, m, nil, Shelves{}).List(t.Context(), &query.Selection{From: begin(), To: begin().Add(time.Hour), Limit: 1, Cursor: text})
		if !errors.Is(err, query.ErrBadCursor) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A cursor of another question shows nothing from outside the span of this one.
func TestCursorOfAnotherQuestion(t *testing.T) {
	t.Parallel()
	m, _ := recorded(1000, 4)
	a := asker(t, m, nil, Shelves{})
	later, err := a.List(t.Context(), &query.Selection{From: begin(), To: begin().Add(time.Hour), Limit: 1})
	if err != nil || later.Next == "" {
		t.Fatal(later, err)
	}
	to := begin().Add(20 * time.Minute)
	page, err := a.List(t.Context(), &query.Selection{From: begin(), To: to, Limit: 1, Cursor: later.Next})
	if err != nil || len(page.Flows) != 1 || !page.Flows[0].Received.Before(to) {
		t.Errorf("%+v, %v, and it ends at %v", page, err, to)
	}
}
