// SPDX-License-Identifier: Apache-2.0

package nfdump

import (
	"encoding/binary"
	"slices"
	"time"

	"tidewatch/flow"
)

// maxMap bounds the extensions of one map; nfdump 1.6 knows 49.
const maxMap = 256

// extensionMap reads a map: its id, the size of the extensions, and the list of
// extension ids in the order in which they follow the common part of a record.
func (n *reader) extensionMap(rec []byte) bool {
	if len(rec) < 8 {
		return false
	}
	le := binary.LittleEndian
	ids := make([]uint16, 0, 16)
	for at := 8; at+2 <= len(rec) && len(ids) < maxMap; at += 2 {
		if id := le.Uint16(rec[at:]); id != 0 { // 0 pads
			ids = append(ids, id)
		}
	}
	n.maps[le.Uint16(rec[4:])] = slices.Clip(ids)
	return true
}

// Flags of a common record.
const (
	flagIPv6    = 0x01
	flagPackets = 0x02 // 64 bits of packets
	flagBytes   = 0x04 // 64 bits of bytes
	flagEvent   = 0x40
	flagSampled = 0x80
)

// cursor walks over a record; past its end it reads zeros and remembers it.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.short = true
		c.b = nil
		return make([]byte, n)
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) u16() uint16 { return binary.LittleEndian.Uint16(c.take(2)) }
func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }
func (c *cursor) u64() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }

func (c *cursor) wide(is64 bool) uint64 {
	if is64 {
		return c.u64()
	}
	return uint64(c.u32())
}

// common reads a record of layout 1. fixed is the size of its common part: the
// older type has no 16-bit exporter.
func (n *reader) common(b *flow.Batch, rec []byte, fixed int) bool {
	if len(rec) < fixed {
		return false
	}
	le := binary.LittleEndian
	var r raw
	flags := rec[4]
	mapID := le.Uint16(rec[6:])
	r.start = int64(le.Uint32(rec[12:]))*int64(time.Second) + int64(le.Uint16(rec[8:]))*int64(time.Millisecond)
	r.end = int64(le.Uint32(rec[16:]))*int64(time.Second) + int64(le.Uint16(rec[10:]))*int64(time.Millisecond)
	r.TCPFlags, r.Proto = rec[21], rec[22]
	r.SrcPort, r.DstPort = le.Uint16(rec[24:]), le.Uint16(rec[26:])
	r.sysid = uint16(rec[5])
	if fixed == 32 {
		r.sysid = le.Uint16(rec[28:])
	}
	r.sampled, r.event = flags&flagSampled != 0, flags&flagEvent != 0
	c := cursor{b: rec[fixed:]}
	if flags&flagIPv6 != 0 {
		r.Src, r.Dst = addr6(c.take(16)), addr6(c.take(16))
	} else {
		r.Src, r.Dst = addr4(c.u32()), addr4(c.u32())
	}
	r.hasAddr = true
	r.Packets, r.Bytes = c.wide(flags&flagPackets != 0), c.wide(flags&flagBytes != 0)
	if c.short {
		return false
	}
	ids, ok := n.maps[mapID]
	if !ok {
		n.tally.Skip("missing_map", n.where, "a record whose extension map is not in the file")
		return true
	}
	for _, id := range ids {
		if !r.extension(&c, id) {
			break // an extension of unknown size hides those after it; what a flow needs came before
		}
	}
	if c.short {
		return false
	}
	n.emit(b, &r)
	return true
}

// extension reads one extension of layout 1; false means its size is not known.
func (r *raw) extension(c *cursor, id uint16) bool {
	switch id {
	case 4:
		r.InIf, r.OutIf = uint32(c.u16()), uint32(c.u16())
	case 5:
		r.InIf, r.OutIf = c.u32(), c.u32()
	case 6:
		r.SrcAS, r.DstAS = uint32(c.u16()), uint32(c.u16())
	case 7:
		r.SrcAS, r.DstAS = c.u32(), c.u32()
	case 8: // destination TOS, direction, masks
		r.egress = c.take(4)[1] == 1
	case 14, 15:
		r.outPackets = c.wide(id == 15)
	case 16, 17:
		r.outBytes = c.wide(id == 17)
	case 27: // when the export was received, Unix milliseconds
		r.received = c.u64()
	case 37:
		c.take(20)
		r.biflow = true
	default:
		size := extensionSize(id)
		if size == 0 {
			return false
		}
		c.take(size)
	}
	return true
}

// extensionSize gives the sizes of extensions that no flow needs (nfdump
// 1.6.25, nfx.c).
func extensionSize(id uint16) int {
	switch id {
	case 9, 11, 13, 18, 23, 25, 38:
		return 4
	case 19, 26, 39, 48:
		return 8
	case 46:
		return 12
	case 10, 12, 20, 21, 24:
		return 16
	case 41, 42, 45:
		return 24
	case 40:
		return 32
	case 22:
		return 40
	case 43:
		return 72
	}
	return 0
}
