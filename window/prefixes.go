// SPDX-License-Identifier: Apache-2.0

package window

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"tidewatch/flow"
	"tidewatch/pages"
)

// An attack that is spread over a prefix shows on none of its hosts. So what may
// belong to an attack is counted for each block of addresses, the /24 of an IPv4
// device and the /48 of an IPv6 one (what a site is given, RFC 6177), and for each of
// Config.Networks. A prefix that crosses a floor within ten seconds of Unix time is
// followed second by second, as a busy host is. Devices have no part in it: it works
// as well for millions of addresses that nobody has.
const (
	block4, block6 = 24, 48

	// FollowPackets is how many packets a second, on average over ten, a prefix is
	// followed from. It must lie well below any limit of a detector, since what came
	// before is not known: half of what a single host may receive.
	FollowPackets = 5000
	// FollowFlows is likewise of flows that ask for a connection or answer one: as
	// many as a single host is told of for.
	FollowFlows = 100
)

// blockKey is the number of the block that an address lies in.
func blockKey(a *flow.Addr) uint64 {
	hi, lo := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	if hi == 0 && lo>>32 == 0xffff {
		return 1<<block6 | lo&0xffffffff>>(32-block4)
	}
	return hi >> (64 - block6)
}

// blockOf is the block with a number.
func blockOf(key uint64) netip.Prefix {
	if key>>block6 != 0 {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], uint32(key)<<(32-block4))
		return netip.PrefixFrom(netip.AddrFrom4(a), block4)
	}
	var a [16]byte
	binary.BigEndian.PutUint64(a[:8], key<<(64-block6))
	return netip.PrefixFrom(netip.AddrFrom16(a), block6)
}

// Block is the block of addresses that an address is counted with.
func Block(a flow.Addr) netip.Prefix { return blockOf(blockKey(&a)) }

func blockBits(p netip.Prefix) int {
	if p.Addr().Is4() {
		return block4
	}
	return block6
}

// count is what went to a prefix in the running ten seconds.
type count struct {
	packets, flows uint32
	stamp          uint32 // Unix time / 10
	followed       int32  // place among the followed plus one, 0 = none
}

// add reports whether the prefix should be followed: when it crosses the floor, and
// again whenever its count has doubled, so that a refusal is not repeated with every flow.
func (c *count) add(stamp uint32, packets uint64, asks bool) bool {
	if c.stamp != stamp {
		c.packets, c.flows, c.stamp = 0, 0, stamp
	}
	before := c.packets
	c.packets = uint32(min(uint64(before)+packets, 1<<32-1))
	const floor, flows = 10 * FollowPackets, 10 * FollowFlows
	over := c.packets >= floor && (before < floor || bits.Len32(before) != bits.Len32(c.packets))
	if asks {
		c.flows++
		over = over || c.flows >= flows && (c.flows == flows || c.flows&(c.flows-1) == 0)
	}
	return over
}

// asks tells the classes of flows that ask for a connection or answer one.
func asks(c flow.Class) bool { return c == flow.TCPSyn || c == flow.TCPSynAck }

// blockCount is the count of a block.
type blockCount struct {
	count
	key   uint64 // number of the block plus one, 0 = nobody's
	net   uint16 // the smallest of the networks around it, 0 = none
	split bool   // networks lie inside of it
}

// blockPair is one cache line of the table. A block stands in the line that its hash
// names. A newcomer takes the place there that had fewer packets in the running ten
// seconds, so an attacked block keeps its place while millions of others pass by.
type blockPair [2]blockCount

// prefixCounts counts by prefix, and follows those over the floor.
type prefixCounts struct {
	blocks   []blockPair
	split    map[uint64]bool // blocks that networks lie in
	nets     []count         // by network
	hashes   []uint64        // by network: tells which shard owns it
	seed     [2]uint64       // a stranger must not choose which blocks share a line
	followed []*Prefix
	free     []int32
	live     int // how many are followed
	hand     int
	memory   pages.Pool[Prefix]
}

func newPrefixes(cfg *Config) prefixCounts {
	n := cfg.Networks.Len()
	x := prefixCounts{
		blocks: pages.Make[blockPair]((cfg.MaxPrefixes + 1) / 2), split: map[uint64]bool{},
		nets: make([]count, n), hashes: make([]uint64, n),
	}
	x.seed = [2]uint64{cfg.Seed.Mix(1, 1<<62), cfg.Seed.Mix(2, 1<<62) | 1}
	for i := 1; i < n; i++ {
		x.hashes[i] = cfg.Seed.Mix(uint64(i), 1<<63)
		if net := cfg.Networks.Prefix(i); net.Bits() > blockBits(net) {
			a := flow.AddrFrom(net.Addr())
			x.split[blockKey(&a)] = true
		}
	}
	return x
}

// bookPrefixes books n records of the block at hand with the prefixes of their
// devices. While none is followed, what goes out and whole sessions cost nothing.
func (t *Tracker) bookPrefixes(n int, owner func(hash uint64) bool) {
	for i := range n {
		p := &t.block.pieces[i]
		if p.mark&flow.Duplicate != 0 {
			continue
		}
		if p.mark&flow.DstInternal != 0 && (p.class != flow.TCPSession || t.prefixes.live > 0) {
			if key := blockKey(p.dst); !toGroup(key) {
				t.bookAround(In, p, p.dst, key, owner)
			}
		}
		if t.prefixes.live > 0 && p.mark&flow.SrcInternal != 0 {
			t.bookAround(Out, p, p.src, blockKey(p.src), owner)
		}
	}
}

// toGroup tells the blocks of multicast and broadcast, which belong to nobody.
func toGroup(key uint64) bool {
	if key>>block6 != 0 {
		return uint8(key>>(block4-8)) >= 224
	}
	return key>>(block6-8) == 0xff
}

// bookAround books one side of a flow with the block and the networks around a device.
func (t *Tracker) bookAround(d Direction, p *piece, a *flow.Addr, key uint64, owner func(hash uint64) bool) {
	x := &t.prefixes
	hi, lo := bits.Mul64(key^x.seed[0], x.seed[1])
	hash := hi ^ lo
	pair := &x.blocks[hash&0xffffffff*uint64(len(x.blocks))>>32]
	b := &pair[0]
	if b.key != key+1 {
		if b = &pair[1]; b.key != key+1 {
			b = t.placeBlock(key, pair)
		}
	}
	nets, net := t.cfg.Networks, 0
	var split bool
	if b != nil {
		if owner == nil || owner(hash) {
			t.bookPrefix(d, p, &b.count, key, 0)
		}
		net, split = int(b.net), b.split
	} else { // the networks are counted all the same
		split = nets.Len() > 1
	}
	if split {
		net = int(nets.of(a))
	}
	for ; net > 0; net = nets.Parent(net) {
		if split && nets.Prefix(net).Bits() == blockBits(nets.Prefix(net)) {
			continue // it is the block
		}
		if owner == nil || owner(x.hashes[net]) {
			t.bookPrefix(d, p, &x.nets[net], key, net)
		}
	}
}

// bookPrefix books it with a network, or with a block when net is 0.
func (t *Tracker) bookPrefix(d Direction, p *piece, c *count, key uint64, net int) {
	over := d == In && p.class != flow.TCPSession && c.add(uint32(t.now/10), p.packets, asks(p.class))
	if over && c.followed == 0 {
		prefix := blockOf(key)
		if net > 0 {
			prefix = t.cfg.Networks.Prefix(net)
		}
		t.followPrefix(c, prefix)
	}
	if c.followed == 0 {
		return
	}
	x := t.prefixes.followed[c.followed-1]
	if over {
		x.lively = t.now
	}
	x.add(d, p, t.now)
}

// placeBlock begins to count a block in one of its two places; nil when both belong to
// blocks that are followed.
func (t *Tracker) placeBlock(key uint64, pair *blockPair) *blockCount {
	stamp := uint32(t.now / 10)
	b, other := &pair[0], &pair[1]
	if other.weight(stamp) < b.weight(stamp) {
		b = other
	}
	if b.followed != 0 {
		t.losses.PrefixesRefused++
		return nil
	}
	if b.key != 0 && b.stamp == stamp {
		t.losses.PrefixesForgotten++
	}
	*b = blockCount{key: key + 1, split: t.prefixes.split[key]}
	if nets := t.cfg.Networks; nets.Len() > 1 {
		block := blockOf(key)
		a := flow.AddrFrom(block.Addr())
		net := int(nets.of(&a))
		for net > 0 && nets.Prefix(net).Bits() >= block.Bits() {
			net = nets.Parent(net)
		}
		b.net = uint16(net)
	}
	return b
}

// weight is what a block's place is worth.
func (b *blockCount) weight(stamp uint32) uint64 {
	switch {
	case b.followed != 0:
		return 1 << 32
	case b.key == 0 || b.stamp != stamp:
		return 0
	}
	return uint64(b.packets)
}

// followPrefix has a prefix followed second by second, in the place of a much quieter
// one when all are in use.
func (t *Tracker) followPrefix(c *count, prefix netip.Prefix) {
	x := &t.prefixes
	var i int32
	switch {
	case len(x.free) > 0:
		i = x.free[len(x.free)-1]
		x.free = x.free[:len(x.free)-1]
	case len(x.followed) < t.cfg.MaxHotPrefixes:
		i = int32(len(x.followed))
		x.followed = append(x.followed, x.memory.New())
	default:
		if i = t.quietestPrefix(c); i < 0 {
			t.losses.HotPrefixesRefused++
			return
		}
		t.losses.HotPrefixesReplaced++
		x.followed[i].count.followed = 0
		x.live--
	}
	x.live++
	c.followed = i + 1
	t.nears.give(&x.followed[i].Host)
	x.followed[i].nears = &t.nears
	x.followed[i].begin(prefix, c, t.now)
}

// quietestPrefix finds, in a sample of the followed, one that is four times quieter
// than the prefix with this count; -1 = none.
func (t *Tracker) quietestPrefix(c *count) int32 {
	x := &t.prefixes
	worst, least := int32(-1), uint64(c.packets)/4
	for range sample / 8 {
		x.hand = (x.hand + 1) % len(x.followed)
		have := x.followed[x.hand].count
		var n uint64
		if have.stamp == c.stamp || have.stamp+1 == c.stamp { // its first flow of these ten seconds may be still to come
			n = uint64(have.packets)
		}
		if n < least {
			worst, least = int32(x.hand), n
		}
	}
	return worst
}

// coolPrefix follows a prefix no longer.
func (t *Tracker) coolPrefix(i int) {
	x := &t.prefixes
	x.followed[i].count.followed = 0
	x.followed[i].used, x.followed[i].dirty = false, false
	t.nears.give(&x.followed[i].Host)
	x.free = append(x.free, int32(i))
	x.live--
}

// coolPrefixes stops following those that were not over the floor lately, or all.
func (t *Tracker) coolPrefixes(all bool) {
	for i, p := range t.prefixes.followed {
		if p.used && (all || p.lively < t.now-idleHot) {
			t.coolPrefix(i)
		}
	}
}

// nextSecond makes room for second now of all that are followed; the last one was judged.
func (x *prefixCounts) nextSecond(now int64) {
	for _, p := range x.followed {
		if p.used {
			p.dirty, p.revised = false, now
			p.ring.leave(now + 1)
		}
	}
}
