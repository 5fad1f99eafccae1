// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

const (
	peersKept    = 24       // heavy peers of a device and hour
	servicesKept = 24       // heavy services: more than ten new ones and the usual ones fit
	grainFirst   = 64 << 10 // bytes for each of which one flow is noted, to begin with
	grainLast    = 1 << 30
	grainNotes   = 128     // notes in an hour after which the grain doubles
	grainRefused = 4 << 20 // bytes after which a device that found no room asks again
	// DynamicPort stands for all service ports from 32768 on: both ends of such
	// a flow got theirs for the occasion, and the next flow has another.
	DynamicPort = 0
)

// Tie says what a peer is to a device.
type Tie uint8

// The ties of a peer; a peer inside of which the device is the client has none.
const (
	Outside Tie = 1 << iota // the peer lies outside the own networks
	Served                  // the device is the server, by the ports
	Mutual                  // the ports tell no direction: equal, or none
)

// Peer is one address a device exchanged data with. Volumes are sampled by
// bytes: see Contacts.
type Peer struct {
	Addr           flow.Addr
	Sent, Received uint64 // bytes, as the device sees it
	First, Last    int64  // Unix seconds
	Service        uint32 // proto<<16|port of the newest note
	Tie            Tie
}

// Bytes is what was exchanged both ways.
func (p *Peer) Bytes() uint64 { return p.Sent + p.Received }

// Service is one service port that a device used, or offered when Tie has Served.
type Service struct {
	Key         uint32 // proto<<16|port of the server's side
	Tie         Tie    // Served or none
	Bytes       uint64 // both ways
	First, Last int64  // Unix seconds
}

// Contacts are the peers and services of one device since the hour that was
// closed last. They are sampled by bytes: of each grain of bytes one flow is
// noted, and counts for the grain; flows that are larger are always noted. The
// grain begins at 64 KiB and doubles with each 128 notes of an hour, so a device
// costs some hundred notes an hour however busy it is, and what carries one
// percent of its bytes is in the sample. What the device asks of the outside
// has a grain of its own, so that a busy file server's first upload is not lost
// among its answers.
//
// Beyond 24 peers or services the lightest gives way (Space-Saving, Metwally et
// al. 2005), and Missed counts it. Connections that did not come to be (fewer
// than three packets of TCP, no ACK) are not noted: a scan makes no contacts.
type Contacts struct {
	Addr flow.Addr
	// Sent and Received are bytes exchanged with outside by asking; Asked and
	// Answered are bytes both ways as client, and as server, with anyone.
	Sent, Received, Asked, Answered uint64
	Missed                          uint32 // peers that gave way
	rate                            uint32 // highest sampling rate of a flow noted
	Last                            int64  // newest Unix second of a note

	dev   int32
	used  bool
	dirty bool // noted since the last minute
	grain [2]uint32
	notes [2]uint32

	nPeers, nServices int
	peerTags          [peersKept]uint32
	svcTags           [servicesKept]uint32
	peerWeights       [peersKept]uint64
	svcWeights        [servicesKept]uint64
	peers             [peersKept]Peer
	services          [servicesKept]Service

	_ [24]byte // whole cache lines: contacts lie side by side
}

// touch reads what note begins with.
func (c *Contacts) touch() uint64 {
	return uint64(c.grain[0]) + uint64(c.peerTags[0]) + uint64(c.peerTags[peersKept-1]) + uint64(c.svcTags[servicesKept-1])
}

// Peers are the heaviest peers of the hour, in no order.
func (c *Contacts) Peers() []Peer { return c.peers[:c.nPeers] }

// Services are the heaviest services of the hour, in no order.
func (c *Contacts) Services() []Service { return c.services[:c.nServices] }

// Rate is the highest sampling rate of the hour's flows that were noted: above 1 there
// may be other peers and services, which no sample shows.
func (c *Contacts) Rate() uint32 { return max(c.rate, 1) }

// reset begins another hour. The grain is halved, so that it follows the device down too.
func (c *Contacts) reset() {
	c.Sent, c.Received, c.Asked, c.Answered, c.Missed, c.nPeers, c.nServices = 0, 0, 0, 0, 0, 0, 0
	for k := range c.grain {
		c.grain[k] = max(c.grain[k]/2, grainFirst)
	}
	c.notes, c.rate = [2]uint32{}, 0
}

// tie tells the relation of a device to the peer of a flow, and the service.
func tie(d Direction, p *piece) (t Tie, service uint32) {
	if d == Out && p.mark&flow.DstInternal == 0 || d == In && p.mark&flow.SrcInternal == 0 {
		t = Outside
	}
	own, peer := p.srcPort, p.dstPort
	if d == In {
		own, peer = peer, own
	}
	port := peer
	switch {
	case p.proto != flow.ProtoTCP && p.proto != flow.ProtoUDP && p.proto != flow.ProtoSCTP:
		return t | Mutual, uint32(p.proto) << 16
	case own == peer:
		t |= Mutual
	case serves(d, p):
		t, port = t|Served, own
	default:
		port = min(own, peer)
	}
	if port >= 32768 {
		port = DynamicPort
	}
	return t, uint32(p.proto)<<16 | uint32(port)
}

// met reports whether the flow is a contact at all.
func met(d Direction, p *piece, t Tie) bool {
	switch {
	case d == Out && nowhere(p.dst):
		return false
	case p.proto == flow.ProtoUDP && t&Served != 0 && d == In:
		return false // anybody can send that; the answer counts
	case p.proto != flow.ProtoTCP:
		return true
	case p.packets < 3:
		return false
	}
	return p.class == flow.TCPSession || p.class == flow.TCPAck || p.class == flow.TCPRst || p.class == flow.TCPOther
}

// meet notes a flow for as many grains as end with it. k tells the device's own
// requests to the outside (0) from the rest (1).
func (t *Tracker) meet(d Direction, k int, slot int32, p *piece) {
	dev := t.dev.at(slot)
	if dev.met < 0 {
		if dev.met = t.acquaint(slot); dev.met < 0 {
			dev.due[k] = grainRefused
			t.losses.ContactsRefused++
			return
		}
	}
	c := t.contacts[dev.met]
	grain := uint64(c.grain[k])
	beyond := p.bytes - uint64(dev.due[k])
	dev.due[k] = uint32(grain - beyond%grain)
	tie, service := tie(d, p)
	if !met(d, p, tie) {
		return
	}
	fresh := c.note(d, p, tie, service, (beyond/grain+1)*grain)
	if fresh && tie&(Outside|Served) == Outside {
		hash, _ := p.peer(d)
		t.common.note(hash, dev.hash)
	}
	c.dirty = true
	if c.notes[k]++; c.notes[k] >= grainNotes && c.grain[k] < grainLast {
		c.notes[k] = 0
		c.grain[k] *= 2
		dev.due[k] *= 2
	}
}

// peer is the other end of a flow, seen from the device.
func (p *piece) peer(d Direction) (hash uint64, addr *flow.Addr) {
	if d == In {
		return p.srcHash, p.src
	}
	return p.dstHash, p.dst
}

// note books weight bytes of a flow, and tells whether its peer is new in the list.
func (c *Contacts) note(d Direction, p *piece, tie Tie, service uint32, weight uint64) (newPeer bool) {
	hash, addr := p.peer(d)
	switch {
	case tie&Served != 0:
		c.Answered += weight
	case tie&Mutual == 0:
		c.Asked += weight
	}
	outward := tie&(Outside|Served) == Outside
	c.Last, c.rate = max(c.Last, p.last), max(c.rate, p.rate)
	i, fresh, full := rank(&c.peerTags, &c.peerWeights, &c.nPeers, uint32(hash>>32)^uint32(tie), weight)
	if full {
		c.Missed++
	}
	peer := &c.peers[i]
	if newPeer = fresh || peer.Addr != *addr; newPeer {
		*peer = Peer{Addr: *addr, First: p.first, Tie: tie}
	}
	if d == Out {
		peer.Sent += weight
	} else {
		peer.Received += weight
	}
	if outward && d == Out {
		c.Sent += weight
	} else if outward {
		c.Received += weight
	}
	peer.First, peer.Last, peer.Service = min(peer.First, p.first), max(peer.Last, p.last), service

	i, fresh, _ = rank(&c.svcTags, &c.svcWeights, &c.nServices, service|uint32(tie&Served)<<24, weight)
	s := &c.services[i]
	if fresh {
		*s = Service{Key: service, Tie: tie & Served, First: p.first}
	}
	s.Bytes += weight
	s.First, s.Last = min(s.First, p.first), max(s.Last, p.last)
	return newPeer
}

// rank finds the tag, or room for it, or takes the lightest's place.
func rank(tags *[peersKept]uint32, weights *[peersKept]uint64, n *int, tag uint32, weight uint64) (at int, fresh, full bool) {
	for i, have := range tags[:*n] {
		if have == tag {
			weights[i] += weight
			return i, false, false
		}
	}
	if at = *n; at < len(tags) {
		*n++
		tags[at], weights[at] = tag, weight
		return at, true, false
	}
	at = 0
	for i, w := range weights {
		if w < weights[at] {
			at = i
		}
	}
	tags[at], weights[at] = tag, weights[at]+weight
	return at, true, true
}
