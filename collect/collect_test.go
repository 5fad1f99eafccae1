// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tidewatch/decode"
	"tidewatch/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// v5 is a NetFlow v5 datagram with n records.
func v5(n int, sequence uint32) []byte {
	b := make([]byte, 24+48*n)
	binary.BigEndian.PutUint16(b, 5)
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	binary.BigEndian.PutUint32(b[4:], 10_000)
	binary.BigEndian.PutUint32(b[8:], uint32(time.Now().Unix()))
	binary.BigEndian.PutUint32(b[16:], sequence)
	for i := range n {
		r := b[24+48*i:]
		copy(r, []byte{192, 0, 2, byte(i), 10, 0, 0, 1})
		binary.BigEndian.PutUint32(r[16:], 3)
		binary.BigEndian.PutUint32(r[20:], 300)
		binary.BigEndian.PutUint32(r[24:], 9_000)
		binary.BigEndian.PutUint32(r[28:], 9_500)
		r[38] = flow.ProtoUDP
	}
	return b
}

// start runs a collector; stop ends it and waits.
func start(t *testing.T, cfg Config, sink func(*flow.Batch)) (c *Collector, stop func()) {
	t.Helper()
	c, err := New(cfg, Deps{Sink: sink, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return c, run(t, c)
}

// run binds and runs c; stop ends it and waits.
func run(t *testing.T, c *Collector) (stop func()) {
	t.Helper()
	if err := c.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func send(t *testing.T, to netip.AddrPort, from string, payloads ...[]byte) {
	t.Helper()
	var d net.Dialer
	if from != "" {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))
	}
	conn, err := d.DialContext(t.Context(), "udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, p := range payloads {
		if _, err := conn.Write(p); err != nil {
			t.Fatal(err)
		}
	}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain for " + what)
		}
	}
}

func TestReceive(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		cfg := DefaultConfig()
		cfg.Listen = []string{listen}
		var records atomic.Int64
		c, stop := start(t, cfg, func(b *flow.Batch) { records.Add(int64(b.Len())) })
		port := c.Addrs()[0].Port()
		if !strings.HasPrefix(listen, "[") {
			send(t, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), "", v5(30, 0), v5(30, 30), []byte("not a flow"))
			send(t, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), "127.0.0.2", v5(10, 0), v5(10, 90))
		}
		if !strings.HasPrefix(listen, "127") {
			send(t, netip.AddrPortFrom(netip.IPv6Loopback(), port), "", v5(5, 0))
		}
		want := map[string]int64{"127.0.0.1:0": 80, "[::1]:0": 5, ":0": 85}[listen]
		await(t, "records", func() bool { return records.Load() == want })
		stop()
		for _, e := range c.Exporters() {
			switch e.Address.String() {
			case "127.0.0.1":
				if e.Records != 60 || c.Totals().Broken[decode.UnknownProtocol] != 1 {
					t.Errorf("%s: %+v", listen, e)
				}
			case "127.0.0.2":
				if e.Lost != 80 || e.SequenceGaps != 1 {
					t.Errorf("%s: a gap of 80 records is not seen: %+v", listen, e)
				}
			}
		}
	}
}

func TestAllowList(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listen = []string{"127.0.0.1:0"}
	cfg.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	c, stop := start(t, cfg, func(*flow.Batch) {})
	send(t, c.Addrs()[0], "", v5(1, 0))
	send(t, c.Addrs()[0], "127.0.0.2", v5(1, 0))
	await(t, "both datagrams", func() bool { x := c.Totals(); return x.Records == 1 && x.Refused == 1 })
	stop()
}

// What was received before the stop signal is decoded and passed on.
func TestDrain(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listen = []string{"127.0.0.1:0"}
	var records atomic.Int64
	slow := make(chan struct{})
	c, stop := start(t, cfg, func(b *flow.Batch) { <-slow; records.Add(int64(b.Len())) })
	for i := range 200 {
		send(t, c.Addrs()[0], "", v5(30, uint32(30*i)))
	}
	go func() { time.Sleep(50 * time.Millisecond); close(slow) }()
	stop()
	if records.Load() != 6000 {
		t.Errorf("%d records of 6000 survived the stop", records.Load())
	}
}

// Datagrams that waited in the kernel are stamped with the time at which it received
// them, not with that at which they were taken.
func TestArrivalIsTheKernels(t *testing.T) {
	const wait = 150 * time.Millisecond
	late := make(chan time.Duration, 16)
	c, err := New(local(nil), Deps{Sink: func(b *flow.Batch) { late <- time.Since(time.Unix(0, b.Received[0])) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	send(t, c.Addrs()[0], "", v5(1, 0))
	time.Sleep(wait)
	stop := run(t, c)
	defer stop()
	if d := <-late; d < wait-10*time.Millisecond {
		t.Errorf("received %v ago, sent at least %v ago", d, wait)
	}
}

func TestPortInUse(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listen = []string{"127.0.0.1:0"}
	c, stop := start(t, cfg, func(*flow.Batch) {})
	defer stop()
	cfg.Listen = []string{c.Addrs()[0].String()}
	other, err := New(cfg, Deps{Sink: func(*flow.Batch) {}})
	if err != nil {
		t.Fatal(err)
	}
	err = other.Listen(t.Context())
	if err == nil || !strings.Contains(err.Error(), "in use") || !strings.Contains(err.Error(), cfg.Listen[0]) || strings.Contains(err.Error(), "\n") {
		t.Errorf("unhelpful: %v", err)
	}
}

// Datagrams that the kernel drops are counted.
func TestKernelDrops(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listen, cfg.ReceiveBuffer = []string{"127.0.0.1:0"}, 64<<10
	slow := make(chan struct{})
	var records atomic.Int64
	c, stop := start(t, cfg, func(b *flow.Batch) { <-slow; records.Add(int64(b.Len())) })
	const sent = 1000
	for range sent {
		send(t, c.Addrs()[0], "", v5(30, 0))
	}
	close(slow)
	await(t, "drops", func() bool { x := c.Totals(); return x.KernelDrops > 0 && x.KernelDrops+x.Datagrams == sent })
	stop()
}

// A burst of datagrams allocates nothing on its way to the sink.
func TestNoAllocation(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listen = []string{"127.0.0.1:0"}
	c, err := New(cfg, Deps{Sink: func(*flow.Batch) {}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := c.readers[0]
	conn, err := net.Dial("udp", c.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := v5(30, 0)
	once := func() {
		for range 8 {
			_, _ = conn.Write(p)
		}
		n, err := r.recv.receive()
		if err != nil {
			t.Fatal(err)
		}
		r.handle(n)
	}
	once()
	if n := testing.AllocsPerRun(50, once); n != 0 {
		t.Errorf("%v allocations a burst", n)
	}
}
