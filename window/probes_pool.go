// SPDX-License-Identifier: Apache-2.0

package window

const (
	// The first few attempts in vain of an hour are everybody's: a server that is down, a
	// name that is old. From the fourth on they are kept: by then a random walk on first
	// contacts is sure of a scanner (threshold random walk, Jung et al. 2004: error
	// rates of 1 %, success rates of 80 and 20 %).
	triedFew = 3
	// A device that makes more flows than this in a minute, 1000 a second, has each
	// sixteenth attempt noted: it is over every limit, or no scanner.
	triedFlows, triedEvery = 60_000, 16
	// A target of more than so many flows in a minute (100 a second) is a busy server or
	// attacked; what scanners want of it drowns in that, and costs no time.
	targetFlows = 6000
	burstFlows  = targetFlows * 9 / 10
	// Datagrams and echo requests are attempts in vain of a device that gets an answer to
	// less than half of what it sends, beyond a handful in the running minute.
	lonelyFlows = 25
	idleProbes  = 26 * 3600 // seconds after which a record is given back: no span reaches further
)

// probers is a bounded pool of records.
type probers struct {
	all  []*Probes
	free []int32
	hand int
}

// try notes an attempt of a device, or by one outside at it.
func (t *Tracker) try(d Direction, slot int32, dev *device, p *piece, peerInternal bool) {
	what := p.trial
	if d == In {
		switch {
		case what == tryRefused || what == tryAnswer:
			if at := dev.probes[Out]; at != 0 { // an answer to what the device tried
				t.probers[Out].all[at-1].note(what, p, t.now)
			}
			return
		case peerInternal || what >= TryOpen && what != TryLogin && what != tryLong:
			return // of own devices the scanner is told of; and visitors open and close, too
		case dev.now.Flows[In] > targetFlows:
			t.losses.TriesSpared++
			return
		}
	} else {
		if what >= NumTrials && what != tryLong || nowhere(p.dst) {
			return
		}
		if n := dev.now.Flows[Out]; n > triedFlows && n%triedEvery != 0 {
			t.losses.TriesSpared++
			return
		}
		if (what == TryUDP || what == TryICMP) && dev.now.Flows[Out] <= lonelyFlows+2*dev.now.Flows[In] {
			return
		}
	}
	if d == In && what < TryOpen {
		t.sweep(int(dev.net), p)
	}
	at := dev.probes[d]
	if at == 0 {
		if what == tryLong {
			return
		}
		if dev.tried[d] < triedFew {
			dev.tried[d]++
			return
		}
		if at = t.probe(d, slot) + 1; at == 0 {
			return
		}
		dev.probes[d] = at
	}
	t.probers[d].all[at-1].note(what, p, t.now)
}

// probe gives a device a record, that of the longest idle one of a sample when all are
// in use; -1 when none of those was idle for ten minutes.
func (t *Tracker) probe(d Direction, slot int32) int32 {
	pool := &t.probers[d]
	var i int32
	switch {
	case len(pool.free) > 0:
		i = pool.free[len(pool.free)-1]
		pool.free = pool.free[:len(pool.free)-1]
	case len(pool.all) < t.cfg.MaxProbes:
		i = int32(len(pool.all))
		pool.all = append(pool.all, t.memory.probes.New())
	default:
		worst, oldest := -1, t.now-idleDev
		for range sample / 8 {
			pool.hand = (pool.hand + 1) % len(pool.all)
			if pool.all[pool.hand].last < oldest {
				worst, oldest = pool.hand, pool.all[pool.hand].last
			}
		}
		if worst < 0 {
			t.losses.ProbesRefused++
			return -1
		}
		t.dev.at(pool.all[worst].dev).probes[d] = 0
		t.losses.ProbesForgotten++
		i = int32(worst)
	}
	pool.all[i].reset(t.dev.at(slot).addr, slot, d, t.now)
	return i
}

// unprobe gives the records of a device back.
func (t *Tracker) unprobe(dev *device) {
	for d := range dev.probes {
		if at := dev.probes[d]; at != 0 {
			pool := &t.probers[d]
			pool.all[at-1].used, pool.all[at-1].dirty = false, false
			pool.free = append(pool.free, at-1)
			dev.probes[d] = 0
		}
	}
}

// openProbes begins another minute.
func (t *Tracker) openProbes() {
	for d := range t.probers {
		for i, p := range t.probers[d].all {
			p.dirty, p.burst, p.minute = false, p.burst || p.minute >= burstFlows, 0
			if p.used && p.last < t.now-idleProbes {
				p.used = false
				t.dev.at(p.dev).probes[d] = 0
				t.probers[d].free = append(t.probers[d].free, int32(i))
			}
		}
	}
	for i := range t.swept {
		t.swept[i].dirty = false
	}
}

// usualPorts remembers which of the tried ports the device really uses, before its
// contacts of the hour are cleared.
func (t *Tracker) usualPorts() {
	for _, p := range t.probers[Out].all {
		if !p.used {
			continue
		}
		p.usual = [triedKept]usedBy{}
		met := t.dev.at(p.dev).met
		if met < 0 {
			continue
		}
		for i := range p.spans[Hours][0].ports[:p.spans[Hours][0].nPorts] {
			key := p.spans[Hours][0].ports[i].key
			n, many := t.contacts[met].answered(key)
			p.usual[i] = usedBy{key, many, uint8(n)}
		}
	}
}

// answered counts the peers that the device exchanged data with as client on a port. With
// many the list was full, and there may be any number.
func (c *Contacts) answered(key uint32) (n int, many bool) {
	for i := range c.peers[:c.nPeers] {
		if p := &c.peers[i]; p.Service == key && p.Tie&Served == 0 {
			n++
		}
	}
	return n, c.Missed > 0 && 3*n >= peersKept
}

// Probers is one more than the highest index that Prober accepts.
func (w *Window) Probers(d Direction) int { return len(w.t.probers[d].all) }

// Prober returns the attempts of a device (Out), or those at it from outside (In), if
// there was one since the last minute tick; nil for the others.
func (w *Window) Prober(d Direction, i int) *Probes {
	if p := w.t.probers[d].all[i]; p.used && p.dirty {
		return p
	}
	return nil
}

// ProberDevice is the device of such a record.
func (w *Window) ProberDevice(p *Probes) Device { return Device{dev: w.t.dev.at(p.dev), w: w} }

// Answered is with how many peers the device exchanged data as client on a port (proto
// <<16|port) in this hour or the one before; with many they were too many to count.
func (w *Window) Answered(p *Probes, key uint32) (n int, many bool) {
	for _, u := range p.usual {
		if u.key == key {
			n, many = int(u.n), u.many
		}
	}
	if c := w.ProberDevice(p).Contacts(); c != nil {
		now, full := c.answered(key)
		n, many = max(n, now), many || full
	}
	return n, many
}
