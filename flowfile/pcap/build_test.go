// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"tidewatch/decode"
	"tidewatch/decode/packet"
	"tidewatch/flow"
	"tidewatch/flowfile"
)

// sec is a time in tests: seconds after an ordinary moment.
func sec(s float64) int64 { return 1_500_000_000*int64(time.Second) + int64(s*1e9) }

// tcp is an IPv4 packet of 40 bytes from port sport to port 80.
func tcp(sport uint16, flags byte) []byte {
	b := make([]byte, 40)
	b[0], b[3], b[9] = 0x45, 40, flow.ProtoTCP
	copy(b[12:], []byte{10, 0, 0, 1, 192, 0, 2, 1})
	binary.BigEndian.PutUint16(b[20:], sport)
	b[23], b[32], b[33] = 80, 0x50, flags
	return b
}

// udp is an IPv4 packet from 192.0.2.9 around a payload.
func udp(payload []byte) []byte {
	b := make([]byte, 28, 28+len(payload))
	b[0], b[9] = 0x45, flow.ProtoUDP
	binary.BigEndian.PutUint16(b[2:], uint16(28+len(payload)))
	copy(b[12:], []byte{192, 0, 2, 9, 10, 0, 0, 1})
	binary.BigEndian.PutUint16(b[20:], 40000)
	binary.BigEndian.PutUint16(b[22:], 4739)
	binary.BigEndian.PutUint16(b[24:], uint16(8+len(payload)))
	return append(b, payload...)
}

// classic writes pcap files.
type classic struct {
	order binary.AppendByteOrder
	nano  bool
	buf   []byte
}

func newClassic(order binary.AppendByteOrder, nano bool, link packet.Link) *classic {
	c := &classic{order: order, nano: nano}
	magic := uint32(0xa1b2c3d4)
	if nano {
		magic = 0xa1b23c4d
	}
	c.buf = order.AppendUint32(nil, magic)
	c.buf = order.AppendUint16(c.buf, 2)
	c.buf = order.AppendUint16(c.buf, 4)
	c.buf = append(c.buf, make([]byte, 8)...)
	c.buf = order.AppendUint32(c.buf, 65535)
	c.buf = order.AppendUint32(c.buf, uint32(link))
	return c
}

func (c *classic) add(at int64, data []byte) *classic {
	unit := int64(1000)
	if c.nano {
		unit = 1
	}
	c.buf = c.order.AppendUint32(c.buf, uint32(at/1e9))
	c.buf = c.order.AppendUint32(c.buf, uint32(at%1e9/unit))
	c.buf = c.order.AppendUint32(c.buf, uint32(len(data)))
	c.buf = c.order.AppendUint32(c.buf, uint32(len(data)))
	c.buf = append(c.buf, data...)
	return c
}

// nextGen writes pcapng files.
type nextGen struct {
	order binary.AppendByteOrder
	buf   []byte
}

func (n *nextGen) block(kind uint32, body ...byte) *nextGen {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	size := uint32(12 + len(body))
	n.buf = n.order.AppendUint32(n.buf, kind)
	n.buf = n.order.AppendUint32(n.buf, size)
	n.buf = append(n.buf, body...)
	n.buf = n.order.AppendUint32(n.buf, size)
	return n
}

func (n *nextGen) section(order binary.AppendByteOrder) *nextGen {
	n.order = order
	b := order.AppendUint32(nil, 0x1a2b3c4d)
	b = order.AppendUint16(b, 1)
	b = order.AppendUint16(b, 0)
	b = order.AppendUint64(b, ^uint64(0))
	return n.block(0x0a0d0d0a, b...)
}

// iface adds an interface; resolution 0 leaves the option out.
func (n *nextGen) iface(link packet.Link, snap uint32, resolution byte, offset int64) *nextGen {
	b := n.order.AppendUint16(nil, uint16(link))
	b = n.order.AppendUint16(b, 0)
	b = n.order.AppendUint32(b, snap)
	option := func(code uint16, v []byte) {
		b = n.order.AppendUint16(b, code)
		b = n.order.AppendUint16(b, uint16(len(v)))
		b = append(b, v...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	option(2, []byte("lan0x")) // a name that needs padding
	if resolution != 0 {
		option(9, []byte{resolution})
	}
	if offset != 0 {
		option(14, n.order.AppendUint64(nil, uint64(offset)))
	}
	option(0, nil)
	return n.block(1, b...)
}

func (n *nextGen) enhanced(iface uint32, stamp uint64, data []byte) *nextGen {
	b := n.order.AppendUint32(nil, iface)
	b = n.order.AppendUint32(b, uint32(stamp>>32))
	b = n.order.AppendUint32(b, uint32(stamp))
	b = n.order.AppendUint32(b, uint32(len(data)))
	b = n.order.AppendUint32(b, uint32(len(data)))
	return n.block(6, append(b, data...)...)
}

func (n *nextGen) old(iface uint16, stamp uint64, data []byte) *nextGen {
	b := n.order.AppendUint16(nil, iface)
	b = n.order.AppendUint16(b, 7) // drops
	b = n.order.AppendUint32(b, uint32(stamp>>32))
	b = n.order.AppendUint32(b, uint32(stamp))
	b = n.order.AppendUint32(b, uint32(len(data)))
	b = n.order.AppendUint32(b, uint32(len(data)))
	return n.block(2, append(b, data...)...)
}

func (n *nextGen) simple(data []byte) *nextGen {
	return n.block(3, append(n.order.AppendUint32(nil, uint32(len(data))), data...)...)
}

// read reads a capture from memory; it must be readable.
func read(tb testing.TB, data []byte) ([]flow.Record, flowfile.Stats) {
	tb.Helper()
	b, s, err := readAll(tb, "built", bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	out := make([]flow.Record, b.Len())
	for i := range out {
		out[i] = b.Record(i)
	}
	return out, s
}

// v5 is a NetFlow v5 datagram of one record with 3 packets and 120 bytes.
func v5(tb testing.TB) []byte {
	tb.Helper()
	b := make([]byte, 24+48)
	b[1], b[3] = 5, 1
	binary.BigEndian.PutUint32(b[4:], 60_000)
	binary.BigEndian.PutUint32(b[8:], 1_500_000_000)
	copy(b[24:], []byte{10, 0, 0, 1, 192, 0, 2, 1})
	b[24+19], b[24+23] = 3, 120
	b[24+38] = flow.ProtoUDP
	if decode.Sniff(b) != decode.NetFlow5 {
		tb.Fatal("the test's datagram is no NetFlow v5")
	}
	return b
}
