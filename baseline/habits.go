// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"

	"tidewatch/window"
)

const (
	usualPeers    = 16          // heaviest peers kept
	usualServices = 20          // heaviest services kept (mission B2: top 20)
	keepDay       = 0.977159968 // what a day leaves of old bytes: half after 30 days
	keepHour      = 0.943874313 // what an hour leaves of the upload under way: half after 12 hours
	activeBytes   = 256_000     // an hour with less is background chatter
	warmUp        = 3           // days after which new peers and services are counted: before, all are new
	dayLimit      = 24          // new peers, and new services, remembered in one day: a scan must not push out what is known
	newsGrain     = 1e6         // bytes below which differences of new traffic do not matter
	ratioGrain    = 1e6         // bytes added to both sides of an upload ratio: small sums have no ratio
)

// Usage is a usual peer or service.
type Usage struct {
	Key         uint32  // of a peer: its hash; of a service: proto<<16|port, with bit 31 set when the device offers it
	Bytes       float32 // both ways, halved every 30 days
	First, Last uint16  // days since 1970 in the site's zone
}

// Offered marks the key of a service that the device offers rather than uses.
const Offered = 1 << 31

// Habits are what is usual for one device, in about 0.9 KiB whatever it meets:
// its usual peers and services, the peers and services it ever met (the last
// 128 of them, see habitMemory), the hours of the week at which it works, how much it
// sends out for what it receives, and how much new there is on an ordinary day.
// They are learned an hour at a time, after that hour was judged.
type Habits struct {
	first, last uint32 // Unix hours of the first and the newest lesson with traffic
	days        uint16 // days with traffic
	day         uint16 // of the newest lesson, since 1970 in the site's zone

	peers    [usualPeers]Usage
	services [usualServices]Usage
	met      habitMemory
	hours    habitHours

	sent, received  float32 // exchanged with outside by asking, halved every 12 hours
	rolled          uint32  // Unix hour up to which they are
	sampled         uint32  // newest Unix hour whose contacts were sampled packets; 0 = none
	asked, answered float32 // bytes as client and as server, halved every 30 days
	outside         float32 // bytes exchanged with outside by asking, likewise
	busy            float32 // mean bytes of an active hour
	circle          float32 // mean peers of an hour with contacts

	ratio                           habitTrend // log of sent over received, by active hour
	upload                          habitTrend // log of what was sent, likewise
	newPeers, newBytes, newServices habitTrend // logs of a day's counts and volume

	today News
	taken [2]uint8 // new peers and services remembered today
}

// News is what was new on the day so far, up to the last hour learned.
type News struct {
	Inside, Outside, Services uint16 // peers asked, by where they are; services used or offered
	PeerBytes, ServiceBytes   float32
}

// Lesson is what one closed hour of a device amounts to.
type Lesson struct {
	Hour     int64            // Unix hour
	Bytes    uint64           // in and out
	Contacts *window.Contacts // nil when there were none
}

// learn takes the lesson of an hour. day and slot are its place in the site's
// habitHours; hash names peers.
func (h *Habits) learn(l *Lesson, day uint16, slot int, hash func(*window.Peer) uint32) {
	hour := uint32(l.Hour)
	if h.days == 0 {
		h.first, h.day, h.days, h.rolled = hour, day, 1, hour
	}
	if day != h.day {
		h.turn(day)
	}
	h.last = max(h.last, hour)
	h.roll(hour)
	if l.Bytes >= activeBytes {
		h.hours.active(slot)
		if h.busy == 0 {
			h.busy = float32(l.Bytes)
		}
		h.busy += (float32(l.Bytes) - h.busy) / 20
	}
	c := l.Contacts
	if c == nil {
		return
	}
	if c.Rate() > 1 {
		h.sampled = max(h.sampled, hour)
	}
	h.asked += float32(c.Asked)
	h.answered += float32(c.Answered)
	h.outside += float32(c.Sent + c.Received)
	h.sent += float32(c.Sent)
	h.received += float32(c.Received)
	if c.Sent+c.Received > 0 {
		h.ratio.learn(logRatio(float64(h.sent), float64(h.received)))
		h.upload.learn(math.Log1p(float64(h.sent) / ratioGrain))
	}
	h.circle += (float32(len(c.Peers())) + float32(c.Missed) - h.circle) / 20
	for i := range c.Peers() {
		h.learnPeer(&c.Peers()[i], hash(&c.Peers()[i]))
	}
	for i := range c.Services() {
		h.learnService(&c.Services()[i])
	}
}

func logRatio(sent, received float64) float64 {
	return math.Log((sent + ratioGrain) / (received + ratioGrain))
}

// turn ends the day: what was new on it becomes part of what is usual.
func (h *Habits) turn(day uint16) {
	if h.days > warmUp {
		h.newPeers.learn(math.Log1p(float64(h.today.Inside) + float64(h.today.Outside)))
		h.newBytes.learn(math.Log1p(float64(h.today.PeerBytes) / newsGrain))
		h.newServices.learn(math.Log1p(float64(h.today.Services)))
	}
	h.today, h.taken = News{}, [2]uint8{}
	gone := 1
	if day > h.day {
		gone = int(day - h.day)
	}
	keep := float32(math.Pow(keepDay, float64(gone)))
	for i := range h.peers {
		h.peers[i].Bytes *= keep
	}
	for i := range h.services {
		h.services[i].Bytes *= keep
	}
	h.asked, h.answered, h.outside = h.asked*keep, h.answered*keep, h.outside*keep
	h.hours.pass(gone)
	h.day = day
	h.days += 1 - h.days/math.MaxUint16
}

// roll ages the upload under way.
func (h *Habits) roll(hour uint32) {
	if hour > h.rolled {
		keep := float32(math.Pow(keepHour, float64(hour-h.rolled)))
		h.sent, h.received, h.rolled = h.sent*keep, h.received*keep, hour
	}
}

func (h *Habits) learnPeer(p *window.Peer, key uint32) {
	known := h.KnowsPeer(key)
	addUsage(h.peers[:], key, float32(p.Bytes()), h.day)
	if !known && p.Tie&window.Served == 0 {
		if p.Tie&window.Outside != 0 {
			h.today.Outside += 1 - h.today.Outside/math.MaxUint16
		} else {
			h.today.Inside += 1 - h.today.Inside/math.MaxUint16
		}
		h.today.PeerBytes += float32(p.Bytes())
	}
	h.remember(0, spreadKey(key), known)
}

func (h *Habits) learnService(s *window.Service) {
	key := ServiceKey(s)
	known := h.KnowsService(key)
	addUsage(h.services[:], key, float32(s.Bytes), h.day)
	if !known {
		h.today.Services += 1 - h.today.Services/math.MaxUint16
		h.today.ServiceBytes += float32(s.Bytes)
	}
	h.remember(1, spreadKey(^key), known)
}

// remember puts a hash into the memory, new ones only up to the day's limit.
func (h *Habits) remember(kind int, hash uint32, known bool) {
	if !known {
		if h.taken[kind] >= dayLimit {
			return
		}
		h.taken[kind]++
	}
	h.met.put(hash)
}

// ServiceKey is the key of a window's service in Habits.
func ServiceKey(s *window.Service) uint32 {
	key := s.Key
	if s.Tie&window.Served != 0 {
		key |= Offered
	}
	return key
}

// addUsage books bytes for a key; the lightest gives way to a new one that is
// heavier, so that a crowd of light ones moves nothing.
func addUsage(list []Usage, key uint32, bytes float32, day uint16) {
	low := 0
	for i := range list {
		u := &list[i]
		if u.Key == key && u.Last != 0 {
			u.Bytes += bytes
			u.Last = day
			return
		}
		if u.Bytes < list[low].Bytes {
			low = i
		}
	}
	if list[low].Last == 0 || bytes > list[low].Bytes {
		list[low] = Usage{Key: key, Bytes: bytes, First: day, Last: day}
	}
}

// spreadKey mixes a key over 32 bits (the finalizer of MurmurHash3, public domain).
func spreadKey(k uint32) uint32 {
	k ^= k >> 16
	k *= 0x85ebca6b
	k ^= k >> 13
	k *= 0xc2b2ae35
	return k ^ k>>16
}
