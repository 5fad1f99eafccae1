// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/rollup"
)

// shelved makes the roll-ups of some units of an hour; the others are gaps.
func shelved(t *testing.T, m *memory, grain rollup.Grain, gaps ...int) *rollup.Shelf {
	t.Helper()
	return shelvedFor(t, m, grain, time.Hour, gaps...)
}

func shelvedFor(t *testing.T, m *memory, grain rollup.Grain, span time.Duration, gaps ...int) *rollup.Shelf {
	t.Helper()
	s := rollup.NewShelf(t.TempDir(), grain)
	for i := range int(span / grain.Unit) {
		if slices.Contains(gaps, i) {
			continue
		}
		about, sections, err := Summarise(t.Context(), m, grain, begin().Add(time.Duration(i)*grain.Unit))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Put(about, sections); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// From roll-ups come the same figures as from the flows, with gaps or without, as long
// as no minute has more values than are kept.
func TestRollupsSayWhatFlowsSay(t *testing.T) {
	t.Parallel()
	m, all := recorded(1200, 6)
	hour := rollup.Hours()
	hour.Keep = 5000
	minutes, hours := shelved(t, m, rollup.Minutes(), 2, 5), shelved(t, m, hour)
	filters := map[query.Dimension]string{
		query.Src: "src = 10.0.0.0/8", query.Dst: "not dst = 2001:db8::/32", query.Proto: "proto in (udp, icmp)", query.SrcPort: "src_port < 20000",
		query.TCPFlags: "flags >= S", query.SrcAS: "src_as in (1..3)", query.Exporter: "exporter = 198.51.100.1",
	}
	for i, d := range query.Dimensions() {
		for _, text := range []string{"", filters[d]} {
			for _, shelves := range []Shelves{{Minutes: minutes}, {Hours: hours}} {
				q := &query.Question{
					From: begin(), To: begin().Add(time.Hour), Filter: filter(t, text), Group: []query.Dimension{d},
					By: []query.Measure{query.Bytes, query.Packets, query.Flows}[i%3], Limit: 5, Points: 12, Source: query.Rollup,
				}
				checkRolled(t, m, all, q, shelves)
			}
		}
	}
	for _, text := range []string{"", "host = 10.0.1.7", "host = 203.0.113.7", "host = 2001:db8::3", "host = ::", "host = 192.0.2.1", "direction = in", "proto = udp"} {
		checkRolled(t, m, all, &query.Question{
			From: begin().Add(3 * time.Minute), To: begin().Add(50 * time.Minute), Filter: filter(t, text), By: query.Bytes, Limit: 1, Points: 30, Source: query.Rollup,
		}, Shelves{Minutes: minutes})
	}
}

func checkRolled(t *testing.T, m *memory, all []flow.Record, q *query.Question, shelves Shelves) {
	t.Helper()
	about := fmt.Sprintf("%v by %s, filter %q, %s", q.Group, q.By, q.Filter, q.Source)
	got, err := asker(t, m, nil, shelves).Answer(t.Context(), q)
	if err != nil {
		t.Fatalf("%s: %v", about, err)
	}
	source := query.Hours
	if shelves.Minutes != nil {
		source = query.Minutes
	}
	if got.Source != source || got.Partial {
		t.Errorf("%s: from %s, partial %v: %s", about, got.Source, got.Partial, got.Reason)
	}
	raw := *q
	raw.Source, raw.Points, raw.From, raw.To = query.Raw, 0, got.From, got.To
	want, err := asker(t, m, nil, Shelves{}).Answer(t.Context(), &raw)
	if err != nil {
		t.Fatal(err)
	}
	if got.Total != want.Total || got.Other.Volume != want.Other.Volume {
		t.Errorf("%s: total %+v, other %+v, want %+v, %+v", about, got.Total, got.Other.Volume, want.Total, want.Other.Volume)
	}
	if len(got.Groups) != len(want.Groups) {
		t.Fatalf("%s: %d groups, want %d", about, len(got.Groups), len(want.Groups))
	}
	for i, g := range got.Groups {
		w := want.Groups[i]
		if !slices.Equal(g.Key, w.Key) || g.Volume != w.Volume || g.Share != w.Share {
			t.Errorf("%s: group %d is %v %+v, want %v %+v", about, i, g.Key, g.Volume, w.Key, w.Volume)
		}
	}
	checkSeries(t, about, all, q, got)
}

// Beyond what is kept figures are too low by no more than the answer says.
func TestRollupsBeyondWhatIsKept(t *testing.T) {
	t.Parallel()
	m, all := recorded(6000, 7)
	grain := rollup.Hours()
	grain.Keep = 20
	shelves := Shelves{Hours: shelved(t, m, grain)}
	q := &query.Question{From: begin(), To: begin().Add(time.Hour), Group: []query.Dimension{query.SrcPort}, By: query.Bytes, Limit: 10, Source: query.Rollup}
	got, err := asker(t, m, nil, shelves).Answer(t.Context(), q)
	if err != nil || !got.Partial || !strings.Contains(got.Reason, "estimated") {
		t.Fatalf("%+v, %v", got, err)
	}
	want := plain(all, q)
	sum := got.Other.Volume
	for _, g := range got.Groups {
		if v := want[fmt.Sprint(g.Key)]; v != g.Volume { // one bucket: what is listed is exact
			t.Errorf("%v is %+v, want %+v", g.Key, g.Volume, v)
		}
		sum.Add(g.Volume)
	}
	if sum != got.Total {
		t.Errorf("all groups are %+v, the total %+v", sum, got.Total)
	}
	// What matches a filter may have no name at all.
	for text, group := range map[string][]query.Dimension{"src_port < 40000": nil, "src_port > 1500": {query.SrcPort}} {
		some := *q
		some.Filter, some.Group = filter(t, text), group
		got, err := asker(t, m, nil, shelves).Answer(t.Context(), &some)
		if err != nil {
			t.Fatal(err)
		}
		some.Group = nil
		var most uint64
		behind := got.Reason[strings.LastIndex(got.Reason, "up to ")+len("up to "):]
		if _, err := fmt.Sscan(behind, &most); err != nil || !strings.Contains(got.Reason, "estimated") {
			t.Fatalf("%s: %q, %v", text, got.Reason, err)
		}
		if want := plain(all, &some)["[]"].Bytes; got.Total.Bytes > want || got.Total.Bytes+most < want {
			t.Errorf("%s: %d bytes, too low by up to %d, really %d", text, got.Total.Bytes, most, want)
		}
	}
}

// spoilShelf damages the files of some units of a shelf.
func spoilShelf(t *testing.T, dir string, s *rollup.Shelf, units ...time.Time) {
	t.Helper()
	for _, at := range units {
		name := filepath.Join(dir, s.Grain().Name, at.Format("20060102T1504")+".rollup")
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		clear(data[12+binary.LittleEndian.Uint32(data[8:]):]) // the description stays
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Minutes stand in for a damaged hour, and flows for damaged minutes; what neither has is
// told to be missing.
func TestDamagedRollups(t *testing.T) {
	t.Parallel()
	const spanned = 3 * time.Hour
	m, all := recorded(3000, 10)
	for i := range all {
		later := int64(i/1000) * int64(time.Hour)
		all[i].Start, all[i].End, all[i].Received = all[i].Start+later, all[i].End+later, all[i].Received+later
	}
	hour := rollup.Hours()
	hour.Keep = 5000
	fill := func(dir string, grain rollup.Grain) *rollup.Shelf {
		s := rollup.NewShelf(dir, grain)
		for at := begin(); at.Before(begin().Add(spanned)); at = at.Add(grain.Unit) {
			about, sections, err := Summarise(t.Context(), m, grain, at)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Put(about, sections); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	dir := t.TempDir()
	shelves := Shelves{Minutes: fill(dir, rollup.Minutes()), Hours: fill(dir, hour)}
	questions := func(check func(q *query.Question)) {
		for _, points := range []int{0, 3, 12} {
			for _, d := range []query.Dimension{query.Device, query.Proto} {
				check(&query.Question{
					From: begin().Add(10 * time.Minute), To: begin().Add(spanned - 10*time.Minute), Group: []query.Dimension{d},
					By: query.Bytes, Limit: 5, Points: points, Source: query.Rollup,
				})
			}
		}
	}
	second := begin().Add(time.Hour)
	spoilShelf(t, dir, shelves.Hours, second)
	questions(func(q *query.Question) {
		checkRolled(t, m, all, q, shelves)
		got, err := asker(t, m, nil, shelves).Answer(t.Context(), q)
		if err != nil || got.ScannedFlows > 0 {
			t.Errorf("%d flows were read (%v), though there are minutes", got.ScannedFlows, err)
		}
	})
	spoilShelf(t, dir, shelves.Minutes, second.Add(20*time.Minute), second.Add(30*time.Minute))
	questions(func(q *query.Question) {
		checkRolled(t, m, all, q, shelves)
		checkRolled(t, m, all, q, Shelves{Minutes: shelves.Minutes})
	})
	gone := &memory{segments: m.segments[4:]} // from the third hour on
	questions(func(q *query.Question) {
		got, err := asker(t, gone, nil, shelves).Answer(t.Context(), q)
		if err != nil || !strings.Contains(got.Reason, "damaged") || got.Total.Flows == 0 {
			t.Errorf("without the flows: %+v, %v", got, err)
		}
	})
}

// When the time is up what was added up is the answer, which says what is missing.
func TestTimeIsUpWithinRollups(t *testing.T) {
	t.Parallel()
	m, _ := recorded(1000, 8)
	a := asker(t, m, nil, Shelves{Minutes: shelved(t, m, rollup.Minutes())})
	a.cfg.TimeLimit = time.Nanosecond
	q := &query.Question{From: begin(), To: begin().Add(time.Hour), Group: []query.Dimension{query.Src}, By: query.Bytes, Limit: 10, Points: 6, Source: query.Rollup}
	got, err := a.Answer(t.Context(), q)
	if err != nil || !got.Partial || !strings.Contains(got.Reason, "what lies before 2026-05-01T13:00:00Z is missing") {
		t.Errorf("%+v, %v", got, err)
	}
}

// Auto reads flows while that is quick, and roll-ups where it is not or flows are gone.
func TestSourceIsChosen(t *testing.T) {
	t.Parallel()
	m, _ := recorded(1000, 8)
	shelves := Shelves{Minutes: shelved(t, m, rollup.Minutes())}
	q := query.Question{From: begin(), To: begin().Add(time.Hour), Group: []query.Dimension{query.Src}, By: query.Bytes, Limit: 10, Source: query.Auto}
	many := &memory{segments: m.segments, claim: quick}
	gone := &memory{segments: m.segments[1:]}
	for name, c := range map[string]struct {
		m      *memory
		change func(*query.Question)
		want   query.Source
	}{
		"few flows":          {m, nil, query.Raw},
		"many flows":         {many, nil, query.Minutes},
		"flows are gone":     {gone, nil, query.Minutes},
		"asked for":          {m, func(q *query.Question) { q.Source = query.Rollup }, query.Minutes},
		"two dimensions":     {many, func(q *query.Question) { q.Group = append(q.Group, query.Dst) }, query.Raw},
		"another filter":     {many, func(q *query.Question) { q.Filter = filter(t, "proto = udp") }, query.Raw},
		"two columns":        {many, func(q *query.Question) { q.Filter = filter(t, "src = 10.0.0.1 or dst = 10.0.0.1") }, query.Raw},
		"raw though many":    {many, func(q *query.Question) { q.Source = query.Raw }, query.Raw},
		"the same dimension": {many, func(q *query.Question) { q.Filter = filter(t, "src = 10.0.0.0/8") }, query.Minutes},
	} {
		one := q
		if c.change != nil {
			c.change(&one)
		}
		got, err := asker(t, c.m, nil, shelves).Answer(t.Context(), &one)
		if err != nil || got.Source != c.want {
			t.Errorf("%s: %+v, %v; want %s", name, got, err, c.want)
		}
	}
	q.Source, q.Group = query.Rollup, []query.Dimension{query.Src, query.Dst}
	if _, err := asker(t, m, nil, shelves).Answer(t.Context(), &q); !errors.Is(err, query.ErrNoRollup) {
		t.Errorf("a question beyond roll-ups gives %v", err)
	}
}

// Whole hours of a longer span come from the hours, its edges from the minutes, and the
// figures are those of the flows; where an hour is missing the minutes stand in for it.
func TestHoursWithinMinutes(t *testing.T) {
	t.Parallel()
	const spanned = 4 * time.Hour
	m, all := recorded(4000, 9)
	for i := range all {
		later := int64(i/1000) * int64(time.Hour)
		all[i].Start, all[i].End, all[i].Received = all[i].Start+later, all[i].End+later, all[i].Received+later
	}
	hour := rollup.Hours()
	hour.Keep = 5000
	minutes := shelvedFor(t, m, rollup.Minutes(), spanned)
	for _, missing := range [][]int{nil, {1}, {0, 1, 2, 3}} {
		hours := shelvedFor(t, m, hour, spanned, missing...)
		for _, points := range []int{0, 1, 4, 40} {
			for _, d := range []query.Dimension{query.Device, query.Proto} {
				q := &query.Question{
					From: begin().Add(7 * time.Minute), To: begin().Add(spanned - 13*time.Minute), Group: []query.Dimension{d},
					By: query.Bytes, Limit: 5, Points: points, Source: query.Rollup,
				}
				checkRolled(t, m, all, q, Shelves{Minutes: minutes, Hours: hours})
			}
		}
	}
	// Nothing is read of the minutes within: they may as well be missing.
	edges := shelvedFor(t, m, rollup.Minutes(), spanned, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
	q := &query.Question{
		From: begin().Add(30 * time.Minute), To: begin().Add(200 * time.Minute), Group: []query.Dimension{query.Device},
		By: query.Bytes, Limit: 5, Source: query.Rollup,
	}
	shelves := Shelves{Minutes: edges, Hours: shelvedFor(t, m, hour, spanned)}
	checkRolled(t, m, all, q, shelves)
	got, err := asker(t, m, nil, shelves).Answer(t.Context(), q)
	if err != nil || got.ScannedFlows != 0 {
		t.Errorf("%d flows were read (%v), though there is a roll-up of each minute or its hour", got.ScannedFlows, err)
	}
}
