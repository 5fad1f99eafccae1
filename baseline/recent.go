// SPDX-License-Identifier: Apache-2.0

package baseline

const (
	recentDays = 5 // days of one kind that are looked at
	recentMost = 3 // of them, so many must have reached a level for it to be the recent one
)

// lately is the level, in log values, that an hour of the day reached on most of the
// last days of its kind, whatever those hours are trusted: a new job, a new user.
// It never becomes normal by that; but who alarms at it on the fourth day tells
// nothing new. Hours inside attacks are not looked at, and a level needs days after
// the first two, so an attack that comes back the next day is told again.
func lately(v *view, k Measure, at place) float32 {
	var last [recentDays]float32
	n := 0
	for i := len(v.w) - 1; i >= 0 && n < recentDays; i-- {
		if p := v.places[i]; v.w[i] > 0 && p.day == at.day && p.kind == at.kind {
			last[n] = v.y[k][i]
			n++
		}
	}
	if n < recentMost {
		return 0
	}
	for range recentMost - 1 { // drop the largest, twice
		top := 0
		for i := range last[:n] {
			if last[i] > last[top] {
				top = i
			}
		}
		last[top] = -1
	}
	level := float32(0)
	for _, y := range last[:n] {
		level = max(level, y)
	}
	return level
}
