// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"bytes"
	"encoding/binary"
	"math"
)

const (
	enterpriseBit = 0x8000         // RFC 7011, 3.2: a private enterprise number follows
	variable      = math.MaxUint16 // RFC 7011, 7: the length stands in the data
	minDataSet    = 256            // lower set ids are templates or reserved
	templateBase  = 256            // bytes of a template beside its fields: struct, map entry, list
	fieldCost     = 40             // bytes a field may take: specification, field and its op in the plan
)

// field is one entry of a template.
type field struct {
	pen    uint32 // 0 for IANA's own
	id     uint16
	length uint16
}

// templateKey packs protocol, observation domain and template id; the exporter
// is the table it is looked up in.
type templateKey uint64

func newTemplateKey(p Protocol, domain uint32, id uint16) templateKey {
	return templateKey(p)<<48 | templateKey(domain)<<16 | templateKey(id)
}

func (k templateKey) proto() Protocol { return Protocol(k >> 48) }
func (k templateKey) domain() uint32  { return uint32(k >> 16) }
func (k templateKey) id() uint16      { return uint16(k) }

// template is a compiled template. size is the exact length of a record, or the
// least one when some fields are variable; it is never 0.
type template struct {
	key        templateKey
	used       int64 // Unix ns of the last data or refresh
	size       int
	cost       int
	options    bool
	variable   bool
	scope      int    // options: how many fields are the scope
	spec       []byte // the fields as on the wire: a refresh is told from a change by it
	fields     []field
	forward    plan
	reverse    plan // of biflows, without ops for others
	telling    bool // options: some field matters to us
	prev, next *template
}

// specLength returns how many bytes count fields take at the start of b.
func specLength(b []byte, count int, enterprise bool) (n int, ok bool) {
	for range count {
		if len(b)-n < 4 {
			return 0, false
		}
		long := enterprise && binary.BigEndian.Uint16(b[n:])&enterpriseBit != 0
		if n += 4; long {
			n += 4
		}
	}
	return n, n <= len(b)
}

// parseFields reads a specification that specLength has measured.
func parseFields(spec []byte, enterprise bool) []field {
	fields := make([]field, 0, len(spec)/4)
	for len(spec) >= 4 {
		f := field{id: binary.BigEndian.Uint16(spec), length: binary.BigEndian.Uint16(spec[2:])}
		spec = spec[4:]
		if enterprise && f.id&enterpriseBit != 0 && len(spec) >= 4 {
			f.id &^= enterpriseBit
			f.pen = binary.BigEndian.Uint32(spec)
			spec = spec[4:]
		}
		fields = append(fields, f)
	}
	return fields
}

// newTemplate compiles a specification. Its size is 0 when records would take no
// bytes; such a template must not be used.
func newTemplate(def *definition) *template {
	proto := def.key.proto()
	t := &template{
		key: def.key, scope: def.scope, options: def.options,
		spec: bytes.Clone(def.spec), cost: templateCost(def.spec),
	}
	fields := parseFields(def.spec, proto == IPFIX)
	for _, f := range fields {
		if f.length == variable {
			t.variable = true
			t.size++ // a length of at least one byte
			continue
		}
		t.size += int(f.length)
	}
	switch {
	case t.options:
		t.telling = tells(fields, t.scope, proto)
	default:
		t.forward = compile(fields, proto, false)
		// A biflow gives two records, and no more records than bytes may come out.
		if t.size >= 2 && isBiflow(fields) {
			t.reverse = compile(fields, proto, true)
		}
	}
	if t.options || t.variable {
		t.fields = fields
	}
	return t
}

// templateCost is what a template is booked at; every field has at least four bytes.
func templateCost(spec []byte) int { return templateBase + len(spec)/4*fieldCost }

// span is where one field of one record lies.
type span struct{ off, width int }

// measure finds the fields of the record at the start of b and its length. It
// reports false when a field runs past the end.
func measure(fields []field, b []byte, spans []span) (size int, ok bool) {
	for i, f := range fields {
		width := int(f.length)
		if f.length == variable {
			if size >= len(b) {
				return 0, false
			}
			width = int(b[size])
			size++
			if width == math.MaxUint8 {
				if len(b)-size < 2 {
					return 0, false
				}
				width = int(binary.BigEndian.Uint16(b[size:]))
				size += 2
			}
		}
		if len(b)-size < width {
			return 0, false
		}
		spans[i] = span{off: size, width: width}
		size += width
	}
	return size, true
}
