// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

const (
	sample   = 64  // how many slots are looked at when one must go
	idleHot  = 300 // seconds without traffic after which one-second bins are given back
	idleDev  = 600 // seconds after which a device may be forgotten for a new one
	idleKeep = 14 * 86400
)

// slot returns the device of an address, making it if there is room.
func (t *Tracker) slot(h uint64, a *flow.Addr) int32 {
	if i := t.dev.find(h, a); i >= 0 {
		return i
	}
	if t.dev.count() >= t.cfg.MaxDevices && !t.forget() {
		t.losses.DevicesRefused++
		return -1
	}
	i := t.dev.add(h, a, t.now)
	t.dev.at(i).net = t.cfg.Networks.of(a)
	if t.critical != nil {
		t.favour(i)
	}
	return i
}

// forget drops one of a sample of devices: the first that seems to be nobody, else the
// longest idle.
func (t *Tracker) forget() bool {
	worst, oldest := int32(-1), t.now-idleDev
	for range sample {
		t.hands.dev = (t.hands.dev + 1) % int(t.dev.n)
		d := t.dev.at(int32(t.hands.dev))
		if !t.dev.live(d) {
			continue
		}
		if t.nobody(d) {
			worst = int32(t.hands.dev)
			break
		}
		if d.touched < oldest {
			worst, oldest = int32(t.hands.dev), d.touched
		}
	}
	if worst < 0 {
		return false
	}
	t.dropDevice(worst)
	t.losses.DevicesForgotten++
	return true
}

// nobody reports whether an address may be made up: it was met within ten minutes,
// never sent anything, is not busy, and had no traffic in this second. A flood of
// made-up destinations gives up its own places and takes no others.
func (t *Tracker) nobody(d *device) bool {
	if d.born < t.now-idleDev || d.touched >= t.now || d.hot >= 0 || d.now.Packets[Out] > 0 || t.keeps(d) {
		return false
	}
	for i := range d.minutes {
		if d.minutes[i].Packets[Out] > 0 {
			return false
		}
	}
	return d.hours[0].Packets[Out]+d.hours[1].Packets[Out] == 0
}

func (t *Tracker) dropDevice(i int32) {
	d := t.dev.at(i)
	if d.hot >= 0 {
		t.cool(d.hot)
	}
	if d.up >= 0 {
		t.unfollow(d.up)
	}
	if d.met >= 0 {
		t.estrange(d.met)
	}
	t.unprobe(d)
	for d.pair != 0 {
		t.dropPair(d.pair - 1)
	}
	t.leaveTalks(d)
	t.dev.remove(i)
}

// heat gives a device one-second bins, taking them from a much quieter one when
// all are in use. It returns -1 when none can be had.
func (t *Tracker) heat(slot int32, packets uint64) int32 {
	var i int32
	switch {
	case len(t.hotIdx) > 0:
		i = t.hotIdx[len(t.hotIdx)-1]
		t.hotIdx = t.hotIdx[:len(t.hotIdx)-1]
	case len(t.hot) < t.cfg.MaxHot:
		i = int32(len(t.hot))
		t.hot = append(t.hot, t.memory.hosts.New())
	default:
		i = t.quietest(packets)
		if i < 0 {
			t.losses.HotRefused++
			return -1
		}
		t.losses.HotReplaced++
	}
	d := t.dev.at(slot)
	d.hot = i
	h := t.hot[i]
	t.nears.give(h)
	h.nears = &t.nears
	h.start(d.addr, slot, t.now, t.begun)
	return i
}

// vain counts searches of one second for a busy device to replace that found none.
type vain struct {
	second   int64
	searches int
	packets  uint64 // most of those that searched
}

// vainSearches is how many searches may fail in one second before they are spared:
// together they looked at 512 busy devices. Who is busier than all that failed
// still searches, so an attack does not go unseen for the crowd; others are refused
// until the next second, although they might have been luckier.
const vainSearches = 64

// quietest frees the quietest of a sample of busy devices if it is four times
// quieter than packets in the running minute.
func (t *Tracker) quietest(packets uint64) int32 {
	if t.vain.second != t.now {
		t.vain = vain{second: t.now}
	}
	if t.vain.searches >= vainSearches && packets <= t.vain.packets {
		return -1
	}
	worst, least := int32(-1), packets/4
	for range sample / 8 { // asked for often, and any much quieter one will do
		t.hands.hot = (t.hands.hot + 1) % len(t.hot)
		h := t.hot[t.hands.hot]
		if !h.used || h.dirty {
			continue
		}
		d := t.dev.at(h.dev)
		if t.keeps(d) {
			continue
		}
		m := &d.now
		if n := max(m.Packets[In], m.Packets[Out]); n < least {
			worst, least = int32(t.hands.hot), n
		}
	}
	if worst < 0 {
		if packets != forever { // critical devices speak for themselves
			t.vain.searches++
			t.vain.packets = max(t.vain.packets, packets)
		}
		return -1
	}
	t.dev.at(t.hot[worst].dev).hot = -1
	t.hot[worst].used = false
	return worst
}

// cool takes the one-second bins from a device.
func (t *Tracker) cool(i int32) {
	h := t.hot[i]
	t.dev.at(h.dev).hot = -1
	h.used, h.dirty = false, false
	t.nears.give(h)
	t.hotIdx = append(t.hotIdx, i)
}

// follow gives a device an upload record, the longest idle one when all are in use.
func (t *Tracker) follow(slot int32) int32 {
	var i int32
	switch {
	case len(t.upFree) > 0:
		i = t.upFree[len(t.upFree)-1]
		t.upFree = t.upFree[:len(t.upFree)-1]
	case len(t.ups) < t.cfg.MaxUploads:
		i = int32(len(t.ups))
		t.ups = append(t.ups, t.memory.uploads.New())
	default:
		worst := t.hands.up
		for range sample {
			t.hands.up = (t.hands.up + 1) % len(t.ups)
			if t.ups[t.hands.up].last < t.ups[worst].last {
				worst = t.hands.up
			}
		}
		i = int32(worst)
		t.dev.at(t.ups[i].dev).up = -1
		t.losses.UploadsForgotten++
	}
	d := t.dev.at(slot)
	t.ups[i].start(d.addr, slot, t.now)
	return i
}

func (t *Tracker) unfollow(i int32) {
	u := t.ups[i]
	t.dev.at(u.dev).up = -1
	u.used = false
	t.upFree = append(t.upFree, i)
}
