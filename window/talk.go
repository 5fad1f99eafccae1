// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math/bits"

	"tidewatch/flow"
)

// A packet of a talk is long from so many bytes on, IP header included; IPv6 has 20
// more. A question for a name of 52 characters, the usual limit in the search for
// tunnels (Farnham, Detecting DNS Tunneling, SANS 2013), has 98 bytes: 28 of headers,
// 12 of DNS, 54 of name, 4 of type and class. Over TCP headers alone have up to 52, and
// segments filled with questions are still short. An echo request has 60 (Windows), 84
// (Unix) or 100 (routers) unless told otherwise.
const (
	longQuestion, longSegment, longEcho = 100, 180, 120
	header6More                         = 20
	// chained is how many packets of one flow are questions of one and the same
	// socket. Since RFC 5452 each question goes out from a port of its own; two, for
	// both kinds of addresses, and their repetitions share one.
	chained = 10
)

// Talk is what one own device and one other exchange that may hide other traffic:
// questions to port 53, or echo messages. It remembers the running hour and the
// one before.
type Talk struct {
	Peer   flow.Addr
	hash   uint64
	born   int64 // of the device: its slot may be another's by now
	dev    int32
	first  uint32 // Unix seconds of all its traffic
	last   uint32
	minute uint32 // in which it was booked last
	rate   uint32 // highest sampling rate
	proto  uint8
	used   bool
	echo   bool
	inside bool // the other is an own device too
	parts  [2]talkPart
	_      [24]byte // whole cache lines
}

// talkPart is one hour of a talk.
type talkPart struct {
	hour      uint32
	bytes     [2]uint64 // by Direction, as the device sees it
	packets   [2]uint64
	long      uint64 // packets sent in flows whose packets are long
	longBytes uint64
	chained   uint64 // packets sent in flows of many
	uneven    uint64 // packets in flows of more than one size
	sizes     uint64 // which mean sizes flows had: a bitmap by hash
	minutes   uint64 // which minutes of the hour had traffic
}

// TalkSums are what a talk amounts to in the running hour and the one before.
type TalkSums struct {
	Bytes, Packets  [2]uint64 // by Direction, as the device sees it
	Long, LongBytes uint64    // packets sent in flows whose packets are long, and their bytes
	Chained         uint64    // packets sent in flows of ten packets and more: one socket, question after question
	Uneven          uint64    // packets of flows whose packets differ in size
	Sizes           int       // about how many mean sizes flows had; 64 at most
	Seconds         int64     // in which it went on: minutes with traffic, or less
}

// add books a piece.
func (x *Talk) add(d Direction, p *piece) {
	x.first, x.last = min(x.first, clip(p.first)), max(x.last, clip(p.last))
	x.rate = max(x.rate, p.rate)
	part := x.part(uint32(p.last / 3600))
	if part == nil {
		return
	}
	part.bytes[d] += p.bytes
	part.packets[d] += p.packets
	for m := max(p.first/60, p.last/3600*60); m <= p.last/60; m++ {
		part.minutes |= 1 << (m % 60)
	}
	mean := p.bytes / max(p.packets, 1)
	if p.rate <= 1 && p.bytes != mean*p.packets {
		part.uneven += p.packets
	}
	part.sizes |= 1 << (mean * 0x9e3779b97f4a7c15 >> 58)
	if d == In {
		return
	}
	if mean >= x.longFrom() {
		part.long += p.packets
		part.longBytes += p.bytes
	}
	if p.rate <= 1 && p.packets >= chained {
		part.chained += p.packets
	}
}

func (x *Talk) longFrom() uint64 {
	from := uint64(longQuestion)
	switch {
	case x.echo:
		from = longEcho
	case x.proto == flow.ProtoTCP:
		from = longSegment
	}
	if !x.Peer.Is4() {
		from += header6More
	}
	return from
}

// part returns the sums of an hour, nil when they are gone.
func (x *Talk) part(hour uint32) *talkPart {
	part := &x.parts[hour&1]
	switch {
	case part.hour > hour:
		return nil
	case part.hour < hour:
		*part = talkPart{hour: hour}
	}
	return part
}

// Proto is the protocol: UDP or TCP to port 53, or echo messages of ICMP.
func (x *Talk) Proto() uint8 { return x.proto }

// Echo reports whether these are echo messages; else they are questions to port 53.
func (x *Talk) Echo() bool { return x.echo }

// Plain reports whether the device sent nothing long, and used no socket again: most
// talks are so, and their sums need not be asked for.
func (x *Talk) Plain() bool {
	a, b := &x.parts[0], &x.parts[1]
	return a.long|b.long|a.chained|b.chained == 0
}

// Inside reports whether the other is an own device too.
func (x *Talk) Inside() bool { return x.inside }

// First is the Unix second of its first traffic, Last of its newest.
func (x *Talk) First() int64 { return int64(x.first) }

// Last is the Unix second of its newest traffic.
func (x *Talk) Last() int64 { return int64(x.last) }

// Rate is the highest sampling rate of its flows.
func (x *Talk) Rate() uint32 { return max(x.rate, 1) }

// Sums adds up the hour of second now and the one before.
func (x *Talk) Sums(now int64) (s TalkSums) {
	hour := uint32(now / 3600)
	var sizes uint64
	for i := range x.parts {
		part := &x.parts[i]
		if part.hour+1 < hour {
			continue
		}
		for d := range 2 {
			s.Bytes[d] += part.bytes[d]
			s.Packets[d] += part.packets[d]
		}
		s.Long += part.long
		s.LongBytes += part.longBytes
		s.Chained += part.chained
		s.Uneven += part.uneven
		sizes |= part.sizes
		s.Seconds += 60 * int64(bits.OnesCount64(part.minutes))
	}
	s.Sizes = bits.OnesCount64(sizes)
	s.Seconds = max(min(s.Seconds, int64(x.last-x.first)+1), 1)
	return s
}
