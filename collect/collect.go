// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tidewatch/flow"
)

// Deps is what a Collector needs from outside.
type Deps struct {
	// Sink takes each batch, with the arrival time in it. It is called by one
	// reader at a time each, must be safe for several, and keeps nothing.
	Sink       func(*flow.Batch)
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nowhere
	// Exporter is called once for each exporter, before its first batch; nil is fine.
	Exporter func(index uint32, addr netip.Addr)
}

// Collector owns the sockets.
type Collector struct {
	cfg     Config
	deps    Deps
	readers []*reader
	index   exporterIndex
	metrics metrics
}

// New checks the configuration; it opens nothing.
func New(cfg Config, deps Deps) (*Collector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("collect: %w", err)
	}
	if deps.Sink == nil {
		return nil, errors.New("collect: a sink is needed")
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Collector{cfg: cfg, deps: deps}
	c.index = exporterIndex{byAddr: map[netip.Addr]uint32{}, max: cfg.Decode.MaxExporters, seen: deps.Exporter}
	c.metrics = newMetrics(c)
	return c, nil
}

// Listen binds every socket. Its error names the address and what to do.
func (c *Collector) Listen(ctx context.Context) error {
	if err := c.listen(ctx); err != nil {
		c.Close()
		return err
	}
	if c.deps.Registerer != nil {
		if err := c.deps.Registerer.Register(&c.metrics); err != nil {
			c.Close()
			return fmt.Errorf("collect: register metrics: %w", err)
		}
	}
	return nil
}

func (c *Collector) listen(ctx context.Context) error {
	for _, addr := range c.cfg.Listen {
		// One test socket without SO_REUSEPORT: two servers must not share a port silently.
		for i := range c.cfg.Readers {
			at := addr
			if i > 0 {
				at = c.readers[len(c.readers)-1].conn.LocalAddr().String()
			}
			conn, err := bind(ctx, at, c.cfg.Readers > 1)
			if err != nil {
				return fmt.Errorf("listen for flows on udp %s: %w", addr, explain(err))
			}
			r, err := newReader(c, conn)
			if err != nil {
				_ = conn.Close()
				return err
			}
			c.readers = append(c.readers, r)
		}
		c.buffer(c.readers[len(c.readers)-1], addr)
	}
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
		return errors.New("this machine has no such address")
	}
	return err
}

// buffer says so when the kernel grants less than was asked for.
func (c *Collector) buffer(r *reader, addr string) {
	got := setBuffer(r.conn, c.cfg.ReceiveBuffer)
	if got < c.cfg.ReceiveBuffer {
		c.deps.Logger.Warn("kernel caps the receive buffer; bursts may be lost",
			"listen", addr, "asked", c.cfg.ReceiveBuffer, "granted", got,
			"remedy", fmt.Sprintf("sysctl -w net.core.rmem_max=%d", c.cfg.ReceiveBuffer))
	}
}

// Addrs are the bound addresses, a reader each.
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
		_ = r.conn.Close()
	}
}

// saveEvery is how often templates are written, so that kill -9 costs little.
const saveEvery = 5 * time.Minute

// Run receives until ctx ends, then takes what the kernel still holds. It
// returns nil on cancel.
func (c *Collector) Run(ctx context.Context) error {
	defer c.Close()
	c.restore()
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

// save writes the templates of every reader beside each other, atomically.
func (c *Collector) save() {
	if c.cfg.TemplateFile == "" {
		return
	}
	for i, r := range c.readers {
		var b strings.Builder
		r.mu.Lock()
		err := r.decoder.Save(&b)
		r.mu.Unlock()
		if err == nil {
			err = writeFile(fmt.Sprintf("%s.%d", c.cfg.TemplateFile, i), b.String())
		}
		if err != nil {
			c.deps.Logger.Warn("templates not saved; after a restart data waits for the exporters to resend them", "error", err)
			return
		}
	}
}

func writeFile(path, text string) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write templates: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write templates: %w", err)
	}
	return nil
}

func (c *Collector) restore() {
	if c.cfg.TemplateFile == "" {
		return
	}
	for i, r := range c.readers {
		f, err := os.Open(fmt.Sprintf("%s.%d", c.cfg.TemplateFile, i))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			r.mu.Lock()
			err = r.decoder.Restore(f)
			r.mu.Unlock()
			_ = f.Close()
		}
		if err != nil {
			c.deps.Logger.Warn("saved templates not read; data waits for the exporters to resend them", "error", err)
		}
	}
}

// exporterIndex numbers exporters over all readers, in the order they are heard.
type exporterIndex struct {
	mu     sync.Mutex
	byAddr map[netip.Addr]uint32
	max    int
	seen   func(uint32, netip.Addr)
}

func (x *exporterIndex) of(a netip.Addr) (uint32, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i, ok := x.byAddr[a]; ok {
		return i, true
	}
	if len(x.byAddr) >= x.max {
		return 0, false
	}
	i := uint32(len(x.byAddr))
	x.byAddr[a] = i
	if x.seen != nil {
		x.seen(i, a)
	}
	return i, true
}
