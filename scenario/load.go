// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"encoding/binary"
	"time"

	"tidewatch/flow"
)

// load makes records for benchmarks: cheap, but with the mix that decides what
// a collector has to do: many hosts with skewed popularity, both directions,
// all protocols, real flag sets, long and short flows.
type load struct {
	hosts  uint64
	rate   float64 // records per second
	slices int64   // of one second
	slice  int64   // the next one
	flood  bool    // every second record belongs to a SYN flood
}

// loadSlice bounds the records of one slice, so that a batch stays small.
const loadSlice = 8192

func newLoad(cfg *Config, flood bool) *load {
	return &load{
		hosts: uint64(cfg.LoadHosts), rate: cfg.LoadRate, flood: flood,
		slices: int64(cfg.LoadRate)/loadSlice + 1,
	}
}

func loadVictim() flow.Addr { return flow.AddrFrom4([4]byte{10, 20, 0, 10}) }

// into is how far into its second the run stands.
func (l *load) into() time.Duration {
	return time.Duration(l.slice) * time.Second / time.Duration(l.slices)
}

// next appends one slice of second sec and reports whether that was the last of
// the second.
func (l *load) next(g *generator, sec int64, b *flow.Batch) bool {
	g.pcg.Seed(mix(g.seed, 0x10ad), mix(uint64(sec), uint64(l.slice)))
	total := int64(l.rate*float64(sec+1)) - int64(l.rate*float64(sec))
	n := int(total*(l.slice+1)/l.slices - total*l.slice/l.slices)
	l.slice++
	received := sec*1e9 + int64(l.into())
	at := b.Grow(n)
	for i := at; i < at+n; i++ {
		if l.flood && (i-at)&1 == 1 {
			l.attack(g, b, i, received)
		} else {
			l.normal(g, b, i, received)
		}
	}
	if l.slice < l.slices {
		return false
	}
	l.slice = 0
	return true
}

// normal is one direction of a session; one draw decides most of it.
func (l *load) normal(g *generator, b *flow.Batch, i int, received int64) {
	r, h := g.pcg.Uint64(), g.pcg.Uint64()
	// The product of two uniform numbers favours low host numbers.
	host := uint32((h & 0xffff) * (h >> 16 & 0xffff) * l.hosts >> 32)
	inside := flow.Addr{10: 0xff, 11: 0xff}
	binary.BigEndian.PutUint32(inside[12:], 10<<24|host)
	outside := public(r*0x9e3779b97f4a7c15, false)
	b.Proto[i], b.TCPFlags[i] = flow.ProtoTCP, wholeTCP
	client, server := uint16(32768|h>>32&0x7fff), uint16(443)
	switch r & 15 {
	case 0, 1, 2:
		b.Proto[i], b.TCPFlags[i], server = flow.ProtoUDP, 0, 53
	case 3, 4:
		b.Proto[i], b.TCPFlags[i] = flow.ProtoUDP, 0
	case 5:
		b.TCPFlags[i] = flow.ACK | flow.PSH
	case 6:
		b.TCPFlags[i], server = flow.SYN|flow.ACK|flow.RST, 80
	}
	b.Packets[i] = 1 + r>>8&15
	b.Bytes[i] = b.Packets[i] * (60 + r>>16&1023)
	b.Received[i], b.Sampling[i] = received, 1
	b.End[i] = received - 1e6 - int64(r>>20&0xfffff)*1000 // within the last second
	b.Start[i] = b.End[i]
	if b.Packets[i] > 1 {
		b.Start[i] -= int64(r>>40&0xfff) * 1e6 // up to four seconds
	}
	if r&16 == 0 {
		b.Src[i], b.Dst[i], b.SrcPort[i], b.DstPort[i], b.InIf[i], b.OutIf[i] = inside, outside, client, server, ifOffice, ifInternet
	} else {
		b.Src[i], b.Dst[i], b.SrcPort[i], b.DstPort[i], b.InIf[i], b.OutIf[i] = outside, inside, server, client, ifInternet, ifOffice
	}
}

// attack is one SYN from a made-up source.
func (l *load) attack(g *generator, b *flow.Batch, i int, received int64) {
	r := g.pcg.Uint64()
	b.Src[i], b.Dst[i] = public(r, false), loadVictim()
	b.SrcPort[i], b.DstPort[i] = uint16(1024+r>>32&0x7fff), 443
	b.Proto[i], b.TCPFlags[i] = flow.ProtoTCP, flow.SYN
	b.Packets[i], b.Bytes[i], b.Sampling[i] = 1, synSize, 1
	b.Received[i] = received
	b.End[i] = received - 1e6 - int64(r>>40&0xfffff)*1000
	b.Start[i] = b.End[i]
	b.InIf[i], b.OutIf[i] = ifInternet, ifShop
}
