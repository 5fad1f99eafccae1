// SPDX-License-Identifier: Apache-2.0

package query

import "tidewatch/flow"

// Direction is where a flow goes, seen from the own networks.
type Direction uint8

// The directions.
const (
	External Direction = iota // between two others
	Out
	In
	Internal // between two own addresses
)

// DirectionOf reads the marks that enrich set.
func DirectionOf(m flow.Mark) Direction {
	d := External
	if m&flow.SrcInternal != 0 {
		d |= Out
	}
	if m&flow.DstInternal != 0 {
		d |= In
	}
	return d
}

// String names the direction as filters do.
func (d Direction) String() string {
	return [4]string{"external", "out", "in", "internal"}[d&3]
}
