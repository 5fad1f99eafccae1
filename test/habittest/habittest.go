// SPDX-License-Identifier: Apache-2.0

// Package habittest plays days of conversations to a detector that judges
// habits: what its tests share.
package habittest

import (
	"cmp"
	"net/netip"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Start is the first second of every run: a Monday, midnight.
const Start = 1_772_409_600 // 2026-03-02 00:00 UTC

// Talk is one conversation: a record each way at every minute.
type Talk struct {
	From, To       string // the client and the server
	Port           uint16
	Proto          uint8         // 0: TCP
	At             time.Duration // from Start; of the day when it is Daily
	For            time.Duration
	Daily          bool
	Sent, Received uint64 // bytes a minute, as the client sees it
	Packets        uint64 // a minute each way; 0: ten
	Sampling       uint32 // 0: none
}

// internal are the own networks of a run.
func internal(a netip.Addr) bool {
	return netip.MustParsePrefix("10.0.0.0/8").Contains(a) || netip.MustParsePrefix("fd00::/8").Contains(a)
}

// records appends what is exported in the minute that ends at sec.
func (x *Talk) records(b *flow.Batch, sec int64) {
	since := time.Duration(sec-Start) * time.Second
	if x.Daily {
		since %= 24 * time.Hour
	}
	if since < x.At || since >= x.At+x.For {
		return
	}
	from, to := netip.MustParseAddr(x.From), netip.MustParseAddr(x.To)
	r := flow.Record{
		Received: sec * 1e9, Start: (sec - 59) * 1e9, End: sec * 1e9, Proto: cmp.Or(x.Proto, flow.ProtoTCP), TCPFlags: flow.ACK | flow.PSH,
		Src: flow.AddrFrom(from), Dst: flow.AddrFrom(to), SrcPort: 51_000, DstPort: x.Port, Bytes: x.Sent, Packets: cmp.Or(x.Packets, 10), Sampling: max(1, x.Sampling),
	}
	if internal(from) {
		r.Mark |= flow.SrcInternal
	}
	if internal(to) {
		r.Mark |= flow.DstInternal
	}
	if r.Bytes > 0 {
		b.Append(&r)
	}
	r.Src, r.Dst, r.SrcPort, r.DstPort, r.Bytes = r.Dst, r.Src, r.DstPort, r.SrcPort, x.Received
	r.Mark = 0
	if internal(to) {
		r.Mark |= flow.SrcInternal
	}
	if internal(from) {
		r.Mark |= flow.DstInternal
	}
	if r.Bytes > 0 {
		b.Append(&r)
	}
}

// Play runs so many days of talks; every hour is judged and then learned, as in
// the program. It returns all findings.
func Play(tb testing.TB, start func(past *baseline.HabitStore) (detect.Detector, error), days int, talks ...Talk) (out []detect.Finding) {
	tb.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		tb.Fatal(err)
	}
	past, err := baseline.NewHabits(baseline.HabitConfig{MaxDevices: 100, Zone: time.UTC})
	if err != nil {
		tb.Fatal(err)
	}
	d, err := start(past)
	if err != nil {
		tb.Fatal(err)
	}
	b := flow.NewBatch(64)
	tr.Jump(Start)
	for end := int64(Start + days*86400); tr.Now() < end; tr.Next(tr.Now()/60*60 + 119) {
		b.Reset()
		if tr.Now()%60 == 59 {
			for i := range talks {
				talks[i].records(b, tr.Now())
			}
		}
		tr.Add(b, 0, b.Len(), nil)
		w := tr.Tick()
		out = d.Detect(w, out)
		if w.Hour {
			Learn(w, past)
		}
	}
	return out
}

// Learn hands the hour that closed to the habits.
func Learn(w *window.Window, past *baseline.HabitStore) {
	for i := range w.Devices() {
		if dev, ok := w.Device(i); ok {
			total, _ := dev.Hour()
			past.Learn(dev.Addr(), &baseline.Lesson{
				Hour: w.Closed, Bytes: total.Bytes[window.In] + total.Bytes[window.Out], Contacts: dev.Contacts(),
			})
		}
	}
}

// Quiet is a busy minute of many devices with a learned past: each talks to
// peers it knows, so that a detector has all to look at and nothing to find.
func Quiet(tb testing.TB, devices int) (w *window.Window, past *baseline.HabitStore) {
	tb.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		tb.Fatal(err)
	}
	if past, err = baseline.NewHabits(baseline.HabitConfig{MaxDevices: devices, Zone: time.UTC}); err != nil {
		tb.Fatal(err)
	}
	tr.Jump(Start + 3600 - 60)
	b := flow.NewBatch(10 * devices)
	fill := func() {
		b.Reset()
		for d := range devices {
			for p := range 5 {
				x := Talk{Port: uint16(400 + p), Sent: 1e6, Received: 2e6, For: 1 << 62}
				x.From = netip.AddrFrom4([4]byte{10, byte(d >> 16), byte(d >> 8), byte(d)}).String()
				x.To = netip.AddrFrom4([4]byte{192, 0, 2, byte(p)}).String()
				x.records(b, tr.Now())
			}
		}
		tr.Add(b, 0, b.Len(), nil)
	}
	fill()
	for w = tr.Tick(); ; w = tr.Tick() {
		if w.Minute && w.Hour {
			break
		}
		tr.Next(tr.Now()/60*60 + 119)
	}
	// The same hour, at ten o'clock on each of three weeks.
	for day := range int64(21) {
		w.Closed = Start/3600 + 24*day + 10
		Learn(w, past)
	}
	for tr.Next(tr.Now() + 1); tr.Now() < Start+21*86400+36000; {
		if tr.Far(Start + 21*86400 + 36000) {
			tr.Jump(Start + 21*86400 + 36000 + 59)
		}
		tr.Tick()
	}
	fill()
	return tr.Tick(), past
}
