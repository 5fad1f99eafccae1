// SPDX-License-Identifier: Apache-2.0

package window

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"tidewatch/flow"
)

// checkpointReader reads what Checkpoint wrote; after an error everything is zero.
type checkpointReader struct {
	version byte
	rest    []byte
	bad     bool
}

// openCheckpoint checks the frame and returns what follows the running second.
func openCheckpoint(data []byte) (r *checkpointReader, now int64, err error) {
	if len(data) < 5 || data[0] < 1 || data[0] > checkpointVersion ||
		crc32.Checksum(data[:len(data)-4], castagnoli) != binary.BigEndian.Uint32(data[len(data)-4:]) {
		return nil, 0, ErrCheckpoint
	}
	r = &checkpointReader{version: data[0], rest: data[1 : len(data)-4]}
	return r, int64(r.next()), nil
}

func (r *checkpointReader) next() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *checkpointReader) addr(a *flow.Addr) {
	if len(r.rest) < len(a) {
		r.bad, r.rest = true, nil
		return
	}
	r.rest = r.rest[copy(a[:], r.rest):]
}

// networks calls f with the peaks of every network.
func (r *checkpointReader) networks(f func(p netip.Prefix, peak5 *Sums)) {
	if r.version < 2 {
		return
	}
	for n := r.next(); n > 0 && !r.bad; n-- {
		var a flow.Addr
		r.addr(&a)
		p := netip.PrefixFrom(a.Netip(), int(min(r.next(), 255)))
		var peak Sums
		for _, v := range peak.fields() {
			*v = r.next()
		}
		if !r.bad {
			f(p, &peak)
		}
	}
}

func (t *NetworkTotals) checkpoint(buf []byte) []byte {
	if t == nil {
		return binary.AppendUvarint(buf, 0)
	}
	buf = binary.AppendUvarint(buf, uint64(t.Len()))
	for i := range t.all {
		a := flow.AddrFrom(t.Prefix(i).Addr())
		buf = binary.AppendUvarint(append(buf, a[:]...), uint64(t.Prefix(i).Bits()))
		for _, v := range t.all[i].Peak5.fields() {
			buf = binary.AppendUvarint(buf, *v)
		}
	}
	return buf
}

// Resume takes over the peaks of the running hour from a checkpoint, of networks that
// are still summed. Their other sums come with the devices.
func (t *NetworkTotals) Resume(data []byte) error {
	r, _, err := openCheckpoint(data)
	if err != nil {
		return err
	}
	peaks := map[netip.Prefix]Sums{}
	r.networks(func(p netip.Prefix, peak5 *Sums) { peaks[p] = *peak5 })
	if r.bad {
		return ErrCheckpoint
	}
	for i := range t.all {
		t.all[i].Peak5 = peaks[t.Prefix(i)]
	}
	return nil
}
