// SPDX-License-Identifier: Apache-2.0

package account

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

const (
	freeOfPlace = 10 // wrong passwords at once from one place before it waits
	// Of one name from anywhere: more than one place can spend, so that a single
	// stranger never holds up others.
	freeOfName = 30
	maxKnown   = 4096 // pairs of name and place that are remembered
	// failedEvery is how far apart two lines of the audit about failures are.
	failedEvery = time.Minute
)

// WaitError says that somebody tried too often.
type WaitError struct{ For time.Duration }

// Error says for how long.
func (e *WaitError) Error() string {
	return fmt.Sprintf("too many attempts; wait %d seconds", int(e.For.Seconds())+1)
}

// spot is a name at a place: an address, of IPv6 the network of one site.
type spot struct {
	name string
	from netip.Prefix
}

// gate slows down who guesses passwords, by place and by name. Strangers who guess at
// a name from everywhere use up the name's account; whoever signed in from a place
// before has one of their own there, and does not feel it.
type gate struct {
	now     func() time.Time
	byPlace *Throttle[netip.Prefix]
	byName  *Throttle[string]
	bySpot  *Throttle[spot]

	mu     sync.Mutex
	known  map[spot]bool
	told   time.Time // when the audit was last told of a failure
	untold int       // failures since
}

func newGate(now func() time.Time) *gate {
	return &gate{
		now: now, byPlace: NewThrottle[netip.Prefix](now, freeOfPlace), byName: NewThrottle[string](now, freeOfName),
		bySpot: NewThrottle[spot](now, freeOfPlace), known: map[spot]bool{},
	}
}

// enter counts an attempt as failed until it is passed. The error is a *WaitError.
func (g *gate) enter(name string, from netip.Prefix) error {
	at := spot{name, from}
	if g.knows(at) {
		if wait := g.bySpot.Wait(at); wait > 0 {
			return &WaitError{wait}
		}
		g.bySpot.Failed(at)
		return nil
	}
	if wait := g.byPlace.Wait(from); wait > 0 {
		return &WaitError{wait} // and costs the name nothing
	}
	if name != "" {
		if wait := g.byName.Wait(name); wait > 0 {
			return &WaitError{wait}
		}
		g.byName.Failed(name)
	}
	g.byPlace.Failed(from)
	return nil
}

// forgive undoes an enter: nothing was found out by that attempt, or it was right.
func (g *gate) forgive(name string, from netip.Prefix) {
	at := spot{name, from}
	if g.knows(at) {
		g.bySpot.Forgive(at)
		return
	}
	g.byPlace.Forgive(from)
	if name != "" {
		g.byName.Forgive(name)
	}
}

// pass says that an attempt was right.
func (g *gate) pass(name string, from netip.Prefix) {
	g.forgive(name, from)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) >= maxKnown { // some other gives way, and is a stranger again
		for s := range g.known {
			delete(g.known, s)
			break
		}
	}
	g.known[spot{name, from}] = true
}

func (g *gate) knows(s spot) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return s.name != "" && g.known[s]
}

// tell reports whether the audit is told of a failure, and of how many before it was
// not.
func (g *gate) tell() (before int, now bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.now()
	if !g.told.IsZero() && at.Sub(g.told) < failedEvery {
		g.untold++
		return 0, false
	}
	before, g.told, g.untold = g.untold, at, 0
	return before, true
}
