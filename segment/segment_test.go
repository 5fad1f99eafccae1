// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tidewatch/flow"
)

// exporterAddr gives exporters of tests an address.
func exporterAddr(i uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
}

// traffic makes n flows of a minute, every third over IPv6, slightly out of order.
func traffic(seed uint64, n int) *flow.Batch {
	rnd := rand.New(rand.NewPCG(seed, 1))
	b := flow.NewBatch(n)
	for i := range n {
		at := int64(1_700_000_000_000_000_000) + int64(i)*60_000_000_000/int64(n) - rnd.Int64N(3_000_000)
		length := rnd.Int64N(30_000) * 1_000_000
		r := flow.Record{
			Received: at, Start: at - length - 1_000_000, End: at - 1_000_000,
			Src: flow.AddrFrom4([4]byte{10, 0, 0, byte(rnd.IntN(200))}), Dst: flow.AddrFrom4([4]byte{198, 51, 100, byte(rnd.IntN(250))}),
			SrcPort: uint16(1024 + rnd.IntN(60000)), DstPort: 443, Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK,
			Mark: flow.SrcInternal, Bytes: uint64(1000 * rnd.IntN(1_000_000)), Packets: uint64(1000 * (1 + rnd.IntN(100))), Sampling: 1000,
			Exporter: uint32(rnd.IntN(3)), InIf: 3, OutIf: uint32(rnd.IntN(5)), SrcAS: 64500, DstAS: uint32(64500 + rnd.IntN(100)),
		}
		if i%3 == 0 {
			r.Src, r.Dst = flow.AddrFrom(netip.MustParseAddr("2001:db8::1")), flow.Addr{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 15: byte(rnd.IntN(256))}
		}
		b.Append(&r)
	}
	return b
}

func write(tb testing.TB, batches ...*flow.Batch) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, exporterAddr)
	for _, b := range batches {
		if err := w.Append(b); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func open(tb testing.TB, data []byte) *File {
	tb.Helper()
	f, err := Open("test.parquet", bytes.NewReader(data), int64(len(data)))
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func scanner(tb testing.TB) *Scanner {
	tb.Helper()
	s, err := NewScanner()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// records reads all rows, with the exporter's last byte as its number.
func records(tb testing.TB, f *File) []flow.Record {
	tb.Helper()
	x := NewExporters()
	r := NewReader(f, scanner(tb), x)
	b := flow.NewBatch(0)
	for {
		_, err := r.Read(b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	out := make([]flow.Record, b.Len())
	for i := range out {
		out[i] = b.Record(i)
		a := x.Addr(out[i].Exporter)
		out[i].Exporter = uint32(a[15])
	}
	return out
}

func rows(b *flow.Batch) []flow.Record {
	out := make([]flow.Record, b.Len())
	for i := range out {
		out[i] = b.Record(i)
	}
	return out
}

func same(tb testing.TB, want, got []flow.Record) {
	tb.Helper()
	if len(want) != len(got) {
		tb.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		if want[i] != got[i] {
			tb.Fatalf("row %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

// Every field of every flow comes back, in the order in which it was written.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"one flow": 1, "several reads": 10_000, "several row groups": GroupRows + 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := traffic(1, n)
			f := open(t, write(t, b))
			if f.Rows() != int64(n) || f.Version() != Version {
				t.Errorf("%d rows of version %d", f.Rows(), f.Version())
			}
			same(t, rows(b), records(t, f))
		})
	}
}

// Values at the ends of their ranges and times without sense come back as they were.
func TestRoundTripExtremes(t *testing.T) {
	t.Parallel()
	b := flow.NewBatch(2)
	full := flow.Addr(slices.Repeat([]byte{0xff}, 16))
	b.Append(&flow.Record{
		Received: -1 << 63, Start: 1<<63 - 1, End: -1 << 63, Src: full, Dst: full, SrcPort: 65535, DstPort: 65535, Proto: 255, TCPFlags: 255,
		Mark: 0xffff, Bytes: 1<<64 - 1, Packets: 1<<64 - 1, Sampling: 1<<32 - 1, Exporter: 255, InIf: 1<<32 - 1, OutIf: 1<<32 - 1, SrcAS: 1<<32 - 1, DstAS: 1<<32 - 1,
	})
	b.Append(&flow.Record{Received: 1<<63 - 1, Sampling: 1})
	same(t, rows(b), records(t, open(t, write(t, b))))
}

// A query reads only the columns it needs, and skips row groups by their bounds.
func TestColumns(t *testing.T) {
	t.Parallel()
	b := traffic(2, GroupRows+GroupRows/2)
	want := rows(b)
	f := open(t, write(t, b))
	if len(f.Groups()) != 2 {
		t.Fatalf("%d row groups", len(f.Groups()))
	}
	if first, last, ok := f.Times(); !ok || first != slices.Min(b.Received) || last != slices.Max(b.Received) {
		t.Errorf("times %d to %d (%v), want %d to %d", first, last, ok, slices.Min(b.Received), slices.Max(b.Received))
	}
	s, at := scanner(t), 0
	var dst Addrs
	var ports []uint32
	var volume []int64
	for i := range f.Groups() {
		g := &f.Groups()[i]
		var err error
		if err = s.Addrs(g, Dst, &dst); err != nil {
			t.Fatal(err)
		}
		if ports, err = s.Small(g, SrcPort, ports); err != nil {
			t.Fatal(err)
		}
		if volume, err = s.Wide(g, Bytes, volume); err != nil {
			t.Fatal(err)
		}
		if len(dst.Index) != g.Rows() || len(ports) != g.Rows() || len(volume) != g.Rows() {
			t.Fatalf("group %d: %d, %d and %d values for %d rows", i, len(dst.Index), len(ports), len(volume), g.Rows())
		}
		bounds(t, g, ports)
		if lo, hi, ok := g.Wide(Received); !ok || lo != slices.Min(b.Received[at:][:g.Rows()]) || hi != slices.Max(b.Received[at:][:g.Rows()]) {
			t.Errorf("group %d: received %d to %d (%v)", i, lo, hi, ok)
		}
		for row := range g.Rows() {
			w := &want[at+row]
			if dst.Dict[dst.Index[row]] != w.Dst || ports[row] != uint32(w.SrcPort) || uint64(volume[row]) != w.Bytes {
				t.Fatalf("group %d row %d differs from %+v", i, row, w)
			}
		}
		at += g.Rows()
	}
}

func bounds(t *testing.T, g *Group, ports []uint32) {
	t.Helper()
	if lo, hi, ok := g.Small(SrcPort); !ok || lo != slices.Min(ports) || hi != slices.Max(ports) {
		t.Errorf("ports %d to %d (%v), want %d to %d", lo, hi, ok, slices.Min(ports), slices.Max(ports))
	}
	if lo, hi, ok := g.Addrs(Src); !ok || lo.IsZero() || bytes.Compare(lo[:], hi[:]) >= 0 {
		t.Errorf("sources %v to %v (%v)", lo, hi, ok)
	}
}

// A column read as what it is not is an error, no nonsense.
func TestColumnOfAnotherKind(t *testing.T) {
	t.Parallel()
	f := open(t, write(t, traffic(1, 10)))
	if _, err := scanner(t).Small(&f.Groups()[0], Bytes, nil); err == nil {
		t.Error("bytes were read as small numbers")
	}
}

// What enrich did can be undone, whatever the rate, also where it cut a volume.
func TestExported(t *testing.T) {
	t.Parallel()
	const cut = 1 << 50
	b := flow.NewBatch(3)
	for _, r := range []flow.Record{
		{Bytes: 1500 * 1000, Packets: 1000, Sampling: 1000, Mark: flow.SrcInternal | flow.Duplicate | flow.NoTime},
		{Bytes: cut, Packets: 7, Sampling: 3},
		{Bytes: 5, Packets: 0, Sampling: 1, Mark: flow.DstInternal | flow.Egress},
	} {
		b.Append(&r)
	}
	Exported(b, 0)
	if b.Bytes[0] != 1500 || b.Packets[0] != 1 || b.Mark[0] != flow.NoTime {
		t.Errorf("sampled: %+v", b.Record(0))
	}
	if b.Bytes[1]*3 < cut {
		t.Errorf("a cut volume is %d times 3, below the cut", b.Bytes[1])
	}
	if b.Bytes[2] != 5 || b.Mark[2] != flow.Egress {
		t.Errorf("unsampled: %+v", b.Record(2))
	}
}

// Every file cut short is refused, in one line that names it.
func TestCutOff(t *testing.T) {
	t.Parallel()
	data := write(t, traffic(1, 3000))
	for n := 0; n < len(data); n += 97 {
		_, err := Open("cut.parquet", bytes.NewReader(data[:n]), int64(n))
		if err == nil || !strings.Contains(err.Error(), "cut.parquet") || strings.Contains(err.Error(), "\n") {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

// Damage is found or harmless: rows are as written, or there is an error that
// names the file.
func TestDamage(t *testing.T) {
	t.Parallel()
	written := traffic(1, 3000)
	data, want := write(t, written), rows(written)
	rnd := rand.New(rand.NewPCG(7, 7))
	s, found := scanner(t), 0
	for range 500 {
		bad := slices.Clone(data)
		bad[4+rnd.IntN(len(bad)-8)] ^= byte(1 + rnd.IntN(255))
		f, err := Open("bad.parquet", bytes.NewReader(bad), int64(len(bad)))
		if err == nil {
			_, err = NewReader(f, s, NewExporters()).Read(flow.NewBatch(0))
		}
		if err == nil {
			same(t, want, records(t, f))
			continue
		}
		found++
		if !strings.Contains(err.Error(), "bad.parquet") || strings.Contains(err.Error(), "\n") {
			t.Fatal(err)
		}
	}
	if found < 450 { // the rest hit what is not read: indexes of pages, names, bounds
		t.Errorf("only %d of 500 were found", found)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(write(f, traffic(1, 1)))
	f.Add(write(f, traffic(2, 300)))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open("fuzz", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		b := flow.NewBatch(0)
		r := NewReader(file, scanner(t), NewExporters())
		for {
			b.Reset()
			if _, err := r.Read(b); errors.Is(err, io.EOF) {
				return
			}
		}
	})
}
