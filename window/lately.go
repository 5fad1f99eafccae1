// SPDX-License-Identifier: Apache-2.0

package window

import "slices"

const knownSize = 128 // destinations, and networks, of earlier half days remembered by fingerprint

// lately remembers fingerprints, the newest last: the one that was not seen for longest
// gives way, so that what comes back every night stays known.
type lately struct {
	tags [knownSize]uint32
	n    int
}

func (l *lately) remember(tags []uint32) {
	for _, tag := range tags {
		at := slices.Index(l.tags[:l.n], tag)
		switch {
		case at >= 0:
		case l.n < knownSize:
			at = l.n
			l.n++
		default:
			at = 0
		}
		copy(l.tags[at:l.n], l.tags[at+1:l.n])
		l.tags[l.n-1] = tag
	}
}

func (l *lately) knows(tag uint32) bool { return slices.Contains(l.tags[:l.n], tag) }
