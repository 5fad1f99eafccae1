// SPDX-License-Identifier: Apache-2.0

package window

const prevalenceSize = 1 << 15

// prevalence estimates how many devices send to a destination: a direct-mapped
// table, so two destinations that share a place push each other out and look
// rarer than they are. Rarity alone never opens anything.
type prevalence struct{ places []place }

type place struct {
	dest   uint32
	count  uint16
	recent uint16 // fingerprint of the device counted last
}

func newPrevalence() prevalence { return prevalence{places: make([]place, prevalenceSize)} }

// note counts a device that began to send to a destination.
func (p *prevalence) note(dest, device uint64) {
	at, tag, who := &p.places[dest%prevalenceSize], uint32(dest>>32), uint16(device>>48)
	if at.dest != tag {
		*at = place{dest: tag, count: 1, recent: who}
		return
	}
	if at.recent != who && at.count < 1<<16-1 {
		at.count++
		at.recent = who
	}
}

// of returns about how many devices have sent to the destination.
func (p *prevalence) of(dest uint64) int {
	if at, tag := &p.places[dest%prevalenceSize], uint32(dest>>32); at.dest == tag {
		return int(at.count)
	}
	return 0
}
