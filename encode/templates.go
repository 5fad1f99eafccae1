// SPDX-License-Identifier: Apache-2.0

package encode

import "encoding/binary"

// The template ids. Both protocols reserve those below 256 for sets.
const (
	tmpl4       = 256
	tmpl6       = 257
	tmplOptions = 258
)

// Information elements (IANA IPFIX registry; RFC 3954 gave most their numbers).
const (
	ieBytes          = 1
	iePackets        = 2
	ieProtocol       = 4
	ieTCPFlags       = 6
	ieSrcPort        = 7
	ieSrc4           = 8
	ieInIf           = 10
	ieDstPort        = 11
	ieDst4           = 12
	ieOutIf          = 14
	ieSrcAS          = 16
	ieDstAS          = 17
	ieLastUptime     = 21
	ieFirstUptime    = 22
	ieSrc6           = 27
	ieDst6           = 28
	ieSamplingRate   = 34
	ieICMP4          = 32
	ieDirection      = 61
	ieICMP6          = 139
	ieDomain         = 149
	iePacketInterval = 305
	iePacketSpace    = 306
	ieStartMillis    = 152
	ieEndMillis      = 153
	scopeSystem      = 1 // v9 scope field type
)

// field is one line of a template.
type field struct{ id, size uint16 }

// recordFields is the layout that row writes; v9 and IPFIX differ in the times.
// ICMP type and code stand in the destination port, as Cisco has it, and in an
// element of their own, without which nfdump does not see them; in v9 the one
// element serves both families, as softflowd has it.
func recordFields(v6, isIPFIX bool) []field {
	src, dst, size := uint16(ieSrc4), uint16(ieDst4), uint16(4)
	if v6 {
		src, dst, size = ieSrc6, ieDst6, 16
	}
	start, end, icmp, timeSize := uint16(ieFirstUptime), uint16(ieLastUptime), uint16(ieICMP4), uint16(v9Time)
	if isIPFIX {
		start, end, timeSize = ieStartMillis, ieEndMillis, ipfixTime
	}
	if isIPFIX && v6 {
		icmp = ieICMP6
	}
	return []field{
		{src, size},
		{dst, size},
		{ieBytes, 8},
		{iePackets, 8},
		{start, timeSize},
		{end, timeSize},
		{ieSrcPort, 2},
		{ieDstPort, 2},
		{icmp, 2},
		{ieInIf, 4},
		{ieOutIf, 4},
		{ieSrcAS, 4},
		{ieDstAS, 4},
		{ieProtocol, 1},
		{ieTCPFlags, 1},
		{ieDirection, 1},
	}
}

// Sizes of the records, in bytes: the fixed fields and two addresses of 4 or 16.
const (
	fixedSize   = 2*8 + 3*2 + 4*4 + 3
	v9Time      = 4
	ipfixTime   = 8
	addressSize = 4
	extraV6     = 2 * (16 - addressSize)
)

// appendTemplates writes one set with both record templates.
func appendTemplates(w []byte, setID uint16, isIPFIX bool) []byte {
	be := binary.BigEndian
	at := len(w)
	w = be.AppendUint16(w, setID)
	w = be.AppendUint16(w, 0)
	for _, v6 := range []bool{false, true} {
		fields := recordFields(v6, isIPFIX)
		id := uint16(tmpl4)
		if v6 {
			id = tmpl6
		}
		w = be.AppendUint16(w, id)
		w = be.AppendUint16(w, uint16(len(fields)))
		w = appendFields(w, fields...)
	}
	return closeSet(w, at)
}

func appendFields(w []byte, fields ...field) []byte {
	for _, f := range fields {
		w = binary.BigEndian.AppendUint16(w, f.id)
		w = binary.BigEndian.AppendUint16(w, f.size)
	}
	return w
}

// appendSampling writes the options record: a scope and the values that tell
// the rate, 4 bytes each.
func appendSampling(w []byte, values ...uint32) []byte {
	at := len(w)
	w = binary.BigEndian.AppendUint16(w, tmplOptions)
	w = binary.BigEndian.AppendUint16(w, 0)
	for _, v := range values {
		w = binary.BigEndian.AppendUint32(w, v)
	}
	return closeSet(w, at)
}

// closeSet pads the set that began at to 4 bytes and writes its length.
func closeSet(w []byte, at int) []byte {
	for (len(w)-at)%4 != 0 {
		w = append(w, 0)
	}
	binary.BigEndian.PutUint16(w[at+2:], uint16(len(w)-at))
	return w
}
