// SPDX-License-Identifier: Apache-2.0

package window

import (
	"time"

	"tidewatch/flow"
)

// Window is what detectors see at one tick: everything known at the end of the
// second Now, revised bins included. It is valid until the tracker moves on.
type Window struct {
	Now    int64 // the Unix second that just ended
	Minute bool  // a minute ended with it: five-minute windows are re-judged
	Hour   bool  // an hour closed (two minutes ago, so that late exports are in it)
	Closed int64 // that hour, in Unix hours

	t *Tracker
}

// At is the moment of the tick: the end of the second Now.
func (w *Window) At() time.Time { return time.Unix(w.Now+1, 0).UTC() }

// Revised is how many busy devices had traffic booked since the last tick.
func (w *Window) Revised() int { return len(w.t.dirtyHot) }

// Host returns one of them, i below Revised.
func (w *Window) Host(i int) *Host { return w.t.hot[w.t.dirtyHot[i]] }

// Seconds lays a busy device's past out in s, up to Now.
func (w *Window) Seconds(h *Host, s *Seconds) { h.ring.fill(s, w.Now) }

// Devices is one more than the highest index that Device accepts.
func (w *Window) Devices() int { return int(w.t.dev.n) }

// Device returns device i; ok is false where the place is empty.
func (w *Window) Device(i int) (d Device, ok bool) {
	dev := w.t.dev.at(int32(i))
	return Device{dev: dev, w: w}, w.t.dev.live(dev)
}

// Uploads is one more than the highest index that Upload accepts.
func (w *Window) Uploads() int { return len(w.t.ups) }

// Upload returns the uploads of a device that sent something out since the
// last minute tick, nil for the others.
func (w *Window) Upload(i int) *Upload {
	if u := w.t.ups[i]; u.used && u.dirty {
		return u
	}
	return nil
}

// Prevalence is about how many devices of this shard send to a destination.
func (w *Window) Prevalence(dest flow.Addr) int { return w.t.rare.of(w.t.cfg.Seed.Hash(&dest)) }

// Knows reports whether the device sent much to dest in an earlier half day.
func (w *Window) Knows(u *Upload, dest flow.Addr) bool {
	return u.known.knows(uint32(w.t.cfg.Seed.Hash(&dest) >> 32))
}

// KnowsNetwork reports likewise whether it sent to a network, given by its first address.
func (w *Window) KnowsNetwork(u *Upload, network flow.Addr) bool {
	return u.nets.knows(uint32(w.t.cfg.Seed.Hash(&network) >> 32))
}

// Lateness is how long after its end a minute is closed: what is exported later
// goes into hours alone.
const Lateness = lateness * time.Minute

// Device is a view of one device, valid as long as its window.
type Device struct {
	dev *device
	w   *Window
}

// Addr is the device's address.
func (d Device) Addr() flow.Addr { return d.dev.addr }

// Since is the Unix second from which the device is known.
func (d Device) Since() int64 { return d.dev.born }

// Touched is the newest Unix second in which it had traffic.
func (d Device) Touched() int64 { return d.dev.touched }

// Exporter is the number of the exporter that last reported traffic of it that
// counted.
func (d Device) Exporter() uint32 { return d.dev.via }

// Lull is for how many minutes the device has sent nothing, up to the newest
// closed minute, which ended Lateness before the tick.
func (d Device) Lull() int64 { return int64(d.dev.lull.now) }

// UsualLull is the longest such stretch, in minutes up to 254, that lately
// reached into a Unix hour's hour of the day (UTC); ok is false when the device
// was not seen for a whole such hour yet.
func (d Device) UsualLull(hour int64) (minutes int64, ok bool) { return d.dev.lull.at(hour) }

// Closed5 sums the newest five minutes that are closed.
func (d Device) Closed5() (s Sums) {
	for i := range int64(5) {
		s.add(&d.dev.minutes[mod(d.w.Now/60-lateness-i, minutes)])
	}
	return s
}

// Five sums the last five minutes, the one that just ended included. Exports
// still to come may raise it.
func (d Device) Five() (s Sums) {
	for i := range int64(5) {
		s.add(d.dev.minute(d.w.Now/60-i, d.w.Now/60))
	}
	return s
}

// Running sums the running hour so far, the minute that just ended included.
func (d Device) Running() (s Sums) {
	minute := d.w.Now / 60
	hour := minute / 60
	s = d.dev.hours[hour&1].Sums
	for m := max(minute-lateness+1, hour*60); m <= minute; m++ {
		s.add(d.dev.minute(m, minute))
	}
	return s
}

// Hour returns the totals of the hour that closed with this window, and its
// busiest five minutes by measure. It is meaningful only when Window.Hour.
func (d Device) Hour() (total, peak5 *Sums) {
	h := &d.dev.hours[d.w.Closed&1]
	return &h.Sums, &h.Peak5
}
