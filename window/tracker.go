// SPDX-License-Identifier: Apache-2.0

package window

import (
	"fmt"
	"math/bits"

	"github.com/gaissmai/bart"

	"tidewatch/flow"
	"tidewatch/pages"
)

// longest is how long a flow may have lasted before its start is cut: a day,
// the longest active timeout that exporters offer.
const longest = 86400

// furthest is how long before its export a flow may have ended; more is a
// broken clock and would only be counted as late.
const furthest = 7 * 86400

// Losses counts what the bounds cost.
type Losses struct {
	DevicesForgotten, DevicesRefused uint64 // table full
	HotReplaced, HotRefused          uint64 // one-second bins full
	UploadsForgotten                 uint64
	ContactsRefused                  uint64 // samples of contacts of devices that found no room
	PrefixesForgotten                uint64 // counts of the running ten seconds that gave way to another block's
	PrefixesRefused                  uint64 // flows whose block found no place beside followed ones
	HotPrefixesReplaced              uint64 // followed prefixes full
	HotPrefixesRefused               uint64
	ProbesForgotten, ProbesRefused   uint64 // records of attempts: those given to others; attempts of devices that found none
	TriesSpared                      uint64 // attempts not noted, because their device had too many flows
	PairsUnnoted, PairsRefused       uint64 // pairs of a device and a service: not noted, noted and not followed
	PairsForgotten                   uint64 // pairs that gave way to others
	TalksForgotten, TalksRefused     uint64 // talks that gave way to others; that found no room, because their device has too many
	Late                             uint64 // flows that ended before the open minutes
	LateBytes                        uint64 // of those, not in minutes any more
	Clamped                          uint64 // flows whose times were cut to arrival time
}

// Counts are the sizes of a tracker's tables.
type Counts struct{ Devices, Hot, Uploads, HotPrefixes, Pairs, Talks int }

// Tracker keeps the windows of one shard.
type Tracker struct {
	cfg      Config
	critical *bart.Lite // nil: no network is
	now      int64      // newest second ticked or seen in a batch
	begun    int64      // first second with records since the start or a long silence
	dev      devices
	nets     []netSums // by network, of the newest closed minute
	hot      []*Host
	hotIdx   []int32 // free hot slots
	ups      []*Upload
	upFree   []int32
	hands    struct{ dev, hot, up int }
	vain     vain
	prefixes prefixCounts
	nears    closeups
	rare     prevalence

	pairs    pairs
	talks    talks
	contacts []*Contacts
	metFree  []int32
	common   prevalence // who asks anything of an address outside

	probers [2]probers // by Direction: own devices that try, own devices that others try
	swept   []Swept    // by network

	losses Losses
	memory struct {
		hosts    pages.Pool[Host]
		uploads  pages.Pool[Upload]
		contacts pages.Pool[Contacts]
		probes   pages.Pool[Probes]
	}

	dirtyHot []int32
	win      Window
	block    work  // scratch
	watch    Watch // nil: no destination is watched
}

// New returns an empty tracker.
func New(cfg *Config) (*Tracker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("window: %w", err)
	}
	t := &Tracker{cfg: *cfg, nets: make([]netSums, cfg.Networks.Len()), swept: make([]Swept, cfg.Networks.Len()), rare: newPrevalence(), common: newPrevalence(), critical: criticalOf(cfg.Critical)}
	t.dev.table = newTable(cfg.Seed)
	t.prefixes = newPrefixes(cfg)
	t.win.t = t
	return t, nil
}

// Losses returns what was lost so far.
func (t *Tracker) Losses() Losses { return t.losses }

// Counts returns how full the tables are.
func (t *Tracker) Counts() Counts {
	return Counts{
		Devices: t.dev.count(), Hot: len(t.hot) - len(t.hotIdx), Uploads: len(t.ups) - len(t.upFree), HotPrefixes: t.prefixes.live,
		Pairs: len(t.pairs.all) - len(t.pairs.free), Talks: t.talks.live,
	}
}

// Now is the newest second known.
func (t *Tracker) Now() int64 { return t.now }

// Idle reports whether no device and no prefix has one-second bins, so that seconds
// without records need no tick.
func (t *Tracker) Idle() bool { return len(t.hot) == len(t.hotIdx) && t.prefixes.live == 0 }

// Add books the records [from,to) of b. Their Received lies in the running
// second, now; marks and sampling are already applied. When owner is not nil it
// tells for the hash of an address whether it belongs to this shard.
func (t *Tracker) Add(b *flow.Batch, from, to int, owner func(hash uint64) bool) {
	if t.begun == 0 {
		t.begin()
	}
	for ; from < to; from += block {
		t.addBlock(b, from, min(block, to-from), owner)
	}
}

// addBlock books n records: it looks all their devices up, reads ahead what
// booking them needs, and books.
func (t *Tracker) addBlock(b *flow.Batch, from, n int, owner func(hash uint64) bool) {
	w := &t.block
	for i := range n {
		p := &w.pieces[i]
		t.cut(p, b, from+i)
		p.srcHash, p.dstHash = t.cfg.Seed.Hash(p.src), t.cfg.Seed.Hash(p.dst)
		w.wanted[i] = p.mark & (flow.SrcInternal | flow.DstInternal)
		if p.mark&flow.Duplicate != 0 {
			w.wanted[i] = 0
		}
		if owner != nil && w.wanted[i]&flow.SrcInternal != 0 && !owner(p.srcHash) {
			w.wanted[i] &^= flow.SrcInternal
		}
		if owner != nil && w.wanted[i]&flow.DstInternal != 0 && !owner(p.dstHash) {
			w.wanted[i] &^= flow.DstInternal
		}
	}
	t.touchDevices(n)
	forgotten := t.losses.DevicesForgotten
	for i := range n {
		p := &w.pieces[i]
		w.out[i], w.in[i] = -1, -1
		if w.wanted[i]&flow.SrcInternal != 0 {
			w.out[i] = t.slot(p.srcHash, p.src)
		}
		if w.wanted[i]&flow.DstInternal != 0 {
			w.in[i] = t.slot(p.dstHash, p.dst)
		}
	}
	if t.losses.DevicesForgotten != forgotten {
		t.dropStrangers(n)
	}
	t.touchBins(n)
	for i := range n {
		p := &w.pieces[i]
		if w.out[i] >= 0 {
			t.book(Out, w.out[i], p, p.mark&flow.DstInternal != 0)
			if p.pair != 0 {
				t.bookPair(w.out[i], p)
			}
		}
		if w.in[i] >= 0 {
			t.book(In, w.in[i], p, p.mark&flow.SrcInternal != 0)
			if p.small() {
				t.hear(p)
			}
		}
	}
	for i := range w.nTalks {
		t.bookTalk(&w.talks[i])
	}
	t.bookPrefixes(n, owner)
}

// dropStrangers leaves out the records whose device was forgotten for one of a later
// record of the block: its place is another's now.
func (t *Tracker) dropStrangers(n int) {
	w := &t.block
	for i := range n {
		p := &w.pieces[i]
		if j := w.out[i]; j >= 0 && t.dev.at(j).addr != *p.src {
			w.out[i] = -1
			t.losses.DevicesRefused++
		}
		if j := w.in[i]; j >= 0 && t.dev.at(j).addr != *p.dst {
			w.in[i] = -1
			t.losses.DevicesRefused++
		}
	}
}

// cut takes one record out of the batch and clamps its times: no flow ends
// after it was received, or lasted longer than a day.
func (t *Tracker) cut(p *piece, b *flow.Batch, i int) {
	limit := (t.now+1)*1e9 - 1
	p.start, p.end = b.Start[i], b.End[i]
	if p.end > limit || p.start > p.end || p.start < p.end-longest*1e9 || p.end < limit-furthest*1e9 {
		p.end = max(min(max(p.start, p.end), limit), limit-furthest*1e9)
		p.start = max(min(p.start, p.end), p.end-longest*1e9)
		t.losses.Clamped++
	}
	p.start, p.end = max(p.start, 0), max(p.end, 0)
	p.first, p.last = p.start/1e9, p.end/1e9
	p.bytes, p.packets, p.flows = b.Bytes[i], b.Packets[i], 1
	p.proto, p.flags, p.mark = b.Proto[i], b.TCPFlags[i], b.Mark[i]
	p.class = flow.ClassOf(p.proto, p.flags, p.mark)
	p.srcPort, p.dstPort = b.SrcPort[i], b.DstPort[i]
	p.src, p.dst = &b.Src[i], &b.Dst[i]
	p.srcAS = b.SrcAS[i]
	p.rate, p.exporter = b.Sampling[i], b.Exporter[i]
	p.trial = trialOf(p, b.TCPFlags[i])
}

// book adds one side of a flow to its device.
func (t *Tracker) book(d Direction, slot int32, p *piece, peerInternal bool) {
	dev := t.dev.at(slot)
	dev.touched, dev.via = max(dev.touched, p.last), p.exporter
	minute := t.now / 60
	m := &dev.now
	if p.first/60 == minute {
		m.Bytes[d] += p.bytes
		m.Packets[d] += p.packets
		m.Flows[d] += p.flows
	} else {
		t.spreadMinutes(dev, d, p, minute)
	}
	h := dev.hot
	if h < 0 && t.warm(m, d, p) {
		h = t.heat(slot, m.Packets[d])
	}
	if h >= 0 {
		host := t.hot[h]
		clean := !host.dirty
		host.add(d, p, t.now)
		if clean && host.dirty {
			t.dirtyHot = append(t.dirtyHot, h)
		}
	}
	if p.trial != NoTrial {
		t.try(d, slot, dev, p, peerInternal)
	}
	k := 1
	if !peerInternal && !serves(d, p) && (d == In || !nowhere(p.dst)) {
		t.bookUpload(d, slot, dev, p)
		k = 0
	}
	if p.bytes < uint64(dev.due[k]) {
		dev.due[k] -= uint32(p.bytes)
	} else {
		t.meet(d, k, slot, p)
	}
}

// serves reports whether the device is the server of this flow, by the ports:
// a service has a system port or at least one below the ephemeral range (RFC
// 6335; Linux gives out 32768 and above). What a server answers is asked for
// and no upload; a web shop would be a data thief otherwise. A thief who sends
// from port 443 is not seen as uploading; windows by volume still see it.
func serves(d Direction, p *piece) bool {
	own, peer := p.srcPort, p.dstPort
	if d == In {
		own, peer = peer, own
	}
	return own < 1024 && peer >= 1024 || own < 32768 && peer >= 32768
}

// nowhere tells addresses that lead to no host outside: multicast, broadcast
// and link-local IPv4. What is sent there leaves no network.
func nowhere(a *flow.Addr) bool {
	if a[0] == 0xff {
		return true
	}
	return a.Is4() && (a[12] >= 224 || a[12] == 169 && a[13] == 254)
}

// warm reports whether a device without one-second bins should ask for them:
// when it crosses the floor, and again whenever its minute has doubled, so that
// a refusal is not repeated with every flow.
func (t *Tracker) warm(m *Sums, d Direction, p *piece) bool {
	packets, flows := m.Packets[d], m.Flows[d]
	if packets < t.cfg.HotPackets && flows < t.cfg.HotFlows {
		return false
	}
	before := packets - min(p.packets, packets)
	return bits.Len64(packets) != bits.Len64(before) || flows&(flows-1) == 0 ||
		before < t.cfg.HotPackets && flows <= t.cfg.HotFlows
}

// spreadMinutes books a flow that began before the running minute.
func (t *Tracker) spreadMinutes(dev *device, d Direction, p *piece, minute int64) {
	a, b := p.first/60, p.last/60
	n := uint64(b - a + 1)
	oldest := minute - minutes + 1
	bytes, packets := p.bytes/n, p.packets/n
	if a < oldest { // the older share goes to the hours only, in one step each
		gone := uint64(min(b, oldest-1) - a + 1)
		t.losses.Late++
		t.losses.LateBytes += bytes * gone
		if hr := a / 60; hr >= t.now/3600-1 {
			t.hourOf(dev, hr).Bytes[d] += bytes * gone
			t.hourOf(dev, hr).Packets[d] += packets * gone
		}
		a = oldest
	}
	for i := a; i <= b; i++ {
		m := dev.minute(i, minute)
		k := uint64(i - p.first/60)
		bytes, packets := part(p.bytes, k, n), part(p.packets, k, n)
		if i == b {
			m.Flows[d] += p.flows
		}
		m.Bytes[d] += bytes
		m.Packets[d] += packets
		if i < minute-lateness { // already folded into its hour
			h := t.hourOf(dev, i/60)
			h.Bytes[d] += bytes
			h.Packets[d] += packets
			if i == b {
				h.Flows[d] += p.flows
			}
		}
	}
	if open := minute - lateness; d == Out && p.first/60 < open {
		dev.lull.since(open - 1 - min(b, open-1))
	}
}

func (t *Tracker) hourOf(dev *device, hr int64) *hour { return &dev.hours[hr&1] }

// bookUpload follows traffic between the device and outside.
func (t *Tracker) bookUpload(d Direction, slot int32, dev *device, p *piece) {
	if dev.up < 0 {
		if d == Out {
			dev.upHour += p.bytes
		}
		// A download is told of before its acknowledgements by some exporters.
		if dev.upHour < upFloor && (d == Out || p.bytes < upReturn || dev.now.Packets[Out] == 0) {
			return
		}
		dev.up = t.follow(slot)
	}
	if t.ups[dev.up].add(d, p, t.now, &t.cfg.Seed) {
		t.rare.note(p.dstHash, dev.hash)
	}
}
