// SPDX-License-Identifier: Apache-2.0

package query

import "tidewatch/flow"

// Batch is a batch of enriched flows as Rows. Exporter gives the address of an
// exporter by its index; nil gives none.
type Batch struct {
	*flow.Batch

	Exporter func(index uint32) flow.Addr
}

var _ Rows = (*Batch)(nil)

// Test applies t to its column.
func (b *Batch) Test(t *Test, out []uint64) error {
	clear(out)
	switch t.Column {
	case ColSrc:
		TestAddrs(t, b.Src, out)
	case ColDst:
		TestAddrs(t, b.Dst, out)
	case ColSrcPort:
		TestValues(t, b.SrcPort, out)
	case ColDstPort:
		TestValues(t, b.DstPort, out)
	case ColProto:
		TestValues(t, b.Proto, out)
	case ColBytes:
		TestValues(t, b.Bytes, out)
	case ColPackets:
		TestValues(t, b.Packets, out)
	case ColTCPFlags:
		TestValues(t, b.TCPFlags, out)
	case ColInIf:
		TestValues(t, b.InIf, out)
	case ColOutIf:
		TestValues(t, b.OutIf, out)
	case ColSrcAS:
		TestValues(t, b.SrcAS, out)
	case ColDstAS:
		TestValues(t, b.DstAS, out)
	case ColDuration:
		for i := range b.Start {
			set(out, i, t.Value(DurationOf(b.Start[i], b.End[i])))
		}
	case ColDirection:
		for i, m := range b.Mark {
			set(out, i, t.Value(uint64(DirectionOf(m))))
		}
	case ColExporter:
		for i, index := range b.Batch.Exporter {
			var a flow.Addr
			if b.Exporter != nil {
				a = b.Exporter(index)
			}
			set(out, i, t.Addr(&a))
		}
	case NumColumns:
	}
	return nil
}

// DurationOf is what ColDuration holds.
func DurationOf(start, end int64) uint64 { return uint64(max(end-start, 0)) }

// TestValues sets the bits of the values that pass; out is clear before.
func TestValues[T uint8 | uint16 | uint32 | uint64](t *Test, values []T, out []uint64) {
	for i, v := range values {
		set(out, i, t.Value(uint64(v)))
	}
}

// TestAddrs sets the bits of the addresses that pass; out is clear before.
func TestAddrs(t *Test, addrs []flow.Addr, out []uint64) {
	for i := range addrs {
		set(out, i, t.Addr(&addrs[i]))
	}
}

func set(out []uint64, i int, yes bool) {
	if yes {
		out[i/64] |= 1 << (i % 64)
	}
}
