// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/segment"
)

// memory is a history for tests: segments as files have them.
type memory struct {
	segments [][]flow.Record
	opened   int
	closed   atomic.Int64 // by workers
	fail     error
	claim    uint64       // flows that are only claimed to be there
	spoil    func([]byte) // damages files
	lost     int          // index of a segment that cannot be opened; 0: none
	files    map[int][]byte
}

func exporterAddr(i uint32) flow.Addr { return flow.AddrFrom4([4]byte{198, 51, 100, byte(i)}) }

func (m *memory) Segments(_, _ time.Time) (Segments, error) {
	return &memorySegments{memory: m, next: len(m.segments) - 1}, nil
}

func (m *memory) Extent(from, to time.Time) (flows uint64, oldest time.Time) {
	oldest = to
	for _, s := range m.segments {
		for i := range s {
			at := time.Unix(0, s[i].Received)
			if at.Before(oldest) {
				oldest = at
			}
			if !at.Before(from) && at.Before(to) {
				flows++
			}
		}
	}
	return flows + m.claim, oldest
}

// joinTwo makes one segment of the one at i and the next.
func (m *memory) joinTwo(i int) {
	if i+1 < len(m.segments) {
		m.segments = slices.Concat(m.segments[:i], [][]flow.Record{slices.Concat(m.segments[i], m.segments[i+1])}, m.segments[i+2:])
		m.files = nil
	}
}

func (m *memory) Kept() (out []Kept) {
	for i, s := range m.segments {
		if len(s) > 0 {
			n := uint64(i + 1)
			out = append(out, Kept{time.Unix(0, s[0].Received), time.Unix(0, s[len(s)-1].Received), n, n})
		}
	}
	return out
}

type memorySegments struct {
	memory *memory
	next   int
}

func (*memorySegments) Close() {}

func (s *memorySegments) Next() (Segment, error) {
	if s.next > 0 && s.next == s.memory.lost {
		s.next--
		return nil, ErrUnreadable
	}
	if s.next < 0 {
		return nil, s.memory.fail
	}
	i := s.next
	s.next--
	data, err := s.memory.file(i)
	if err != nil {
		return nil, err
	}
	f, err := segment.Open(fmt.Sprintf("segment-%04d", i), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	s.memory.opened++
	return &memorySegment{f, s.memory}, nil
}

func (m *memory) file(i int) ([]byte, error) {
	if m.files[i] != nil {
		return m.files[i], nil
	}
	file := &bytes.Buffer{}
	w := segment.NewWriter(file, func(i uint32) netip.Addr { return exporterAddr(i).Netip() })
	b := &flow.Batch{}
	for k := range m.segments[i] {
		b.Append(&m.segments[i][k])
	}
	if err := errors.Join(w.Append(b), w.Close()); err != nil {
		return nil, err
	}
	if m.spoil != nil {
		m.spoil(file.Bytes())
	}
	if m.files == nil {
		m.files = map[int][]byte{}
	}
	m.files[i] = file.Bytes()
	return m.files[i], nil
}

type memorySegment struct {
	*segment.File

	memory *memory
}

func (s *memorySegment) Close() error { s.memory.closed.Add(1); return nil }

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
	out := make([]uint64, 1)
	if err := f.Compile().Match((*oneRow)(r), 1, out, &query.Scratch{}); err != nil {
		panic(err)
	}
	return out[0] == 1
}

// oneRow is a record as the only row of a filter.
type oneRow flow.Record

func (r *oneRow) Test(t *query.Test, out []uint64) error {
	number := map[query.Column]uint64{
		query.ColSrcPort: uint64(r.SrcPort), query.ColDstPort: uint64(r.DstPort), query.ColProto: uint64(r.Proto), query.ColTCPFlags: uint64(r.TCPFlags),
		query.ColBytes: r.Bytes, query.ColPackets: r.Packets, query.ColDuration: query.DurationOf(r.Start, r.End), query.ColDirection: uint64(query.DirectionOf(r.Mark)),
		query.ColInIf: uint64(r.InIf), query.ColOutIf: uint64(r.OutIf), query.ColSrcAS: uint64(r.SrcAS), query.ColDstAS: uint64(r.DstAS),
	}
	exporter := exporterAddr(r.Exporter)
	addr := map[query.Column]*flow.Addr{query.ColSrc: &r.Src, query.ColDst: &r.Dst, query.ColExporter: &exporter}[t.Column]
	out[0] = 0
	if addr != nil && t.Addr(addr) || addr == nil && t.Value(number[t.Column]) {
		out[0] = 1
	}
	return nil
}

// plainKeys are the groups of a flow: two for one between two own addresses when the
// device or the peer is asked for.
func plainKeys(r *flow.Record, group []query.Dimension) []string {
	in, out := r.Mark&flow.DstInternal != 0, r.Mark&flow.SrcInternal != 0
	ends := [][2]string{{r.Src.String(), r.Dst.String()}} // device, peer
	switch back := [2]string{r.Dst.String(), r.Src.String()}; {
	case in && out && r.Src != r.Dst && twoSided(group):
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
