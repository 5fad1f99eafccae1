// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tidewatch/api"
	"tidewatch/flow"
)

// found is a device with what it is ordered by: a larger rank comes first, then the
// smaller address.
type found struct {
	rank uint64
	addr netip.Addr
}

func (f found) compare(g found) int {
	return cmp.Or(cmp.Compare(g.rank, f.rank), f.addr.Compare(g.addr))
}

func (f found) cursor() string { return strconv.FormatUint(f.rank, 10) + "-" + f.addr.String() }

func parseFound(text string) (f found, err error) {
	rank, addr, _ := strings.Cut(text, "-")
	if f.rank, err = strconv.ParseUint(rank, 10, 64); err == nil {
		f.addr, err = netip.ParseAddr(addr)
	}
	return f, err
}

// choice keeps the first of the devices that a filter selects.
type choice struct {
	filter *api.DeviceFilter
	after  found // of the page before
	begun  bool  // there is none
	who    func(flow.Addr) string
	risks  map[netip.Addr]float64 // when they are ordered by it
	kept   []found
}

func (c *choice) offer(a flow.Addr, seen int64, bytes uint64) {
	f := found{addr: a.Netip()}
	switch c.filter.Sort {
	case "bytes":
		f.rank = bytes
	case "risk":
		f.rank = rankOf(c.risks[f.addr])
	case "address":
	default:
		f.rank = uint64(max(seen, 0))
	}
	full := len(c.kept) > c.filter.Limit // one more tells that there is another page
	if full && f.compare(c.kept[c.filter.Limit]) >= 0 || !c.begun && f.compare(c.after) <= 0 || !c.selects(a, f.addr) {
		return
	}
	if full {
		c.kept = c.kept[:c.filter.Limit]
	}
	at, _ := slices.BinarySearchFunc(c.kept, f, found.compare)
	c.kept = slices.Insert(c.kept, at, f)
}

func (c *choice) selects(a flow.Addr, addr netip.Addr) bool {
	if c.filter.Prefix.IsValid() && !c.filter.Prefix.Contains(addr) {
		return false
	}
	text := strings.ToLower(c.filter.Text)
	return text == "" || strings.Contains(addr.String(), text) || strings.Contains(strings.ToLower(c.who(a)), text)
}
