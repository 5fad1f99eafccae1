// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// What a shell sends back is small: the echo of a key is a packet of 60 to 110 bytes,
// a line of a screen up to 300. A mere acknowledgement has 40 or 52 bytes. IPv6 adds 20.
const (
	heardLeast = 56
	heardMost  = 300
	heardShort = 6  // packets of a record below which it is no more than a handshake, or a question and its answer
	heardPaced = 10 // seconds that a record must last to have a pace
)

// heard is what came back over a pair with a web server, in TCP records of small packets
// alone: pages and downloads come in full ones. So it is kept only where both ends
// send a few bytes at a time: a shell, a chat, a game. It is not kept over a restart.
type heard struct {
	packets, bytes uint64
	records        uint32 // that have a pace
	seconds        uint32 // in those
	paced          float32
	pace           float32  // sum over those of packets times packets over seconds
	_              [32]byte // whole cache lines
}

// small reports whether a record may be what heard keeps. Few records of web servers are.
func (p *piece) small() bool {
	return p.bytes < (heardMost+header6More)*p.packets && webPort(p.srcPort) && p.smaller()
}

func (p *piece) smaller() bool {
	if p.packets < heardShort || p.proto != flow.ProtoTCP || p.mark&flow.SrcInternal != 0 || p.rate > 1 {
		return false
	}
	mean := p.bytes / p.packets
	if !p.src.Is4() {
		mean -= min(mean, header6More)
	}
	return mean >= heardLeast && mean < heardMost
}

// hear books what came back from a server, if the device's pair with it is followed.
func (t *Tracker) hear(p *piece) {
	hash := t.hashPair(p.dstHash, p.srcHash, uint32(p.proto)<<16|uint32(p.srcPort))
	set := t.pairs.set(hash)
	for i := range set {
		if n := &set[i]; n.tag == pairTag(hash) && n.at >= 0 {
			t.pairs.all[n.at].heard.add(p)
			return
		}
	}
}

func (h *heard) add(p *piece) {
	h.packets += p.packets
	h.bytes += p.bytes
	if seconds := p.last - p.first; seconds >= heardPaced {
		h.records++
		h.seconds += uint32(seconds)
		h.paced += float32(p.packets)
		h.pace += float32(p.packets) * float32(p.packets) / float32(seconds)
	}
}

// Heard is what a web server sent back in TCP records of small packets, none under
// packet sampling.
func (r *Pair) Heard() (bytes, packets uint64) { return r.heard.bytes, r.heard.packets }

// Dispersion tells how much the pace of what was heard varies between records: variance
// over mean, which chance alone makes as large as the packets that come together. It
// rests on so many records.
func (r *Pair) Dispersion() (index float64, records int) {
	h := &r.heard
	if h.records == 0 || h.paced == 0 {
		return 0, 0
	}
	mean := float64(h.paced) / float64(h.seconds)
	return max(0, float64(h.pace)/mean-float64(h.paced)) / float64(h.records), int(h.records)
}
