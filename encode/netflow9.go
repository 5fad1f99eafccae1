// SPDX-License-Identifier: Apache-2.0

package encode

import "encoding/binary"

// NetFlow v9 (RFC 3954).
const (
	v9Header          = 20
	v9TemplateSet     = 0
	v9OptionsSet      = 1
	v9TemplateRecords = 4 // two templates, the options template, the options record
)

// netflow9Templates is what precedes the data when templates are due. The rate
// stands alone, without the algorithm (element 35): nfcapd 1.7.1 passes over an
// options template that has both.
func netflow9Templates(sampling uint32) []byte {
	be := binary.BigEndian
	w := appendTemplates(nil, v9TemplateSet, false)
	at := len(w)
	w = be.AppendUint16(w, v9OptionsSet)
	w = be.AppendUint16(w, 0)
	w = be.AppendUint16(w, tmplOptions)
	w = be.AppendUint16(w, 4) // bytes of scope fields
	w = be.AppendUint16(w, 4) // bytes of option fields
	w = appendFields(w, field{scopeSystem, 4}, field{ieSamplingRate, 4})
	w = closeSet(w, at)
	return appendSampling(w, 0, sampling)
}

// v9Head writes the header. Its clock has whole seconds only, so the export
// time is the next whole second and the uptime is taken at that same moment:
// every datagram then gives the same boot time, and flow times come out exact to
// the millisecond instead of wandering by up to a second. Rounding up and not
// down keeps a flow from ending after its own export. Count is the number of
// all records, templates included (RFC 3954, 5.1).
func (e *Encoder) v9Head() {
	be := binary.BigEndian
	h := e.buf[:v9Header]
	seconds := (e.now + 1e9 - 1) / 1e9
	be.PutUint16(h[0:], 9)
	be.PutUint16(h[2:], uint16(e.count))
	be.PutUint32(h[4:], e.uptime(seconds*1e9))
	be.PutUint32(h[8:], uint32(seconds))
	be.PutUint32(h[12:], e.sequence)
	be.PutUint32(h[16:], e.cfg.Domain)
	e.sequence++ // of datagrams
}
