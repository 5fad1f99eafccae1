// SPDX-License-Identifier: Apache-2.0

package incident

import "time"

// birth is what tells two incidents of one cause apart: the second in which the
// opening finding says it started, and a number among those of that second.
type birth struct {
	second int64
	number int
}

// grave is what is left of an incident.
type grave struct {
	birth

	id    string
	ended time.Time
}

// graves remembers when the last incident of a cause ended, for causes whose
// incident is no longer held. A detector that looks back for a day goes on
// reporting what is long over; without this, old news would open a second
// incident. It holds a fixed number of causes and forgets the oldest.
type graves struct {
	size  int
	byKey map[key]grave
	ring  []key // in order of burial
	next  int
}

func newGraves(size int) graves { return graves{size: size, byKey: map[key]grave{}} }

func (g *graves) add(k key, dead grave) {
	if _, known := g.byKey[k]; !known {
		if len(g.ring) < g.size {
			g.ring = append(g.ring, k)
		} else {
			delete(g.byKey, g.ring[g.next])
			g.ring[g.next] = k
			g.next = (g.next + 1) % g.size
		}
	}
	g.byKey[k] = dead
}
