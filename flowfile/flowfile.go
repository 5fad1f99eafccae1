// SPDX-License-Identifier: Apache-2.0

// Package flowfile opens recorded flows: it finds out by content what a file
// is, undoes gzip and zstd on the way, and hands it to the reader of its format.
// The formats are sub-packages; whoever opens a file passes the list of those it
// knows, so this package imports none of them.
package flowfile

import (
	"bufio"
	"io"
	"net/netip"
	"time"

	"tidewatch/decode"
	"tidewatch/flow"
)

// Options say what a file cannot say of itself.
type Options struct {
	Active   uint32         // active timeout in seconds of the flows that are made of packets; 0 = a minute
	Sampling uint32         // sampling rate where the file does not tell it; 0 = unknown
	Zone     *time.Location // zone of times written without one; nil = UTC

	// Exporter is told which address stands behind a number of the exporter column,
	// before its first records, by files that know it. nil is fine.
	Exporter func(index uint32, addr netip.Addr)

	DecodeConfig decode.Config // for captures of flow exports
}

// Stats tell what was read so far and what could not be.
type Stats struct {
	Format    string            // name of the format, with its variant where that helps
	Records   uint64            // records read
	Packets   uint64            // packets of those records as written; for raw captures the IP packets seen
	Bytes     uint64            // bytes of those records as written
	Skipped   uint64            // records, lines or blocks that were damaged and left out
	Reasons   map[string]uint64 // how many were left out, by reason; reasons of Skipped and of rows that are no flows
	Notes     []string          // sentences for people: "truncated at byte 1234: 17 bytes of a record are missing"
	Exporters int               // number of exporters the file names; 0 where it names none
}

// Reader is one open input.
type Reader interface {
	// Read appends up to some thousand records to b and returns their number. At
	// the end it returns io.EOF, perhaps together with the last records.
	// Damaged records are skipped and counted; an error other than io.EOF means
	// that nothing more can be read at all.
	Read(b *flow.Batch) (int, error)
	Stats() Stats
	Close() error
}

// Format is one file format: how to know it and how to read it.
type Format struct {
	Name string // as in --input-format
	// Detect looks at the first bytes of the uncompressed input, up to 64 KiB.
	Detect func(head []byte) bool
	// Open reads from r, which stands at the first byte. name is for messages.
	Open func(name string, r *bufio.Reader, o Options) (Reader, error)
	// OpenAt is in its place for a format that is read from the end of a file of size
	// bytes. Such a file must be named as it is: neither compressed nor piped.
	OpenAt func(name string, r io.ReaderAt, size int64, o Options) (Reader, error)
}
