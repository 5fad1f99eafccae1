// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidewatch/api"
	"tidewatch/flow"
	"tidewatch/store"
)

func keptStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.New(&store.Config{Dir: t.TempDir(), MaxIncidents: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// The minutes of the last day are there after a restart, before and after the first flow
// comes; a minute that the restart cut is whole, and what is older than a day is not kept.
func TestLiveOverRestart(t *testing.T) {
	s := keptStore(t)
	start := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	lives := func(at time.Time) *live {
		t.Helper()
		cfg := testConfig("10.0.0.0/8")
		e, err := NewEngine(cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		l := newLive(e, nil)
		if err := l.recall(t.Context(), s, at); err != nil {
			t.Fatal(err)
		}
		return l
	}
	points := func(l *live) []api.TrafficPoint {
		t.Helper()
		got, err := l.Traffic(t.Context(), 60, netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		return got.Points
	}
	l := lives(start)
	if err := l.save(t.Context(), s, false); err != nil || len(points(l)) != 0 {
		t.Fatalf("before the first flow: %v", err)
	}
	minute := start.Unix() / 60
	for range 10 {
		carryMinute(l.engine, minute, map[string]uint64{"10.0.0.1": 60e6})
		if minute++; minute%3 == 0 {
			if err := l.save(t.Context(), s, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	half := func(l *live, from int64) { // half a minute of 8 Mbit/s
		for sec := from; sec < from+30; sec++ {
			b := flow.NewBatch(1)
			b.Append(&flow.Record{
				Start: sec * 1e9, End: sec * 1e9, Received: sec * 1e9, Src: flow.AddrFrom(netip.MustParseAddr("198.51.100.1")),
				Dst: flow.AddrFrom(netip.MustParseAddr("10.0.0.1")), Proto: flow.ProtoUDP, Packets: 1000, Bytes: 1e6, Sampling: 1,
			})
			l.engine.Process(b)
		}
		l.engine.Advance(from + 30)
	}
	half(l, minute*60)
	before := points(l)
	if err := l.save(t.Context(), s, true); err != nil {
		t.Fatal(err)
	}

	l = lives(time.Unix(minute*60+30, 0))
	if got := points(l); len(got) != len(before) || got[0] != before[0] {
		t.Fatalf("after the start: %+v, before it: %+v", got, before)
	}
	half(l, minute*60+30)
	got := points(l)
	if last := got[len(got)-1]; len(got) != len(before)+1 || last.At.Unix() != minute*60 || last.In < 8e6 || last.In > 17e6 {
		t.Errorf("with the cut minute: %+v", got)
	}
	if err := l.save(t.Context(), s, false); err != nil {
		t.Fatal(err)
	}
	kept, err := s.Traffic(t.Context(), 0, 1<<40)
	if last := kept[len(kept)-1]; err != nil || len(kept) != 11 || last.Seconds != 60 || last.BytesIn < 60e6 {
		t.Errorf("%d kept, the last %+v, %v", len(kept), last, err)
	}
	if got := points(lives(start.AddDate(0, 0, 2))); len(got) != 0 {
		t.Errorf("two days later: %+v", got)
	}
	l = lives(start.AddDate(0, 0, 2))
	carryMinute(l.engine, minute+2*1440, map[string]uint64{"10.0.0.1": 60e6})
	if err := l.save(t.Context(), s, true); err != nil {
		t.Fatal(err)
	}
	if kept, err := s.Traffic(t.Context(), 0, minute+1); err != nil || len(kept) != 0 {
		t.Errorf("what is older than a day is kept: %+v, %v", kept, err)
	}
}

// A store that takes nothing is told of once, and given all that it missed once it does.
func TestLiveIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := NewEngine(testConfig("10.0.0.0/8"), nil)
		if err != nil {
			t.Fatal(err)
		}
		l, to, log := newLive(e, nil), &fullStore{failing: true}, &strings.Builder{}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.keep(ctx, to, slog.New(slog.NewTextHandler(log, nil))) }()
		minute := time.Now().Unix() / 60
		for range 5 {
			carryMinute(e, minute, map[string]uint64{"10.0.0.1": 60e6})
			minute++
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		to.failing = false
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if len(to.kept) < 5 || strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "disk is full") {
			t.Errorf("%d minutes kept; told: %s", len(to.kept), log)
		}
	})
}

type fullStore struct {
	failing bool
	kept    []store.Minute
}

func (s *fullStore) SaveTraffic(_ context.Context, m []store.Minute, _ int64) error {
	if s.failing {
		return errors.New("the disk is full")
	}
	s.kept = append(s.kept, m...)
	return nil
}

func (*fullStore) Traffic(context.Context, int64, int64) ([]store.Minute, error) { return nil, nil }
