// SPDX-License-Identifier: Apache-2.0

package flow

// AppendBatch adds all records of o, column by column: many times cheaper than
// one by one.
func (b *Batch) AppendBatch(o *Batch) {
	at := b.Grow(o.Len())
	copy(b.Received[at:], o.Received)
	copy(b.Start[at:], o.Start)
	copy(b.End[at:], o.End)
	copy(b.Src[at:], o.Src)
	copy(b.Dst[at:], o.Dst)
	copy(b.SrcPort[at:], o.SrcPort)
	copy(b.DstPort[at:], o.DstPort)
	copy(b.Proto[at:], o.Proto)
	copy(b.TCPFlags[at:], o.TCPFlags)
	copy(b.Mark[at:], o.Mark)
	copy(b.Bytes[at:], o.Bytes)
	copy(b.Packets[at:], o.Packets)
	copy(b.Sampling[at:], o.Sampling)
	copy(b.Exporter[at:], o.Exporter)
	copy(b.InIf[at:], o.InIf)
	copy(b.OutIf[at:], o.OutIf)
	copy(b.SrcAS[at:], o.SrcAS)
	copy(b.DstAS[at:], o.DstAS)
}
