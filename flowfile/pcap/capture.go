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

	damaged map[string]uint64 // packets left out although the file went on, by reason

	// classic pcap
	order  binary.ByteOrder
	nanos  int64 // nanoseconds of one unit of the time stamp's fraction
	link   packet.Link
	header int // bytes of a packet's header

	// pcapng
	ng     bool
	ifaces []iface
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
	c := &capture{r: r, buf: make([]byte, 64<<10), damaged: map[string]uint64{}}
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
	c.order, c.nanos, c.header = binary.LittleEndian, 1000, 16
	switch binary.BigEndian.Uint32(b) {
	case 0xa1b2c3d4:
		c.order = binary.BigEndian
	case 0xa1b23c4d:
		c.order, c.nanos = binary.BigEndian, 1
	case 0x4d3cb2a1:
		c.nanos = 1
	case 0xa1b2cd34: // Kuznetsov's patch to libpcap added device and protocol to each packet
		c.order, c.header = binary.BigEndian, 24
	case 0x34cdb2a1:
		c.header = 24
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
	h, err := c.take(c.header)
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
		missing := start + int64(c.header) + int64(size) - c.at
		return c.end(start, err, fmt.Sprintf("the last packet is cut off: %d of its %d bytes are missing", missing, size))
	}
	*f = frame{at: sec*1e9 + frac*c.nanos, link: c.link, wire: int(min(max(wire, size), maxFrame)), data: data}
	return nil
}

// end is the error for a file that ends or cannot be read any further while
// something that begins at start is read.
func (c *capture) end(start int64, err error, what string) error {
	switch {
	case errors.Is(err, io.EOF) && c.at == start:
		return io.EOF
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		what += ": " + err.Error() // a damaged gzip stream, a failing disk
	}
	return &cutError{start, what}
}
