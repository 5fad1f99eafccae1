// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gaissmai/bart"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tidewatch/flow"
	"tidewatch/telemetry"
)

// Deps is what a Collector needs from outside.
type Deps struct {
	// Sink takes each batch. It is called by the goroutine of each socket, so it
	// must be safe for several at once; the batch is the caller's again when it
	// returns, so it keeps nothing.
	Sink       func(*flow.Batch)
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nowhere
	// Exporter is called whenever an exporter is given an index, before its first
	// batch. An index may be given again when its exporter was forgotten. nil is fine.
	Exporter func(index uint32, addr netip.Addr)
}

// Collector owns the sockets.
type Collector struct {
	cfg     Config
	deps    Deps
	log     *slog.Logger
	allow   *bart.Lite // nil: everybody
	readers []*reader
	index   exporterIndex
	metrics metrics
	refused *telemetry.Burst // brakes the log line about exporters that are not allowed
	running atomic.Bool
}

// New checks the configuration; it opens nothing.
func New(cfg Config, deps Deps) (*Collector, error) { //nolint:gocritic // once per process
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("collect: %w", err)
	}
	if deps.Sink == nil {
		return nil, errors.New("collect: a sink is needed")
	}
	c := &Collector{cfg: cfg, deps: deps, log: deps.Logger, refused: telemetry.NewBurst(3, time.Minute, nil)}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Allow) > 0 {
		c.allow = &bart.Lite{}
		for _, p := range cfg.Allow {
			c.allow.Insert(p)
		}
	}
	c.index = exporterIndex{known: map[netip.Addr]*numbered{}, seen: deps.Exporter}
	c.metrics = newMetrics(c)
	return c, nil
}

// Listen binds every socket. Its error names the address and what to do.
func (c *Collector) Listen(ctx context.Context) error {
	err := c.listen(ctx)
	if err == nil && c.deps.Registerer != nil {
		if err = c.deps.Registerer.Register(&c.metrics); err != nil {
			err = fmt.Errorf("collect: register metrics: %w", err)
		}
	}
	if err != nil {
		c.Close()
	}
	return err
}

func (c *Collector) listen(ctx context.Context) error {
	for _, addr := range c.cfg.Listen {
		if err := c.listenOn(ctx, addr); err != nil {
			return fmt.Errorf("listen for flows on udp %s: %w", addr, explain(err))
		}
	}
	return nil
}

// listenOn binds the sockets of one address.
func (c *Collector) listenOn(ctx context.Context, addr string) error {
	share := c.cfg.Readers > 1
	if port, err := portOf(addr); err == nil && share && port != 0 {
		// Sockets that share would share with another tidewatch of this user, too,
		// and each would get some of the exporters. So ask first without sharing.
		probe, err := bind(ctx, addr, false)
		if err != nil {
			return err
		}
		if err := probe.Close(); err != nil {
			return err
		}
	}
	first := len(c.readers)
	for i := range c.cfg.Readers {
		at := addr
		if i > 0 { // with port 0 the kernel chose one
			at = c.readers[first].conn.LocalAddr().String()
		}
		conn, err := bind(ctx, at, share)
		if err != nil {
			return err
		}
		r, err := newReader(c, conn, addr, i)
		if err != nil {
			_ = conn.Close()
			return err
		}
		c.readers = append(c.readers, r)
	}
	if share {
		if err := steer(c.readers[first].conn, c.cfg.Readers); err != nil {
			c.log.Warn("datagrams of one exporter may reach several readers, which delays its templates",
				"listen", addr, "error", err, "remedy", "set collect.readers to 1")
		}
	}
	c.buffer(c.readers[first:], addr)
	return nil
}

// explain adds what an operator can do.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return errors.New("the port is in use; stop the other collector or set collect.listen to another port")
	case errors.Is(err, syscall.EACCES):
		return errors.New("not permitted; ports below 1024 need the capability CAP_NET_BIND_SERVICE")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return errors.New("this machine has no such address; set collect.listen to one of its own or to :port")
	}
	return err
}

// buffer asks for the receive buffers of one address, and says so once when the
// kernel grants less.
func (c *Collector) buffer(readers []*reader, addr string) {
	granted := c.cfg.ReceiveBuffer
	for _, r := range readers {
		got := setBuffer(r.conn, c.cfg.ReceiveBuffer)
		r.pause = pauseFor(got)
		granted = min(granted, got)
	}
	if granted < c.cfg.ReceiveBuffer {
		c.log.Warn("kernel caps the receive buffer; bursts may be lost",
			"listen", addr, "asked", c.cfg.ReceiveBuffer, "granted", granted,
			"remedy", fmt.Sprintf("sysctl -w net.core.rmem_max=%d", c.cfg.ReceiveBuffer))
	}
}

// Addrs are the bound addresses, one for each reader, in the order of Config.Listen.
func (c *Collector) Addrs() []netip.AddrPort {
	out := make([]netip.AddrPort, 0, len(c.readers))
	for _, r := range c.readers {
		if a, ok := r.conn.LocalAddr().(*net.UDPAddr); ok {
			out = append(out, a.AddrPort())
		}
	}
	return out
}

// Close closes sockets that Run did not take over.
func (c *Collector) Close() {
	for _, r := range c.readers {
		r.close()
	}
}

// Ready fails while nothing is received: before Run and after it.
func (c *Collector) Ready(context.Context) error {
	if !c.running.Load() {
		return errors.New("not receiving")
	}
	return nil
}

// Run receives until ctx ends, then takes what the kernel still holds. It
// returns nil on cancel. It is called once.
func (c *Collector) Run(ctx context.Context) error {
	defer c.Close()
	c.restore()
	c.running.Store(true)
	defer c.running.Store(false)
	g, gctx := errgroup.WithContext(ctx)
	for _, r := range c.readers {
		g.Go(func() error { return r.run(gctx) })
	}
	g.Go(func() error {
		t := time.NewTicker(saveEvery)
		defer t.Stop()
		for {
			select {
			case <-gctx.Done():
				return nil
			case <-t.C:
				c.save()
			}
		}
	})
	err := g.Wait()
	c.save()
	if err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	return nil
}

// allowed reports whether an exporter is heard.
func (c *Collector) allowed(a netip.Addr) bool { return c.allow == nil || c.allow.Contains(a) }
