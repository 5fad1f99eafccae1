// SPDX-License-Identifier: Apache-2.0

package query

import "tidewatch/flow"

// batchRows is a batch of enriched flows as Rows; exporter gives the address of an
// exporter by its index.
type batchRows struct {
	*flow.Batch

	exporter func(index uint32) flow.Addr
}

// Test applies t to its column.
func (b *batchRows) Test(t *Test, out []uint64) error {
	clear(out)
	switch t.Column {
	case ColSrc:
		testAddrs(t, b.Src, out)
	case ColDst:
		testAddrs(t, b.Dst, out)
	case ColSrcPort:
		testValues(t, b.SrcPort, out)
	case ColDstPort:
		testValues(t, b.DstPort, out)
	case ColProto:
		testValues(t, b.Proto, out)
	case ColBytes:
		testValues(t, b.Bytes, out)
	case ColPackets:
		testValues(t, b.Packets, out)
	case ColTCPFlags:
		testValues(t, b.TCPFlags, out)
	case ColInIf:
		testValues(t, b.InIf, out)
	case ColOutIf:
		testValues(t, b.OutIf, out)
	case ColSrcAS:
		testValues(t, b.SrcAS, out)
	case ColDstAS:
		testValues(t, b.DstAS, out)
	case ColDuration:
		for i := range b.Start {
			set(out, i, t.Value(DurationOf(b.Start[i], b.End[i])))
		}
	case ColDirection:
		for i, m := range b.Mark {
			set(out, i, t.Value(uint64(DirectionOf(m))))
		}
	case ColExporter:
		for i, index := range b.Exporter {
			a := b.exporter(index)
			set(out, i, t.Addr(&a))
		}
	case NumColumns:
	}
	return nil
}

// testValues sets the bits of the values that pass; out is clear before.
func testValues[T uint8 | uint16 | uint32 | uint64](t *Test, values []T, out []uint64) {
	for i, v := range values {
		set(out, i, t.Value(uint64(v)))
	}
}

// testAddrs sets the bits of the addresses that pass; out is clear before.
func testAddrs(t *Test, addrs []flow.Addr, out []uint64) {
	for i := range addrs {
		set(out, i, t.Addr(&addrs[i]))
	}
}

func set(out []uint64, i int, yes bool) {
	if yes {
		out[i/64] |= 1 << (i % 64)
	}
}
