// SPDX-License-Identifier: Apache-2.0

package window

import (
	"testing"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

// sent is a flow of one packet that the device sends in a minute after t0,
// exported some minutes later.
func sent(minute, late int64) flow.Record {
	at := int64(t0) + 60*minute + 30
	return flow.Record{
		Received: (at + 60*late) * 1e9, Start: at * 1e9, End: at * 1e9, Src: addr("10.0.0.1"), Dst: addr("192.0.2.7"),
		Proto: flow.ProtoUDP, Packets: 1, Bytes: 100, Sampling: 1, Mark: flow.SrcInternal,
	}
}

// However a device sends, and whatever it receives, its lull is the closed
// minutes since it sent, and what is usual in an hour is the longest of them.
func TestLull(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := newTracker(t, nil)
		last, recs := int64(0), []flow.Record{sent(0, 0)}
		longest := [3]int64{}
		const end = 3*60 + lateness - 1 // the minute in which the third hour closes
		for m := int64(1); m <= end; m++ {
			if rapid.IntRange(0, 9).Draw(rt, "sends") == 0 {
				recs = append(recs, sent(m, 0))
				last = m
			} else {
				recs = append(recs, rec(t0+60*m, t0+60*m+1, 1, 100)) // what it receives does not count
			}
			if m < 180 {
				longest[m/60] = max(longest[m/60], m-last)
			}
		}
		feed(tr, t0+60*end+59, func(w *Window) {
			if w.Now != t0+60*end+59 {
				return
			}
			d, _ := w.Device(0)
			quiet := int64(0)
			for closed := int64(end - lateness); closed >= 0 && !sends(recs, closed); closed-- {
				quiet++
			}
			if d.Lull() != quiet {
				rt.Errorf("lull is %d minutes, want %d", d.Lull(), quiet)
			}
			for hour := range int64(3) {
				got, ok := d.UsualLull(t0/3600 + hour + 24)
				end := 60*(hour+1) - 1 // its last minute
				silent := end - before(recs, end)
				if want := hour > 0 && silent < 60; ok != want || want && got != longest[hour] {
					rt.Errorf("usual in hour %d: %d, %v; want %d", hour, got, ok, longest[hour])
				}
			}
			if _, ok := d.UsualLull(t0/3600 + 3); ok {
				rt.Error("an hour to come is known")
			}
		}, recs...)
	})
}

// before is the last minute up to this one in which the device sends.
func before(recs []flow.Record, minute int64) int64 {
	for minute > 0 && !sends(recs, minute) {
		minute--
	}
	return minute
}

func sends(recs []flow.Record, minute int64) bool {
	for i := range recs {
		if recs[i].Mark == flow.SrcInternal && recs[i].Start/1e9/60 == t0/60+minute {
			return true
		}
	}
	return false
}

// A late export ends the lull where its flow ended.
func TestLullEndsLate(t *testing.T) {
	for late, want := range map[int64]int64{1: 27, 4: 27, 20: 27} { // minutes 31 to 57 are silent
		tr := newTracker(t, nil)
		var got int64
		feed(tr, t0+60*60-1, func(w *Window) {
			if w.Devices() > 0 {
				d, _ := w.Device(0)
				got = d.Lull()
			}
		}, sent(0, 0), sent(30, late))
		if got != want {
			t.Errorf("exported %d minutes late: the lull is %d minutes, want %d", late, got, want)
		}
	}
}

// One long lull is not usual, many are; what is no longer usual fades.
func TestUsualLull(t *testing.T) {
	var l lull
	day := func(minutes uint16) int64 {
		l.longest = minutes
		l.closeHour(5, true)
		got, ok := l.at(29)
		if !ok || l.longest != 0 {
			t.Fatal("not learned")
		}
		return got
	}
	for i, tc := range []struct {
		longest uint16
		want    int64
	}{{3, 3}, {5, 5}, {60_000, 25}, {2, 21}, {2, 18}, {60_000, 51}, {60_000, 117}, {60_000, 249}, {60_000, 254}, {0, 222}} {
		if got := day(tc.longest); got != tc.want {
			t.Errorf("day %d: usual are %d minutes, want %d", i, got, tc.want)
		}
	}
	for range 40 {
		day(0)
	}
	if got := day(0); got != 0 {
		t.Errorf("after forty days: %d", got)
	}
	l.longest, l.now = 70, 60
	l.closeHour(6, true)
	l.closeHour(7, false)
	for _, hour := range []int64{6, 7} {
		if _, ok := l.at(hour); ok {
			t.Errorf("something was learned of hour %d", hour)
		}
	}
	for range 70_000 {
		l.close(false)
	}
	if l.now != maxLull {
		t.Errorf("the lull is %d", l.now)
	}
	l.close(true)
	if l.now != 0 || l.longest != maxLull {
		t.Errorf("after a packet %+v", l)
	}
}
