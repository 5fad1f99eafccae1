// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"

	"tidewatch/flow"
	"tidewatch/query"
)

const (
	magic   = "TWROLLUP"
	version = 1
	// maxAbout and maxPart bound what a file may claim: some twenty sections, and 65536
	// devices in each of ten minutes.
	maxAbout = 64 << 10
	maxPart  = 64 << 20
	maxRows  = 60 * MaxDevices
)

var errDamaged = errors.New("damaged")

// encode writes a file: magic, length of the description, description, sections.
func encode(a *About, sections []Section) ([]byte, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer func() { _ = z.Close() }() // it writes nowhere
	var body []byte
	a.Version, a.Parts = version, nil
	for i := range sections {
		packed := z.EncodeAll(pack(&sections[i]), nil)
		a.Parts = append(a.Parts, part{
			Name: sections[i].Name, At: int64(len(body)), Length: int64(len(packed)), CRC: crc32.ChecksumIEEE(packed),
		})
		body = append(body, packed...)
	}
	about, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	if len(about) > maxAbout {
		return nil, fmt.Errorf("a description of %d bytes is too long", len(about))
	}
	out := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(about)))
	return append(append(out, about...), body...), nil
}

// pack lists the keys of a section once, and then each bucket by the number of keys.
func pack(s *Section) []byte {
	var keys []flow.Addr
	number := map[flow.Addr]uint64{}
	for i := range s.Buckets {
		for k := range s.Buckets[i].Rows {
			key := s.Buckets[i].Rows[k].Key
			if _, known := number[key]; !known {
				number[key] = uint64(len(keys))
				keys = append(keys, key)
			}
		}
	}
	out := binary.AppendUvarint(nil, uint64(len(keys)))
	for _, k := range keys {
		out = append(out, k[:]...)
	}
	out = binary.AppendUvarint(out, uint64(len(s.Buckets)))
	for i := range s.Buckets {
		b := &s.Buckets[i]
		out = packVolume(packVolume(out, b.Rest), b.Lost)
		out = binary.AppendUvarint(out, uint64(len(b.Rows)))
		for k := range b.Rows {
			out = binary.AppendUvarint(out, number[b.Rows[k].Key])
			out = packVolume(out, b.Rows[k].Volume)
		}
	}
	return out
}

func packVolume(out []byte, v query.Volume) []byte {
	out = binary.AppendUvarint(out, v.Bytes)
	out = binary.AppendUvarint(out, v.Packets)
	return binary.AppendUvarint(out, v.Flows)
}

// unpack reads a section back. What is too much for a section is damage.
func unpack(name query.Dimension, data []byte) (*Section, error) {
	r := reader{data}
	keys := make([]flow.Addr, 0, min(r.count(maxRows), len(r.data)/16))
	for range cap(keys) {
		keys = append(keys, r.addr())
	}
	s := &Section{Name: name}
	rows := 0
	for range r.count(60) {
		b := Bucket{Rest: r.volume(), Lost: r.volume()}
		n := r.count(maxRows - rows)
		if n > len(r.data)/4 {
			return nil, errDamaged
		}
		rows += n
		b.Rows = make([]Row, n)
		for i := range b.Rows {
			at := r.uvarint()
			if at >= uint64(len(keys)) {
				return nil, errDamaged
			}
			b.Rows[i] = Row{keys[at], r.volume()}
		}
		s.Buckets = append(s.Buckets, b)
	}
	if r.data == nil || len(r.data) > 0 {
		return nil, errDamaged
	}
	return s, nil
}

// reader reads numbers; data is nil after an error.
type reader struct{ data []byte }

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.data = nil
		return 0
	}
	r.data = r.data[n:]
	return v
}

// count is a number of things, none when it is more than most.
func (r *reader) count(most int) int {
	n := r.uvarint()
	if n > uint64(max(most, 0)) {
		r.data = nil
		return 0
	}
	return int(n)
}

func (r *reader) addr() (a flow.Addr) {
	if len(r.data) < len(a) {
		r.data = nil
		return a
	}
	copy(a[:], r.data)
	r.data = r.data[len(a):]
	return a
}

func (r *reader) volume() query.Volume {
	return query.Volume{Bytes: r.uvarint(), Packets: r.uvarint(), Flows: r.uvarint()}
}
