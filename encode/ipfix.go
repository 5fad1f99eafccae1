// SPDX-License-Identifier: Apache-2.0

package encode

import "encoding/binary"

// IPFIX (RFC 7011).
const (
	ipfixHeader          = 16
	ipfixTemplateSet     = 2
	ipfixOptionsSet      = 3
	ipfixTemplateRecords = 1 // the options record; templates are no data records
)

// ipfixTemplates is what precedes the data when templates are due. The rate is
// told as RFC 5477 has it, one packet taken and N-1 left, scoped to the domain.
func ipfixTemplates(domain, sampling uint32) []byte {
	be := binary.BigEndian
	w := appendTemplates(nil, ipfixTemplateSet, true)
	at := len(w)
	w = be.AppendUint16(w, ipfixOptionsSet)
	w = be.AppendUint16(w, 0)
	w = be.AppendUint16(w, tmplOptions)
	w = be.AppendUint16(w, 3) // fields in all
	w = be.AppendUint16(w, 1) // of them scope
	w = appendFields(w, field{ieDomain, 4}, field{iePacketInterval, 4}, field{iePacketSpace, 4})
	w = closeSet(w, at)
	return appendSampling(w, domain, 1, sampling-1)
}

// ipfixHead writes the header. The sequence is the number of data records sent
// before this message, options records included (RFC 7011, 3.1).
func (e *Encoder) ipfixHead() {
	be := binary.BigEndian
	h := e.buf[:ipfixHeader]
	be.PutUint16(h[0:], 10)
	be.PutUint16(h[2:], uint16(e.pos))
	be.PutUint32(h[4:], uint32(e.now/1e9))
	be.PutUint32(h[8:], e.sequence)
	be.PutUint32(h[12:], e.cfg.Domain)
	e.sequence += uint32(e.count)
}
