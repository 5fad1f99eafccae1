// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"encoding/binary"
	"errors"
	"math"
)

// Hour is what one hour of a device amounts to, by direction as window counts
// it: 0 towards the device, 1 from it.
type Hour struct {
	Bytes, Packets, Flows [2]uint64
	PeakBytes             [2]uint64 // in its busiest five minutes
	PeakPackets           uint64    // towards the device, likewise
}

// Judged is the value of a measure.
func (h *Hour) Judged(m Measure) uint64 {
	switch m {
	case BytesIn:
		return h.PeakBytes[0]
	case BytesOut:
		return h.PeakBytes[1]
	case PacketsIn:
		return h.PeakPackets
	case HourBytesIn:
		return h.Bytes[0]
	default:
		return h.Bytes[1]
	}
}

// Trust says how far an hour is learned from.
type Trust uint8

// The three speeds of learning, and none.
const (
	Trusted    Trust = iota // within three sigmas, or approved by a person: counts in full
	Drifting                // three to five sigmas away: counts a third
	Suspicious              // further: counts a hundredth
	Ignored                 // inside an attack, an event, an outage: counts nothing
	Superseded              // before a change that a person approved: counts a hundredth
	numTrusts
)

func (t Trust) String() string {
	return [numTrusts]string{"trusted", "drifting", "suspicious", "ignored", "superseded"}[t]
}

// weight is what an hour counts. That a suspicious one counts a hundredth follows
// Slips, whose learning rate falls from 0.5 to 0.005 then.
func (t Trust) weight() float32 { return [numTrusts]float32{1, 0.3, 0.01, 0, 0.01}[t] }

// record is one hour in the log of a device.
type record struct {
	hour  int64 // Unix hour
	trust Trust
	Hour
}

var errRecord = errors.New("damaged record")

// append writes the record behind the one of hour before: the distance in hours
// and the trust, then nine counts, all as varints. A silent hour takes two bytes.
func (r *record) append(buf []byte, before int64) []byte {
	head := uint64(r.hour-before)<<4 | uint64(r.trust)<<1
	if r.Hour == (Hour{}) {
		return binary.AppendUvarint(buf, head)
	}
	buf = binary.AppendUvarint(buf, head|1)
	for _, v := range r.fields() {
		buf = binary.AppendUvarint(buf, *v)
	}
	return buf
}

// read parses the record at the start of buf and returns what follows it.
func (r *record) read(buf []byte, before int64) ([]byte, error) {
	head, n := binary.Uvarint(buf)
	if n <= 0 || head>>4 == 0 || head>>4 > math.MaxInt32 || Trust(head>>1&7) >= numTrusts {
		return nil, errRecord
	}
	buf = buf[n:]
	r.hour, r.trust, r.Hour = before+int64(head>>4), Trust(head>>1&7), Hour{}
	if head&1 == 0 {
		return buf, nil
	}
	for _, v := range r.fields() {
		if *v, n = binary.Uvarint(buf); n <= 0 {
			return nil, errRecord
		}
		buf = buf[n:]
	}
	return buf, nil
}

// fields are the counts in the order in which they are stored.
func (h *Hour) fields() [9]*uint64 {
	return [9]*uint64{
		&h.Bytes[0], &h.Bytes[1], &h.Packets[0], &h.Packets[1], &h.Flows[0], &h.Flows[1],
		&h.PeakBytes[0], &h.PeakBytes[1], &h.PeakPackets,
	}
}

// Add adds the hour of another address of the same device.
func (h *Hour) Add(o *Hour) {
	from := o.fields()
	for i, v := range h.fields() {
		*v += *from[i]
	}
}
