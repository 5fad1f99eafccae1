// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"cmp"
	"math"
	"slices"
)

// Days is on how many days the device had traffic.
func (h *Habits) Days() int { return int(h.days) }

// AgeDays is how long before a Unix hour the device was first learned, in days.
func (h *Habits) AgeDays(hour int64) int { return int((hour - int64(h.first)) / 24) }

// Learned reports whether at a Unix hour the device is known for so many days and
// had traffic on two thirds of so many: people have weekends.
func (h *Habits) Learned(hour int64, days int) bool {
	return h.AgeDays(hour) >= days && 3*h.Days() >= 2*days
}

// Sampled reports whether in so many days before a Unix hour packets were sampled. Then
// what is learned of peers and services is some of them: which others there were, and
// that something is new, cannot be known.
func (h *Habits) Sampled(hour int64, days int) bool {
	return h.sampled != 0 && hour-int64(h.sampled) < 24*int64(days)
}

// Peers appends the peers that carry a share of all the usual peers' bytes,
// heaviest first (0.8: mission B2).
func (h *Habits) Peers(out []Usage, share float64) []Usage { return heaviest(out, h.peers[:], share) }

// Services appends the usual services by bytes, at most 20, heaviest first.
func (h *Habits) Services(out []Usage) []Usage { return heaviest(out, h.services[:], 1) }

func heaviest(out, list []Usage, share float64) []Usage {
	at, sum := len(out), 0.0
	for _, u := range list {
		if u.Last != 0 {
			out = append(out, u)
			sum += float64(u.Bytes)
		}
	}
	slices.SortFunc(out[at:], func(a, b Usage) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Key, b.Key))
	})
	var have float64
	for i := at; i < len(out); i++ {
		if have += float64(out[i].Bytes); have >= share*sum && share < 1 {
			return out[:i+1]
		}
	}
	return out
}

// KnowsPeer reports whether the device met the peer with this hash. It says so
// of a stranger with a chance of at most 0.03 %.
func (h *Habits) KnowsPeer(key uint32) bool {
	return knows(h.peers[:], key) || h.met.knows(spreadKey(key))
}

// KnowsService reports whether the device used, or offered, the service.
func (h *Habits) KnowsService(key uint32) bool {
	return knows(h.services[:], key) || h.met.knows(spreadKey(^key))
}

func knows(list []Usage, key uint32) bool { return find(list, key) != nil }

// Today is what was new on a day so far, up to the hour learned last.
func (h *Habits) Today(day uint16) News {
	if day != h.day {
		return News{}
	}
	return h.today
}

// NewLimits are what may be new on a day without being strange.
type NewLimits struct {
	Peers, Bytes, Services float64 // new peers asked, bytes exchanged with them, new services
	Known                  bool    // there are enough days to say
}

// NewLimits lie sigmas above the mean of the days before, and no lower than any of them.
func (h *Habits) NewLimits(sigmas float64) (l NewLimits) {
	l.Peers, l.Known = h.newPeers.limit(sigmas)
	l.Bytes, _ = h.newBytes.limit(sigmas)
	l.Services, _ = h.newServices.limit(sigmas)
	l.Peers, l.Bytes, l.Services = math.Expm1(l.Peers), newsGrain*math.Expm1(l.Bytes), math.Expm1(l.Services)
	return l
}

// Upload adds what is sent to and received from outside in the running hour to
// what the last hours left of theirs (half after 12 hours), and returns both
// sums with the limits of their ratio and of the bytes sent.
func (h *Habits) Upload(hour int64, sent, received uint64, sigmas float64) (u Upload) {
	keep := 1.0
	if hour > int64(h.rolled) {
		keep = math.Pow(keepHour, float64(hour-int64(h.rolled)))
	}
	u.Sent = keep*float64(h.sent) + float64(sent)
	u.Received = keep*float64(h.received) + float64(received)
	u.Ratio = (u.Sent + ratioGrain) / (u.Received + ratioGrain)
	ratio, ok := h.ratio.limit(sigmas)
	most, _ := h.upload.limit(sigmas)
	u.Usual, u.Limit, u.Most, u.Known = math.Exp(float64(h.ratio.mean)), math.Exp(ratio), ratioGrain*math.Expm1(most), ok
	return u
}

// Upload is a device's exchange with outside, as client, beside what is usual.
type Upload struct {
	Sent, Received, Ratio float64 // bytes, bytes, one over the other
	Usual, Limit          float64 // the usual ratio, and the highest that is not strange
	Most                  float64 // bytes sent that are not strange
	Known                 bool    // there is enough past for Usual, Limit and Most
}

// Outside is how many bytes the device exchanged with outside by asking, halved
// every 30 days.
func (h *Habits) Outside() float64 { return float64(h.outside) }

// Busy is the mean volume of the hours in which the device was active, in bytes.
func (h *Habits) Busy() float64 { return float64(h.busy) }

// Idle tells how strange activity in an hour of the week is: not at all, unknown
// to this day of the week, or to all days.
type Idle uint8

// The degrees of Idle.
const (
	NotIdle      Idle = iota // active there before, an hour earlier or later, or not known enough
	IdleThisDay              // never at that hour of that day of the week, but on other days
	IdleEveryDay             // never at that hour, two earlier or later, on any day
)

// Idle judges a slot of the week (see HabitStore.Slot). Samples is how many
// hours without activity it rests on. Only a device with regular hours has some
// that are strange: it keeps to at most 20 hours of the day, and in those it is
// active on two days of five at least. Of one that comes and goes, an hour at
// which it was never seen says nothing.
func (h *Habits) Idle(slot int) (is Idle, samples int) {
	days := int(h.hours.days)
	ofDay, active := h.hours.span()
	if days < 12 || active == 0 || ofDay > 20 || 5*active < 2*ofDay*days {
		return NotIdle, 0
	}
	switch {
	case h.hours.daily(slot, 2) == 0:
		return IdleEveryDay, 5 * days
	case days >= 21 && h.hours.near(slot, 2) == 0:
		return IdleThisDay, 5 * days / 7
	}
	return NotIdle, 0
}
