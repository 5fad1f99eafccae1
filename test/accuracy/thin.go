// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"

	"tidewatch/flow"
)

// thinCapture leaves of a capture one packet of n, each by chance, as a sampling
// router does. The headers of the file stay as they are.
func thinCapture(data []byte, n uint32, r *rand.Rand) ([]byte, error) {
	if len(data) < 24 {
		return nil, errors.New("no capture")
	}
	if binary.BigEndian.Uint32(data) == 0x0a0d0d0a {
		return thinBlocks(data, n, r), nil
	}
	var order binary.ByteOrder = binary.LittleEndian
	header := 16
	switch binary.BigEndian.Uint32(data) {
	case 0xa1b2c3d4, 0xa1b23c4d:
		order = binary.BigEndian
	case 0xd4c3b2a1, 0x4d3cb2a1:
	case 0xa1b2cd34:
		order, header = binary.BigEndian, 24
	case 0x34cdb2a1:
		header = 24
	default:
		return nil, errors.New("no capture")
	}
	out := append([]byte(nil), data[:24]...)
	for at := 24; at+header <= len(data); {
		next := at + header + int(order.Uint32(data[at+8:]))
		if next > len(data) {
			break
		}
		if r.Uint32N(n) == 0 {
			out = append(out, data[at:next]...)
		}
		at = next
	}
	return out, nil
}

// thinBlocks does so with a pcapng file: packets stand in blocks of types 2, 3 and 6.
func thinBlocks(data []byte, n uint32, r *rand.Rand) []byte {
	var out []byte
	var order binary.ByteOrder = binary.LittleEndian
	for at := 0; at+12 <= len(data); {
		if binary.BigEndian.Uint32(data[at:]) == 0x0a0d0d0a && binary.BigEndian.Uint32(data[at+8:]) == 0x1a2b3c4d {
			order = binary.BigEndian
		}
		next := at + int(order.Uint32(data[at+4:]))
		if next < at+12 || next > len(data) {
			break
		}
		switch order.Uint32(data[at:]) {
		case 2, 3, 6:
			if r.Uint32N(n) == 0 {
				out = append(out, data[at:next]...)
			}
		default:
			out = append(out, data[at:next]...)
		}
		at = next
	}
	return out
}

// thinFlows leaves of the packets of flows one of n, each by chance. Flags are those of
// the packets that are left: the first of a connection has its SYN, the last its FIN.
func thinFlows(all *flow.Batch, n uint32, r *rand.Rand) *flow.Batch {
	out := flow.NewBatch(all.Len()/int(n) + 1)
	for i := range all.Start {
		f := all.Record(i)
		flags, left := uint8(0), uint64(0)
		for k := range f.Packets {
			if r.Uint32N(n) != 0 {
				continue
			}
			left++
			flags |= flagsOf(f.TCPFlags, k == 0, k+1 == f.Packets)
		}
		if left == 0 {
			continue
		}
		f.Bytes = f.Bytes * left / f.Packets
		f.Packets, f.TCPFlags, f.Sampling = left, flags, n
		out.Append(&f)
	}
	return out
}

// flagsOf is what one packet has of the flags of its flow.
func flagsOf(flags uint8, first, last bool) uint8 {
	const begin, end = flow.SYN, flow.FIN | flow.RST
	own := flags &^ (begin | end)
	switch {
	case first && last:
		return flags
	case first:
		return flags & begin
	case last:
		return own | flags&end
	}
	return own
}
