// SPDX-License-Identifier: Apache-2.0

package window

// Direction of traffic as the device sees it.
type Direction uint8

// In is traffic towards the device, Out traffic from it.
const (
	In Direction = iota
	Out
)

// second is one slot of a device's ring. Bytes, packets and SYNs are a
// difference array: a flow adds its rate at its first second and takes it away
// after its last, so spreading costs the same however long the flow lasted.
// Flow counts are plain: a flow counts in the second it started. One slot is
// one cache line.
type second struct {
	bytes, packets [2]int64
	syns           int64 // inbound packets of flows of SYN alone, or of SYN and ACK alone: nothing followed
	flows          [2]int32
	asked          [2]int32 // flows of that kind
	_              [8]byte
}

// ring holds the seconds (now-RingSeconds, now+1] of one device; base is the
// running sum of all slots that left it.
type ring struct {
	slots         [RingSeconds]second
	bytes, packts [2]int64
	syns          int64
}

func (r *ring) reset() { *r = ring{} }

// leave folds the slot that is about to be used for a new second into the base.
func (r *ring) leave(sec int64) {
	s := &r.slots[sec%RingSeconds]
	for d := range 2 {
		r.bytes[d] += s.bytes[d]
		r.packts[d] += s.packets[d]
	}
	r.syns += s.syns
	*s = second{}
}

// amount is what one flow adds.
type amount struct{ bytes, packets, syns int64 }

// grain is the fraction of a packet that seconds count in. Ten packets over
// twelve seconds are no packet a second and ten in the last: whole packets would
// make a spike of the ends of many slow flows.
const grain = 1 << 10

// spread adds a flow over the seconds that it overlaps, all inside the ring: to the
// first and the last according to their part of it, else flows that are all cut at
// one moment would meet in one second of twice their rate. What rounding leaves
// over goes to the last second, so nothing is lost. Times are Unix nanoseconds.
func (r *ring) spread(d Direction, start, end int64, v amount) {
	const second = int64(1e9)
	first, last := start/second, end/second
	bytes, packets, syns := v.bytes, v.packets*grain, v.syns*grain
	a, b, after := &r.slots[first%RingSeconds], &r.slots[last%RingSeconds], &r.slots[(last+1)%RingSeconds]
	if first == last {
		a.bytes[d] += bytes
		a.packets[d] += packets
		after.bytes[d] -= bytes
		after.packets[d] -= packets
		if syns != 0 {
			a.syns += syns
			after.syns -= syns
		}
		return
	}
	lead := (first+1)*second - start
	if lead == second && end == last*second {
		lead /= 2 // stamps in whole seconds: both ends lie anywhere in theirs
	}
	// A hair less than the true share, so that the last second never owes anything.
	each := (1 - 1e-15) / float64(end-start)
	s := shares{begin: float64(lead) * each, full: float64(second) * each, between: last - first - 1}
	next := &r.slots[(first+1)%RingSeconds]
	begin, full, rest := s.of(bytes)
	a.bytes[d] += begin
	next.bytes[d] += full - begin
	b.bytes[d] += rest - full
	after.bytes[d] -= rest
	begin, full, rest = s.of(packets)
	a.packets[d] += begin
	next.packets[d] += full - begin
	b.packets[d] += rest - full
	after.packets[d] -= rest
	if syns != 0 {
		begin, full, rest = s.of(syns)
		a.syns += begin
		next.syns += full - begin
		b.syns += rest - full
		after.syns -= rest
	}
}

// shares is how a flow divides among its seconds: the part of the first, that of a
// whole one, and how many whole ones lie between first and last.
type shares struct {
	begin, full float64
	between     int64
}

// of divides a volume; rest is for the last second. Products are rounded each on
// its own, so that they are the same on every machine.
func (s *shares) of(v int64) (begin, full, rest int64) {
	begin, full = int64(float64(v)*s.begin), int64(float64(v)*s.full)
	if s.between == 0 {
		full = 0
	}
	return begin, full, v - begin - full*s.between
}

// touch reads what spread changes.
func (r *ring) touch(first, last int64) uint64 {
	return uint64(r.slots[first%RingSeconds].asked[In] + r.slots[(first+1)%RingSeconds].asked[In] + r.slots[last%RingSeconds].asked[In] + r.slots[(last+1)%RingSeconds].asked[In])
}

// Seconds is a device's recent past laid out for judging: index i is the second
// First+i; the last index is the newest second. A detector keeps one and reuses it.
type Seconds struct {
	First   int64 // Unix second of index 0
	N       int
	Bytes   [2][RingSeconds]int64
	Packets [2][RingSeconds]int64
	Syns    [RingSeconds]int64 // inbound packets of SYN alone, or of SYN and ACK alone: no connection followed
	Flows   [2][RingSeconds]int32
	Asked   [2][RingSeconds]int32 // flows of that kind
}

// fill sums the difference array up to the second now.
func (r *ring) fill(out *Seconds, now int64) {
	out.First, out.N = now-RingSeconds+2, RingSeconds-1
	bytes, packets, syns := r.bytes, r.packts, r.syns
	var sum, told [3]int64 // packets in, out and SYNs so far: in grains, and as whole packets handed out
	whole := func(k int, grains int64) int64 {
		sum[k] += grains
		n := sum[k]/grain - told[k]
		told[k] += n
		return n
	}
	for i := range out.N {
		s := &r.slots[mod(out.First+int64(i), RingSeconds)]
		for d := range 2 {
			bytes[d] += s.bytes[d]
			packets[d] += s.packets[d]
			out.Bytes[d][i] = bytes[d]
			out.Packets[d][i] = whole(d, packets[d])
			out.Flows[d][i] = s.flows[d]
			out.Asked[d][i] = s.asked[d]
		}
		syns += s.syns
		out.Syns[i] = whole(2, syns)
	}
}

// mod is x modulo n for the first minutes of 1970 too, where bins lie before
// the epoch: some recordings count time from zero.
func mod(x, n int64) int64 { return (x%n + n) % n }
