// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"slices"

	"tidewatch/flow"
	"tidewatch/window"
)

// A busy service always has unanswered connections, and a fifth of the answered
// ones is no sign by itself: that many are left when a crowd is too much for it. A
// surge is seen sooner, by what changed within seconds: unanswered connections
// became many times what they were, and what is asked for grew by them alone. A
// crowd's answered connections grow as well, and more.
const (
	surgeOver    = 5  // seconds that are compared; one second alone may be a hiccup
	surgeBefore  = 60 // with so many before them
	surgeLeast   = 10 // seconds of these that must be known
	surgeEarlier = 4  // and with as many so many minutes earlier, so that an attack does not soon become what was before
	surgeTimes   = 5
	surgeShare   = 20 // one unanswered for so many answered
)

// rates2 are connections per second that were not answered, and that were.
type rates2 struct{ asked, answered float64 }

// between takes the mean over the seconds [from,to) of Seconds.
func (d *Detector) between(from, to int) (r rates2) {
	for i := from; i < to; i++ {
		r.asked += float64(d.s.Asked[window.In][i])
		r.answered += float64(d.s.Flows[window.In][i] - d.s.Asked[window.In][i])
	}
	n := float64(max(to-from, 1))
	return rates2{r.asked / n, r.answered / n}
}

// surge looks for the strongest seconds of unanswered connections that are no mere
// share of the answered ones. It leaves in the signal what is beyond the usual.
func (d *Detector) surge(h *window.Host, c *burst) (at int, ok bool) {
	s := &d.s
	if c.dir != window.In || h.Rate() > 1 {
		return 0, false // under sampling flow counts mean nothing
	}
	if float64(slices.Max(s.Asked[window.In][:s.N])) <= c.limits.conns {
		return 0, false // no mean is over a limit that no second reached
	}
	whole := max(0, int(h.Since()-s.First)+1)
	var usual rates2
	for i := max(surgeOver-1, int(h.Revised()-s.First)); i < s.N; i++ {
		from := i + 1 - surgeOver
		begin := max(whole, from-surgeOver-surgeBefore)
		if from-surgeOver-begin < surgeLeast {
			continue
		}
		now := d.between(from, i+1)
		if now.asked <= c.limits.conns || now.asked <= c.surging {
			continue
		}
		before := d.between(begin, from-surgeOver)
		if early := from - surgeEarlier*60; early-whole >= surgeLeast {
			if x := d.between(max(whole, early-surgeBefore), early); x.asked < before.asked {
				before = x
			}
		}
		more := now.asked - before.asked
		if now.asked > surgeTimes*before.asked && surgeShare*now.asked > now.answered && more > now.answered-before.answered {
			at, ok, usual, c.surging = i, true, before, now.asked
		}
	}
	if !ok {
		return 0, false
	}
	c.horizon = horizon{surgeOver, 1}
	d.x[0] = 0
	for i := range s.N {
		beyond := max(0, float64(s.Asked[window.In][i])-2*usual.asked)
		d.x[i+1] = d.x[i] + beyond/c.limits.conns
	}
	return at, true
}

// surges reports whether a kind is what surged.
func (c *burst) surges(s *signature) bool { return c.surging > 0 && s.class == flow.TCPSyn }
