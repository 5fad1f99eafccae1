// SPDX-License-Identifier: Apache-2.0

package window

// gap is the longest silence that is lived through minute by minute (two days);
// after a longer one the bins start afresh at the new time.
const gap = 2 * 86400

// Tick ends the running second and returns the window to judge. The caller
// moves on with Next.
func (t *Tracker) Tick() *Window {
	w := &t.win
	w.Now = t.now
	w.Minute = (t.now+1)%60 == 0
	w.Hour = false
	if w.Minute {
		t.closeMinute(w)
	}
	return w
}

// closeMinute folds the minute that left its lateness into the hours of every
// device, and tells whether an hour closed with it.
func (t *Tracker) closeMinute(w *Window) {
	closed := t.now/60 - lateness
	hr := max(closed, 0) / 60
	clear(t.nets)
	for i := range t.dev.n {
		d := t.dev.at(i)
		if !t.dev.live(d) {
			continue
		}
		h, m := &d.hours[hr&1], &d.minutes[mod(closed, minutes)]
		h.add(m)
		d.lull.close(m.Packets[Out] != 0)
		if (closed+1)%60 == 0 {
			d.lull.closeHour(hr, d.born <= hr*3600)
		}
		var five Sums
		for k := range int64(5) {
			five.add(&d.minutes[mod(closed-k, minutes)])
		}
		h.Peak5.raise(&five)
		if d.touched > t.now-stale {
			t.nets[d.net].five.add(&five)
			t.nets[d.net].hour.add(&h.Sums)
		}
	}
	w.Hour, w.Closed = (closed+1)%60 == 0, hr
}

// Next moves to the following second. When no device has one-second bins it
// jumps: to the end of the minute, or to the second before limit, whichever
// comes first. limit is the next second that has records.
func (t *Tracker) Next(limit int64) {
	for _, i := range t.dirtyHot {
		h := t.hot[i]
		h.dirty, h.revised = false, t.now+1
	}
	t.dirtyHot = t.dirtyHot[:0]
	if t.win.Minute {
		t.openMinute()
	}
	t.now++
	if t.Idle() {
		end := t.now/60*60 + 59
		t.now = max(t.now, min(end, limit))
		return
	}
	for _, h := range t.hot {
		if h.used {
			h.ring.leave(t.now + 1)
		}
	}
	t.prefixes.nextSecond(t.now)
}

// openMinute stores the minute that ended, clears the one to come and gives idle state back.
func (t *Tracker) openMinute() {
	next := (t.now + 1) / 60
	hourOpens := next%60 == 0
	for i := range t.dev.n {
		d := t.dev.at(i)
		if !t.dev.live(d) {
			continue
		}
		d.minutes[mod(next-1, minutes)], d.now = d.now, Sums{}
		d.minutes[next%minutes] = Sums{}
		if t.win.Hour {
			d.hours[t.win.Closed&1] = hour{}
		}
		if hourOpens {
			d.upHour, d.tried, d.newPairs = 0, [2]uint8{}, 0
			if d.touched < t.now-idleKeep {
				t.dropDevice(i)
			}
		}
	}
	for i, h := range t.hot {
		if h.used && h.touched < t.now-idleHot && !t.keeps(t.dev.at(h.dev)) {
			t.cool(int32(i))
		} else if h.used && h.near != nil {
			h.near.turn(h, next-1)
		}
	}
	for _, u := range t.ups {
		u.dirty = false
	}
	t.coolPrefixes(false)
	for _, x := range t.prefixes.followed {
		if x.used && x.near != nil {
			x.near.turn(&x.Host, next-1)
		}
	}
	if t.win.Hour {
		t.usualPorts()
	}
	t.openContacts()
	t.openProbes()
	t.openPairs(hourOpens)
	t.openTalks(hourOpens)
}

// Jump starts the bins afresh at second now: at the very first record, and
// after a silence longer than two days.
func (t *Tracker) Jump(now int64) {
	for i := range t.dev.n {
		d := t.dev.at(i)
		if t.dev.live(d) {
			d.now, d.minutes, d.hours, d.upHour = Sums{}, [minutes]Sums{}, [2]hour{}, 0
			d.lull.now, d.lull.longest = 0, 0
			t.unprobe(d)
		}
	}
	for i, h := range t.hot {
		if h.used {
			t.cool(int32(i))
		}
	}
	t.coolPrefixes(true)
	for i, c := range t.contacts {
		if c.used {
			t.estrange(int32(i))
		}
	}
	clear(t.swept)
	t.dirtyHot = t.dirtyHot[:0]
	t.now, t.begun = max(now, 1), 0
	if t.pairs.sets != nil {
		t.pairs.since = t.now // what went on in the silence is not known
	}
}

// Far reports whether second s lies so far ahead that Jump is called for.
func (t *Tracker) Far(s int64) bool { return t.now == 0 || s-t.now > gap }
