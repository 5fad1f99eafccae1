// SPDX-License-Identifier: Apache-2.0

package decode

import "encoding/binary"

// Protocol is an export protocol.
type Protocol uint8

// The export protocols.
const (
	Unknown Protocol = iota
	NetFlow5
	NetFlow9
	IPFIX
	SFlow5
)

// String names the protocol as people write it.
func (p Protocol) String() string {
	switch p {
	case NetFlow5:
		return "netflow5"
	case NetFlow9:
		return "netflow9"
	case IPFIX:
		return "ipfix"
	case SFlow5:
		return "sflow5"
	case Unknown:
	}
	return "unknown"
}

// protocolOf looks at the version alone: a broken datagram is then counted
// under the protocol that it tried to be.
func protocolOf(b []byte) Protocol {
	if len(b) < 4 {
		return Unknown
	}
	switch binary.BigEndian.Uint16(b) {
	case 5:
		return NetFlow5
	case 9:
		return NetFlow9
	case 10:
		return IPFIX
	case 0:
		if b[2] == 0 && b[3] == 5 {
			return SFlow5
		}
	}
	return Unknown
}

// Sniff tells exports from other UDP traffic: version, lengths and the first set
// or sample must fit together. It is stricter than Decode, which takes the
// sender's word for the protocol.
func Sniff(payload []byte) Protocol {
	p := protocolOf(payload)
	ok := false
	switch p {
	case NetFlow5:
		ok = sniff5(payload)
	case NetFlow9:
		ok = len(payload) >= v9Header+4 && sniffSet(payload[v9Header:], 0, 1)
	case IPFIX:
		ok = len(payload) >= ipfixHeader+4 &&
			int(binary.BigEndian.Uint16(payload[2:])) <= len(payload) && sniffSet(payload[ipfixHeader:], 2, 3)
	case SFlow5:
		ok = sniffSFlow(payload)
	case Unknown:
	}
	if ok {
		return p
	}
	return Unknown
}

func sniff5(b []byte) bool {
	if len(b) < v5Header+v5Record {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	return n > 0 && v5Header+n*v5Record <= len(b)
}

// sniffSet checks the first set: a template set or data, and not past the end.
func sniffSet(b []byte, template, options uint16) bool {
	id, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
	return (id == template || id == options || id >= 256) && n > 4 && n <= len(b)
}

func sniffSFlow(b []byte) bool {
	h, ok := sflowHeader(b)
	if !ok {
		return false
	}
	rest := b[h.size:]
	if h.samples == 0 {
		return len(rest) == 0
	}
	if len(rest) < 8 {
		return false
	}
	kind, n := binary.BigEndian.Uint32(rest), int64(binary.BigEndian.Uint32(rest[4:]))
	return kind != 0 && n > 0 && n <= int64(len(rest)-8)
}
