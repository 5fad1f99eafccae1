// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"

	"tidewatch/flow"
)

// Whatever eight bytes an exporter sends as a time, start and end stay in order
// and near arrival: the products and sums on the way must not wrap.
func TestTimesStayNearArrival(t *testing.T) {
	const seconds = 1_700_000_000
	arrival := seconds * second
	from := netip.MustParseAddr("192.0.2.1")
	r := rand.New(rand.NewPCG(1, 2))
	value := func() uint64 {
		switch r.IntN(4) {
		case 0:
			return r.Uint64() >> r.IntN(64)
		case 1:
			return 1<<63 - 2 + r.Uint64N(4)
		case 2: // wraps to any sign once multiplied
			return math.MaxUint64 / (1 + r.Uint64N(2_000_000))
		}
		return seconds + r.Uint64N(100)
	}
	out := flow.NewBatch(1)
	for _, ids := range [][2]uint16{
		{150, 151},
		{152, 153},
		{154, 155},
		{156, 157},
		{158, 159},
		{22, 21},
		{152, 161},
		{150, 162},
		{161, 153},
		{152, 159},
		{322, 161},
		{324, 162},
	} {
		for _, clock := range []Clock{ClockArrival, ClockExport} {
			d := newDecoder(t, func(c *Config) { c.Clock = clock })
			msg := binary.BigEndian.AppendUint16(nil, 10)
			for _, v := range []uint16{52, seconds >> 16, seconds & 0xffff, 0, 0, 0, 1, 2, 16, 256, 2, ids[0], 8, ids[1], 8, 256, 20} {
				msg = binary.BigEndian.AppendUint16(msg, v)
			}
			msg = append(msg, make([]byte, 16)...)
			for range 5000 {
				a, b := value(), value()
				binary.BigEndian.PutUint64(msg[36:], a)
				binary.BigEndian.PutUint64(msg[44:], b)
				out.Reset()
				if res := d.Decode(msg, from, arrival, out); res.Records != 1 {
					t.Fatalf("%v: %+v, want one record", ids, res)
				}
				start, end := out.Start[0], out.End[0]
				if start > end || end > arrival+endSlack || end < arrival-maxAge || start < arrival-2*maxAge {
					t.Fatalf("%v = %d, %d: start %d, end %d relative to arrival", ids, a, b, start-arrival, end-arrival)
				}
			}
		}
	}
}
