// SPDX-License-Identifier: Apache-2.0

package query

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

// addrs are few, so that filters hit, and lie at the edges of prefixes.
func addrs() []string {
	return []string{
		"10.0.0.0", "10.0.0.1", "10.0.0.255", "10.0.1.0", "10.255.255.255", "11.0.0.0", "192.0.2.7", "0.0.0.0", "255.255.255.255",
		"::", "::1", "2001:db8::", "2001:db8::1", "2001:db8:0:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "::fffe:ffff:ffff", "::1:0:0:0",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	}
}

func numbers() []uint64 {
	return []uint64{0, 1, 2, 6, 17, 25, 80, 255, 443, 1000, 1500, 8000, 65535, 1e6, 1<<32 - 1, 15e8, 60e9, 1 << 50}
}

func genRecord(t *rapid.T) flow.Record {
	n := func(name string) uint64 { return rapid.SampledFrom(numbers()).Draw(t, name) }
	a := func(name string) flow.Addr {
		return flow.AddrFrom(netip.MustParseAddr(rapid.SampledFrom(addrs()).Draw(t, name)))
	}
	return flow.Record{
		Start: 1e18, End: 1e18 + int64(n("duration")) - 2, Src: a("src"), Dst: a("dst"),
		SrcPort: uint16(n("sport")), DstPort: uint16(n("dport")), Proto: uint8(n("proto")), TCPFlags: uint8(n("flags")),
		Mark:  rapid.SampledFrom([]flow.Mark{0, flow.SrcInternal, flow.DstInternal, flow.SrcInternal | flow.DstInternal}).Draw(t, "mark"),
		Bytes: n("bytes"), Packets: n("packets"), Exporter: uint32(rapid.IntRange(0, len(addrs())-1).Draw(t, "exporter")),
		InIf: uint32(n("in")), OutIf: uint32(n("out")), SrcAS: uint32(n("src as")), DstAS: uint32(n("dst as")),
	}
}

// genFilter writes a filter as people might: any nesting, any spacing.
func genFilter(t *rapid.T, depth int) string {
	switch what := rapid.IntRange(0, 6).Draw(t, "what"); {
	case depth > 3 || what < 3:
		return genTest(t)
	case what == 3:
		return "NOT " + genFilter(t, depth+1)
	case what == 4:
		return "( " + genFilter(t, depth+1) + ")"
	case what == 5:
		return genFilter(t, depth+1) + " and\n" + genFilter(t, depth+1)
	}
	return genFilter(t, depth+1) + " or " + genFilter(t, depth+1)
}

func genTest(t *rapid.T) string {
	f := rapid.SampledFrom(fields()).Draw(t, "field")
	ops := []string{"=", "!=", " in "}
	if f.ordered() {
		ops = append(ops, "<", "<=", ">", ">=")
	}
	op := rapid.SampledFrom(ops).Draw(t, "op")
	if op != " in " {
		return f.name + op + genValue(t, &f)
	}
	var list []string
	for range rapid.IntRange(1, 4).Draw(t, "values") {
		v := genValue(t, &f)
		if f.ranges() && !strings.Contains(v, "/") && rapid.Bool().Draw(t, "range") {
			if both := v + ".." + genValue(t, &f); accepted(f.name + " in (" + both + ")") {
				v = both
			}
		}
		list = append(list, v)
	}
	return f.name + op + "(" + strings.Join(list, ",") + ")"
}

func accepted(text string) bool {
	_, err := Parse(text)
	return err == nil
}

func genValue(t *rapid.T, f *field) string {
	if f.kind != kindAddr {
		n := rapid.SampledFrom(numbers()).Draw(t, "value")
		for f.max < n {
			n /= 3
		}
		return f.print(n)
	}
	a := netip.MustParseAddr(rapid.SampledFrom(addrs()).Draw(t, "address"))
	if !rapid.Bool().Draw(t, "prefix") {
		return a.String()
	}
	return netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits")).Masked().String()
}

// What a filter matches column by column is what it says record by record, and
// least and largest values never promise what is not so.
func TestMatchIsWhatTheFilterSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := genFilter(t, 0)
		f, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		batch := &flow.Batch{}
		for range rapid.IntRange(1, 130).Draw(t, "rows") {
			r := genRecord(t)
			batch.Append(&r)
		}
		exporter := func(i uint32) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(addrs()[i])) }
		m, n := f.Compile(), batch.Len()
		out, matched := make([]uint64, Words(n)), 0
		if err := m.Match(&batchRows{batch, exporter}, n, out, &Scratch{}); err != nil {
			t.Fatal(err)
		}
		for i := range 64 * len(out) {
			got, want := out[i/64]>>(i%64)&1 == 1, false
			if i < n {
				r := batch.Record(i)
				want = slow(f.root, &r, exporter(r.Exporter).Netip())
			}
			if got != want {
				t.Fatalf("%s: row %d: %v, want %v", text, i, got, want)
			}
			if got {
				matched++
			}
		}
		switch v := m.Judge(zonesOf{batch, exporter}); {
		case v == None && matched > 0, v == All && matched < n:
			t.Fatalf("%s: %d of %d rows match, but the verdict is %d", text, matched, n, v)
		}
	})
}

// zonesOf knows least and largest values of a batch.
type zonesOf struct {
	*flow.Batch

	exporter func(uint32) flow.Addr
}

func (z zonesOf) Judge(t *Test) Verdict {
	var low, high uint64
	var lowAddr, highAddr flow.Addr
	for i := range z.Len() {
		r := z.Record(i)
		v, a := uint64(0), flow.Addr{}
		switch t.Column {
		case ColSrc:
			a = r.Src
		case ColDst:
			a = r.Dst
		case ColExporter:
			a = z.exporter(r.Exporter)
		default:
			v = number1(map[Column]string{
				ColSrcPort: "src_port", ColDstPort: "dst_port", ColProto: "proto", ColBytes: "bytes", ColPackets: "packets",
				ColDuration: "duration", ColTCPFlags: "proto", ColInIf: "input", ColOutIf: "output", ColSrcAS: "src_as",
				ColDstAS: "dst_as", ColDirection: "direction",
			}[t.Column], &r)
		}
		if i == 0 {
			low, high, lowAddr, highAddr = v, v, a, a
		}
		low, high = min(low, v), max(high, v)
		if bytes.Compare(a[:], lowAddr[:]) < 0 {
			lowAddr = a
		}
		if bytes.Compare(a[:], highAddr[:]) > 0 {
			highAddr = a
		}
	}
	if len(t.addrs) > 0 {
		return t.BetweenAddr(&lowAddr, &highAddr)
	}
	return t.Between(low, high)
}

// Printing a filter and reading it again changes nothing.
func TestNormalFormOfAnyFilter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := genFilter(t, 0)
		f, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		again, err := Parse(f.String())
		if err != nil || again.String() != f.String() || fmt.Sprint(tree(again.root)) != fmt.Sprint(tree(f.root)) {
			t.Fatalf("%q became %q, then %q (%v)", text, f.String(), again.String(), err)
		}
	})
}

// tree writes a filter with all parentheses.
func tree(n *node) string {
	if n == nil {
		return "all"
	}
	if n.op == opTest {
		return fmt.Sprint(n.field.name, n.compare, n.values)
	}
	var parts []string
	for _, p := range n.parts {
		parts = append(parts, tree(p))
	}
	return fmt.Sprint("(", n.op, parts, ")")
}

// A column is read only when the parts before it leave something open.
func TestColumnsAreAskedForWhenNeeded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]Column{
		"proto = udp and src = 10.0.0.1":          {ColProto},
		"proto = tcp and src = 10.0.0.1":          {ColProto, ColSrc},
		"proto = tcp or dst_port = 1":             {ColProto},
		"not (proto = tcp or dst_port = 1)":       {ColProto},
		"bytes > 1k and (proto = 6 or proto = 7)": {ColBytes},
		"host = 10.0.0.1":                         {ColSrc},
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		b := &flow.Batch{}
		b.Append(&flow.Record{Proto: flow.ProtoTCP, Src: flow.AddrFrom4([4]byte{10, 0, 0, 1}), Bytes: 10})
		rows := &asked{batchRows: batchRows{Batch: b}}
		if err := f.Compile().Match(rows, 1, make([]uint64, 1), &Scratch{}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(rows.columns, want) {
			t.Errorf("%s asked for %v, want %v", text, rows.columns, want)
		}
	}
}

type asked struct {
	batchRows

	columns []Column
}

func (a *asked) Test(t *Test, out []uint64) error {
	a.columns = append(a.columns, t.Column)
	return a.batchRows.Test(t, out)
}
