// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"tidewatch/flow"
)

// same fails unless two stores judge a week alike, to the bit.
func same(t *testing.T, a, b *Store, from time.Time) {
	t.Helper()
	for h := range 168 {
		for m := range numMeasures {
			at := from.Add(time.Duration(h) * time.Hour)
			x, okX := a.At(device, at, m)
			y, okY := b.At(device, at, m)
			if x != y || okX != okY {
				t.Fatalf("%v %v: %+v, %+v", at, m, x, y)
			}
		}
	}
}

// A snapshot restores the judgement of then exactly, whatever came after.
func TestRollback(t *testing.T) {
	teach := newTeacher(t, nil)
	teach.days(35, nil)
	saved := teach.AppendSnapshot(nil)
	untouched := newTeacher(t, nil)
	untouched.days(35, nil)
	teach.days(20, func(int) float64 { return 3 })
	if err := teach.Restore(saved, nil); err != nil {
		t.Fatal(err)
	}
	same(t, teach.Store, untouched.Store, untouched.now())
	if again := teach.AppendSnapshot(nil); !bytes.Equal(again, saved) {
		t.Error("the same store gives other bytes")
	}
}

// Snapshot and journal together give the store of the moment of a crash, wherever
// the journal was cut.
func TestReplay(t *testing.T) {
	teach := newTeacher(t, nil)
	teach.days(20, nil)
	saved := teach.AppendSnapshot(nil)
	teach.Recording(true)
	var journal []byte
	var frames []int
	for range 15 {
		teach.days(1, nil)
		journal = teach.TakeJournal(journal)
		frames = append(frames, len(journal))
	}
	for name, cut := range map[string]int{"whole": len(journal), "in a frame": len(journal) - 5, "in a head": frames[10] + 3, "between": frames[12]} {
		again := newTeacher(t, nil)
		if err := again.Restore(saved, nil); err != nil {
			t.Fatal(err)
		}
		whole, err := again.Replay(journal[:cut], nil)
		if err != nil {
			t.Fatal(name, err)
		}
		if want := lastBelow(frames, cut); whole != want {
			t.Errorf("%s: %d bytes were whole, want %d", name, whole, want)
		}
		if cut == len(journal) {
			same(t, again.Store, teach.Store, teach.now())
		}
		// What is told twice is learned once.
		before := again.AppendSnapshot(nil)
		if _, err := again.Replay(journal[:cut], nil); err != nil || !bytes.Equal(before, again.AppendSnapshot(nil)) {
			t.Errorf("%s: replaying again changes the store (%v)", name, err)
		}
	}
	journal[frames[3]+20] ^= 1
	if whole, err := newTeacher(t, nil).Replay(journal, nil); !errors.Is(err, ErrDamaged) || whole != frames[3] {
		t.Errorf("damage in the middle: %d bytes, %v", whole, err)
	}
}

func lastBelow(frames []int, cut int) (last int) {
	for _, f := range frames {
		if f <= cut {
			last = f
		}
	}
	return last
}

// Every flipped byte is noticed, and the store stays as it was.
func TestDamagedSnapshot(t *testing.T) {
	teach := newTeacher(t, nil)
	teach.days(3, nil)
	saved := teach.AppendSnapshot(nil)
	for i := range saved {
		bad := bytes.Clone(saved)
		bad[i] ^= 0x40
		if err := teach.Restore(bad, nil); err == nil {
			t.Fatalf("byte %d was flipped and nobody noticed", i)
		}
	}
	if !bytes.Equal(saved, teach.AppendSnapshot(nil)) {
		t.Error("a damaged snapshot changed the store")
	}
}

// Devices find their shard again, also when there are more or fewer of them.
func TestShards(t *testing.T) {
	a, b := newTeacher(t, nil), newTeacher(t, nil)
	other := flow.AddrFrom(netip.MustParseAddr("2001:db8::7"))
	a.Learn(device, day0, hourOf(1e6), false)
	b.Learn(other, day0, hourOf(2e6), false)
	saved := Union(a.Store, b.Store).AppendSnapshot(nil)
	c := newTeacher(t, nil)
	if err := c.Restore(saved, func(x flow.Addr) bool { return x == other }); err != nil {
		t.Fatal(err)
	}
	if n, _ := c.Counts(); n != 1 || c.devices[other] == nil {
		t.Errorf("%d devices", n)
	}
}

func FuzzRestore(f *testing.F) {
	teach := newTeacher(f, nil)
	teach.days(1, nil)
	teach.Recording(true)
	f.Add(teach.AppendSnapshot(nil))
	teach.days(1, nil)
	f.Add(teach.TakeJournal(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newTeacher(t, nil)
		_ = s.Restore(data, nil)
		if len(data) > 4 { // past the checksum, too
			_ = s.replayFrame(data, nil)
			r := &parser{buf: data}
			if p := r.past(); r.err == nil {
				s.devices[device] = p
				s.Profile(device, FieldBytesIn)
			}
		}
		s.At(device, time.Unix(day0*3600, 0), BytesIn)
		if got := s.AppendSnapshot(nil); newTeacher(t, nil).Restore(got, nil) != nil && len(s.calendar.observed) < 1<<20 {
			t.Error("what was written cannot be read")
		}
	})
}
