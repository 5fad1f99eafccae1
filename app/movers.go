// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"tidewatch/api"
	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/window"
)

const (
	// moversFor is how long a list of movers holds; it is of whole minutes anyway.
	moversFor = 10 * time.Second
	// maxMovers is how many are kept, what the API gives at most.
	maxMovers = 100
	// lookFor is for how long devices are looked at before judging may go on, and
	// lookSome how many before the clock is asked.
	lookFor  = 2 * time.Millisecond
	lookSome = 64
	// moverFloor is the rate below which nobody is interested, in bits per second: a
	// fifth of what the volume detector judges from.
	moverFloor = 100_000
	// lowAfter is how many seconds of an hour must be known before it counts as low:
	// five quiet minutes of an hour mean nothing.
	lowAfter = 1200
)

// movers is the list that was made last.
type movers struct {
	mu   sync.Mutex // one looks, the others wait for the list
	made time.Time
	list []api.Mover
}

// Movers implements api.Traffic.
func (l *live) Movers(ctx context.Context, limit int) ([]api.Mover, error) {
	m := &l.movers
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made.IsZero() || time.Since(m.made) > moversFor {
		list, err := l.move(ctx)
		if err != nil {
			return nil, err
		}
		m.made, m.list = time.Now(), list
	}
	return slices.Clone(m.list[:min(limit, len(m.list))]), nil
}

// move looks at all devices, some at a time.
func (l *live) move(ctx context.Context) ([]api.Mover, error) {
	var found []moved
	for _, s := range l.engine.shards {
		for from := 0; from >= 0; {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			from = l.some(s, from, &found)
		}
	}
	l.engine.mu.Lock()
	defer l.engine.mu.Unlock()
	out := make([]api.Mover, 0, len(found))
	for i := range found {
		f := &found[i]
		s := l.engine.owner(f.addr)
		role := baseline.UnknownRole
		if h := s.habits.Habits(f.addr); h != nil {
			role, _ = h.Role()
		}
		f.Address, f.Name, f.Role = f.addr.Netip(), s.who.Name(f.addr, l.engine.now), role.String()
		out = append(out, f.Mover)
	}
	return out, nil
}

// moved is a mover whose name nobody asked for yet.
type moved struct {
	api.Mover

	addr flow.Addr
}

func farther(a, b moved) int {
	return cmp.Or(cmp.Compare(math.Abs(b.Sigma), math.Abs(a.Sigma)), cmp.Compare(string(a.addr[:]), string(b.addr[:])))
}

// some offers devices of a shard for a moment and returns where to go on, -1 at the end.
func (l *live) some(s *shard, from int, found *[]moved) (next int) {
	l.engine.mu.Lock()
	defer l.engine.mu.Unlock()
	began := time.Now()
	w, past := s.windows.Look(), s.expected()
	for i := from; i < w.Devices(); i++ {
		if (i-from)%lookSome == lookSome-1 && time.Since(began) > lookFor {
			return i
		}
		d, ok := w.Device(i)
		if !ok || d.Touched() <= w.Now-3600 {
			continue // nothing for an hour: that is told as silence, by those who judge
		}
		m, ok := farthest(d, w, past)
		if !ok || len(*found) == maxMovers && farther(m, (*found)[maxMovers-1]) >= 0 {
			continue
		}
		if len(*found) == maxMovers {
			*found = (*found)[:maxMovers-1]
		}
		at, _ := slices.BinarySearchFunc(*found, m, farther)
		*found = slices.Insert(*found, at, m)
	}
	return -1
}

// farthest is in which direction a device is farthest from what is usual: five minutes are
// above the busiest ones, or most of an hour is below it.
func farthest(d window.Device, w *window.Window, past *expectation) (m moved, ok bool) {
	five, hour := d.Closed5(), d.ClosedHour()
	at := time.Unix(w.ClosedAt(), 0)
	known := (w.ClosedAt() + 1) % 3600 // seconds of the hour that are closed
	if known == 0 {
		known = 3600
	}
	for dir, of := range [...]struct {
		field           string
		hourly, busiest baseline.Measure
	}{{"bytes_in", baseline.HourBytesIn, baseline.BytesIn}, {"bytes_out", baseline.HourBytesOut, baseline.BytesOut}} {
		now := 8 * float64(five.Bytes[dir]) / 300
		offer := func(sigma, usual float64) {
			if math.Abs(sigma) < 1 || math.Abs(sigma) <= math.Abs(m.Sigma) || max(now, usual) < moverFloor {
				return
			}
			m = moved{api.Mover{Field: of.field, Now: now, Expected: usual, Sigma: sigma}, d.Addr()}
			if usual >= 1 {
				m.Factor = now / usual
			}
			ok = true
		}
		if n, learned := past.At(d.Addr(), at, of.busiest); learned {
			if z := n.Sigma(float64(five.Bytes[dir])); z > 0 {
				offer(z, n.Median*8/300)
			}
		}
		if known < lowAfter || d.Since() > w.ClosedAt()-known {
			continue
		}
		n, learned := past.At(d.Addr(), at, of.hourly)
		if !learned || n.Shared {
			continue
		}
		if z := n.Sigma(float64(hour.Bytes[dir]) * 3600 / float64(known)); z < 0 && now*3600/8 < n.Median {
			offer(z, n.Median*8/3600)
		}
	}
	return m, ok
}
