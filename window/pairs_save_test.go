// SPDX-License-Identifier: Apache-2.0

package window

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	"tidewatch/flow"
)

// A restart loses neither the rhythm of connections nor the beginning of a long one,
// also when addresses are hashed by another seed, and for devices that were silent so
// long that the checkpoint does not hold them.
func TestPairsOverARestart(t *testing.T) {
	const calls = 40
	at := func(i int) int64 { return t0 + 600*int64(i) }
	for _, ip := range []string{"10.0.0.1", "fd00::1"} {
		var recs []flow.Record
		for i := range calls {
			r := call(at(i), uint16(40_000+i))
			r.Src = addr(ip)
			long := call(at(i), 39_999) // a piece of ten minutes
			long.Src, long.Dst, long.TCPFlags, long.End, long.Received = r.Src, addr("2001:db8::9"), flow.ACK, at(i+1)*1e9-1, at(i+1)*1e9-1
			recs = append(recs, r, long)
		}
		slices.SortStableFunc(recs, func(a, b flow.Record) int { return int(a.Received - b.Received) })
		cut := slices.IndexFunc(recs, func(r flow.Record) bool { return r.Received >= at(calls/2)*1e9-1 })

		whole := newTracker(t, nil)
		feed(whole, at(calls), nil, recs...)
		first := newTracker(t, nil)
		feed(first, at(calls/2)-2, nil, recs[:cut]...)
		second := newTracker(t, func(c *Config) { c.Seed = flow.Seed{7, 8} })
		if _, err := second.Resume(Checkpoint(nil, nil, first), nil); err != nil {
			t.Fatal(err)
		}
		data := first.AppendPairs(nil)
		if err := second.DecodePairs(data); err != nil {
			t.Fatal(err)
		}
		if again := second.AppendPairs(nil); !bytes.Equal(again, data) {
			t.Errorf("%s: %d bytes saved, %d after the restart", ip, len(data), len(again))
		}
		feed(second, at(calls), nil, recs[cut:]...)

		want, got := pairsOf(whole), pairsOf(second)
		if len(want) != 2 || len(got) != 2 {
			t.Fatalf("%s: %d pairs, without a restart %d; want 2", ip, len(got), len(want))
		}
		for i := range want {
			w, g := want[i], got[i]
			gaps, sizes := g.Starts(nil, nil)
			wantGaps, wantSizes := w.Starts(nil, nil)
			if g.Dest != w.Dest || g.Count() != w.Count() || !slices.Equal(gaps, wantGaps) || !slices.Equal(sizes, wantSizes) ||
				!slices.Equal(g.Hours(at(calls), nil), w.Hours(at(calls), nil)) || g.Longest() != w.Longest() {
				t.Errorf("%s: %+v, without a restart %+v", ip, g, w)
			}
		}
		if second.pairs.askers != 1 || second.pairs.since != first.pairs.since {
			t.Errorf("%s: %d devices ask, since %d; want 1 since %d", ip, second.pairs.askers, second.pairs.since, first.pairs.since)
		}
	}
}

// Since when pairs are followed is known over a restart also when none was worth it yet.
func TestSinceOverARestart(t *testing.T) {
	first := newTracker(t, nil)
	feed(first, t0+600, nil, call(t0, 40_000))
	second := newTracker(t, nil)
	if _, err := second.Resume(Checkpoint(nil, nil, first), nil); err != nil {
		t.Fatal(err)
	}
	if err := second.DecodePairs(first.AppendPairs(nil)); err != nil {
		t.Fatal(err)
	}
	feed(second, t0+700, nil, call(t0+650, 40_001))
	if got, want := second.pairs.since, first.pairs.since; got != want || want != t0 {
		t.Errorf("followed since %d, before the restart since %d; want %d", got, want, t0)
	}
}

// savedPairs is what a tracker with n pairs saves.
func savedPairs(tb testing.TB, n int) ([]byte, []byte) {
	tb.Helper()
	tr := newTracker(tb, nil)
	for i := range int64(4) {
		recs := make([]flow.Record, n)
		for k := range recs {
			recs[k] = call(t0+10*i, uint16(40_000+i))
			recs[k].Src, recs[k].Dst = addr4(10<<24+uint32(k/200)), addr4(192<<24+2<<8+uint32(k))
		}
		feed(tr, t0+10*i, nil, recs...)
	}
	return tr.AppendPairs(nil), Checkpoint(nil, nil, tr)
}

func addr4(n uint32) flow.Addr {
	var b [16]byte
	b[10], b[11] = 0xff, 0xff
	binary.BigEndian.PutUint32(b[12:], n)
	return b
}

// What does not fit is refused and counted; damaged bytes change nothing.
func TestPairsRefused(t *testing.T) {
	data, checkpoint := savedPairs(t, 1000)
	small := newTracker(t, func(c *Config) { c.MaxPairs = 100 })
	if _, err := small.Resume(checkpoint, nil); err != nil {
		t.Fatal(err)
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0x40
		if small.DecodePairs(bad) == nil || small.DecodePairs(data[:i]) == nil {
			t.Fatalf("damaged byte %d went unnoticed", i)
		}
	}
	if len(pairsOf(small)) != 0 {
		t.Error("damaged pairs were taken up")
	}
	if err := small.DecodePairs(data); err != nil || len(pairsOf(small)) != 100 || small.losses.PairsRefused != 900 {
		t.Errorf("%v: %d pairs, %d refused; want 100 and 900", err, len(pairsOf(small)), small.losses.PairsRefused)
	}
}

func FuzzDecodePairs(f *testing.F) {
	data, checkpoint := savedPairs(f, 3)
	f.Add(data[1 : len(data)-4])
	f.Fuzz(func(t *testing.T, body []byte) {
		in := append([]byte{pairsVersion}, body...)
		in = binary.BigEndian.AppendUint32(in, crc32.Checksum(in, castagnoli))
		tr := newTracker(t, func(c *Config) { c.MaxPairs, c.MaxDevices = 64, 100 })
		if _, err := tr.Resume(checkpoint, nil); err != nil {
			t.Fatal(err)
		}
		if tr.DecodePairs(in) == nil {
			feed(tr, t0+100, nil, call(t0+60, 40_000), call(t0+70, 40_001), call(t0+80, 40_002))
			tr.AppendPairs(nil)
		}
	})
}

// BenchmarkSavePairs is how long a full table holds the engine up once an hour.
func BenchmarkSavePairs(b *testing.B) {
	data, _ := savedPairs(b, DefaultConfig().MaxPairs)
	tr := newTracker(b, nil)
	if err := tr.DecodePairs(data); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		data = tr.AppendPairs(data[:0])
	}
}
