// SPDX-License-Identifier: Apache-2.0

package window

import (
	"net/netip"
	"strconv"
)

// HeaviestGroup is the network of sources that sent most packets in this minute and
// the one before, and its share: the AS where the exporter tells it, else a /24 or
// /48 of the heaviest sources. buf is memory to work in.
func (h *Host) HeaviestGroup(buf []Entry) (name string, share float64) {
	buf = h.TopASNs(buf[:0], 2*portsSize)
	var total, most uint64
	for i := range buf {
		total += buf[i].Weight
		if n := buf[i].Weight - buf[i].Over; n > most {
			most, name = n, "AS"+strconv.FormatUint(uint64(buf[i].Number()), 10)
		}
	}
	if total == 0 {
		buf = h.TopSources(buf[:0], 2*topSize)
		for i := range buf {
			total += buf[i].Weight
			var n uint64
			p := groupOf(&buf[i])
			for k := range buf {
				if p.Contains(buf[k].Key.Netip()) {
					n += buf[k].Weight - buf[k].Over
				}
			}
			if n > most {
				most, name = n, p.String()
			}
		}
	}
	return name, float64(most) / float64(max(total, 1))
}

// groupOf is the network that one holder of addresses usually has.
func groupOf(e *Entry) netip.Prefix {
	ip := e.Key.Netip()
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(ip, bits).Masked()
}
