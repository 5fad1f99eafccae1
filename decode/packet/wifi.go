// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// radiotap skips the radio's header and learns from its flags whether the
// driver padded the 802.11 header to four bytes.
func radiotap(f []byte) (kind uint16, start int, r Reason) {
	if len(f) < 8 {
		return 0, 0, Truncated
	}
	size := int(binary.LittleEndian.Uint16(f[2:]))
	if size < 8 {
		return 0, 0, Malformed
	}
	if size > len(f) {
		return 0, 0, Truncated
	}
	const (
		hasTime  = 1 << 0 // 8 bytes, aligned to 8, in front of the flags
		hasFlags = 1 << 1
		more     = 1 << 31 // another word of presence bits follows
		padded   = 0x20
	)
	present := binary.LittleEndian.Uint32(f[4:])
	at := 8
	for word := present; word&more != 0; at += 4 {
		if at+4 > size {
			return 0, 0, Malformed
		}
		word = binary.LittleEndian.Uint32(f[at:])
	}
	if present&hasTime != 0 {
		at = (at+7)&^7 + 8
	}
	if present&hasFlags != 0 && at < size && f[at]&padded != 0 {
		return wifiFrame(f, size, 3)
	}
	return wifi(f, size)
}

// prism skips the header of the Prism or, told by its magic, of the AVS
// drivers; an AVS header gives its length in network order.
func prism(f []byte) (kind uint16, start int, r Reason) {
	if len(f) < 8 {
		return 0, 0, Truncated
	}
	size := 144
	if binary.BigEndian.Uint32(f)&0xfffff000 == 0x80211000 {
		size = int(binary.BigEndian.Uint32(f[4:]) & 0xffff)
	}
	if size < 8 {
		return 0, 0, Malformed
	}
	return wifi(f, size)
}

// wifi reads an IEEE 802.11 data frame that is not encrypted.
func wifi(f []byte, at int) (kind uint16, start int, r Reason) { return wifiFrame(f, at, 0) }

// wifiFrame reads an 802.11 frame whose header is rounded up to a multiple of
// pad+1 bytes. Of an aggregate (A-MSDU) the first packet is read; the later
// fragments of a frame carry no header of their own.
func wifiFrame(f []byte, at, pad int) (kind uint16, start int, r Reason) {
	if len(f) < at+24 {
		return 0, 0, Truncated
	}
	control, flags := f[at], f[at+1]
	if control&0x0c != 0x08 || control&0x40 != 0 || flags&0x40 != 0 { // data, with a body, not protected
		return 0, 0, NotIP
	}
	if f[at+22]&0x0f != 0 { // a later fragment
		return 0, 0, NotIP
	}
	header, aggregate := 24, 0
	if flags&3 == 3 {
		header += 6 // four addresses
	}
	if control&0x80 != 0 { // quality of service
		if len(f) < at+header+2 {
			return 0, 0, Truncated
		}
		if f[at+header]&0x80 != 0 {
			aggregate = 14 // addresses and length of the first packet
		}
		header += 2
		if flags&0x80 != 0 {
			header += 4 // HT control
		}
	}
	return llc(f, at+(header+pad)&^pad+aggregate)
}
