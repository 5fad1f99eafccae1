// SPDX-License-Identifier: Apache-2.0

package window

import (
	"testing"

	"tidewatch/flow"
)

// question is a flow of the device to a name server outside, answer one back.
func question(at int64, packets, bytes uint64) flow.Record {
	return flow.Record{
		Received: at * 1e9, Start: at * 1e9, End: at * 1e9, Src: addr("10.0.0.1"), Dst: addr("192.0.2.53"), SrcPort: 40_000, DstPort: 53,
		Proto: flow.ProtoUDP, Packets: packets, Bytes: bytes, Sampling: 1, Mark: flow.SrcInternal,
	}
}

func back(r flow.Record, packets, bytes uint64) flow.Record {
	r.Src, r.Dst, r.SrcPort, r.DstPort, r.Packets, r.Bytes = r.Dst, r.Src, r.DstPort, r.SrcPort, packets, bytes
	mark := r.Mark
	r.Mark &^= flow.SrcInternal | flow.DstInternal
	if mark&flow.SrcInternal != 0 {
		r.Mark |= flow.DstInternal
	}
	if mark&flow.DstInternal != 0 {
		r.Mark |= flow.SrcInternal
	}
	return r
}

func talksOf(t *Tracker) (out []*Talk) {
	for i := range t.talks.all {
		if x := &t.talks.all[i]; x.used {
			out = append(out, x)
		}
	}
	return out
}

// What a device asks and is told is one talk, and its parts are told apart.
func TestTalk(t *testing.T) {
	tr := newTracker(t, nil)
	ask := question(t0, 1, 60)
	long, many := question(t0+1, 2, 400), question(t0+2, 20, 1201)
	var in TalkSums
	feed(tr, t0+70, func(w *Window) {
		for i := range w.Talks() {
			if x := w.Talk(i); w.Minute && x != nil && w.Now < t0+60 {
				in = x.Sums(w.Now)
			}
		}
	}, ask, back(ask, 1, 90), long, many, back(question(t0+3, 1, 1), 20, 4000))
	if in.Packets != [2]uint64{In: 21, Out: 23} || in.Bytes != [2]uint64{In: 4090, Out: 1661} || in.Long != 2 || in.LongBytes != 400 || in.Chained != 20 || in.Uneven != 20 {
		t.Errorf("got %+v", in)
	}
	if c := tr.Counts().Talks; c != 1 {
		t.Errorf("%d talks, want 1", c)
	}
	if talksOf(tr)[0].Plain() {
		t.Error("long questions are plain")
	}
	if tr.Losses() != (Losses{}) {
		t.Errorf("lost %+v", tr.Losses())
	}
}

// Whose talk it is: of the one that asks, inside; of the own device, with one outside;
// nobody's where ports tell no direction.
func TestTalkOf(t *testing.T) {
	echo := func(src, dst string, kind uint16, mark flow.Mark) flow.Record {
		r := question(t0, 20, 4000)
		r.Src, r.Dst, r.SrcPort, r.DstPort, r.Proto, r.Mark = addr(src), addr(dst), 0, kind<<8, flow.ProtoICMP, mark
		return r
	}
	both := flow.SrcInternal | flow.DstInternal
	same := question(t0, 20, 4000)
	same.SrcPort = 53
	inside := question(t0, 20, 4000)
	inside.Dst, inside.Mark = addr("10.0.0.53"), both
	web := question(t0, 20, 4000)
	web.DstPort = 443
	for name, c := range map[string]struct {
		recs        []flow.Record
		device, got string
		in, out     uint64
	}{
		"a question inside":             {[]flow.Record{inside, back(inside, 10, 3000)}, "10.0.0.1", "10.0.0.53", 3000, 4000},
		"an answer alone":               {[]flow.Record{back(inside, 10, 3000)}, "", "", 0, 0},
		"port 53 to port 53":            {[]flow.Record{same}, "", "", 0, 0},
		"another port":                  {[]flow.Record{web}, "", "", 0, 0},
		"requests and replies inside":   {[]flow.Record{echo("10.0.0.1", "10.0.0.2", 8, both), echo("10.0.0.2", "10.0.0.1", 0, both)}, "10.0.0.1", "10.0.0.2", 4000, 4000},
		"asked from outside":            {[]flow.Record{echo("10.0.0.1", "192.0.2.9", 0, flow.SrcInternal), echo("192.0.2.9", "10.0.0.1", 8, flow.DstInternal)}, "10.0.0.1", "192.0.2.9", 4000, 4000},
		"errors are no echoes":          {[]flow.Record{echo("10.0.0.1", "192.0.2.9", 3, flow.SrcInternal)}, "", "", 0, 0},
		"to all of the network at once": {[]flow.Record{echo("10.0.0.1", "224.0.0.1", 8, flow.SrcInternal)}, "", "", 0, 0},
	} {
		tr := newTracker(t, nil)
		feed(tr, t0, nil, c.recs...)
		all := talksOf(tr)
		if c.device == "" {
			if len(all) != 0 {
				t.Errorf("%s: %d talks, want none", name, len(all))
			}
			continue
		}
		if len(all) != 1 {
			t.Errorf("%s: %d talks, want one", name, len(all))
			continue
		}
		x, s := all[0], all[0].Sums(t0)
		if tr.dev.at(x.dev).addr != addr(c.device) || x.Peer != addr(c.got) || s.Bytes != [2]uint64{In: c.in, Out: c.out} {
			t.Errorf("%s: device %v, peer %v, %+v", name, tr.dev.at(x.dev).addr, x.Peer, s)
		}
	}
}

// The hour before the running one still counts, older ones do not.
func TestTalkHours(t *testing.T) {
	tr := newTracker(t, nil)
	feed(tr, t0+2*3600+10, nil, question(t0, 10, 1000), question(t0+3600, 20, 2000), question(t0+2*3600, 40, 4000))
	x := talksOf(tr)[0]
	if s := x.Sums(t0 + 2*3600); s.Packets[Out] != 60 {
		t.Errorf("%d packets in two hours, want 60", s.Packets[Out])
	}
	if s := x.Sums(t0 + 3*3600); s.Packets[Out] != 40 {
		t.Errorf("%d packets an hour later, want 40", s.Packets[Out])
	}
}

// A device that asks millions of servers has its bound, pushes no tunnel out, and what
// it costs is counted; one that is forgotten leaves nothing behind.
func TestTalksOfMillions(t *testing.T) {
	const servers = 300_000
	tr := newTracker(t, func(c *Config) { c.MaxTalks, c.MaxDevices = 4096, 4 })
	tunnel := question(t0, 200, 200*250)
	tunnel.Src, tunnel.Dst = addr("10.0.0.9"), addr("192.0.2.66")
	b := flow.NewBatch(1)
	b.Append(&tunnel)
	tr.Add(b, 0, 1, nil)
	for i := range servers {
		r := question(t0, 1, 60)
		r.Dst = flow.AddrFrom4([4]byte{200, byte(i >> 16), byte(i >> 8), byte(i)})
		b.Reset()
		b.Append(&r)
		tr.Add(b, 0, 1, nil)
	}
	dev := tr.dev.at(tr.dev.find(tr.cfg.Seed.Hash(&tunnel.Src), &tunnel.Src))
	other := tr.dev.at(talksOf(tr)[0].dev)
	if dev.talks != 1 {
		t.Errorf("the tunnel has %d talks, want 1", dev.talks)
	}
	if other == dev {
		other = tr.dev.at(talksOf(tr)[1].dev)
	}
	if n := tr.Counts().Talks; n > talksPerDevice+1 || other.talks > talksPerDevice || int(other.talks)+1 != n {
		t.Errorf("%d talks, %d of the device; at most %d", n, other.talks, talksPerDevice)
	}
	if l := tr.Losses(); l.TalksForgotten+l.TalksRefused != servers-uint64(other.talks) {
		t.Errorf("lost %d and %d of %d", l.TalksForgotten, l.TalksRefused, servers)
	}
	if n := len(tr.talks.busy); n > len(tr.talks.all) {
		t.Errorf("%d places are listed, of %d", n, len(tr.talks.all))
	}
	if tr.talks.askers != 2 {
		t.Errorf("%d devices ask, want 2", tr.talks.askers)
	}
	tr.dropDevice(tr.dev.find(tr.cfg.Seed.Hash(&tunnel.Src), &tunnel.Src))
	if tr.talks.askers != 1 {
		t.Errorf("%d devices ask after one was forgotten, want 1", tr.talks.askers)
	}
	feed(tr, t0+4*3600, nil)
	if n := tr.Counts().Talks; n != 0 || tr.talks.askers != 0 || tr.talks.peers.n != 0 {
		t.Errorf("after hours of silence %d talks, %d askers, %d servers", n, tr.talks.askers, tr.talks.peers.n)
	}
}

// Booking allocates nothing once the table is there.
func TestTalksAllocateNothing(t *testing.T) {
	tr := newTracker(t, nil)
	r := question(t0, 1, 60)
	b := flow.NewBatch(1)
	b.Append(&r)
	tr.Add(b, 0, 1, nil)
	if n := testing.AllocsPerRun(100, func() { tr.Add(b, 0, 1, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
