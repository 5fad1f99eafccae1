// SPDX-License-Identifier: Apache-2.0

// Package rollup keeps sums of flows for months: for each minute, or each hour, the
// heaviest values of every dimension and what all the others add up to
// (docs/reference/rollup-format.md).
//
// A file holds one span of time and says up to which segment there were flows to read,
// so that it can be seen whether it still says what they say. It is written whole or
// not at all.
package rollup

import (
	"time"

	"tidewatch/flow"
	"tidewatch/query"
)

// Grain is how finely time is cut.
type Grain struct {
	Name   string // of its directory
	Unit   time.Duration
	Bucket time.Duration
	Keep   int // heaviest values of a dimension in a bucket, by each measure
}

// Minutes are for days, Hours for months.
func Minutes() Grain { return Grain{"minutes", 10 * time.Minute, time.Minute, 100} }

// Hours holds one bucket a file.
func Hours() Grain { return Grain{"hours", time.Hour, time.Hour, 500} }

// MaxDevices bounds the devices of a bucket; they are kept exactly up to it.
const MaxDevices = 65536

// The sections that are no dimension of a question. A device's sent and received are
// kept apart.
const (
	DeviceIn  query.Dimension = "device_in"
	DeviceOut query.Dimension = "device_out"
	Direction query.Dimension = "direction"
)

// Sections are all sections of a file.
func Sections() []query.Dimension {
	out := []query.Dimension{DeviceIn, DeviceOut, Direction}
	for _, d := range query.Dimensions() {
		if d != query.Device {
			out = append(out, d)
		}
	}
	return out
}

// Row is one value of a dimension. Numbers stand in the last four bytes of Key.
type Row struct {
	Key flow.Addr
	query.Volume
}

// Bucket is one minute or hour of a section.
type Bucket struct {
	Rows []Row
	Rest query.Volume // of all values that are not among the rows
	Lost query.Volume // what one value may at most lack, by each measure
}

// Section is one dimension: a bucket for each step of the unit.
type Section struct {
	Name    query.Dimension
	Buckets []Bucket
	Damaged bool // as About says; set by the one who reads
}

// About describes a file.
type About struct {
	Version int       `json:"version"`
	From    time.Time `json:"from"`
	Grain   string    `json:"grain"`
	Flows   uint64    `json:"flows"`  // rows that were looked at
	Newest  uint64    `json:"newest"` // number of the newest segment that was there
	Damaged bool      `json:"damaged,omitempty"`
	Parts   []part    `json:"parts"`
}

// part is where a section lies behind the description.
type part struct {
	Name   query.Dimension `json:"name"`
	At     int64           `json:"at"`
	Length int64           `json:"length"`
	CRC    uint32          `json:"crc"`
}
