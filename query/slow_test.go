// SPDX-License-Identifier: Apache-2.0

package query

import (
	"net/netip"
	"time"

	"tidewatch/flow"
)

// slow says whether a record matches, the obvious way: one record, one rule after
// the other, no spans, no bitmaps.
func slow(n *node, r *flow.Record, exporter netip.Addr) bool {
	switch n.op {
	case opAnd:
		for _, p := range n.parts {
			if !slow(p, r, exporter) {
				return false
			}
		}
		return true
	case opOr:
		for _, p := range n.parts {
			if slow(p, r, exporter) {
				return true
			}
		}
		return false
	case opNot:
		return !slow(n.parts[0], r, exporter)
	case opTest:
	}
	compare, any := n.compare, false
	if compare == "!=" {
		compare = "="
	}
	for i := range n.values {
		v := &n.values[i]
		switch n.field.name {
		case "src":
			any = any || inside(v, r.Src)
		case "dst":
			any = any || inside(v, r.Dst)
		case "host":
			any = any || inside(v, r.Src) || inside(v, r.Dst)
		case "exporter":
			any = any || inside(v, flow.AddrFrom(exporter))
		case "flags":
			any = any || flagsCompare(compare, uint64(r.TCPFlags), v.low)
		case "port":
			any = any || holds(compare, uint64(r.SrcPort), v) || holds(compare, uint64(r.DstPort), v)
		case "as":
			any = any || holds(compare, uint64(r.SrcAS), v) || holds(compare, uint64(r.DstAS), v)
		default:
			any = any || holds(compare, number1(n.field.name, r), v)
		}
	}
	return any != (n.compare == "!=")
}

func number1(name string, r *flow.Record) uint64 {
	switch name {
	case "src_port":
		return uint64(r.SrcPort)
	case "dst_port":
		return uint64(r.DstPort)
	case "proto":
		return uint64(r.Proto)
	case "bytes":
		return r.Bytes
	case "packets":
		return r.Packets
	case "duration":
		if r.End < r.Start {
			return 0
		}
		return uint64(time.Duration(r.End - r.Start).Nanoseconds())
	case "input":
		return uint64(r.InIf)
	case "output":
		return uint64(r.OutIf)
	case "src_as":
		return uint64(r.SrcAS)
	case "dst_as":
		return uint64(r.DstAS)
	case "direction":
		in, out := r.Mark&flow.DstInternal != 0, r.Mark&flow.SrcInternal != 0
		switch {
		case in && out:
			return uint64(Internal)
		case in:
			return uint64(In)
		case out:
			return uint64(Out)
		}
		return uint64(External)
	}
	panic(name)
}

func holds(compare string, have uint64, v *value) bool {
	switch compare {
	case "<":
		return have < v.low
	case "<=":
		return have <= v.low
	case ">":
		return have > v.low
	case ">=":
		return have >= v.low
	}
	return v.low <= have && have <= v.high
}

func flagsCompare(compare string, have, want uint64) bool {
	switch compare {
	case "<":
		return have|want == want && have != want
	case "<=":
		return have|want == want
	case ">":
		return have&want == want && have != want
	case ">=":
		return have&want == want
	}
	return have == want
}

func inside(v *value, packed flow.Addr) bool {
	a := packed.Netip()
	if v.until.IsValid() {
		low := v.prefix.Addr()
		return a.Is4() == low.Is4() && !a.Less(low) && !v.until.Less(a)
	}
	return v.prefix.Contains(a)
}
