// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"tidewatch/encode"
	"tidewatch/flow"
)

// attack is a UDP flood on one device, exported as a router does that does not
// wait: flows of half a second to one and a half, each as soon as it has ended. All
// sources begin at once. With sFlow there are no flows, and packets are told of at
// once.
type attack struct {
	victim  netip.Addr
	rate    float64 // packets per second
	sources int     // how many send at once
	packets bool    // sFlow
	random  *rand.Rand
	flows   []running
	dealt   time.Time // up to when packets were dealt
	batch   *flow.Batch
}

// running is one source's flow.
type running struct {
	begin, end time.Time
	port       uint16
}

// newAttack prepares attack number n; each has a victim of its own among the
// devices of the background.
func newAttack(rate float64, sources, n int, packets bool) *attack {
	return &attack{
		victim: netip.AddrFrom4([4]byte{10, 0, byte(1 + n), 77}), rate: rate, sources: sources, packets: packets,
		random: rand.New(rand.NewPCG(uint64(n), 2)), //nolint:gosec // reproducible, no secret
		batch:  flow.NewBatch(4096),
	}
}

// run attacks until found says so, or patience ends, and returns how long that took
// from the first datagram on.
func (a *attack) run(enc *encode.Encoder, conn net.Conn, patience time.Duration, found func() bool) (time.Duration, error) {
	begin := time.Now()
	a.start(begin)
	var first time.Time
	send := func(p []byte) error {
		if first.IsZero() {
			first = time.Now()
		}
		if _, err := conn.Write(p); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("send: %w", err)
		}
		return nil
	}
	asked := begin
	for now := begin; now.Sub(begin) < patience+2*time.Second; now = time.Now() {
		a.due(now)
		if err := enc.Encode(a.batch, 0, a.batch.Len(), now, send); err != nil {
			return 0, err
		}
		if !first.IsZero() && now.Sub(asked) > 20*time.Millisecond {
			asked = now
			if found() {
				return time.Since(first), nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return patience, nil
}

func (a *attack) start(at time.Time) {
	a.dealt = at
	for range a.sources {
		a.flows = append(a.flows, a.flow(at))
	}
}

func (a *attack) flow(at time.Time) running {
	return running{at, at.Add(time.Duration(500+a.random.IntN(1000)) * time.Millisecond), uint16(1024 + a.random.IntN(60_000))}
}

// due fills the batch with what is exported now.
func (a *attack) due(now time.Time) {
	a.batch.Reset()
	if a.packets {
		n := int(a.rate * now.Sub(a.dealt).Seconds())
		for range n {
			i := a.random.IntN(a.sources)
			a.append(i, running{now, now, a.flows[i].port}, 1)
		}
		a.dealt = a.dealt.Add(time.Duration(float64(n) / a.rate * float64(time.Second)))
		return
	}
	for i := range a.flows {
		if f := a.flows[i]; !f.end.After(now) {
			a.append(i, f, uint64(a.rate/float64(a.sources)*f.end.Sub(f.begin).Seconds()+a.random.Float64()))
			a.flows[i] = a.flow(f.end)
		}
	}
}

func (a *attack) append(source int, f running, packets uint64) {
	if packets == 0 {
		return
	}
	a.batch.Append(&flow.Record{
		Received: f.end.UnixNano(), Start: f.begin.UnixNano(), End: f.end.UnixNano(),
		Src: flow.AddrFrom4([4]byte{203, 0, byte(source >> 8), byte(source)}), Dst: flow.AddrFrom(a.victim),
		SrcPort: f.port, DstPort: uint16(1024 + a.random.IntN(60_000)), Proto: flow.ProtoUDP,
		Packets: packets, Bytes: packets * 400, Sampling: 1, InIf: 1, OutIf: 2,
	})
}
