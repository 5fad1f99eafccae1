// SPDX-License-Identifier: Apache-2.0

package window

const (
	maxLull = 65_535 // minutes, more than six weeks
	// A lull counts for what is usual up to this much more than what was usual
	// before: a device that is broken for a day is not broken as usual.
	lullGrowth, lullStep = 2, 15
	// What is usual shrinks by an eighth a day, so it is forgotten in about a month.
	lullFade = 8
)

// lull follows for how long a device sends nothing. Hours alone cannot tell a
// server that is quiet at night, or sends once an hour, from one that died.
type lull struct {
	now, longest uint16    // closed minutes without a packet sent; the longest of them in the running hour
	usual        [24]uint8 // longest by hour of the day (UTC), in minutes plus one; 0 = not known
}

// close ends a minute.
func (l *lull) close(sent bool) {
	if sent {
		l.now = 0
		return
	}
	if l.now < maxLull {
		l.now++
	}
	l.longest = max(l.longest, l.now)
}

// since tells of a packet sent in an earlier minute, after which so many are closed.
func (l *lull) since(closed int64) { l.now = uint16(min(int64(l.now), max(closed, 0))) }

// closeHour learns what was usual, if the whole hour was seen. An hour of nothing
// is not the first that is learned: it may be the device's end.
func (l *lull) closeHour(hour int64, whole bool) {
	k := &l.usual[mod(hour, 24)]
	if before := int(*k) - 1; whole && (before >= 0 || l.now < 60) {
		longest := min(int(l.longest), 254)
		if before >= 0 {
			longest = max(min(longest, lullGrowth*before+lullStep), before-(before+lullFade-1)/lullFade)
		}
		*k = uint8(min(longest, 254) + 1)
	}
	l.longest = 0
}

func (l *lull) at(hour int64) (minutes int64, ok bool) {
	v := l.usual[mod(hour, 24)]
	return int64(v) - 1, v != 0
}
