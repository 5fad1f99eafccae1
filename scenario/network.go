// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"encoding/binary"

	"tidewatch/flow"
)

// The sizes of the office and of the world it talks to.
const (
	workstations  = 60
	printers      = 3
	sites         = 400    // web sites that the office visits
	favourites    = 12     // of them per workstation
	resolvers     = 500    // name servers that the office's own asks
	mailPeers     = 200    // mail servers of others
	regulars      = 50_000 // customers that come again
	exfilHost     = 37     // index of the workstation that steals
	absentPercent = 10     // of people on a working day
)

// network is who is who. External addresses follow from the seed.
type network struct {
	seed   uint64
	weight [workstations]float64 // cumulative share of the office's activity
}

func newNetwork(seed uint64) network {
	n := network{seed: mix(seed, 0x6e6574)}
	sum := 0.0
	for w := range n.weight {
		// Between a third and thrice the activity of the median.
		sum += 1.0/3 + 8.0/3*unit(mix(n.seed, uint64(w)))*unit(mix(n.seed, uint64(w)+1000))
		n.weight[w] = sum
	}
	for w := range n.weight {
		n.weight[w] /= sum
	}
	return n
}

// internal is an own host by its network and number, in both families:
// 10.<net>.<sub>.<host> and fd10:<net>:<sub>::<host>, there in hexadecimal.
func internal(net, sub, host byte, v6 bool) flow.Addr {
	if !v6 {
		return flow.AddrFrom4([4]byte{10, net, sub, host})
	}
	a := flow.Addr{0xfd, 0x10, 15: host}
	a[3], a[5] = net, sub
	return a
}

// The own hosts.
func workstation(w int, v6 bool) flow.Addr { return internal(10, 2, byte(10+w), v6) }
func printer(k int) flow.Addr              { return internal(10, 3, byte(10+k), false) }
func camera() flow.Addr                    { return internal(10, 4, 20, false) }
func fileServer() flow.Addr                { return internal(10, 1, 10, false) }
func recorder() flow.Addr                  { return internal(10, 1, 15, false) }
func backupServer() flow.Addr              { return internal(10, 1, 20, false) }
func monitor() flow.Addr                   { return internal(10, 1, 30, false) }
func nameServer(v6 bool) flow.Addr         { return internal(10, 1, 53, v6) }
func shop(v6 bool) flow.Addr               { return internal(20, 0, 10, v6) }
func images(v6 bool) flow.Addr             { return internal(20, 0, 11, v6) }
func vpnGateway() flow.Addr                { return internal(20, 0, 20, false) }
func mailServer() flow.Addr                { return internal(20, 0, 25, false) }
func database() flow.Addr                  { return internal(20, 1, 10, false) }

// The fixed others, in the ranges for documentation (RFC 5737).
func backupCloud() flow.Addr { return flow.AddrFrom4([4]byte{203, 0, 113, 80}) }
func cameraCloud() flow.Addr { return flow.AddrFrom4([4]byte{203, 0, 113, 90}) }
func thief() flow.Addr       { return flow.AddrFrom4([4]byte{198, 51, 100, 77}) }

// prober is who scans from outside.
func prober(v6 bool) flow.Addr {
	if v6 {
		return flow.Addr{0x20, 0x01, 0x0d, 0xb8, 0x5c, 15: 0x23}
	}
	return flow.AddrFrom4([4]byte{198, 51, 100, 23})
}

// The kinds of strangers; each has addresses of its own.
const (
	kindSite = iota + 1
	kindResolver
	kindMail
	kindRegular
	kindConference
	kindTime
	kindRemote
	kindAttacker
	kindCampaign
	kindPartner
	kindFleetStore
	kindMaker
	kindVendor
	kindBackup
	kindTarget
	kindAct
)

// stranger is external host number k of a kind: an address of the public
// unicast space, or of 2001:db8::/32.
func (n *network) stranger(kind, k uint64, v6 bool) flow.Addr {
	return public(mix(n.seed, kind<<48|k), v6)
}

// public makes an external address of a hash.
func public(h uint64, v6 bool) flow.Addr {
	if v6 {
		a := flow.Addr{0x20, 0x01, 0x0d, 0xb8}
		binary.BigEndian.PutUint32(a[4:], uint32(h>>32))
		binary.BigEndian.PutUint32(a[12:], uint32(h))
		return a
	}
	first := byte(11 + h>>56%212) // 11 to 222
	switch first {
	case 100, 127, 169, 172, 192, 198, 203: // hold networks that are not public
		first++
	}
	return flow.AddrFrom4([4]byte{first, byte(h >> 16), byte(h >> 8), byte(h)})
}

// asOf is the AS number that the exporter's route table gives an address: 0 for
// own hosts, a private one (RFC 6996) per /16 or /48 for others.
func asOf(a *flow.Addr) uint32 {
	if a[0] == 0xfd || a[0] == 0 && a[12] == 10 {
		return 0
	}
	route := binary.BigEndian.Uint64(a[:]) >> 16
	if a.Is4() {
		route = uint64(binary.BigEndian.Uint16(a[12:]))
	}
	return 64512 + uint32(mix(route, 0)%1000)
}

// person draws who acts, among those who are in the office on that day; ok is
// false when the one drawn is absent.
func (g *generator) person(sec int64) (w int, ok bool) {
	if g.as > 0 {
		return g.as, true
	}
	u := g.Float64()
	lo, hi := 0, workstations-1
	for lo < hi {
		if mid := (lo + hi) / 2; g.net.weight[mid] < u {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	day, _, _ := g.local(sec)
	absent := mix(g.net.seed, uint64(day)<<8|uint64(lo))%100 < absentPercent
	return lo, !absent
}
