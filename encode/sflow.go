// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"encoding/binary"
	"net/netip"

	"tidewatch/flow"
)

// sFlow version 5 (sflow.org, sflow_version_5.txt). A datagram is its header
// and flow samples, each with one raw packet header.
const (
	sflowHeader4    = 28 // with an IPv4 agent
	sflowHeader6    = 40
	sflowFlow       = 1 // sample of enterprise 0: flow_sample
	sflowRaw        = 1 // record of enterprise 0: sampled_header
	sflowEthernet   = 1 // header protocol
	sampleFixed     = 8 + 32
	recordFixed     = 8 + 16
	frameCheck      = 4         // bytes of the frame that are not in the sample
	interfaceBits   = 1<<30 - 1 // two bits of an interface say its kind
	sourceIndexBits = 1<<24 - 1
)

func (e *Encoder) encodeSFlow(b *flow.Batch, from, to int) error {
	n := e.sampler.n
	for i := from; i < to; i++ {
		packets, _, first := e.sampler.take(b.Packets[i], b.Bytes[i])
		if packets == 0 {
			e.stats.Unsampled++
			e.pool += uint32(b.Packets[i])
			continue
		}
		p := packetOf(b, i)
		mean, rest := b.Bytes[i]/b.Packets[i], b.Bytes[i]%b.Packets[i]
		owed := b.Packets[i] / 2 // bytes that rounding the length has left over
		before := uint64(0)
		for k := range packets {
			length := mean
			if owed += rest; owed >= b.Packets[i] {
				owed -= b.Packets[i]
				length++
			}
			at := first + k*n
			e.pool += uint32(at + 1 - before)
			before = at + 1
			if err := e.sample(b, i, &p, at, length); err != nil {
				return err
			}
		}
		e.pool += uint32(b.Packets[i] - before)
	}
	if e.pos > 0 {
		return e.sflowFlush()
	}
	return nil
}

// sample writes packet number at of row i, of length bytes from the IP header on.
func (e *Encoder) sample(b *flow.Batch, i int, p *packet, at, length uint64) error {
	header := p.size()
	padded := (header + 3) &^ 3
	need := sampleFixed + recordFixed + padded
	if e.pos > 0 && e.pos+need > len(e.buf) {
		if err := e.sflowFlush(); err != nil {
			return err
		}
	}
	if e.pos == 0 {
		e.pos = e.sflowHeaderSize()
	}
	be := binary.BigEndian
	w := e.buf[e.pos : e.pos+need : e.pos+need]
	e.samples++
	be.PutUint32(w[0:], sflowFlow)
	be.PutUint32(w[4:], uint32(need-8))
	be.PutUint32(w[8:], e.samples)
	be.PutUint32(w[12:], b.InIf[i]&sourceIndexBits) // source: ifIndex of the input
	be.PutUint32(w[16:], e.cfg.Sampling)
	be.PutUint32(w[20:], e.pool)
	be.PutUint32(w[24:], 0) // drops
	be.PutUint32(w[28:], b.InIf[i]&interfaceBits)
	be.PutUint32(w[32:], b.OutIf[i]&interfaceBits)
	be.PutUint32(w[36:], 1) // records
	w = w[sampleFixed:]
	be.PutUint32(w[0:], sflowRaw)
	be.PutUint32(w[4:], uint32(16+padded))
	be.PutUint32(w[8:], sflowEthernet)
	be.PutUint32(w[16:], frameCheck)
	be.PutUint32(w[20:], uint32(header))
	frame := p.write(w[recordFixed:], b, i, at, length)
	be.PutUint32(w[12:], uint32(frame+frameCheck))
	clear(w[recordFixed+header:])
	e.pos += need
	e.count++
	e.stats.Records++
	return nil
}

func (e *Encoder) sflowHeaderSize() int {
	if e.cfg.Agent.Unmap().Is4() {
		return sflowHeader4
	}
	return sflowHeader6
}

func (e *Encoder) sflowFlush() error {
	be := binary.BigEndian
	h := e.buf[:e.sflowHeaderSize()]
	be.PutUint32(h[0:], 5)
	h = putAgent(h[4:], e.cfg.Agent.Unmap())
	be.PutUint32(h[0:], e.cfg.Domain)
	e.sequence++
	be.PutUint32(h[4:], e.sequence)
	be.PutUint32(h[8:], e.uptime(e.now))
	be.PutUint32(h[12:], uint32(e.count))
	return e.emit()
}

// putAgent writes the agent's address and returns what follows it.
func putAgent(h []byte, agent netip.Addr) []byte {
	if agent.Is4() {
		a := agent.As4()
		binary.BigEndian.PutUint32(h, 1)
		return h[4+copy(h[4:], a[:]):]
	}
	a := agent.As16()
	binary.BigEndian.PutUint32(h, 2)
	return h[4+copy(h[4:], a[:]):]
}
