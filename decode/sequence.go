// SPDX-License-Identifier: Apache-2.0

package decode

const (
	// seqReorder is how far back a number may be and still be a late or doubled
	// datagram; further back the exporter has started again.
	seqReorder = 1 << 16
	// seqJump is how far ahead a number may be and still count as loss: ten
	// seconds at 100 000 flows/s. Further ahead the exporter has started again.
	seqJump = 1 << 20
)

// sequence follows one stream's sequence numbers. Their unit is the protocol's:
// flows in v5, datagrams in v9 and sFlow, data records in IPFIX.
type sequence struct {
	next, last uint32
	known      bool
}

// sequenceStats are summed per exporter. Lost has two units, because adding
// datagrams to records means nothing.
type sequenceStats struct {
	Gaps, Reordered, Resets uint64
}

// step takes the number of one datagram that carries n units and returns how
// many units went missing before it. A late datagram returns a negative number:
// what was thought lost has come.
func (s *sequence) step(seq, n uint32, st *sequenceStats) int64 {
	ahead := int64(int32(seq - s.next))
	if !s.known {
		s.known, ahead = true, 0
	}
	switch {
	case ahead == 0:
	case ahead > 0 && ahead <= seqJump:
		st.Gaps++
	case ahead < 0 && -ahead <= seqReorder && seq != 0:
		st.Reordered++
		return -int64(n)
	default:
		st.Resets++
		ahead = 0
	}
	s.next, s.last = seq+n, seq
	return ahead
}

// stepRecords takes the number of an IPFIX message with n data records, flows of
// which are no options data. Some exporters (softflowd) number a message by its
// last record where RFC 7011 says first, and leave options out; their messages
// follow each other too.
func (s *sequence) stepRecords(seq, n, flows uint32, st *sequenceStats) int64 {
	if d := seq - s.last; s.known && seq != s.next && (d == n || d == flows) {
		s.next = seq
	}
	return s.step(seq, n, st)
}

// forget makes the next number the first one: the units of the last datagram
// could not be counted.
func (s *sequence) forget() { s.known = false }
