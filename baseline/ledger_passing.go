// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"tidewatch/flow"
)

// passersKept is how many networks are remembered of a day: those that gave way last.
const passersKept = 128

// passers are the networks that gave way today and on the active day before, as
// fingerprints of sixteen bits: 512 bytes for a device that gives to more networks than
// it has accounts for. Of a hundred strangers a day, each somebody else tomorrow, one is
// taken for a network that came back every other day. It is not saved: after a restart,
// what comes back is known a day later.
type passers struct {
	today, before []uint16
}

// fingerprint is no secret: who makes two networks alike only has both looked at.
func fingerprint(network *flow.Addr) uint16 {
	hi, lo := bits.Mul64(binary.BigEndian.Uint64(network[:])^0x9e3779b97f4a7c15, binary.BigEndian.Uint64(network[8:])|1<<63)
	return uint16((hi ^ lo) * 0xff51afd7ed558ccd >> 48)
}

// leave notes that an account gave way on the open day; what got next to nothing on its
// last day is forgotten.
func (p *passers) leave(a *Account, open uint16) {
	if a.last != open || a.today < fedBytes {
		if a.fed == 0 {
			return
		}
		p.before = noted(p.before, fingerprint(&a.Key))
		return
	}
	p.today = noted(p.today, fingerprint(&a.Key))
}

func noted(list []uint16, x uint16) []uint16 {
	if len(list) >= passersKept {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, x)
}

// returns reports whether a network gave way on the active day before.
func (p *passers) returns(network *flow.Addr) bool {
	return p != nil && slices.Contains(p.before, fingerprint(network))
}

// turn ends a day.
func (p *passers) turn() {
	if p != nil {
		p.today, p.before = p.before[:0], p.today
	}
}
