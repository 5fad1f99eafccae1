// SPDX-License-Identifier: Apache-2.0

package window

// NetworkTotal is what all devices of a network amount to, those of networks inside it
// included. A flow between two of them is in for one and out for the other.
type NetworkTotal struct {
	Five  Sums // of the newest five closed minutes
	Hour  Sums // of the hour that the newest closed minute lies in, so far
	Peak5 Sums // largest Five of each measure that ended in that hour
}

// NetworkTotals adds up the networks of all shards, minute by minute. Only closed minutes
// count: an open one lacks what is exported late, and so many devices' lateness does
// not even out. Sums are taken anew from the devices each minute, so that what an
// export revised of the last minutes and hours is in them.
type NetworkTotals struct {
	*Networks
	all []NetworkTotal
	at  int64 // last Unix second of the newest closed minute
}

// NewNetworkTotals has seen nothing yet.
func NewNetworkTotals(n *Networks) *NetworkTotals {
	return &NetworkTotals{Networks: n, all: make([]NetworkTotal, n.Len())}
}

// Total is that of network i.
func (t *NetworkTotals) Total(i int) *NetworkTotal { return &t.all[i] }

// At is the last Unix second that is summed.
func (t *NetworkTotals) At() int64 { return t.at }

// Close takes the minute that closed with these windows: those of all shards at the
// same tick, a minute's end.
func (t *NetworkTotals) Close(windows []*Window) {
	for i := range t.all {
		s := &t.all[i]
		s.Five, s.Hour = Sums{}, Sums{}
		for _, w := range windows {
			s.Five.add(&w.t.nets[i].five)
			s.Hour.add(&w.t.nets[i].hour)
		}
	}
	for i := len(t.all) - 1; i > 0; i-- {
		around := &t.all[t.Parent(i)]
		around.Five.add(&t.all[i].Five)
		around.Hour.add(&t.all[i].Hour)
	}
	t.at = windows[0].ClosedAt()
	opens := windows[0].closed()%60 == 0
	for i := range t.all {
		s := &t.all[i]
		if opens {
			s.Peak5 = Sums{}
		}
		s.Peak5.raise(&s.Five)
	}
}

// Reset forgets all sums: the windows jumped.
func (t *NetworkTotals) Reset() { clear(t.all) }

// closed is the newest closed minute.
func (w *Window) closed() int64 { return w.Now/60 - lateness }

// ClosedAt is the last Unix second of the newest closed minute.
func (w *Window) ClosedAt() int64 { return 60*w.closed() + 59 }

// raise makes each measure the larger of the two.
func (s *Sums) raise(o *Sums) {
	for d := range 2 {
		s.Bytes[d] = max(s.Bytes[d], o.Bytes[d])
		s.Packets[d] = max(s.Packets[d], o.Packets[d])
		s.Flows[d] = max(s.Flows[d], o.Flows[d])
	}
}
