// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"tidewatch/decode"
	"tidewatch/flow"
)

const (
	burst      = 64      // datagrams taken from the kernel at once
	datagram   = 9216    // bytes of one: jumbo frames and reassembled fragments up to here
	drainLimit = 1 << 16 // datagrams taken after the stop signal: more than any kernel buffer of small ones holds
	drainTime  = 2 * time.Second
)

// message is one received datagram.
type message struct {
	data      []byte
	from      netip.Addr
	truncated bool
}

// reader owns one socket and one decoder.
type reader struct {
	c       *Collector
	conn    *net.UDPConn
	recv    receiver
	batch   *flow.Batch
	mu      sync.Mutex // guards decoder and what follows; held while a burst is decoded
	decoder *decode.Decoder
	refused uint64 // datagrams of exporters that are not allowed
	cut     uint64 // datagrams longer than the buffer
	dropped uint64 // datagrams the kernel dropped for want of room
}

func newReader(c *Collector, conn *net.UDPConn) (*reader, error) {
	cfg := c.cfg.Decode
	cfg.Clock, cfg.Index = decode.ClockArrival, c.index.of
	d, err := decode.New(cfg)
	if err != nil {
		return nil, err
	}
	recv, err := newReceiver(conn)
	if err != nil {
		return nil, err
	}
	return &reader{c: c, conn: conn, recv: recv, decoder: d, batch: flow.NewBatch(burst * 32)}, nil
}

// run receives until ctx ends and then takes what the kernel still holds.
func (r *reader) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		n, err := r.recv.receive()
		if err != nil {
			if ctx.Err() != nil {
				r.drain()
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				continue
			}
			return err
		}
		r.handle(n)
	}
}

// drain takes what arrived before the stop signal.
func (r *reader) drain() {
	until := time.Now().Add(drainTime)
	_ = r.conn.SetReadDeadline(until)
	for taken := 0; taken < drainLimit && time.Now().Before(until); {
		n := r.recv.poll()
		if n == 0 {
			return
		}
		taken += n
		r.handle(n)
	}
}

// handle decodes n datagrams into one batch and passes it on.
func (r *reader) handle(n int) {
	now := time.Now().UnixNano()
	r.batch.Reset()
	r.mu.Lock()
	for i := range n {
		m := r.recv.message(i)
		if m.truncated {
			r.cut++
		}
		if !r.c.allowed(m.from) {
			r.refused++
			continue
		}
		r.decoder.Decode(m.data, m.from, now, r.batch)
	}
	r.dropped = r.recv.dropped()
	r.mu.Unlock()
	if r.batch.Len() > 0 {
		r.c.deps.Sink(r.batch)
	}
}

func (c *Collector) allowed(a netip.Addr) bool {
	if len(c.cfg.Allow) == 0 {
		return true
	}
	for _, p := range c.cfg.Allow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
