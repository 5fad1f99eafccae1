// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"sync"
	"time"

	"tidewatch/incident"
)

// cacheFor is how long an answer holds: what tools told, and what is planned, moves on.
const cacheFor = 24 * time.Hour

// cache keeps answers, with pseudonyms as the model wrote them, by the hash of the
// evidence. When it is full the oldest answer gives way.
type cache struct {
	size int

	mu    sync.Mutex // guards what follows
	by    map[string]kept
	order []string // oldest first
}

type kept struct {
	answer incident.Assessment
	until  time.Time
}

func newCache(size int) *cache { return &cache{size: size, by: map[string]kept{}} }

func (c *cache) get(key string, now time.Time) (*incident.Assessment, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.by[key]
	if !ok || now.After(k.until) {
		return nil, false
	}
	return copyOf(&k.answer), true
}

func (c *cache) put(key string, a *incident.Assessment, now time.Time) {
	if c.size == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.by[key]; !known {
		if len(c.order) >= c.size {
			delete(c.by, c.order[0])
			c.order = c.order[1:]
		}
		c.order = append(c.order, key)
	}
	c.by[key] = kept{*copyOf(a), now.Add(cacheFor)}
}

// copyOf shares no memory with what it is of.
func copyOf(a *incident.Assessment) *incident.Assessment {
	one := incident.Incident{Assessment: a}
	one = one.Clone()
	return one.Assessment
}
