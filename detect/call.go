// SPDX-License-Identifier: Apache-2.0

package detect

// The shape of a call with picture and sound, as those share it who judge what leaves a
// device, and what it carries at all.
const (
	// CallReturn is which part of what one side sends comes back at least. Both ends run the
	// same program over the same line; a group call brings more than it takes.
	CallReturn = 2
	// CallRate is how many bytes per second a side sends at most. No service sends more than
	// 4 Mbit/s of a participant (Zoom and Teams publish 3.8 and 4 for 1080p), and a call that
	// is recorded in 4K takes twice as much: 1 MB/s.
	CallRate = 1e6
)
