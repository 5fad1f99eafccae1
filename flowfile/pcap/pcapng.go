// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"tidewatch/decode/packet"
)

// The blocks of pcapng that are read (draft-ietf-opsawg-pcapng); all others are
// skipped by their length.
const (
	blockInterface = 1
	blockOldPacket = 2
	blockSimple    = 3
	blockPacket    = 6
)

type iface struct {
	link   packet.Link
	snap   uint32
	units  uint64 // time-stamp units a second
	offset int64  // seconds added to every time stamp
}

// nextNG reads blocks until one holds a frame.
func (c *capture) nextNG(f *frame) error {
	for {
		start := c.at
		h, err := c.take(8)
		if err != nil {
			return c.end(start, err, "a block header is cut off")
		}
		kind := [4]byte(h[:4])
		if kind == [4]byte{0x0a, 0x0d, 0x0d, 0x0a} {
			if err := c.section(start, [4]byte(h[4:8])); err != nil {
				return err
			}
			continue
		}
		if c.order == nil {
			return &cutError{start, "a block stands before any section header"}
		}
		body, err := c.body(start, c.order.Uint32(h[4:]))
		if err != nil {
			return err
		}
		switch c.order.Uint32(kind[:]) {
		case blockInterface:
			if err := c.addInterface(start, body); err != nil {
				return err
			}
		case blockPacket, blockOldPacket:
			if c.packetBlock(body, f, c.order.Uint32(kind[:]) == blockOldPacket) {
				return nil
			}
		case blockSimple:
			if c.simpleBlock(body, f) {
				return nil
			}
		}
	}
}

// section starts a section; its byte order holds for all blocks in it.
func (c *capture) section(start int64, length [4]byte) error {
	m, err := c.take(4)
	if err != nil {
		return &cutError{start, "a section header is cut off"}
	}
	switch binary.BigEndian.Uint32(m) {
	case 0x1a2b3c4d:
		c.order = binary.BigEndian
	case 0x4d3c2b1a:
		c.order = binary.LittleEndian
	default:
		return &cutError{start, "a section header has no byte-order magic"}
	}
	n := c.order.Uint32(length[:])
	if n < 28 || n > maxFrame {
		return &cutError{start, fmt.Sprintf("a section header claims %d bytes", n)}
	}
	if _, err := c.take(int(n) - 12); err != nil {
		return &cutError{start, "a section header is cut off"}
	}
	c.ifaces = c.ifaces[:0]
	return nil
}

func (c *capture) body(start int64, length uint32) ([]byte, error) {
	if length < 12 || length > maxFrame {
		return nil, &cutError{start, fmt.Sprintf("a block claims %d bytes; the rest cannot be read", length)}
	}
	n := int(length+3)&^3 - 8
	b, err := c.take(n)
	if err != nil {
		missing := start + 8 + int64(n) - c.at
		return nil, c.end(start, err, fmt.Sprintf("the last block is cut off: %d of its %d bytes are missing", missing, length))
	}
	if c.order.Uint32(b[n-4:]) != length {
		return nil, &cutError{start, "the lengths at the two ends of a block differ; the rest cannot be read"}
	}
	return b[:n-4], nil
}

// maxInterfaces bounds the interfaces of a section.
const maxInterfaces = 4096

// addInterface reads an interface description. A damaged one is an error,
// because all later packets name their interface by its number.
func (c *capture) addInterface(start int64, b []byte) error {
	if len(b) < 8 || len(c.ifaces) >= maxInterfaces {
		return &cutError{start, fmt.Sprintf("an interface description is cut off, or there are more than %d; the rest cannot be read", maxInterfaces)}
	}
	i := iface{link: packet.Link(c.order.Uint16(b)), snap: c.order.Uint32(b[4:]), units: 1e6}
	for o := b[8:]; len(o) >= 4; {
		code, n := c.order.Uint16(o), int(c.order.Uint16(o[2:]))
		o = o[4:]
		if code == 0 || n > len(o) {
			break
		}
		switch {
		case code == 9 && n == 1:
			i.units = resolution(o[0])
		case code == 14 && n == 8:
			i.offset = int64(c.order.Uint64(o))
		}
		o = o[min(len(o), (n+3)&^3):]
	}
	c.ifaces = append(c.ifaces, i)
	return nil
}

// resolution is the time-stamp units a second of if_tsresol: a power of ten,
// or of two when the high bit is set.
func resolution(v byte) uint64 {
	base, exp := uint64(10), int(v)
	if v&0x80 != 0 {
		base, exp = 2, int(v&0x7f)
	}
	units := uint64(1)
	for range exp {
		if units > 1<<62/base {
			return units // absurd, and as good as any other answer
		}
		units *= base
	}
	return units
}

// packetBlock reads an enhanced or obsolete packet block.
func (c *capture) packetBlock(b []byte, f *frame, old bool) bool {
	if len(b) < 20 {
		c.damaged["short_block"]++
		return false
	}
	id := c.order.Uint32(b)
	if old {
		id = uint32(c.order.Uint16(b))
	}
	if uint64(id) >= uint64(len(c.ifaces)) {
		c.damaged["no_interface"]++ // nobody described it, so its link type is unknown
		return false
	}
	i := &c.ifaces[id]
	stamp := uint64(c.order.Uint32(b[4:]))<<32 | uint64(c.order.Uint32(b[8:]))
	size, wire := c.order.Uint32(b[12:]), c.order.Uint32(b[16:])
	data := b[20:]
	if uint64(size) > uint64(len(data)) {
		c.damaged["short_block"]++
		return false
	}
	*f = frame{at: i.time(stamp), link: i.link, wire: int(min(max(wire, size), maxFrame)), data: data[:size]}
	return true
}

// simpleBlock reads a packet without a time; it belongs to the first interface,
// whose snaplen tells padding from packet.
func (c *capture) simpleBlock(b []byte, f *frame) bool {
	if len(b) < 4 {
		c.damaged["short_block"]++
		return false
	}
	if len(c.ifaces) == 0 {
		c.damaged["no_interface"]++
		return false
	}
	i := &c.ifaces[0]
	wire := c.order.Uint32(b)
	size := min(uint64(wire), uint64(len(b)-4))
	if i.snap > 0 {
		size = min(size, uint64(i.snap))
	}
	*f = frame{link: i.link, wire: int(min(wire, maxFrame)), data: b[4 : 4+size]}
	return true
}

// time turns a time stamp into Unix nanoseconds, without overflow whatever the
// units and the offset.
func (i *iface) time(stamp uint64) int64 {
	sec, rest := stamp/i.units, stamp%i.units
	hi, lo := bits.Mul64(rest, 1e9)
	nanos, _ := bits.Div64(hi, lo, i.units) // rest < units, so the quotient fits
	const most = latest / 1_000_000_000
	at := int64(min(sec, most)) + min(max(i.offset, -most), most)
	return min(max(at, 0), most)*1e9 + int64(nanos)
}
