// SPDX-License-Identifier: Apache-2.0

package decode

// Reason says why something could not be used. It is a closed set, so that it
// can label a metric.
type Reason uint8

// The reasons.
const (
	None              Reason = iota
	UnknownProtocol          // neither NetFlow v5, v9, IPFIX nor sFlow v5
	ShortHeader              // the datagram ends inside its header
	Truncated                // the datagram ends before a length inside it says
	BadCount                 // a NetFlow v5 record count that cannot be
	BadSetLength             // a set shorter than its own header
	ReservedSet              // a set id that means nothing (2-255 in v9, 0, 1 and 4-255 in IPFIX)
	BadTemplate              // a template that ends inside a field, or a reserved id
	EmptyTemplate            // a template whose records would take no bytes
	LargeTemplate            // a template beyond the bounds on fields or memory
	MissingTemplate          // a data set dropped because its template is unknown and no room is left to hold it
	BadField                 // a variable-length field that runs past its set
	TrailingBytes            // bytes after the end that the header names
	BadSample                // an sFlow sample or record whose length does not fit
	UnknownSample            // an sFlow sample of a kind that carries no flow or counter
	NonIP                    // a sampled frame that is no IP packet: kept without addresses
	BadPacket                // a sampled header cut or malformed before its addresses
	ExporterTableFull        // no room for another exporter
	SamplerTableFull         // no room for another sampler of this exporter
	NumReasons               // how many there are
)

// String names the reason for metric labels.
func (r Reason) String() string {
	return [NumReasons]string{
		"none", "unknown_protocol", "short_header", "truncated", "bad_count", "bad_set_length",
		"reserved_set", "bad_template", "empty_template", "large_template", "missing_template",
		"bad_field", "trailing_bytes", "bad_sample", "unknown_sample", "non_ip", "bad_packet",
		"exporter_table_full", "sampler_table_full",
	}[r]
}
