// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

const (
	giversKept = 4
	giverPiece = 64 << 10 // a flow from outside of fewer bytes is no part of a large download
)

// giver is one address outside that sent much to a device.
type giver struct {
	tag         uint32
	first, last uint32 // Unix seconds
	bytes       uint64
}

// givers are the heaviest of half a day, counted from when each came into the list:
// the lightest gives way to who is new.
type givers [giversKept]giver

func (g *givers) add(p *piece) {
	tag, low := uint32(p.srcHash>>32), 0
	for i := range g {
		if g[i].bytes > 0 && g[i].tag == tag {
			low = i
			break
		}
		if g[i].bytes < g[low].bytes {
			low = i
		}
	}
	at := &g[low]
	if at.bytes == 0 || at.tag != tag {
		*at = giver{tag: tag, first: clip(p.first)}
	}
	at.bytes += p.bytes
	at.first, at.last = min(at.first, clip(p.first)), max(at.last, clip(p.last))
}

// Gave is at least how many bytes an address outside sent to the device in the last
// two half days, and in which Unix seconds it began and ended. It knows the four
// heaviest of each half day, by flows of 64 KiB and more.
func (w *Window) Gave(u *Upload, from flow.Addr) (bytes uint64, first, last int64) {
	tag := uint32(w.t.cfg.Seed.Hash(&from) >> 32)
	for i := range u.gens {
		for k := range u.gens[i].givers {
			g := &u.gens[i].givers[k]
			if g.bytes == 0 || g.tag != tag {
				continue
			}
			if bytes == 0 || int64(g.first) < first {
				first = int64(g.first)
			}
			bytes, last = bytes+g.bytes, max(last, int64(g.last))
		}
	}
	return bytes, first, last
}
