// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidewatch/flow"
)

func TestBusiest(t *testing.T) {
	top, b := NewBusiest(4), flow.NewBatch(1)
	// One server among ten thousand passers-by, and one report of it that another exporter made.
	for i := range 10_000 {
		r := flow.Record{
			Src: flow.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), Dst: addr("198.51.100.7"),
			Bytes: uint64(10 + i%7), Packets: 1, Sampling: 1,
		}
		b.Append(&r)
	}
	r := flow.Record{Src: addr("203.1.0.0"), Dst: addr("2001:db8::1"), Bytes: 1 << 40, Mark: flow.Duplicate}
	b.Append(&r)
	r = flow.Record{Src: addr("203.0.0.6"), Bytes: 5000}
	b.Append(&r)
	top.Add(b)
	want := []netip.Addr{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("203.0.0.6")}
	if diff := cmp.Diff(want, top.Top(2), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if len(top.bytes) > 64 || top.Forgotten() == 0 {
		t.Errorf("%d addresses are followed, %d forgotten", len(top.bytes), top.Forgotten())
	}
	if got := NewBusiest(0).limit; got != BusiestAsInternal*busiestRoom {
		t.Errorf("the default limit is %d", got)
	}
}

func TestHostsAreInternal(t *testing.T) {
	hosts := Hosts([]netip.Addr{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8::1")})
	e := newEnricher(t, func(c *Config) { c.Internal = hosts })
	for a, want := range map[string]bool{
		"198.51.100.7": true, "198.51.100.8": false, "2001:db8::1": true, "2001:db8::2": false, "10.0.0.1": false,
	} {
		if e.Internal(netip.MustParseAddr(a)) != want {
			t.Errorf("%s internal is %v, want %v", a, !want, want)
		}
	}
}
