// SPDX-License-Identifier: Apache-2.0

package query

import "strings"

// Column is what a test looks at: a column of flows, or what follows from some.
type Column uint8

// The columns. Their order is part of no file format.
const (
	ColSrc Column = iota
	ColDst
	ColSrcPort
	ColDstPort
	ColProto
	ColBytes    // true bytes
	ColPackets  // true packets
	ColDuration // nanoseconds from start to end, 0 when the end lies before the start
	ColTCPFlags
	ColExporter
	ColInIf
	ColOutIf
	ColSrcAS
	ColDstAS
	ColDirection // a Direction
	NumColumns
)

// Columns is a set of them.
type Columns uint32

// Has reports whether c is in the set.
func (s Columns) Has(c Column) bool { return s>>c&1 != 0 }

// kind says how the values of a field are written and compared.
type kind uint8

const (
	kindAddr     kind = iota // address, prefix, range of addresses
	kindNumber               // bounded by the field's max
	kindVolume               // number with k, M, G, T
	kindDuration             // number with ms, s, m, h
	kindProto                // name or number
	kindFlags                // letters of TCP flags, compared as sets
	kindDirection
)

// field is a name of the language. With two columns it matches when either does.
type field struct {
	name string
	kind kind
	max  uint64
	cols []Column
}

func fields() []field {
	const as = 1<<32 - 1
	return []field{
		{"src", kindAddr, 0, []Column{ColSrc}},
		{"dst", kindAddr, 0, []Column{ColDst}},
		{"host", kindAddr, 0, []Column{ColSrc, ColDst}},
		{"src_port", kindNumber, 65535, []Column{ColSrcPort}},
		{"dst_port", kindNumber, 65535, []Column{ColDstPort}},
		{"port", kindNumber, 65535, []Column{ColSrcPort, ColDstPort}},
		{"proto", kindProto, 255, []Column{ColProto}},
		{"bytes", kindVolume, 1 << 62, []Column{ColBytes}},
		{"packets", kindVolume, 1 << 62, []Column{ColPackets}},
		{"duration", kindDuration, 1 << 62, []Column{ColDuration}},
		{"flags", kindFlags, 255, []Column{ColTCPFlags}},
		{"exporter", kindAddr, 0, []Column{ColExporter}},
		{"input", kindNumber, as, []Column{ColInIf}},
		{"output", kindNumber, as, []Column{ColOutIf}},
		{"src_as", kindNumber, as, []Column{ColSrcAS}},
		{"dst_as", kindNumber, as, []Column{ColDstAS}},
		{"as", kindNumber, as, []Column{ColSrcAS, ColDstAS}},
		{"direction", kindDirection, 3, []Column{ColDirection}},
	}
}

func fieldNamed(name string) (*field, bool) {
	all := fields()
	for i := range all {
		if strings.EqualFold(all[i].name, name) {
			return &all[i], true
		}
	}
	return nil, false
}

func fieldNames() string {
	all := fields()
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return strings.Join(names, ", ")
}

// ordered reports whether < and > mean something for the field.
func (f *field) ordered() bool {
	return f.kind == kindNumber || f.kind == kindVolume || f.kind == kindDuration || f.kind == kindFlags
}

// ranges reports whether a..b means something for the field.
func (f *field) ranges() bool { return f.kind != kindFlags && f.kind != kindDirection }

// DurationOf is what ColDuration holds.
func DurationOf(start, end int64) uint64 { return uint64(max(end-start, 0)) }
