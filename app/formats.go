// SPDX-License-Identifier: Apache-2.0

package app

import (
	"tidewatch/flowfile"
	"tidewatch/flowfile/csv"
	"tidewatch/flowfile/eve"
	"tidewatch/flowfile/nfdump"
	"tidewatch/flowfile/parquet"
	"tidewatch/flowfile/pcap"
	"tidewatch/flowfile/zeek"
)

// Formats lists the file formats that are read, in the order in which their
// content is tried. Adding a format is one line here.
func Formats() []flowfile.Format {
	return []flowfile.Format{pcap.Format(), nfdump.Format(), zeek.Format(), eve.Format(), parquet.Format(), csv.Binetflow(), csv.Format()}
}
