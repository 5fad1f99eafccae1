// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"tidewatch/decode/packet"
)

// frame is one captured packet. data is valid until the next one is read.
type frame struct {
	at   int64 // Unix nanoseconds
	link packet.Link
	wire int // length on the wire
	data []byte
}

// maxFrame bounds one packet or block; tcpdump's largest snaplen is 256 KiB.
const maxFrame = 16 << 20

// capture reads the frames of a pcap or pcapng file. A file that ends in the
// middle of something gives what came before and a cutError.
type capture struct {
	r   *bufio.Reader
	at  int64 // bytes read
	buf []byte

	// classic pcap
	order binary.ByteOrder
	nanos int64 // nanoseconds of one unit of the time stamp's fraction
	link  packet.Link

	// pcapng
	ng     bool
	ifaces []iface
}

type iface struct {
	link   packet.Link
	snap   uint32
	units  uint64 // time-stamp units a second
	offset int64  // seconds added to every time stamp
}

// cutError says where and how a file ends early or turns into nonsense.
type cutError struct {
	at   int64
	what string
}

func (e *cutError) Error() string { return fmt.Sprintf("at byte %d: %s", e.at, e.what) }

// isCapture looks at the first four bytes.
func isCapture(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	switch binary.BigEndian.Uint32(head) {
	case 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0x0a0d0d0a, 0xa1b2cd34, 0x34cdb2a1:
		return true
	}
	return false
}

func newCapture(r *bufio.Reader) (*capture, error) {
	c := &capture{r: r, buf: make([]byte, 64<<10)}
	head, err := r.Peek(4)
	if err != nil {
		return nil, errors.New("shorter than a capture's first four bytes")
	}
	if binary.BigEndian.Uint32(head) == 0x0a0d0d0a {
		c.ng = true
		return c, nil
	}
	b, err := c.take(24)
	if err != nil {
		return nil, errors.New("shorter than a capture's 24-byte header")
	}
	c.order, c.nanos = binary.LittleEndian, 1000
	switch binary.BigEndian.Uint32(b) {
	case 0xa1b2c3d4:
		c.order = binary.BigEndian
	case 0xa1b23c4d:
		c.order, c.nanos = binary.BigEndian, 1
	case 0x4d3cb2a1:
		c.nanos = 1
	case 0xa1b2cd34, 0x34cdb2a1:
		return nil, errors.New("the modified pcap format of old Linux patches is not read; convert it with editcap -F pcapng")
	}
	c.link = packet.Link(c.order.Uint32(b[20:]) & 0xffff)
	return c, nil
}

// take reads n bytes into the buffer.
func (c *capture) take(n int) ([]byte, error) {
	if cap(c.buf) < n {
		c.buf = make([]byte, n)
	}
	b := c.buf[:n]
	got, err := io.ReadFull(c.r, b)
	c.at += int64(got)
	return b, err
}

// next reads one frame: io.EOF at a clean end, a cutError otherwise.
func (c *capture) next(f *frame) error {
	if c.ng {
		return c.nextNG(f)
	}
	start := c.at
	h, err := c.take(16)
	if err != nil {
		return c.end(start, err, "a packet header is cut off")
	}
	sec, frac := int64(c.order.Uint32(h)), int64(c.order.Uint32(h[4:]))
	size, wire := c.order.Uint32(h[8:]), c.order.Uint32(h[12:])
	if size > maxFrame {
		return &cutError{start, fmt.Sprintf("a packet claims %d bytes; the rest cannot be read", size)}
	}
	data, err := c.take(int(size))
	if err != nil {
		return &cutError{start, fmt.Sprintf("the last packet is cut off: %d bytes of %d are missing", int64(size)-(c.at-start-16), size)}
	}
	*f = frame{at: sec*1e9 + frac*c.nanos, link: c.link, wire: int(max(wire, size)), data: data}
	return nil
}

func (c *capture) end(start int64, err error, what string) error {
	if errors.Is(err, io.EOF) && c.at == start {
		return io.EOF
	}
	return &cutError{start, what}
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
		case 1:
			c.addInterface(body)
		case 2, 6:
			if ok, err := c.packetBlock(start, body, f, c.order.Uint32(kind[:]) == 2); ok || err != nil {
				return err
			}
		case 3:
			if len(body) >= 4 && len(c.ifaces) > 0 {
				i := &c.ifaces[0]
				wire := c.order.Uint32(body)
				size := min(uint64(wire), uint64(len(body)-4))
				if i.snap > 0 {
					size = min(size, uint64(i.snap))
				}
				*f = frame{link: i.link, wire: int(min(wire, maxFrame)), data: body[4 : 4+size]}
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
		return nil, &cutError{start, fmt.Sprintf("the last block is cut off: %d bytes of %d are missing", int64(length)-(c.at-start), length)}
	}
	return b[:n-4], nil
}

// maxInterfaces bounds the interfaces of a section.
const maxInterfaces = 4096

func (c *capture) addInterface(b []byte) {
	if len(b) < 8 || len(c.ifaces) >= maxInterfaces {
		return
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
			return units // absurd: time stands still, but nothing overflows
		}
		units *= base
	}
	return units
}

// packetBlock reads an enhanced (6) or obsolete (2) packet block.
func (c *capture) packetBlock(start int64, b []byte, f *frame, old bool) (bool, error) {
	if len(b) < 20 {
		return false, &cutError{start, "a packet block is too short for its own header"}
	}
	id := c.order.Uint32(b)
	if old {
		id = uint32(c.order.Uint16(b))
	}
	if int(id) >= len(c.ifaces) {
		return false, nil // a packet of an interface nobody described
	}
	i := &c.ifaces[id]
	stamp := uint64(c.order.Uint32(b[4:]))<<32 | uint64(c.order.Uint32(b[8:]))
	size, wire := c.order.Uint32(b[12:]), c.order.Uint32(b[16:])
	data := b[20:]
	if uint64(size) < uint64(len(data)) {
		data = data[:size]
	}
	sec, frac := stamp/i.units, stamp%i.units
	at := (int64(min(sec, 1<<33))+i.offset)*1e9 + int64(float64(frac)/float64(i.units)*1e9+0.5)
	if i.units == 1e6 || i.units == 1e9 {
		at = (int64(min(sec, 1<<33))+i.offset)*1e9 + int64(frac*(1e9/i.units))
	}
	*f = frame{at: at, link: i.link, wire: int(min(max(wire, size), maxFrame)), data: data}
	return true, nil
}
