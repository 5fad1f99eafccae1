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

// drainTime bounds what is taken after the stop signal. A full buffer of the
// default size takes well under a second; an exporter that goes on sending
// faster than it is read must not hold up the stop.
const drainTime = 2 * time.Second

// longestPause is how long a reader lets datagrams gather after it took fewer
// than its burst holds. Waking up costs more than a dozen flows, and at middling
// rates each datagram would wake it; a fiftieth of a second delays no detection
// that judges by seconds.
const longestPause = 20 * time.Millisecond

// pauseFor is how long datagrams may gather in a receive buffer of so many
// bytes: no longer than half of it lasts at 1 Gbit/s, each datagram taking up
// to twice its length there.
func pauseFor(buffer int) time.Duration {
	const bytesPerSecond = 1e9 / 8
	return min(longestPause, time.Duration(float64(buffer)/4/bytesPerSecond*float64(time.Second)))
}

// message is one received datagram.
type message struct {
	at        int64 // Unix nanoseconds of its receipt; 0 = not known
	data      []byte
	from      netip.Addr
	truncated bool
}

// reader owns one socket and one decoder.
type reader struct {
	c      *Collector
	listen string // as configured
	number int    // which of the readers of this address
	conn   *net.UDPConn
	recv   *receiver
	batch  *flow.Batch
	pause  time.Duration // see longestPause

	// Datagrams come in runs of one exporter.
	lastFrom    netip.Addr
	lastAllowed bool

	mu       sync.Mutex // guards decoder and what follows; held while a burst is decoded
	decoder  *decode.Decoder
	admitted map[netip.Addr]struct{} // exporters that hold an index through this decoder
	evicted  uint64                  // the decoder's evictions that are accounted for
	refused  uint64                  // datagrams of exporters that are not allowed
	cut      uint64                  // datagrams longer than the buffer
	dropped  drops
}

// drops follows the kernel's 32-bit count of datagrams lost on a socket, which
// is told with each datagram and on request, not always in order.
type drops struct {
	total uint64
	last  uint32
}

func (d *drops) observe(count uint32) {
	if ahead := int32(count - d.last); ahead > 0 {
		d.total += uint64(ahead)
		d.last = count
	}
}

func newReader(c *Collector, conn *net.UDPConn, listen string, number int) (*reader, error) {
	r := &reader{
		c: c, listen: listen, number: number, conn: conn,
		admitted: map[netip.Addr]struct{}{}, batch: flow.NewBatch(burst * 32),
	}
	cfg := c.cfg.Decode
	cfg.Clock, cfg.Index = decode.ClockArrival, r.admit
	var err error
	if r.decoder, err = decode.New(cfg); err != nil {
		return nil, err
	}
	if r.recv, err = newReceiver(conn); err != nil {
		return nil, err
	}
	return r, nil
}

// run receives until ctx ends and then takes what the kernel still holds.
func (r *reader) run(ctx context.Context) error {
	r.recv.start()
	stop := context.AfterFunc(ctx, r.stop)
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
		if n < burst {
			time.Sleep(r.pause)
		}
	}
}

// drain takes what arrived before the stop signal.
func (r *reader) drain() {
	until := time.Now().Add(drainTime)
	for time.Now().Before(until) {
		n := r.recv.poll()
		if n == 0 {
			break
		}
		r.handle(n)
	}
	r.mu.Lock()
	r.askDrops()
	r.mu.Unlock()
}

// handle decodes n datagrams into one batch and passes it on.
func (r *reader) handle(n int) {
	now := time.Now().UnixNano()
	r.batch.Reset()
	r.mu.Lock()
	refused := r.refused
	for i := range n {
		m := r.recv.message(i)
		if m.truncated {
			r.cut++
		}
		if m.from != r.lastFrom {
			r.lastFrom, r.lastAllowed = m.from, r.c.allowed(m.from)
		}
		if !r.lastAllowed {
			r.refused++
			continue
		}
		if m.at == 0 || m.at > now {
			m.at = now
		}
		r.decoder.Decode(m.data, m.from, m.at, r.batch)
	}
	r.dropped.observe(r.recv.dropped())
	r.releaseForgotten()
	refused = r.refused - refused
	r.mu.Unlock()
	if refused > 0 {
		r.sayRefused()
	}
	if r.batch.Len() > 0 {
		r.c.deps.Sink(r.batch)
	}
}

// sayRefused logs that somebody sends who may not, now and then.
func (r *reader) sayRefused() {
	if more, ok := r.c.refused.Allow(); ok {
		r.c.log.Warn("datagrams refused: the exporter is not in collect.allow",
			"exporter", r.lastRefused(), "listen", r.listen, "suppressed", more)
	}
}

// lastRefused is an exporter of the burst that is not allowed.
func (r *reader) lastRefused() netip.Addr {
	for i := range burst {
		if m := r.recv.message(i); m.from.IsValid() && !r.c.allowed(m.from) {
			return m.from
		}
	}
	return netip.Addr{}
}

// stop ends waiting for datagrams.
func (r *reader) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recv.stop()
}

// close gives the socket back; run must be over.
func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recv.close()
}

// askDrops asks the kernel what it dropped: the datagrams that would tell may
// never come. The lock is held.
func (r *reader) askDrops() {
	if count, ok := r.recv.askDropped(); ok {
		r.dropped.observe(count)
	}
}
