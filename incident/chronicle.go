// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"fmt"
	"net/netip"
	"slices"
)

// chronicle keeps what the book no longer holds and a later incident about the same
// device may name: the newest two of each stage, the second in case a person calls the
// first normal. It holds a fixed number of incidents and forgets the one kept longest.
type chronicle struct {
	ring    []*entry // in the order in which they came
	next    int
	size    int
	by      map[netip.Prefix][]*entry
	changed []*entry // in this tick
}

// Told is how many incidents that are over are kept for later ones to name: a quarter of
// those that may be open at once. By default that is thirty days of 80 alerts a day, more
// than people can look at, in 40 MB at most.
func (c *Config) Told() int { return max(c.MaxOpen/4, 16) }

func newChronicle(size int) chronicle { return chronicle{size: size, by: map[netip.Prefix][]*entry{}} }

func (c *chronicle) about(subject netip.Prefix) []*entry { return c.by[subject] }

// keep takes an incident that is over. It returns the one that had to make room, if one did.
func (c *chronicle) keep(e *entry) (lost *entry) {
	e.totals, e.vectors, e.holding, e.filed = totals{}, nil, nil, true
	if len(c.ring) < c.size {
		c.ring = append(c.ring, e)
	} else {
		if old := c.ring[c.next]; c.drop(old) {
			lost = old
		}
		c.ring[c.next] = e
		c.next = (c.next + 1) % c.size
	}
	list, same := c.by[e.key.subject], 0
	for i, old := range slices.Backward(list) {
		if stageOf(&old.key) != stageOf(&e.key) {
			continue
		}
		if same++; same == 2 {
			list = slices.Delete(list, i, i+1)
		}
	}
	c.by[e.key.subject] = append(list, e)
	return lost
}

// drop forgets an incident, and reports whether it was still one of the newest.
func (c *chronicle) drop(e *entry) bool {
	list := c.by[e.key.subject]
	at := slices.Index(list, e)
	if at < 0 {
		return false
	}
	if list = slices.Delete(list, at, at+1); len(list) == 0 {
		delete(c.by, e.key.subject)
	} else {
		c.by[e.key.subject] = list
	}
	return true
}

// touch remembers to tell that an incident changes, if it is one of these.
func (c *chronicle) touch(e *entry) {
	if e.filed && e.pending == "" {
		c.changed = append(c.changed, e)
	}
}

func (c *chronicle) find(id string) *entry {
	for _, e := range c.ring {
		if e.inc.ID == id {
			return e
		}
	}
	return nil
}

// file keeps an incident that the book lets go, if a later one may name it. Those that
// were only listed are named as long as the book holds them.
func (b *Book) file(e *entry) {
	if stage := stageOf(&e.key); stage < 0 || stage >= atTheft || !e.inc.counts() || b.cfg.StoryWithin == 0 {
		return
	}
	if lost := b.told.keep(e); lost != nil && b.now.Sub(lost.last()) <= b.cfg.StoryWithin {
		b.stats.Forgotten++
	}
}

// Recall takes over what was over when an earlier run ended, oldest first, so that later
// incidents about the same devices name it. It comes after Restore and before the first
// Apply; what Restore took is left out.
func (b *Book) Recall(over []Incident) error {
	for i := range over {
		inc := over[i].Clone()
		subject, err := inc.Prefix()
		if err != nil {
			return fmt.Errorf("recall incident %s: %w", inc.ID, err)
		}
		held := func(e *entry) bool { return e.inc.ID == inc.ID }
		if inc.State.Active() || slices.ContainsFunc(b.entries, held) || b.told.find(inc.ID) != nil {
			continue
		}
		b.file(&entry{inc: inc, key: key{inc.Category, groupOf(inc.Category, inc.Kind, &inc.Top), subject}, kind: inc.Kind})
	}
	return nil
}
