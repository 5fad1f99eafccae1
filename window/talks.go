// SPDX-License-Identifier: Apache-2.0

package window

import (
	"unsafe"

	"tidewatch/flow"
	"tidewatch/pages"
)

const (
	talkWays = 4 // places of one set
	// A device may have so many talks: a resolver asks thousands of servers, and
	// costs the others no more than that.
	talksPerDevice = 1024
	idleTalk       = 7200 // seconds of silence after which a talk has nothing left to tell
)

// talks are the talks of all devices of a shard. Where one finds no place, of those
// that share its set the one gives way that sent the fewest long packets: ordinary
// questions come and go, and what may be a tunnel stays.
type talks struct {
	all    []Talk    // in sets of talkWays
	peers  keyCounts // devices by server
	busy   []int32   // places that had traffic in the running minute, each once
	askers int       // devices that ask a name server
	live   int
}

// talkOf tells whether a record may belong to a talk of an own device at either end,
// and what the device does in it. Between two own devices the one that asks has the
// talk. What goes from port 53 to port 53 tells no direction and is left out.
func (t *Tracker) talkOf(p *piece, out, in int32) (hash uint64, d Direction) {
	const request, request6 = 8, 128
	switch p.proto {
	case flow.ProtoUDP, flow.ProtoTCP:
		switch {
		case p.srcPort == p.dstPort:
		case p.dstPort == portDNS && out >= 0 && !nowhere(p.dst):
			return t.talkHash(p.srcHash, p.dstHash, p.proto), Out
		case p.srcPort == portDNS && in >= 0:
			return t.talkHash(p.dstHash, p.srcHash, p.proto), In
		}
	case flow.ProtoICMP, flow.ProtoICMPv6:
		kind := p.dstPort >> 8
		asks := kind == request || kind == request6
		if !asks && kind != 0 && kind != request6+1 { // errors, neighbours
			return 0, Out
		}
		switch inside := p.mark&flow.SrcInternal != 0 && p.mark&flow.DstInternal != 0; {
		case out >= 0 && (asks || !inside) && !nowhere(p.dst):
			return t.talkHash(p.srcHash, p.dstHash, p.proto), Out
		case in >= 0 && (!asks || !inside):
			return t.talkHash(p.dstHash, p.srcHash, p.proto), In
		}
	}
	return 0, Out
}

func (t *Tracker) talkHash(device, peer uint64, proto uint8) uint64 {
	return t.cfg.Seed.Mix(device, peer+uint64(proto)) | 1<<32
}

func (x *talks) set(hash uint64) []Talk {
	i := hash & uint64(len(x.all)/talkWays-1) * talkWays
	return x.all[i : i+talkWays : i+talkWays]
}

// told is a record that belongs to a talk.
type told struct {
	hash  uint64 // of device, peer and protocol
	piece *piece
	slot  int32 // of the device
	d     Direction
}

// touchTalks lists the records that belong to talks, and reads where those are.
func (t *Tracker) touchTalks(n int) {
	w, sum := &t.block, uint64(0)
	w.nTalks = 0
	for i := range n {
		p := &w.pieces[i]
		if p.dstPort != portDNS && p.srcPort != portDNS && p.class != flow.ICMP {
			continue
		}
		hash, d := t.talkOf(p, w.out[i], w.in[i])
		if hash == 0 {
			continue
		}
		slot := w.out[i]
		if d == In {
			slot = w.in[i]
		}
		w.talks[w.nTalks] = told{hash, p, slot, d}
		w.nTalks++
		if t.talks.all != nil {
			set := t.talks.set(hash)
			for k := range set {
				sum += set[k].hash
			}
		}
	}
	w.touched += sum
}

// bookTalk books a record that belongs to a talk.
func (t *Tracker) bookTalk(r *told) {
	x, p := &t.talks, r.piece
	if x.all == nil {
		if r.d == In {
			return
		}
		x.all = pages.Make[Talk](ceilPower(t.cfg.MaxTalks))
	}
	set := x.set(r.hash)
	first := int32(r.hash & uint64(len(x.all)/talkWays-1) * talkWays)
	worst := 0
	for i := range set {
		if set[i].used && set[i].hash == r.hash {
			t.adopt(r.slot, &set[i])
			t.addTalk(first+int32(i), r)
			return
		}
		if set[i].less(&set[worst], t.now) {
			worst = i
		}
	}
	// Of what answers, a probe or two are not worth a place.
	if r.d == In || p.class == flow.ICMP && p.dstPort>>8 != 8 && p.dstPort>>8 != 128 && p.packets < chained {
		return
	}
	t.openTalk(r, first+int32(worst))
}

// less tells which of two talks gives way first.
func (x *Talk) less(than *Talk, now int64) bool {
	a, b := x.worth(now), than.worth(now)
	return a < b || a == b && x.last < than.last
}

// worth is 0 of a place that is free or has nothing to tell.
func (x *Talk) worth(now int64) uint64 {
	if !x.used || int64(x.last) < now-idleTalk {
		return 0
	}
	return 1 + x.parts[0].long + x.parts[1].long
}

// openTalk begins a talk in the place of another.
func (t *Tracker) openTalk(r *told, place int32) {
	x, p, dev := &t.talks, r.piece, t.dev.at(r.slot)
	at := &x.all[place]
	if dev.talks >= talksPerDevice && (!at.used || at.dev != r.slot || !t.holds(at)) {
		t.losses.TalksRefused++
		return
	}
	if at.worth(t.now) > 0 {
		t.losses.TalksForgotten++
	}
	t.closeTalk(at)
	echo := p.class == flow.ICMP
	*at = Talk{
		Peer: *p.dst, hash: r.hash, dev: -1, first: clip(p.first), last: clip(p.last),
		minute: at.minute, proto: p.proto, used: true, echo: echo, inside: p.mark&flow.DstInternal != 0,
	}
	x.live++
	x.peers.add(at.peerKey(), 1)
	t.adopt(r.slot, at)
	t.addTalk(place, r)
}

// addTalk books a record, and lists the place with those of the minute.
func (t *Tracker) addTalk(place int32, r *told) {
	at := &t.talks.all[place]
	if minute := uint32(t.now / 60); at.minute != minute {
		at.minute = minute
		t.talks.busy = append(t.talks.busy, place)
	}
	at.add(r.d, r.piece)
}

// holds reports whether the device of a talk is still known.
func (t *Tracker) holds(at *Talk) bool { return at.dev >= 0 && t.dev.at(at.dev).born == at.born }

// adopt counts a talk for its device, which may have been forgotten and met again.
func (t *Tracker) adopt(slot int32, at *Talk) {
	dev := t.dev.at(slot)
	if at.dev == slot && at.born == dev.born {
		return
	}
	at.dev, at.born = slot, dev.born
	dev.talks++
	if !at.echo {
		if dev.asked++; dev.asked == 1 {
			t.talks.askers++
		}
	}
}

func (x *Talk) peerKey() uint64 {
	if x.echo {
		return countKey(&x.Peer, uint32(x.proto)<<16)
	}
	return countKey(&x.Peer, portDNS)
}

// closeTalk frees a place.
func (t *Tracker) closeTalk(at *Talk) {
	if !at.used {
		return
	}
	x := &t.talks
	x.live--
	x.peers.add(at.peerKey(), -1)
	if t.holds(at) {
		dev := t.dev.at(at.dev)
		dev.talks--
		if !at.echo {
			if dev.asked--; dev.asked == 0 {
				x.askers--
			}
		}
	}
	at.used = false
}

// openTalks begins another minute; with the hour what is silent for long gives its
// place back.
func (t *Tracker) openTalks(hourOpens bool) {
	t.talks.busy = t.talks.busy[:0]
	if !hourOpens {
		return
	}
	for i := range t.talks.all {
		if at := &t.talks.all[i]; at.used && at.worth(t.now) == 0 {
			t.closeTalk(at)
		}
	}
}

// leaveTalks takes a device that is forgotten from the count of those that ask; its
// talks are found to be nobody's when their places are wanted.
func (t *Tracker) leaveTalks(d *device) {
	if d.asked > 0 {
		t.talks.askers--
	}
}

// Talks is one more than the highest index that Talk accepts: of those that had traffic
// in the minute.
func (w *Window) Talks() int { return len(w.t.talks.busy) }

// Talk returns one of them, nil where it has given way.
func (w *Window) Talk(i int) *Talk {
	if x := &w.t.talks.all[w.t.talks.busy[i]]; x.used && x.minute == uint32(w.Now/60) && w.t.holds(x) {
		return x
	}
	return nil
}

// TalkOf returns the device of a talk.
func (w *Window) TalkOf(x *Talk) Device { return Device{dev: w.t.dev.at(x.dev), w: w} }

// TalkDevices is how many devices of this shard ask the same server, or exchange
// echo messages with the same address, this one included.
func (w *Window) TalkDevices(x *Talk) int { return w.t.talks.peers.of(x.peerKey()) }

// NameAskers is how many devices of this shard ask name servers.
func (w *Window) NameAskers() int { return w.t.talks.askers }

// NameServers is how many name servers the device asks: one or two, but of a
// resolver, which asks for others.
func (d Device) NameServers() int { return int(d.dev.asked) }

// TalkBytes is the memory that the talks take, in bytes.
func (t *Tracker) TalkBytes() int {
	return len(t.talks.all)*int(unsafe.Sizeof(Talk{})) + len(t.talks.peers.entries)*int(unsafe.Sizeof(keyCount{}))
}
