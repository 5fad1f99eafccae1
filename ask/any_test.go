// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/rollup"
)

const anySpan = 3 * time.Hour

// anyTraffic is traffic of three hours with what is rare: many flows at the edges of hours
// and minutes, large samples, no packets, large numbers, durations below zero.
func anyTraffic(r *rand.Rand) []flow.Record {
	all := traffic(300+r.IntN(600), begin(), r)
	for i := range all {
		x := &all[i]
		at := begin().UnixNano() + r.Int64N(int64(anySpan))
		switch r.IntN(4) {
		case 0:
			at = time.Unix(0, at).Truncate(time.Hour).UnixNano() + r.Int64N(3) - 1
		case 1:
			at = time.Unix(0, at).Truncate(time.Minute).UnixNano() + r.Int64N(3) - 1
		}
		age, long := r.Int64N(int64(2*time.Hour)), r.Int64N(int64(2*time.Hour))-int64(time.Minute)
		x.Received, x.End, x.Start = at, at-age, at-age-long
		switch r.IntN(6) {
		case 0:
			x.Sampling, x.Bytes, x.Packets = 1<<31, r.Uint64N(1<<50), 1<<31
		case 1:
			x.Packets = 0
		case 2:
			x.Bytes, x.Packets = 0, 0
		case 3:
			x.SrcAS, x.InIf = 1<<32-1-uint32(r.IntN(3)), 1<<31
		}
		if x.Src == x.Dst {
			x.Dst[15] ^= 0x80
		}
	}
	slices.SortFunc(all, func(a, b flow.Record) int { return int(a.Received - b.Received) })
	return all
}

func anyFilter(r *rand.Rand, d query.Dimension) string {
	some := []string{
		"", "", "proto != tcp", "src = 10.0.0.0/24", "dst in (10.0.1.3..10.0.1.9, 2001:db8::/47)", "host = 203.0.113.%d", "host = 10.0.0.%d", "host = ::ffff:10.0.1.%d",
		"src = ::/0", "dst_port = 443", "src_port > 20000", "src_as >= 4294967293", "input = 2147483648", "flags >= S", "direction = in", "direction != out",
		"packets = 0", "bytes > 1T", "duration = 0s", "not (src = 10.0.0.0/8 or bytes < 50k) and duration > 1h", "exporter = 198.51.100.1",
		"dst_as in (0, 2097152)", "port in (53, 80..443)",
	}
	own := map[query.Dimension]string{
		query.Src: "src = 10.0.0.%d", query.Dst: "not dst = 10.0.0.0/8", query.SrcPort: "src_port in (1..9999, 30000)", query.DstPort: "dst_port = 53",
		query.Proto: "proto in (tcp, icmp)", query.SrcAS: "src_as = 3", query.DstAS: "dst_as > 0", query.Exporter: "exporter != 198.51.100.2",
		query.TCPFlags: "flags = S", query.Input: "input < 9",
	}[d]
	text := some[r.IntN(len(some))]
	if own != "" && r.IntN(2) == 0 {
		text = own
	}
	return strings.ReplaceAll(text, "%d", fmt.Sprint(r.IntN(20)))
}

func anyQuestion(t *testing.T, r *rand.Rand) *query.Question {
	t.Helper()
	edge := func() time.Time {
		at := begin().Add(time.Duration(r.Int64N(int64(anySpan))))
		switch r.IntN(3) {
		case 0:
			return at.Truncate(time.Hour).Add(time.Duration(r.IntN(3) - 1))
		case 1:
			return at.Truncate(time.Minute).Add(time.Duration(r.IntN(3) - 1))
		}
		return at
	}
	q := &query.Question{
		From: edge(), To: edge(), By: []query.Measure{query.Bytes, query.Packets, query.Flows}[r.IntN(3)],
		Limit: 1 + r.IntN(8), Points: []int{0, 0, 1, 3, 7, 50}[r.IntN(6)],
	}
	if q.To.Before(q.From) {
		q.From, q.To = q.To, q.From
	}
	if !q.From.Before(q.To) {
		q.To = q.From.Add(time.Hour)
	}
	all := query.Dimensions()
	for len(q.Group) < []int{0, 1, 1, 1, 2}[r.IntN(5)] {
		if d := all[r.IntN(len(all))]; !slices.Contains(q.Group, d) {
			q.Group = append(q.Group, d)
		}
	}
	var d query.Dimension
	if len(q.Group) == 1 {
		d = q.Group[0]
	}
	q.Filter = filter(t, anyFilter(r, d))
	return q
}

// Whatever was recorded and is asked, flows give what adding up gives, and roll-ups give
// no more than that, and no less than they say.
func TestAnyQuestion(t *testing.T) {
	t.Parallel()
	rolled := 0
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 78))
		all := anyTraffic(r)
		m := &memory{}
		for rest := all; len(rest) > 0; {
			n := min(1+r.IntN(150), len(rest))
			m.segments, rest = append(m.segments, rest[:n]), rest[n:]
		}
		minute, hour := rollup.Minutes(), rollup.Hours()
		minute.Keep, hour.Keep = 1+r.IntN(20), 1+r.IntN(200)
		shelves := Shelves{shelvedFor(t, m, minute, anySpan, r.IntN(30)), shelvedFor(t, m, hour, anySpan, r.IntN(6))}
		for range 25 {
			q := anyQuestion(t, r)
			check(t, m, all, q)
			few := asker(t, m, nil, Shelves{})
			few.cfg.MaxGroups, few.cfg.Workers = 2*q.Limit+r.IntN(200), 1+r.IntN(2)
			checkBounds(t, few, all, q)
			q.Source = query.Rollup
			for _, s := range []Shelves{shelves, {Minutes: shelves.Minutes}, {Hours: shelves.Hours}} {
				rolled += checkBounds(t, asker(t, m, nil, s), all, q)
			}
		}
	}
	if rolled < 60 {
		t.Errorf("roll-ups answered %d questions", rolled)
	}
}

// checkBounds holds an answer to what it says of itself.
func checkBounds(t *testing.T, a *Asker, all []flow.Record, q *query.Question) (answered int) {
	t.Helper()
	got, err := a.Answer(t.Context(), q)
	if errors.Is(err, query.ErrNoRollup) {
		return 0
	}
	about := fmt.Sprintf("%v by %s, filter %q, %s to %s, %d points, %v", q.Group, q.By, q.Filter, q.From, q.To, q.Points, got)
	if err != nil {
		t.Fatalf("%s: %v", about, err)
	}
	one, total := bounds(t, got.Reason)
	if len(q.Group) == 0 || q.Filter.One() {
		total = max(total, one)
	}
	wide := *q
	wide.From, wide.To = got.From, got.To
	if got.From.After(q.From) || got.To.Before(q.To) {
		t.Errorf("%s: too short", about)
	}
	want := plain(all, &wide)
	flat := wide
	flat.Group = nil
	sum := plain(all, &flat)["[]"]
	if w, g := sum.Of(q.By), got.Total.Of(q.By); g > w || g+total < w {
		t.Errorf("%s: total %d, really %d, bound %d", about, g, w, total)
	}
	last, everything, listed := uint64(0), query.Volume{}, got.Other.Volume
	for _, v := range want {
		everything.Add(v)
	}
	for _, g := range got.Groups {
		real := want[fmt.Sprint(g.Key)]
		w, v := real.Of(q.By), g.Of(q.By)
		if v > w || v+one < w {
			t.Errorf("%s: %v is %d, really %d, bound %d", about, g.Key, v, w, one)
		}
		sum := uint64(0)
		for _, n := range g.Series {
			sum += n
		}
		if q.Points > 0 && sum != v && (got.Source != query.Raw || sum < v || sum > w) { // flows were read once more
			t.Errorf("%s: %v is %d, its series %d", about, g.Key, v, sum)
		}
		last = v
		listed.Add(g.Volume)
		delete(want, fmt.Sprint(g.Key))
	}
	if len(got.Groups) < q.Limit {
		last = 0
	}
	for k, v := range want {
		if len(q.Group) > 0 && v.Of(q.By) > last+one {
			t.Errorf("%s: %s with %d is missing", about, k, v.Of(q.By))
		}
	}
	if w, g := everything.Of(q.By), listed.Of(q.By); len(q.Group) > 0 && (g > w || g+total < w) {
		t.Errorf("%s: all groups are %d, really %d, bound %d", about, g, w, total)
	}
	return 1
}

// bounds are what a figure, and a total, may lack.
func bounds(t *testing.T, reason string) (one, total uint64) {
	t.Helper()
	if reason == "" {
		return 0, 0
	}
	_, behind, ok := strings.Cut(reason, "too low by up to ")
	if !ok {
		t.Fatalf("partial: %s", reason)
	}
	if _, err := fmt.Sscan(behind, &one); err != nil {
		t.Fatal(err)
	}
	if _, behind, ok = strings.Cut(reason, "the total by up to "); ok {
		if _, err := fmt.Sscan(behind, &total); err != nil {
			t.Fatal(err)
		}
	}
	return one, total
}
