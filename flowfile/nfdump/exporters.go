// SPDX-License-Identifier: Apache-2.0

package nfdump

import (
	"encoding/binary"
	"net/netip"

	"tidewatch/flow"
)

// exporters knows the exporters a file tells of, by the number that nfcapd gave
// them (sysid), and their sampling.
type exporters struct {
	index    map[uint16]uint32    // sysid -> index of the exporter column
	byAddr   map[flow.Addr]uint32 // one exporter may have several sysids (versions, domains)
	next     uint32
	samplers map[uint16][]sampler
	seen     func(index uint32, addr netip.Addr) // nil is fine
}

// sampler is one announced sampling: one of rate packets, rate 0 when the
// figures make no sense.
type sampler struct {
	id   int64
	rate uint32
}

// Sampler ids that nfcapd sets itself.
const (
	samplerOverwrite = -3 // configured, stronger than what is announced
	samplerDefault   = -2 // configured, weaker
)

func newExporters(seen func(uint32, netip.Addr)) exporters {
	return exporters{
		seen:  seen,
		index: map[uint16]uint32{}, byAddr: map[flow.Addr]uint32{}, samplers: map[uint16][]sampler{},
	}
}

// count is the number of exporters named or used.
func (e *exporters) count() int { return int(e.next) }

// of returns the exporter index of a record's sysid.
func (e *exporters) of(sysid uint16) uint32 {
	i, ok := e.index[sysid]
	if !ok { // a sysid without an info record: bounded, since there are 65 536 sysids
		i = e.next
		e.next++
		e.index[sysid] = i
	}
	return i
}

// info reads an exporter record: version, 16 bytes of address, family, sysid, id.
func (e *exporters) info(rec []byte) bool {
	if len(rec) < 28 {
		return false
	}
	le := binary.LittleEndian
	ip, family, sysid := rec[8:24], le.Uint16(rec[24:]), le.Uint16(rec[26:])
	a := addr6(ip)
	if family == 2 { // AF_INET: nfdump 1.6 keeps it in the third word, 1.7 in the fourth
		v := le.Uint32(ip[8:])
		if v == 0 {
			v = le.Uint32(ip[12:])
		}
		a = addr4(v)
	}
	i, ok := e.byAddr[a]
	if !ok {
		i = e.next
		e.next++
		e.byAddr[a] = i
		if e.seen != nil {
			e.seen(i, a.Netip())
		}
	}
	e.index[sysid] = i
	return true
}

// sampler reads a sampler record of nfdump 1.7: sysid, algorithm, id, packet
// interval, packet space. interval of interval+space packets were seen.
func (e *exporters) sampler(rec []byte) bool {
	if len(rec) < 24 {
		return false
	}
	le := binary.LittleEndian
	interval, space := uint64(le.Uint32(rec[16:])), uint64(le.Uint32(rec[20:]))
	s := sampler{id: int64(le.Uint64(rec[8:]))}
	if interval > 0 && (interval+space)%interval == 0 {
		s.rate = uint32((interval + space) / interval)
	}
	e.add(le.Uint16(rec[4:]), s)
	return true
}

// samplerOld reads a sampler record of nfdump 1.6: id, interval, mode, sysid.
func (e *exporters) samplerOld(rec []byte) bool {
	if len(rec) < 16 {
		return false
	}
	le := binary.LittleEndian
	id := int64(int32(le.Uint32(rec[4:])))
	e.add(le.Uint16(rec[14:]), sampler{id: id, rate: le.Uint32(rec[8:])})
	return true
}

// maxSamplers bounds the samplers of one exporter; routers have one per interface at most.
const maxSamplers = 1024

func (e *exporters) add(sysid uint16, s sampler) {
	list := e.samplers[sysid]
	for i := range list {
		if list[i].id == s.id {
			list[i] = s
			return
		}
	}
	if len(list) < maxSamplers {
		e.samplers[sysid] = append(list, s)
	}
}

// rate returns the sampling rate that nfcapd has multiplied a record of the
// exporter by, 0 when it cannot be told: records do not name their sampler, so
// with several different ones it stays open.
func (e *exporters) rate(sysid uint16) uint32 {
	var found uint32
	several := false
	for _, s := range e.samplers[sysid] {
		switch {
		case s.id == samplerOverwrite:
			return s.rate
		case s.id == samplerDefault && len(e.samplers[sysid]) > 1:
		case found != 0 && found != s.rate:
			several = true
		default:
			found = s.rate
		}
	}
	if several {
		return 0
	}
	return found
}

func addr4(v uint32) flow.Addr {
	return flow.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// addr6 reads an IPv6 address, kept as two 64-bit words in host order.
func addr6(b []byte) (a flow.Addr) {
	le, be := binary.LittleEndian, binary.BigEndian
	be.PutUint64(a[:8], le.Uint64(b))
	be.PutUint64(a[8:], le.Uint64(b[8:16]))
	return a
}
