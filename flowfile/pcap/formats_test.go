// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"

	"tidewatch/decode/packet"
	"tidewatch/flow"
)

// A time with microseconds survives every byte order and resolution of pcap.
func TestClassicVariants(t *testing.T) {
	at := sec(1) + 123_456_000
	modified := newClassic(binary.LittleEndian, false, packet.LinkRaw)
	binary.LittleEndian.PutUint32(modified.buf, 0xa1b2cd34)
	modified.add(at, tcp(1, flow.SYN))
	modified.buf = append(modified.buf[:24+16:24+16], append(make([]byte, 8), modified.buf[24+16:]...)...)
	for name, data := range map[string][]byte{
		"little endian":              newClassic(binary.LittleEndian, false, packet.LinkRaw).add(at, tcp(1, flow.SYN)).buf,
		"big endian":                 newClassic(binary.BigEndian, false, packet.LinkRaw).add(at, tcp(1, flow.SYN)).buf,
		"little endian, nanoseconds": newClassic(binary.LittleEndian, true, packet.LinkRaw).add(at, tcp(1, flow.SYN)).buf,
		"big endian, nanoseconds":    newClassic(binary.BigEndian, true, packet.LinkRaw).add(at, tcp(1, flow.SYN)).buf,
		"modified":                   modified.buf,
	} {
		got, s := read(t, data)
		if len(got) != 1 || got[0].Start != at || got[0].SrcPort != 1 || s.Skipped != 0 || s.Format != RawFormat {
			t.Errorf("%s: %+v %+v", name, got, s)
		}
	}
}

// Interfaces keep their own link types and clocks, sections their byte order,
// and all three packet blocks are read.
func TestNextGenOddities(t *testing.T) {
	syn := tcp(1, flow.SYN)
	eth := append([]byte{12: 0x08, 13: 0x00}, syn...)
	micros, nanos := uint64(sec(1)/1000), uint64(sec(1))
	for name, tc := range map[string]struct {
		data    []byte
		starts  []int64
		reasons map[string]uint64
	}{
		"two interfaces": {
			new(nextGen).section(binary.LittleEndian).iface(packet.LinkRaw, 0, 0, 0).iface(packet.LinkEthernet, 0, 9, 0).
				enhanced(1, nanos+7, eth).enhanced(0, micros+1, tcp(2, flow.SYN)).buf,
			[]int64{sec(1) + 7, sec(1) + 1000},
			nil,
		},
		"a section in the other byte order": {
			new(nextGen).section(binary.LittleEndian).iface(packet.LinkRaw, 0, 0, 0).enhanced(0, micros, syn).
				section(binary.BigEndian).iface(packet.LinkEthernet, 0, 0, 0).enhanced(0, micros+5, append([]byte{12: 0x08, 13: 0}, tcp(2, flow.SYN)...)).buf,
			[]int64{sec(1), sec(1) + 5000},
			nil,
		},
		"a binary resolution and an offset": {
			new(nextGen).section(binary.BigEndian).iface(packet.LinkRaw, 0, 0x80|10, 1_500_000_000).enhanced(0, 3*1024+512, syn).buf,
			[]int64{sec(3.5)},
			nil,
		},
		"seconds": {
			new(nextGen).section(binary.BigEndian).iface(packet.LinkRaw, 0, 0x80, 0).enhanced(0, 1_500_000_001, syn).buf,
			[]int64{sec(1)},
			nil,
		},
		"picoseconds": {
			new(nextGen).section(binary.BigEndian).iface(packet.LinkRaw, 0, 12, 1_500_000_000).enhanced(0, 2_000_000_001_000, syn).buf,
			[]int64{sec(2) + 1},
			nil,
		},
		"old and simple blocks": {
			new(nextGen).section(binary.LittleEndian).iface(packet.LinkRaw, 38, 0, 0).
				old(0, micros, syn).simple(append(tcp(2, flow.SYN)[:38], 0, 0)).buf,
			[]int64{sec(1), sec(1)},
			nil,
		},
		"blocks nobody knows": {
			new(nextGen).section(binary.LittleEndian).block(0x0bad, 1, 2, 3).iface(packet.LinkRaw, 0, 0, 0).
				block(5, make([]byte, 12)...).enhanced(0, micros, syn).block(4).buf,
			[]int64{sec(1)},
			nil,
		},
		"a packet of an undescribed interface": {
			new(nextGen).section(binary.LittleEndian).iface(packet.LinkRaw, 0, 0, 0).enhanced(4, micros, syn).enhanced(0, micros, syn).buf,
			[]int64{sec(1)},
			map[string]uint64{"no_interface": 1},
		},
		"a packet block without its header": {
			new(nextGen).section(binary.LittleEndian).iface(packet.LinkRaw, 0, 0, 0).block(6, 0, 0, 0, 0).enhanced(0, micros, syn).buf,
			[]int64{sec(1)},
			map[string]uint64{"short_block": 1},
		},
		"an absurd resolution and offset": {
			new(nextGen).section(binary.LittleEndian).iface(packet.LinkRaw, 0, 0xff, -1<<63).iface(packet.LinkRaw, 0, 0x7f, 1<<62).
				enhanced(0, ^uint64(0), syn).enhanced(1, ^uint64(0), syn).buf,
			nil, nil,
		},
	} {
		got, s := read(t, tc.data)
		if tc.starts != nil && len(got) != len(tc.starts) {
			t.Errorf("%s: %d records: %+v", name, len(got), s)
			continue
		}
		for i, want := range tc.starts {
			if got[i].Start != want {
				t.Errorf("%s: record %d starts at %d, want %d", name, i, got[i].Start, want)
			}
		}
		if tc.reasons != nil && !maps.Equal(s.Reasons, tc.reasons) || tc.reasons == nil && s.Skipped != 0 {
			t.Errorf("%s: %v, want %v", name, s.Reasons, tc.reasons)
		}
	}
}

// What stands before the damage is read, and the note says where it is.
func TestDamageIsNoted(t *testing.T) {
	ng := new(nextGen).section(binary.LittleEndian).iface(packet.LinkRaw, 0, 0, 0).enhanced(0, 1, tcp(1, 0)).buf
	old := newClassic(binary.LittleEndian, false, packet.LinkRaw).add(sec(0), tcp(1, 0)).buf
	wrongEnd := append([]byte(nil), new(nextGen).section(binary.LittleEndian).iface(packet.LinkRaw, 0, 0, 0).
		enhanced(0, 1, tcp(1, 0)).enhanced(0, 1, tcp(1, 0)).buf...)
	wrongEnd[len(wrongEnd)-1] = 9
	for name, tc := range map[string]struct {
		data []byte
		note string
	}{
		"pcap cut in a packet":    {append(slices.Clip(old), old[24:24+16+30]...), "at byte 80: the last packet is cut off: 10 of its 40 bytes are missing"},
		"pcap cut in a header":    {append(slices.Clip(old), 1, 2, 3), "at byte 80: a packet header is cut off"},
		"pcap with garbage":       {append(slices.Clip(old), strings.Repeat("\xee", 64)...), "at byte 80: a packet claims 4008636142 bytes; the rest cannot be read"},
		"pcapng cut in a block":   {append(slices.Clip(ng), 6, 0, 0, 0, 32, 0, 0, 0, 1), "the last block is cut off: 23 of its 32 bytes are missing"},
		"pcapng with garbage":     {append(slices.Clip(ng), strings.Repeat("\xee", 64)...), "a block claims 4008636142 bytes; the rest cannot be read"},
		"pcapng with a wrong end": {wrongEnd, "the lengths at the two ends of a block differ; the rest cannot be read"},
	} {
		got, s := read(t, tc.data)
		if len(got) != 1 || s.Skipped != 1 || len(s.Notes) == 0 || !strings.Contains(s.Notes[0], tc.note) {
			t.Errorf("%s: %d records, %d skipped, notes %q, want %q", name, len(got), s.Skipped, s.Notes, tc.note)
		}
	}
}

// Exports are told by content on any port; what is no export is counted.
func TestExportsAmongOtherTraffic(t *testing.T) {
	fragment := udp(v5(t))
	fragment[6] = 0x20
	c := newClassic(binary.LittleEndian, false, packet.LinkRaw)
	for range 3 {
		c.add(sec(0), udp(v5(t)))
	}
	c.add(sec(1), fragment).add(sec(1), tcp(1, flow.SYN)).add(sec(1), udp([]byte("not a flow")))
	got, s := read(t, c.buf)
	if s.Format != ExportFormat || len(got) != 3 || s.Packets != 9 || s.Bytes != 360 || s.Exporters < 1 ||
		s.Reasons["fragmented_datagram"] != 1 || s.Reasons["no_export"] != 1 || s.Skipped != 2 {
		t.Errorf("%d records, %+v", len(got), s)
	}
	c = newClassic(binary.LittleEndian, false, packet.LinkRaw).add(sec(0), udp(v5(t)))
	for range 3 {
		c.add(sec(0), udp([]byte("ordinary")))
	}
	if _, s := read(t, c.buf); s.Format != RawFormat || s.Packets != 4 {
		t.Errorf("one look-alike makes a capture of exports: %+v", s)
	}
}
