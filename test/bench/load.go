// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"tidewatch/encode"
	"tidewatch/flow"
)

const (
	perDatagram = 24     // v9 records in one datagram, as routers fill 1400 bytes
	distinctSet = 8192   // different datagrams in the load; they repeat after that
	inside      = 10_000 // devices
	outside     = 50_000 // peers
)

// load is a set of v9 datagrams that can be sent again and again: sequence
// number and export time are written anew into each header, and flow times are
// relative to the uptime there.
type load struct {
	datagrams [][]byte
	records   []int // in each; those with templates hold fewer
	next      int   // the one that is sent next
	sequence  uint32
}

// newLoad makes web-like flows, each in both directions, of random devices and peers.
func newLoad() (*load, error) {
	e, err := encode.New(encode.Config{Protocol: encode.V9, Domain: 7, MTU: 1440, TemplateEvery: 1 << 30})
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // a reproducible load, no secret
	now := time.Now()
	b := flow.NewBatch(perDatagram)
	l := &load{}
	for len(l.datagrams) < distinctSet {
		b.Reset()
		for range perDatagram / 2 {
			d, p := r.IntN(inside), r.IntN(outside)
			end := now.Add(-time.Duration(r.IntN(900)) * time.Millisecond)
			in := flow.Record{
				Start: end.Add(-time.Duration(r.IntN(10_000)) * time.Millisecond).UnixNano(), End: end.UnixNano(),
				Src: flow.AddrFrom4([4]byte{198, byte(18 + p>>16), byte(p >> 8), byte(p)}),
				Dst: flow.AddrFrom4([4]byte{10, 0, byte(d >> 8), byte(d)}), SrcPort: uint16(1024 + r.IntN(60_000)), DstPort: 443,
				Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN,
				Packets: uint64(3 + r.IntN(20)), Sampling: 1, InIf: 1, OutIf: 2,
			}
			in.Bytes = in.Packets * uint64(60+r.IntN(1000))
			out := in
			out.Src, out.Dst, out.SrcPort, out.DstPort, out.InIf, out.OutIf = in.Dst, in.Src, in.DstPort, in.SrcPort, 2, 1
			b.Append(&in)
			b.Append(&out)
		}
		before := e.Stats().Records
		err := e.Encode(b, 0, b.Len(), now, func(p []byte) error {
			l.datagrams = append(l.datagrams, append([]byte(nil), p...))
			l.records = append(l.records, int(e.Stats().Records-before))
			before = e.Stats().Records
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// send sends flows at a rate for a time, in steps of a millisecond, and returns
// how many flows went out.
func (l *load) send(conn net.Conn, flowsPerSecond int, d time.Duration) (int, error) {
	start := time.Now()
	sent, flows := 0, 0
	for {
		elapsed := time.Since(start)
		if elapsed > d {
			return flows, nil
		}
		due := int(float64(flowsPerSecond) / perDatagram * elapsed.Seconds())
		unix := uint32(time.Now().Unix())
		for ; sent < due; sent++ {
			p := l.datagrams[l.next]
			binary.BigEndian.PutUint32(p[8:], unix)
			binary.BigEndian.PutUint32(p[12:], l.sequence)
			l.sequence++
			flows += l.records[l.next]
			l.next = (l.next + 1) % len(l.datagrams)
			if _, err := conn.Write(p); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
				return flows, fmt.Errorf("send: %w", err)
			}
		}
		time.Sleep(time.Millisecond)
	}
}
