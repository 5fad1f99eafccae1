// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"tidewatch/flow"
	"tidewatch/query"
)

// memory is a history for tests: blocks of rows, some columns with distinct values and
// an index, as files have them.
type memory struct {
	segments [][]flow.Record
	rows     int // of a block
	opened   int
	closed   int
	fail     error
}

func exporterAddr(i uint32) flow.Addr { return flow.AddrFrom4([4]byte{198, 51, 100, byte(i)}) }

func (m *memory) Segments(_, _ time.Time) (Segments, error) {
	return &memorySegments{memory: m, next: len(m.segments) - 1}, nil
}

type memorySegments struct {
	memory *memory
	next   int
}

func (s *memorySegments) Next() (Segment, error) {
	if s.next < 0 {
		return nil, s.memory.fail
	}
	i := s.next
	s.next--
	s.memory.opened++
	return &memorySegment{s.memory, i}, nil
}

type memorySegment struct {
	memory *memory
	index  int
}

func (s *memorySegment) Name() string { return fmt.Sprintf("segment-%04d", s.index) }

func (s *memorySegment) Close() error { s.memory.closed++; return nil }

func (s *memorySegment) Blocks() (out []Block) {
	for rows := range slices.Chunk(s.memory.segments[s.index], s.memory.rows) {
		out = append(out, memoryBlock(rows))
	}
	return out
}

type memoryBlock []flow.Record

func (b memoryBlock) Rows() int { return len(b) }

func (b memoryBlock) number(c Column, i int) uint64 {
	r := &b[i]
	switch c {
	case Received:
		return uint64(r.Received)
	case Age:
		return uint64(r.Received - r.End)
	case Duration:
		return uint64(r.End - r.Start)
	case SrcPort:
		return uint64(r.SrcPort)
	case DstPort:
		return uint64(r.DstPort)
	case Proto:
		return uint64(r.Proto)
	case TCPFlags:
		return uint64(r.TCPFlags)
	case Mark:
		return uint64(r.Mark)
	case Bytes:
		return r.Bytes
	case Packets:
		return r.Packets
	case Sampling:
		return uint64(r.Sampling)
	case InIf:
		return uint64(r.InIf)
	case OutIf:
		return uint64(r.OutIf)
	case SrcAS:
		return uint64(r.SrcAS)
	case DstAS:
		return uint64(r.DstAS)
	default:
		panic(c)
	}
}

func (b memoryBlock) addr(c Column, i int) flow.Addr {
	switch c {
	case Src:
		return b[i].Src
	case Dst:
		return b[i].Dst
	default:
		return exporterAddr(b[i].Exporter)
	}
}

func (b memoryBlock) Bounds(c Column) (low, high uint64, ok bool) {
	low = 1<<64 - 1
	for i := range b {
		low, high = min(low, b.number(c, i)), max(high, b.number(c, i))
	}
	return low, high, c != Packets // one column without bounds
}

func (b memoryBlock) AddrBounds(c Column) (low, high flow.Addr, ok bool) {
	for i := range b {
		a := b.addr(c, i)
		if i == 0 || bytes.Compare(a[:], low[:]) < 0 {
			low = a
		}
		if i == 0 || bytes.Compare(a[:], high[:]) > 0 {
			high = a
		}
	}
	return low, high, c != Exporter
}

func (b memoryBlock) Read(c Column, v *Vector) error {
	*v = Vector{}
	for i := range b {
		switch c {
		case Src, Exporter:
			a := b.addr(c, i)
			at := slices.Index(v.Addrs, a)
			if at < 0 {
				at = len(v.Addrs)
				v.Addrs = append(v.Addrs, a)
			}
			v.Index = append(v.Index, uint32(at))
		case Dst:
			v.Addrs = append(v.Addrs, b.addr(c, i))
		case DstPort, Mark, SrcAS:
			n := b.number(c, i)
			at := slices.Index(v.Numbers, n)
			if at < 0 {
				at = len(v.Numbers)
				v.Numbers = append(v.Numbers, n)
			}
			v.Index = append(v.Index, uint32(at))
		default:
			v.Numbers = append(v.Numbers, b.number(c, i))
		}
	}
	return nil
}

// traffic makes up flows over an hour from begin.
func traffic(n int, begin time.Time, r *rand.Rand) []flow.Record {
	ports := []uint16{53, 80, 443, 443, 443, 22, 40000, 50123}
	var out []flow.Record
	for i := range n {
		at := begin.UnixNano() + int64(i)*int64(time.Hour)/int64(n)
		end := at - r.Int64N(int64(time.Minute))
		x := flow.Record{
			Received: at, Start: end - r.Int64N(int64(time.Minute)), End: end, Proto: flow.ProtoTCP, TCPFlags: uint8(r.IntN(64)),
			SrcPort: uint16(1024 + r.IntN(60000)), DstPort: ports[r.IntN(len(ports))],
			Bytes: uint64(r.IntN(100_000)), Packets: uint64(1 + r.IntN(100)), Sampling: 1, Exporter: uint32(r.IntN(3)),
			InIf: uint32(r.IntN(4)), OutIf: uint32(r.IntN(4)), SrcAS: uint32(r.IntN(5)), DstAS: uint32(r.IntN(5)) << 20,
		}
		if r.IntN(4) == 0 {
			x.Proto, x.TCPFlags = flow.ProtoUDP, 0
		}
		if r.IntN(20) == 0 {
			x.Proto, x.SrcPort, x.DstPort = flow.ProtoICMP, 0, 8<<8
		}
		if r.IntN(10) == 0 {
			x.Mark |= flow.Duplicate
		}
		for k, a := range []*flow.Addr{&x.Src, &x.Dst} {
			switch r.IntN(4) {
			case 0, 1:
				*a = flow.AddrFrom4([4]byte{10, 0, byte(r.IntN(2)), byte(r.IntN(20))})
				x.Mark |= []flow.Mark{flow.SrcInternal, flow.DstInternal}[k]
			case 2:
				*a = flow.AddrFrom4([4]byte{203, 0, 113, byte(r.IntN(50))})
			case 3:
				*a = flow.Addr{0x20, 1, 0xd, 0xb8, 4: byte(r.IntN(2)), 5: byte(r.IntN(2)), 15: byte(r.IntN(20))}
			}
		}
		out = append(out, x)
	}
	return out
}

// plain answers a question the obvious way.
func plain(all []flow.Record, q *query.Question) map[string]query.Volume {
	groups := map[string]query.Volume{}
	for i := range all {
		r := &all[i]
		if !counts(r, q.From, q.To, q.Filter) {
			continue
		}
		for _, k := range plainKeys(r, q.Group) {
			v := groups[k]
			v.Add(query.Volume{Bytes: r.Bytes, Packets: r.Packets, Flows: 1})
			groups[k] = v
		}
	}
	return groups
}

func counts(r *flow.Record, from, to time.Time, f *query.Filter) bool {
	if r.Mark&flow.Duplicate != 0 || r.Received < from.UnixNano() || r.Received >= to.UnixNano() {
		return false
	}
	b := &flow.Batch{}
	b.Append(r)
	out := make([]uint64, 1)
	if err := f.Compile().Match(&query.Batch{Batch: b, Exporter: exporterAddr}, 1, out, &query.Scratch{}); err != nil {
		panic(err)
	}
	return out[0] == 1
}

// plainKeys are the groups of a flow: two for one between two own addresses when the
// device or the peer is asked for.
func plainKeys(r *flow.Record, group []query.Dimension) []string {
	in, out := r.Mark&flow.DstInternal != 0, r.Mark&flow.SrcInternal != 0
	ends := [][2]string{{r.Src.String(), r.Dst.String()}} // device, peer
	switch back := [2]string{r.Dst.String(), r.Src.String()}; {
	case in && out && twoSided(group):
		ends = append(ends, back)
	case in && !out:
		ends = [][2]string{back}
	case !in && !out:
		ends = [][2]string{{"external", "external"}}
	}
	var keys []string
	for _, e := range ends {
		key := []string{}
		for _, d := range group {
			key = append(key, plainName(r, d, e))
		}
		keys = append(keys, fmt.Sprint(key))
	}
	return keys
}

func plainName(r *flow.Record, d query.Dimension, ends [2]string) string {
	switch d {
	case query.Src:
		return r.Src.String()
	case query.Dst:
		return r.Dst.String()
	case query.Device:
		return ends[0]
	case query.Peer:
		return ends[1]
	case query.SrcPort:
		return fmt.Sprint(r.SrcPort)
	case query.DstPort:
		return fmt.Sprint(r.DstPort)
	case query.Proto:
		return flow.ProtoName(r.Proto)
	case query.Service:
		switch {
		case r.Proto == flow.ProtoICMP:
			return "icmp"
		case r.SrcPort >= 32768 && r.DstPort >= 32768:
			return flow.ProtoName(r.Proto) + "/dynamic"
		}
		return fmt.Sprint(flow.ProtoName(r.Proto), "/", min(r.SrcPort, r.DstPort))
	case query.SrcAS:
		return fmt.Sprint(r.SrcAS)
	case query.DstAS:
		return fmt.Sprint(r.DstAS)
	case query.Exporter:
		return exporterAddr(r.Exporter).String()
	case query.Input:
		return fmt.Sprint(r.InIf)
	case query.Output:
		return fmt.Sprint(r.OutIf)
	case query.SrcNet:
		return flow.NetworkPrefix(r.Src).String()
	case query.DstNet:
		return flow.NetworkPrefix(r.Dst).String()
	case query.SrcNet16:
		return plainNet(r.Src)
	case query.DstNet16:
		return plainNet(r.Dst)
	case query.TCPFlags:
		return query.FlagLetters(r.TCPFlags)
	}
	panic(d)
}

func plainNet(a flow.Addr) string {
	bits := 32
	if a.Is4() {
		bits = 16
	}
	p, err := a.Netip().Prefix(bits)
	if err != nil {
		panic(err)
	}
	return p.String()
}
