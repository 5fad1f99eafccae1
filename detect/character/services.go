// SPDX-License-Identifier: Apache-2.0

package character

import (
	"tidewatch/baseline"
	"tidewatch/flow"
)

// class is a family of services that do the same: who uses one of them may as well use
// another. Those listed carry out data, or bring in somebody's commands. 0 is none.
type class uint8

const classes = 11

// String is how people call a class, in the order of known.
func (k class) String() string {
	return [classes]string{"", "file transfer (FTP)", "SSH", "Telnet", "mail (SMTP)", "file sharing (SMB)", "IRC", "remote desktop", "a proxy", "Tor", "a VPN"}[k]
}

// ports are the ports from one to another of a protocol that belong to a class.
type ports struct {
	class    class
	proto    uint8
	from, to uint16
}

// table is which ports belong to which class.
type table [29]ports

// known are the registered ports (IANA) and those in customary use: 2323 is what bots
// try beside 23, IRC has 6660 to 6669 by custom and 6697 by RFC 7194, VNC 5900 and one
// more a screen, TeamViewer 5938, squid 3128, Tor 9001 and 9030. WireGuard's 51820 is
// among the ports given out for the occasion and not told from them.
func known() table {
	return table{
		{1, flow.ProtoTCP, 20, 21},
		{1, flow.ProtoTCP, 989, 990},
		{2, flow.ProtoTCP, 22, 22},
		{3, flow.ProtoTCP, 23, 23},
		{3, flow.ProtoTCP, 2323, 2323},
		{4, flow.ProtoTCP, 25, 25},
		{4, flow.ProtoTCP, 465, 465},
		{4, flow.ProtoTCP, 587, 587},
		{5, flow.ProtoTCP, 139, 139},
		{5, flow.ProtoTCP, 445, 445},
		{6, flow.ProtoTCP, 194, 194},
		{6, flow.ProtoTCP, 6660, 6669},
		{6, flow.ProtoTCP, 6697, 6697},
		{7, flow.ProtoTCP, 3389, 3389},
		{7, flow.ProtoUDP, 3389, 3389},
		{7, flow.ProtoTCP, 5900, 5909},
		{7, flow.ProtoTCP, 5938, 5938},
		{8, flow.ProtoTCP, 1080, 1080},
		{8, flow.ProtoTCP, 3128, 3128},
		{9, flow.ProtoTCP, 9001, 9001},
		{9, flow.ProtoTCP, 9030, 9030},
		{10, flow.ProtoTCP, 1194, 1194},
		{10, flow.ProtoUDP, 1194, 1194},
		{10, flow.ProtoUDP, 500, 500},
		{10, flow.ProtoUDP, 4500, 4500},
		{10, flow.ProtoUDP, 1701, 1701},
		{10, flow.ProtoTCP, 1723, 1723},
		{10, flow.ProtoGRE, 0, 0},
		{10, flow.ProtoESP, 0, 0},
	}
}

// class tells the class of a service, proto<<16|port.
func (t *table) class(service uint32) class {
	proto, port := uint8(service>>16), uint16(service)
	for i := range t {
		if r := &t[i]; port >= r.from && port <= r.to && proto == r.proto {
			return r.class
		}
	}
	return 0
}

// asked reports whether a device asked others for a service of a class before a day. Who
// offers a shell to its keepers asks nobody for one by that.
func (t *table) asked(h *baseline.Habits, c class, day uint16) bool { return t.used(h, c, day, 0) }

// offered reports whether it offered one.
func (t *table) offered(h *baseline.Habits, c class, day uint16) bool {
	return t.used(h, c, day, baseline.Offered)
}

func (t *table) used(h *baseline.Habits, c class, day uint16, side uint32) bool {
	for i := range t {
		r := &t[i]
		if r.class != c {
			continue
		}
		for port := uint32(r.from); port <= uint32(r.to); port++ {
			if h.UsedBefore(uint32(r.proto)<<16|port|side, day) {
				return true
			}
		}
	}
	return false
}
