// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

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

// holds reports whether another destination has the place of one, so that nothing is
// known of it.
func (p *prevalence) holds(dest uint64) (other bool) {
	at, tag := &p.places[dest%prevalenceSize], uint32(dest>>32)
	return at.count > 0 && at.dest != tag
}

// usualSeconds is how long devices must have been watched for an address that none of
// them was seen to talk to to count as one that none talks to: people and programs have
// days.
const usualSeconds = 86400

// Prevalence is about how many devices of this shard send to an address outside, or ask
// anything of it, since the start. known is false when none is known to and that says
// nothing: too little time has passed, or another address has its place in the tables.
func (t *Tracker) Prevalence(a flow.Addr) (devices int, known bool) {
	hash := t.cfg.Seed.Hash(&a)
	devices = max(t.rare.of(hash), t.common.of(hash))
	seen := t.begun != 0 && t.now-t.begun >= usualSeconds
	return devices, devices > 0 || seen && !t.common.holds(hash) && !t.rare.holds(hash)
}
