// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
	"unsafe"

	"tidewatch/flow"
	"tidewatch/window"
)

func habitStore(tb testing.TB, limit int) *HabitStore {
	tb.Helper()
	s, err := NewHabits(HabitConfig{MaxDevices: limit, Zone: time.UTC, Seed: flow.Seed{1, 2}})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// exchange is one flow of the device with a peer, in an hour of its own lesson.
type exchange struct {
	peer           string
	port           uint16
	sent, received uint64
	served         bool
}

// contacts lets a tracker note exchanges, each in both directions.
func contacts(tb testing.TB, all ...exchange) *window.Contacts {
	tb.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		tb.Fatal(err)
	}
	tr.Jump(day0 * 3600)
	b := flow.NewBatch(1)
	for _, x := range all {
		r := flow.Record{
			Received: day0 * 3600e9, Start: day0 * 3600e9, End: day0 * 3600e9, Src: device, Dst: peerAddr(x.peer),
			SrcPort: 50_000, DstPort: x.port, Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH,
			Packets: 10, Bytes: x.sent, Sampling: 1, Mark: flow.SrcInternal,
		}
		if x.served {
			r.SrcPort, r.DstPort = r.DstPort, r.SrcPort
		}
		b.Append(&r)
		r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
		r.Mark, r.Bytes = flow.DstInternal, x.received
		b.Append(&r)
	}
	tr.Add(b, 0, b.Len(), nil)
	w := tr.Tick()
	d, ok := w.Device(0)
	if !ok {
		tb.Fatal("no device")
	}
	return d.Contacts()
}

func peerAddr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// A month at the same peers: they and their services are usual, nothing is new.
func TestHabitsOfAMonth(t *testing.T) {
	s := habitStore(t, 10)
	usual := contacts(
		t, exchange{"192.0.2.1", 443, 1e6, 80e6, false}, exchange{"192.0.2.2", 443, 1e6, 9e6, false}, exchange{"2001:db8::1", 22, 5e5, 5e5, false},
	)
	for h := range int64(30 * 24) {
		if h%24 >= 8 && h%24 < 18 {
			s.Learn(device, &Lesson{Hour: day0 + h, Bytes: 92e6, Contacts: usual})
		}
	}
	h := s.Habits(device)
	if h == nil || h.Days() != 30 {
		t.Fatalf("habits %v", h)
	}
	if got := h.Peers(nil, 0.8); len(got) != 1 || got[0].Key != s.PeerKey(&window.Peer{Addr: peerAddr("192.0.2.1")}) {
		t.Errorf("80 %% of the bytes are with %+v", got)
	}
	if got := h.Services(nil); len(got) != 2 || got[0].Key != 6<<16|443 || got[1].Key != 6<<16|22 {
		t.Errorf("services %+v", got)
	}
	if h.KnowsPeer(s.PeerKey(&window.Peer{Addr: peerAddr("192.0.2.9")})) || h.KnowsService(6<<16|443|Offered) {
		t.Error("a stranger is known")
	}
	if l := h.NewLimits(3); !l.Known || l.Peers > 2 || l.Bytes > 3e6 || l.Services > 2 {
		t.Errorf("what may be new on a day: %+v", l)
	}
	if r, why := h.Role(); r != Thing || why == "" {
		t.Errorf("a %v: %s", r, why)
	}
	u := h.Upload(day0+30*24+10, 500e6, 1e6, 3)
	if !u.Known || u.Ratio < 4*u.Limit || u.Limit > 1 || u.Sent < 4*u.Most {
		t.Errorf("an upload of 500 MB: %+v", u)
	}
}

// Roles follow from traffic alone.
func TestRoles(t *testing.T) {
	many := make([]exchange, 0, 23)
	for i := range 23 {
		many = append(many, exchange{fmt.Sprintf("192.0.2.%d", i+1), 443, 1e6, 9e6, false})
	}
	for name, tc := range map[string]struct {
		contacts []exchange
		from, to int64
		want     Role
	}{
		"answers others":            {[]exchange{{"192.0.2.1", 443, 9e6, 1e6, true}, {"192.0.2.2", 443, 1e6, 1e6, false}}, 0, 24, Server},
		"asks many by day":          {many, 8, 18, Workstation},
		"asks many by day at night": {many, 0, 24, Gateway},
		"asks one":                  {[]exchange{{"192.0.2.1", 443, 9e6, 1e6, false}}, 0, 24, Thing},
	} {
		s, c := habitStore(t, 1), contacts(t, tc.contacts...)
		for h := range int64(30 * 24) {
			if h%24 >= tc.from && h%24 < tc.to {
				s.Learn(device, &Lesson{Hour: day0 + h, Bytes: 1e6, Contacts: c})
			}
		}
		if r, why := s.Habits(device).Role(); r != tc.want {
			t.Errorf("%s: %v, because %s; want %v", name, r, why, tc.want)
		}
	}
}

// Hours are strange when the device never works then, on any day or on this one.
func TestIdle(t *testing.T) {
	s := habitStore(t, 1)
	sunday := int64(day0/24+4+3) / 7 * 7 * 24 // 1970-01-04 was a Sunday
	sunday -= 4 * 24
	for sunday < day0 {
		sunday += 7 * 24
	}
	for h := range int64(28 * 24) {
		if day := h / 24 % 7; day >= 1 && day <= 5 && h%24 >= 8 && h%24 < 18 {
			s.Learn(device, &Lesson{Hour: sunday + h, Bytes: 1e6})
		}
		if h/24 == 11 && h%24 == 12 {
			if is, _ := s.Habits(device).Idle(24 + 3); is != NotIdle {
				t.Error("after eleven days an hour is already strange")
			}
		}
	}
	for name, tc := range map[string]struct {
		slot int
		want Idle
	}{
		"monday noon": {24 + 12, NotIdle}, "monday seven": {24 + 7, NotIdle}, "monday three": {24 + 3, IdleEveryDay},
		"sunday noon": {12, IdleThisDay}, "sunday three": {3, IdleEveryDay}, "saturday noon": {6*24 + 12, IdleThisDay},
	} {
		if is, _ := s.Habits(device).Idle(tc.slot); is != tc.want {
			t.Errorf("%s: %v, want %v", name, is, tc.want)
		}
	}
}

// Slots are those of the site, whatever its zone.
func TestSlot(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewHabits(HabitConfig{MaxDevices: 1, Zone: zone})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 3, 30, 0, 0, zone) // a Monday; 22:00 UTC the day before
	day, slot := s.Slot(at.Unix() / 3600)
	if slot != 24+3 || day != uint16(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Unix()/86400) {
		t.Errorf("day %d, slot %d", day, slot)
	}
}

// What was met is known; a stranger is taken for known in at most 0.03 %.
func TestMemory(t *testing.T) {
	var m habitMemory
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		h := r.Uint32()
		m.put(h)
		if !m.knows(h) {
			t.Fatal("what was just met is a stranger")
		}
	}
	known := 0
	const strangers = 1_000_000
	for range strangers {
		if m.knows(r.Uint32()) {
			known++
		}
	}
	if known > strangers*3/10_000 {
		t.Errorf("%d of %d strangers are known", known, strangers)
	}
}

// A scanner is bounded: it neither grows the habits nor pushes out what is known.
func TestScannerForgetsNothing(t *testing.T) {
	s := habitStore(t, 1)
	usual := contacts(t, exchange{"192.0.2.1", 443, 1e6, 80e6, false})
	for h := range int64(14 * 24) {
		s.Learn(device, &Lesson{Hour: day0 + h, Bytes: 81e6, Contacts: usual})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for h := range int64(24) {
		var all []exchange
		for range 1000 {
			all = append(all, exchange{fmt.Sprintf("198.51.%d.%d", r.IntN(256), r.IntN(256)), uint16(r.IntN(32768)), 2000, 2000, false})
		}
		s.Learn(device, &Lesson{Hour: day0 + 14*24 + h, Bytes: 4e6, Contacts: contacts(t, all...)})
	}
	h := s.Habits(device)
	if !h.KnowsPeer(s.PeerKey(&window.Peer{Addr: peerAddr("192.0.2.1")})) || !h.KnowsService(6<<16|443) {
		t.Error("the usual peer or service was forgotten")
	}
	if size := unsafe.Sizeof(Habits{}); size > 960 {
		t.Errorf("habits take %d bytes", size)
	}
}

// The store keeps no more devices than it may, and the stale make room.
func TestHabitBound(t *testing.T) {
	s := habitStore(t, 3)
	for i := range byte(10) {
		s.Learn(flow.AddrFrom4([4]byte{10, 0, 0, i}), &Lesson{Hour: day0, Bytes: 1})
	}
	if devices, refused := s.Counts(); devices != 3 || refused != 7 {
		t.Errorf("%d devices, %d refused", devices, refused)
	}
	s.Learn(flow.AddrFrom4([4]byte{10, 0, 0, 1}), &Lesson{Hour: day0 + 50*24, Bytes: 1})
	s.Learn(flow.AddrFrom4([4]byte{10, 0, 0, 99}), &Lesson{Hour: day0 + 50*24, Bytes: 1})
	if devices, refused := s.Counts(); devices != 2 || refused != 7 {
		t.Errorf("with room made: %d devices, %d refused", devices, refused)
	}
	kept := []*Habits{s.Habits(flow.AddrFrom4([4]byte{10, 0, 0, 1})), s.Habits(flow.AddrFrom4([4]byte{10, 0, 0, 99}))}
	if some := slices.Concat(s.Some(0, 1), s.Some(1, 9), s.Some(9, 10)); !slices.Equal(some, kept) {
		t.Errorf("all in turn: %v, want %v", some, kept)
	}
	s.Drop(flow.AddrFrom4([4]byte{10, 0, 0, 7}))
	s.Drop(flow.AddrFrom4([4]byte{10, 0, 0, 1}))
	if some := s.Some(0, 9); !slices.Equal(some, kept[1:]) {
		t.Errorf("one dropped: %v, want %v", some, kept[1:])
	}
}

// rich returns habits with something in every field.
func rich(tb testing.TB) Habits {
	tb.Helper()
	s := habitStore(tb, 1)
	c := contacts(
		tb, exchange{"192.0.2.1", 443, 1e6, 80e6, false}, exchange{"2001:db8::1", 22, 5e5, 5e5, true}, exchange{"192.0.2.7", 25, 5e5, 5e5, false},
	)
	for h := range int64(9*24 + 5) {
		s.Learn(device, &Lesson{Hour: day0 + h, Bytes: 1e6 * uint64(h%24), Contacts: c})
	}
	c = contacts(tb, exchange{"192.0.2.8", 26, 5e5, 5e5, false})
	s.Learn(device, &Lesson{Hour: day0 + 9*24 + 6, Bytes: 1e6, Contacts: c})
	h, ok := s.Get(device)
	if !ok {
		tb.Fatal("nothing learned")
	}
	h.sampled = uint32(day0)
	return h
}

func TestHabitsRoundTrip(t *testing.T) {
	h := rich(t)
	buf := append(h.AppendBinary([]byte("before")), "rest"...)
	got, rest, err := DecodeHabits(buf[len("before"):])
	if err != nil || string(rest) != "rest" || !reflect.DeepEqual(got, h) {
		t.Errorf("rest %q, error %v; got\n%+v, want\n%+v", rest, err, got, h)
	}
	s := habitStore(t, 2)
	s.Put(device, &h)
	s.Put(peerAddr("2001:db8::5"), &Habits{})
	all := s.AppendBinary(nil)
	back := habitStore(t, 2)
	back.cfg.Seed = flow.Seed{}
	if rest, err := back.Decode(all); err != nil || len(rest) != 0 || !reflect.DeepEqual(back.devices, s.devices) || back.cfg.Seed != s.cfg.Seed {
		t.Errorf("store: %d bytes left, error %v", len(rest), err)
	}
	for n := range all {
		if _, err := back.Decode(all[:n]); err == nil {
			t.Fatalf("%d of %d bytes were accepted", n, len(all))
		}
	}
	if !reflect.DeepEqual(back.devices, s.devices) || len(back.Some(0, 9)) != 2 {
		t.Error("a failed decode changed the store")
	}
	if c := all[0]; c != habitStoreVersion {
		t.Errorf("version %d", c)
	}
	all[0]++
	if _, err := back.Decode(all); err == nil {
		t.Error("a version of the future was accepted")
	}
}

// Habits of a version before this are read; what it did not tell is not known.
func TestHabitsOfBefore(t *testing.T) {
	h := rich(t)
	buf := h.AppendBinary(nil)
	buf[0] = 1
	h.sampled = 0
	got, rest, err := DecodeHabits(buf)
	if err != nil || len(rest) != 4 || !reflect.DeepEqual(got, h) {
		t.Errorf("%d bytes left, error %v; got\n%+v, want\n%+v", len(rest), err, got, h)
	}
}

// Whatever is read back of this version is written the same, and answers without a panic.
func FuzzHabits(f *testing.F) {
	h := rich(f)
	f.Add(h.AppendBinary(nil))
	f.Add((&Habits{}).AppendBinary(nil))
	f.Fuzz(func(t *testing.T, buf []byte) {
		h, rest, err := DecodeHabits(buf)
		if err != nil {
			return
		}
		if got := h.AppendBinary(nil); buf[0] == habitsVersion && string(got) != string(buf[:len(buf)-len(rest)]) {
			t.Fatalf("read %x, written %x", buf[:len(buf)-len(rest)], got)
		}
		h.Role()
		h.Idle(int(h.day) % hoursOfWeek)
		h.Peers(nil, 0.8)
		if u := h.Upload(math.MaxInt32, 1, 1, 3); math.IsNaN(u.Sent) {
			t.Fatal("the upload is no number")
		}
		s := habitStore(t, 1)
		s.Put(device, &h)
		s.Learn(device, &Lesson{Hour: int64(h.last) + 1, Bytes: 1 << 40})
	})
}

// Asking allocates nothing.
func TestHabitsNoAllocation(t *testing.T) {
	h := rich(t)
	if n := testing.AllocsPerRun(100, func() {
		h.Role()
		h.Idle(3)
		h.KnowsPeer(5)
		h.NewLimits(3)
		h.Upload(day0, 1, 1, 3)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
