// SPDX-License-Identifier: Apache-2.0

package window

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"testing"

	"tidewatch/flow"
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, s := range texts {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// An address belongs to the most specific network, and that to those around it.
func TestNetworks(t *testing.T) {
	n := NewNetworks(prefixes("10.1.0.0/16", "10.0.0.0/8", "2001:db8::/32", "10.1.2.0/24", "10.0.0.0/8", "2001:db8:0:7::/64"))
	if n.Len() != 6 {
		t.Fatalf("%d networks", n.Len())
	}
	for addr, want := range map[string][]string{
		"10.1.2.3":            {"10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8", "::/0"},
		"10.1.3.3":            {"10.1.0.0/16", "10.0.0.0/8", "::/0"},
		"10.9.9.9":            {"10.0.0.0/8", "::/0"},
		"192.168.1.1":         {"::/0"},
		"2001:db8:0:7::1":     {"2001:db8:0:7::/64", "2001:db8::/32", "::/0"},
		"2001:db8:0:8::1":     {"2001:db8::/32", "::/0"},
		"fc00::1":             {"::/0"},
		"::ffff:10.1.2.3":     {"10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8", "::/0"},
		"2001:db9:ffff::ffff": {"::/0"},
	} {
		a := flow.AddrFrom(netip.MustParseAddr(addr))
		i := int(n.of(&a))
		first := i
		for k, p := range want {
			if n.Prefix(i).String() != p || !n.Within(first, i) || k > 0 && n.Within(i, first) {
				t.Errorf("%s: network %d around it is %s, want %s", addr, k, n.Prefix(i), p)
			}
			i = n.Parent(i)
		}
	}
	var none *Networks
	if a := (flow.Addr{}); none.Len() != 1 || none.of(&a) != 0 {
		t.Error("without networks there is more than the site")
	}
	many := make([]netip.Prefix, 1000)
	for i := range many {
		many[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
	}
	if got := NewNetworks(many).Len(); got != MaxNetworks+1 {
		t.Errorf("%d networks are summed", got)
	}
}

// totalsOf plays minutes into trackers that share the devices and returns the totals.
func totalsOf(t *testing.T, shards int, layout *Networks, minutes int64, book func(minute int64) []flow.Record) (*NetworkTotals, []*Window) {
	t.Helper()
	trackers := make([]*Tracker, shards)
	windows := make([]*Window, shards)
	for i := range trackers {
		cfg := DefaultConfig()
		cfg.Networks = layout
		var err error
		if trackers[i], err = New(&cfg); err != nil {
			t.Fatal(err)
		}
		trackers[i].Jump(t0)
	}
	totals := NewNetworkTotals(layout)
	for m := range minutes {
		b := flow.NewBatch(64)
		for _, r := range book(m) {
			b.Append(&r)
		}
		for i, tr := range trackers {
			for tr.Now() < t0+60*m+59 {
				tr.Tick()
				tr.Next(t0 + 60*m + 59)
			}
			tr.Add(b, 0, b.Len(), func(h uint64) bool { return shards == 1 || int(h>>40)%shards == i })
			windows[i] = tr.Tick()
		}
		if !windows[0].Minute {
			t.Fatal("no minute's end")
		}
		totals.Close(windows)
		if m < minutes-1 {
			for _, tr := range trackers {
				tr.Next(tr.Now() + 1)
			}
		}
	}
	return totals, windows
}

// A network is the sum of its devices: of their last five closed minutes and of the
// hour, with what was exported late; a flow inside counts once in each direction. It
// does not matter how many shards share the devices.
func TestNetworkTotals(t *testing.T) {
	layout := NewNetworks(prefixes("10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"))
	a, b, c := flow.AddrFrom4([4]byte{10, 1, 0, 1}), flow.AddrFrom4([4]byte{10, 1, 0, 2}), flow.AddrFrom4([4]byte{10, 2, 0, 1})
	outside := flow.AddrFrom4([4]byte{203, 0, 113, 1})
	at := func(m int64, src, dst flow.Addr, mark flow.Mark, bytes uint64, lasts int64) flow.Record {
		end := (t0+60*m)*1e9 + 30e9
		return flow.Record{
			Received: end, End: end, Start: end - lasts*1e9, Src: src, Dst: dst, Mark: mark, Proto: flow.ProtoUDP, Packets: 1, Bytes: bytes, Sampling: 1,
		}
	}
	for _, shards := range []int{1, 3} {
		totals, windows := totalsOf(t, shards, layout, 40, func(m int64) []flow.Record {
			out := []flow.Record{
				at(m, a, outside, flow.SrcInternal, 1000, 0),
				at(m, a, b, flow.SrcInternal|flow.DstInternal, 100, 0),
				at(m, outside, c, flow.DstInternal, 10, 0),
			}
			if m == 20 {
				out = append(out, at(m, b, outside, flow.SrcInternal, 1_000_000, 0))
			}
			if m == 39 { // half an hour late
				out = append(out, at(m, c, outside, flow.SrcInternal, 30_000, 29*60))
			}
			return out
		})
		for i, want := range map[string]NetworkTotal{
			"10.1.0.0/16": {
				Five: Sums{Bytes: [2]uint64{In: 500, Out: 5500}}, Hour: Sums{Bytes: [2]uint64{In: 3800, Out: 1_041_800}}, Peak5: Sums{Bytes: [2]uint64{In: 500, Out: 1_005_500}},
			},
			"10.2.0.0/16": {
				Five: Sums{Bytes: [2]uint64{In: 50, Out: 5000}}, Hour: Sums{Bytes: [2]uint64{In: 380, Out: 28_000}}, Peak5: Sums{Bytes: [2]uint64{In: 50, Out: 5000}},
			},
			"::/0": {
				Five: Sums{Bytes: [2]uint64{In: 550, Out: 10_500}}, Hour: Sums{Bytes: [2]uint64{In: 4180, Out: 1_069_800}}, Peak5: Sums{Bytes: [2]uint64{In: 550, Out: 1_005_500}},
			},
		} {
			for k := range totals.Len() {
				if got := totals.Total(k); totals.Prefix(k).String() == i &&
					(got.Five.Bytes != want.Five.Bytes || got.Hour.Bytes != want.Hour.Bytes || got.Peak5.Bytes != want.Peak5.Bytes) {
					t.Errorf("%d shards, %s: %+v, want %+v", shards, i, *got, want)
				}
			}
		}
		if *totals.Total(0) != *totals.Total(1) {
			t.Errorf("%d shards: the site is %+v, all of it %+v", shards, *totals.Total(0), *totals.Total(1))
		}
		if n := testing.AllocsPerRun(20, func() { totals.Close(windows) }); n != 0 {
			t.Errorf("a minute allocates %v times", n)
		}
	}
}

// The peaks of a running hour are in a checkpoint; one without them, as earlier
// versions wrote it, is read all the same.
func TestNetworkCheckpoint(t *testing.T) {
	layout := NewNetworks(prefixes("10.1.0.0/16", "2001:db8::/32"))
	totals, windows := totalsOf(t, 1, layout, 20, func(m int64) []flow.Record {
		end := (t0 + 60*m + 30) * 1e9
		return []flow.Record{{
			Received: end, End: end, Start: end, Src: flow.AddrFrom4([4]byte{10, 1, 0, 1}), Mark: flow.SrcInternal, Packets: 1, Bytes: uint64(1000 - m), Sampling: 1,
		}}
	})
	tr := windows[0].t
	data := Checkpoint(nil, totals, tr)
	fresh := NewNetworkTotals(NewNetworks(prefixes("10.1.0.0/16", "10.2.0.0/16")))
	if err := fresh.Resume(data); err != nil {
		t.Fatal(err)
	}
	for i := range fresh.Len() {
		want := Sums{}
		if fresh.Prefix(i).String() != "10.2.0.0/16" {
			want = totals.Total(0).Peak5
		}
		if got := fresh.Total(i).Peak5; got != want {
			t.Errorf("%s: %+v, want %+v", fresh.Prefix(i), got, want)
		}
	}
	if err := fresh.Resume(data[:len(data)-1]); err == nil {
		t.Error("a damaged checkpoint is read")
	}
	for _, data := range [][]byte{data, asVersion1(t, Checkpoint(nil, nil, tr))} {
		next := newTracker(t, nil)
		if now, err := next.Resume(data, nil); err != nil || now != tr.Now() || next.Counts().Devices != 1 {
			t.Errorf("version %d: %v, second %d, %d devices", data[0], err, now, next.Counts().Devices)
		}
		if err := NewNetworkTotals(layout).Resume(data); err != nil {
			t.Errorf("version %d: %v", data[0], err)
		}
	}
}

// asVersion1 takes the empty list of networks out of a checkpoint.
func asVersion1(t *testing.T, data []byte) []byte {
	t.Helper()
	_, n := binary.Uvarint(data[1:])
	if data[1+n] != 0 {
		t.Fatal("there are networks in it")
	}
	old := append([]byte{1}, data[1:1+n]...)
	old = append(old, data[2+n:len(data)-4]...)
	return binary.BigEndian.AppendUint32(old, crc32.Checksum(old, castagnoli))
}
