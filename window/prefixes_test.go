// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"unsafe"

	"tidewatch/flow"
)

// followed is the prefix that is followed under this name; nil when none is.
func followed(tr *Tracker, net string) *Prefix {
	for _, x := range tr.prefixes.followed {
		if x.used && x.Net.String() == net {
			return x
		}
	}
	return nil
}

// sendTo books so many packets in so many flows to the addresses that host draws.
func sendTo(tr *Tracker, flows int, packets uint64, host func(i int) flow.Addr) {
	b := flow.NewBatch(flows)
	for i := range flows {
		r := rec(tr.Now(), tr.Now(), packets, 100*packets)
		r.Src, r.Dst = flow.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), host(i)
		b.Append(&r)
	}
	tr.Add(b, 0, b.Len(), nil)
}

func in4(a, b, c byte, hosts int) func(int) flow.Addr {
	return func(i int) flow.Addr { return flow.AddrFrom4([4]byte{a, b, c, byte(i % hosts)}) }
}

// The block of a device and all networks around it, or inside its block, are
// followed once they are over the floor; others are not.
func TestPrefixesAreFollowed(t *testing.T) {
	tr := newTracker(t, func(c *Config) {
		c.Networks = NewNetworks([]netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.2.0/24"), netip.MustParsePrefix("10.1.2.64/26"),
			netip.MustParsePrefix("10.9.0.0/16"), netip.MustParsePrefix("fd00::/32"), netip.MustParsePrefix("fd00:0:7:1::/64"),
		})
	})
	sendTo(tr, 100, 499, in4(10, 1, 2, 128)) // just below the floor
	if n := tr.Counts().HotPrefixes; n != 0 {
		t.Errorf("%d prefixes are followed below the floor", n)
	}
	sendTo(tr, 100, 501, in4(10, 1, 2, 128))
	sendTo(tr, 1000, 60, func(i int) flow.Addr { return flow.Addr{0: 0xfd, 5: 7, 7: 1, 15: byte(i)} })
	for _, net := range []string{"10.0.0.0/8", "10.1.2.0/24", "fd00::/32", "fd00:0:7::/48", "fd00:0:7:1::/64"} {
		if x := followed(tr, net); x == nil {
			t.Errorf("%s is not followed", net)
		}
	}
	sendTo(tr, 100, 1001, in4(10, 1, 2, 128))
	x := followed(tr, "10.1.2.64/26")
	if n := tr.Counts().HotPrefixes; n != 6 || x == nil {
		t.Errorf("%d prefixes are followed, want 6: %v", n, x)
	}
	// A session counts where something else made the prefix worth following, in both directions.
	out := rec(tr.Now(), tr.Now(), 77, 7700)
	out.Src, out.Dst, out.Mark = out.Dst, out.Src, flow.SrcInternal
	out.Src = flow.AddrFrom4([4]byte{10, 1, 2, 1})
	out.Proto, out.TCPFlags = flow.ProtoTCP, flow.SYN|flow.ACK|flow.FIN
	b := flow.NewBatch(1)
	b.Append(&out)
	tr.Add(b, 0, 1, nil)
	if v := followed(tr, "10.1.2.0/24").Class(Out, flow.TCPSession, tr.Now(), tr.Now()); v.Packets != 77 {
		t.Errorf("the answers of the block are %d packets, want 77", v.Packets)
	}
	for range 7 { // idle for long
		tr.now = tr.now/60*60 + 59
		tr.Tick()
		tr.Next(tr.now + 60)
	}
	if n := tr.Counts().HotPrefixes; n != 0 {
		t.Errorf("%d prefixes are still followed after seven idle minutes", n)
	}
}

// A prefix knows how its packets are spread.
func TestPrefixSpread(t *testing.T) {
	tr := newTracker(t, func(c *Config) { c.Networks = NewNetworks([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}) })
	for range 3 {
		sendTo(tr, 1000, 60, in4(10, 1, 2, 1))
		sendTo(tr, 1000, 20, func(i int) flow.Addr { return flow.AddrFrom4([4]byte{10, 1, byte(i), byte(i >> 3)}) })
	}
	x := followed(tr, "10.1.0.0/16")
	hosts := x.Hosts(tr.Now(), tr.Now())
	if hosts < 900 || hosts > 1100 {
		t.Errorf("%d hosts, want about 1000", hosts)
	}
	one, total := x.Heaviest(nil, 1)
	share := float64(one[0].Weight-one[0].Over) / float64(total)
	if one[0].Key.String() != "10.1.2.0" || share < 0.65 || share > 0.8 {
		t.Errorf("%v has a share of %g, want 10.1.2.0 with three quarters, less what came before it was followed", one[0].Key, share)
	}
	block, _ := x.HeaviestBlocks(nil, 1)
	sources, _ := x.HeaviestSources(nil, 3)
	if block[0].Key != one[0].Key || len(sources) != 3 {
		t.Errorf("heaviest block %v, sources %v", block, sources)
	}
	w := tr.Tick()
	n := 0
	for i := range w.Prefixes() {
		if w.Prefix(i) != nil {
			n++
		}
	}
	tr.Next(tr.Now() + 1)
	w = tr.Tick()
	for i := range w.Prefixes() {
		if w.Prefix(i) != nil {
			n--
		}
	}
	if n != 2 {
		t.Errorf("%d prefixes had traffic in this second more than in the next, want 2", n)
	}
}

// What is kept stays within the stated bounds however many addresses are made up, and
// a prefix that is attacked meanwhile is followed: the block of a device and a network.
func TestSpoofedDestinations(t *testing.T) {
	const flood = 200_000
	for name, draw := range map[string]func(r *rand.Rand) flow.Addr{
		"IPv4": func(r *rand.Rand) flow.Addr {
			return flow.AddrFrom4([4]byte{10, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
		},
		"IPv6": func(r *rand.Rand) flow.Addr {
			return flow.Addr{0: 0xfd, 3: byte(r.Uint32()), 4: byte(r.Uint32()), 5: byte(r.Uint32()), 15: byte(r.Uint32())}
		},
	} {
		tr := newTracker(t, func(c *Config) {
			c.MaxDevices, c.MaxHot, c.MaxPrefixes, c.MaxHotPrefixes = 1000, 10, 256, 8
			c.Networks = NewNetworks([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.77.0.0/20"), netip.MustParsePrefix("fd00::/8")})
		})
		r := rand.New(rand.NewPCG(1, 2))
		b := flow.NewBatch(flood)
		for i := range flood {
			x := rec(t0, t0, 1, 60)
			x.Src, x.Dst = flow.AddrFrom4([4]byte{198, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}), draw(r)
			b.Append(&x)
			if i%20 == 0 {
				x = rec(t0, t0, 10, 600)
				x.Dst = flow.AddrFrom4([4]byte{10, 77, byte(i / 20 % 2), byte(r.Uint32())})
				b.Append(&x)
			}
		}
		tr.Add(b, 0, b.Len(), nil)
		for _, net := range []string{"10.77.0.0/24", "10.77.1.0/24", "10.77.0.0/20"} {
			if followed(tr, net) == nil {
				t.Errorf("%s: %s is not followed", name, net)
			}
		}
		l, c := tr.Losses(), tr.Counts()
		if c.Devices > 1000 || c.HotPrefixes > 8 || len(tr.prefixes.blocks) != 128 || len(tr.prefixes.followed) > 8 {
			t.Errorf("%s: over the bounds: %+v", name, c)
		}
		if l.PrefixesForgotten < flood/4 || l.DevicesRefused == 0 {
			t.Errorf("%s: the losses are not counted: %+v", name, l)
		}
	}
}

// A block that finds both its places taken by blocks that are followed is not counted, but
// the networks around and inside it are.
func TestNetworksOfBlocksWithoutPlace(t *testing.T) {
	for name, in := range map[string]func(block, i int) flow.Addr{
		"IPv4": func(block, i int) flow.Addr { return flow.AddrFrom4([4]byte{10, byte(block), 0, byte(i % 50)}) },
		"IPv6": func(block, i int) flow.Addr { return flow.Addr{0: 0xfd, 3: byte(block), 15: byte(i % 50)} },
	} {
		tr := newTracker(t, func(c *Config) {
			c.MaxPrefixes = 2
			c.Networks = NewNetworks([]netip.Prefix{
				netip.MustParsePrefix("10.3.0.0/16"), netip.MustParsePrefix("10.3.0.0/24"), netip.MustParsePrefix("10.3.0.0/26"),
				netip.MustParsePrefix("fd00:3::/32"), netip.MustParsePrefix("fd00:3::/48"), netip.MustParsePrefix("fd00:3::/64"),
			})
		})
		for block := 1; block <= 3; block++ {
			sendTo(tr, 100, 1001, func(i int) flow.Addr { return in(block, i) })
		}
		if n := tr.Losses().PrefixesRefused; n != 100 {
			t.Errorf("%s: %d flows to blocks without a place, want 100", name, n)
		}
		want, not := []string{"10.3.0.0/16", "10.3.0.0/26"}, "10.3.0.0/24"
		if name == "IPv6" {
			want, not = []string{"fd00:3::/32", "fd00:3::/64"}, "fd00:3::/48"
		}
		for _, net := range want {
			if followed(tr, net) == nil {
				t.Errorf("%s: %s is not followed", name, net)
			}
		}
		if followed(tr, not) != nil {
			t.Errorf("%s: %s is followed as a network and would be again as a block", name, not)
		}
	}
}

// A busy prefix takes the place of one that is four times quieter, as hosts do.
func TestPrefixTakesPlace(t *testing.T) {
	tr := newTracker(t, func(c *Config) { c.MaxHotPrefixes = 2 })
	sendTo(tr, 100, 600, in4(10, 0, 1, 200))
	sendTo(tr, 100, 600, in4(10, 0, 2, 200))
	sendTo(tr, 100, 600, in4(10, 0, 3, 200))
	if l := tr.Losses(); l.HotPrefixesRefused != 1 || followed(tr, "10.0.3.0/24") != nil {
		t.Errorf("as busy as those followed: %+v", l)
	}
	sendTo(tr, 100, 6000, in4(10, 0, 4, 200))
	if l := tr.Losses(); l.HotPrefixesReplaced != 1 || followed(tr, "10.0.4.0/24") == nil {
		t.Errorf("much busier than those followed: %+v", l)
	}
}

func TestBlockPairIsALine(t *testing.T) {
	if n := unsafe.Sizeof(blockPair{}); n != 64 {
		t.Errorf("two blocks have %d bytes", n)
	}
	if n := unsafe.Sizeof(Prefix{}) % 64; n != 0 {
		t.Errorf("a prefix has %d bytes more than whole lines", n)
	}
}
