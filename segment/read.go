// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"io"

	"tidewatch/flow"
)

// readRows is how many rows one Read hands out at most.
const readRows = 4096

// Reader hands out the rows of a file in order, as they were counted.
type Reader struct {
	file      *File
	scan      *Scanner
	exporters *Exporters
	next      int // row group to be read
	at        int // row of the current group
	rows      int // of the current group
	wide      [NumColumns][]int64
	small     [NumColumns][]uint32
	addrs     [NumColumns]Addrs
	numbers   []uint32 // of the exporters in the dictionary of the group
}

// Exporters numbers the exporters of files that are read one after the other.
type Exporters struct {
	number map[flow.Addr]uint32
	addrs  []flow.Addr
}

// NewExporters numbers from 0.
func NewExporters() *Exporters { return &Exporters{number: map[flow.Addr]uint32{}} }

// Len is how many there are.
func (x *Exporters) Len() int { return len(x.addrs) }

// Addr is the address behind a number.
func (x *Exporters) Addr(i uint32) flow.Addr { return x.addrs[i] }

func (x *Exporters) of(a flow.Addr) uint32 {
	n, ok := x.number[a]
	if !ok {
		n = uint32(len(x.addrs))
		x.addrs = append(x.addrs, a)
		x.number[a] = n
	}
	return n
}

// NewReader reads f with s and numbers the exporters by x.
func NewReader(f *File, s *Scanner, x *Exporters) *Reader {
	return &Reader{file: f, scan: s, exporters: x}
}

// Read appends some thousand rows to b and returns their number, and io.EOF at
// the end. After a DamageError, which costs a whole row group, the next call goes
// on behind it.
func (r *Reader) Read(b *flow.Batch) (int, error) {
	if r.at == r.rows {
		if r.next == len(r.file.groups) {
			return 0, io.EOF
		}
		g := &r.file.groups[r.next]
		r.next++
		r.at, r.rows = 0, 0
		if err := r.load(g); err != nil {
			return 0, err
		}
		r.rows = g.rows
	}
	n := min(readRows, r.rows-r.at)
	r.copy(b, b.Grow(n), n)
	r.at += n
	return n, nil
}

func (r *Reader) load(g *Group) error {
	for c, def := range columns() {
		col := Column(c)
		var err error
		switch def.kind {
		case wide:
			r.wide[c], err = r.scan.Wide(g, col, r.wide[c])
		case small:
			r.small[c], err = r.scan.Small(g, col, r.small[c])
		case address:
			err = r.scan.Addrs(g, col, &r.addrs[c])
		}
		if err != nil {
			return err
		}
	}
	r.numbers = r.numbers[:0]
	for _, a := range r.addrs[Exporter].Dict {
		r.numbers = append(r.numbers, r.exporters.of(a))
	}
	return nil
}

// copy fills n rows of b from row to on.
func (r *Reader) copy(b *flow.Batch, to, n int) {
	src, dst := &r.addrs[Src], &r.addrs[Dst]
	for i := range n {
		row, out := r.at+i, to+i
		received := r.wide[Received][row]
		end := received - r.wide[Age][row]
		b.Received[out], b.End[out], b.Start[out] = received, end, end-r.wide[Duration][row]
		b.Src[out], b.Dst[out] = src.Dict[src.Index[row]], dst.Dict[dst.Index[row]]
		b.SrcPort[out], b.DstPort[out] = uint16(r.small[SrcPort][row]), uint16(r.small[DstPort][row])
		b.Proto[out], b.TCPFlags[out] = uint8(r.small[Proto][row]), uint8(r.small[TCPFlags][row])
		b.Mark[out] = flow.Mark(r.small[Mark][row])
		b.Bytes[out], b.Packets[out] = uint64(r.wide[Bytes][row]), uint64(r.wide[Packets][row])
		b.Sampling[out] = max(1, r.small[Sampling][row])
		b.Exporter[out] = r.numbers[r.addrs[Exporter].Index[row]]
		b.InIf[out], b.OutIf[out] = r.small[InIf][row], r.small[OutIf][row]
		b.SrcAS[out], b.DstAS[out] = r.small[SrcAS][row], r.small[DstAS][row]
	}
}
