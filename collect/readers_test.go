// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tidewatch/flow"
)

// v9 is a NetFlow v9 datagram: its header and the given sets.
func v9(sequence uint32, sets ...[]byte) []byte {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b, 9)
	binary.BigEndian.PutUint16(b[2:], uint16(len(sets)))
	binary.BigEndian.PutUint32(b[4:], 10_000)
	binary.BigEndian.PutUint32(b[8:], uint32(time.Now().Unix()))
	binary.BigEndian.PutUint32(b[12:], sequence)
	return slices.Concat(append([][]byte{b}, sets...)...)
}

func set(id uint16, body ...uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = binary.BigEndian.AppendUint16(b, uint16(4+2*len(body)))
	for _, v := range body {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

// template9 has source, destination and bytes (IE 8, 12, 1), 4 bytes each; data9 is one record of it.
func template9() []byte { return set(0, 256, 3, 8, 4, 12, 4, 1, 4) }
func data9() []byte     { return set(256, 0xc000, 0x0201, 0x0a00, 0x0001, 0, 300) }

// counter is a sink that counts.
type counter struct{ records atomic.Int64 }

func (c *counter) take(b *flow.Batch) { c.records.Add(int64(b.Len())) }

func local(change func(*Config)) Config {
	cfg := DefaultConfig()
	cfg.Listen = []string{"127.0.0.1:0"}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

// Data of an exporter that sent its templates before the restart is decoded
// after it, also when the number of readers changed meanwhile.
func TestTemplatesSurviveRestart(t *testing.T) {
	for _, readers := range []int{1, 3} {
		file := filepath.Join(t.TempDir(), "templates")
		var sink counter
		c, stop := start(t, local(func(c *Config) { c.TemplateFile = file }), sink.take)
		send(t, c.Addrs()[0], "", v9(0, template9(), data9()))
		await(t, "the first record", func() bool { return sink.records.Load() == 1 })
		stop()
		c, stop = start(t, local(func(c *Config) { c.TemplateFile, c.Readers = file, readers }), sink.take)
		send(t, c.Addrs()[0], "", v9(1, data9()))
		await(t, "the record after the restart", func() bool { return sink.records.Load() == 2 })
		stop()
		left, err := filepath.Glob(file + "*")
		if diff := cmp.Diff([]string{file}, left); diff != "" || err != nil {
			t.Error("temporary files are left:", diff, err)
		}
	}
}

// A template file that cannot be used costs a warning, not the start.
func TestDamagedTemplateFile(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": "{", "other version": `{"version":9}`,
		"damaged state": `{"version":1,"sockets":[{"listen":"127.0.0.1:0","readers":1,"state":{"version":77}}]}`,
	} {
		file := filepath.Join(t.TempDir(), "templates")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		c, err := New(local(func(c *Config) { c.TemplateFile = file }), Deps{
			Sink: func(*flow.Batch) {}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.restore()
		c.Close()
		if !strings.Contains(log.String(), "saved templates not read") {
			t.Errorf("%s: the log says %q", name, log.String())
		}
	}
}

// With several readers, everything from one address reaches one decoder, from
// whatever port it is sent: else its templates would be known to one alone.
func TestOneReaderPerExporter(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("skipped: only Linux shares a port among readers by exporter")
	}
	for _, listen := range []string{"127.0.0.1:0", ":0"} {
		var sink counter
		c, stop := start(t, local(func(c *Config) { c.Listen, c.Readers = []string{listen}, 4 }), sink.take)
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.Addrs()[0].Port())
		const exporters, datagrams = 8, 10
		for e := range exporters {
			from := fmt.Sprintf("127.0.0.%d", 10+e)
			for range datagrams {
				send(t, to, from, v5(1, 0))
			}
		}
		if listen == ":0" {
			for range datagrams {
				send(t, netip.AddrPortFrom(netip.IPv6Loopback(), to.Port()), "", v5(1, 0))
			}
		}
		want := int64(exporters * datagrams)
		if listen == ":0" {
			want += datagrams
		}
		await(t, "all records", func() bool { return sink.records.Load() == want })
		busy := 0
		for _, r := range c.readers {
			r.mu.Lock()
			n := 0
			for s := range r.decoder.Exporters() {
				n++
				if s.Datagrams != datagrams {
					t.Errorf("%s: %v reached one reader with %d datagrams of %d", listen, s.Addr, s.Datagrams, datagrams)
				}
			}
			busy += min(n, 1)
			r.mu.Unlock()
		}
		if busy < 2 {
			t.Errorf("%s: %d of 4 readers have work", listen, busy)
		}
		stop()
	}
}

// Two collectors with several readers must not share a port silently.
func TestSharedPortIsRefused(t *testing.T) {
	c, stop := start(t, local(func(c *Config) { c.Readers = 2 }), func(*flow.Batch) {})
	defer stop()
	other, err := New(local(func(cfg *Config) { cfg.Listen, cfg.Readers = []string{c.Addrs()[0].String()}, 2 }), Deps{Sink: func(*flow.Batch) {}})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error is %v", err)
		other.Close()
	}
}

func TestConfigErrors(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"listen names no address":                            func(c *Config) { c.Listen = nil },
		`listen: "2055" must be host:port or :port`:          func(c *Config) { c.Listen = []string{"2055"} },
		`listen: ":flows" must end with a port number`:       func(c *Config) { c.Listen = []string{":flows"} },
		"listen names :2055 twice":                           func(c *Config) { c.Listen = []string{":2055", ":2055"} },
		"readers must lie between 1 and 64":                  func(c *Config) { c.Readers = 0 },
		"receive_buffer must lie between":                    func(c *Config) { c.ReceiveBuffer = 1 },
		"write 10.0.0.0/8":                                   func(c *Config) { c.Allow = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/8")} },
		"decode: decode: exporters, templates, fields and t": func(c *Config) { c.Decode.MaxFields = 0 },
	} {
		_, err := New(local(change), Deps{Sink: func(*flow.Batch) {}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
	if _, err := New(local(nil), Deps{}); err == nil {
		t.Error("no sink gives no error")
	}
}

// The metrics say what was received, refused and broken, by exporter.
func TestMetrics(t *testing.T) {
	reg, log := prometheus.NewPedanticRegistry(), &syncBuffer{}
	var sink counter
	c, err := New(local(func(c *Config) { c.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/31")} }), Deps{
		Sink: sink.take, Registerer: reg, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(t.Context()); err == nil {
		t.Error("ready before Run")
	}
	stop := run(t, c)
	to := c.Addrs()[0]
	send(t, to, "", v5(3, 0), v5(2, 13), v9(0, data9()), []byte("nonsense"))
	for range 10 {
		send(t, to, "127.0.0.9", v5(1, 0))
	}
	await(t, "everything", func() bool { x := c.Totals(); return x.Datagrams == 4 && x.Refused == 10 })
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	want := `
# HELP tidewatch_collect_exporter_missing_templates_total Data sets that came before their template.
# TYPE tidewatch_collect_exporter_missing_templates_total counter
tidewatch_collect_exporter_missing_templates_total{exporter="127.0.0.1"} 1
# HELP tidewatch_collect_exporter_records_total Flow records of an exporter.
# TYPE tidewatch_collect_exporter_records_total counter
tidewatch_collect_exporter_records_total{exporter="127.0.0.1"} 5
# HELP tidewatch_collect_exporter_sequence_gaps_total Gaps in an exporter's sequence numbers.
# TYPE tidewatch_collect_exporter_sequence_gaps_total counter
tidewatch_collect_exporter_sequence_gaps_total{exporter="127.0.0.1"} 1
# HELP tidewatch_collect_refused_datagrams_total Datagrams of exporters that are not on the allow-list.
# TYPE tidewatch_collect_refused_datagrams_total counter
tidewatch_collect_refused_datagrams_total 10
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "tidewatch_collect_exporter_missing_templates_total",
		"tidewatch_collect_exporter_records_total", "tidewatch_collect_exporter_sequence_gaps_total",
		"tidewatch_collect_refused_datagrams_total"); err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(&c.metrics, "tidewatch_collect_broken_total"); n == 0 {
		t.Error("reasons without a count have no metric")
	}
	stop()
	if n := strings.Count(log.String(), "datagrams refused"); n < 1 || n > 3 || !strings.Contains(log.String(), "exporter=127.0.0.9") {
		t.Errorf("refused datagrams are logged %d times: %s", n, log.String())
	}
}

func TestExporters(t *testing.T) {
	var sink counter
	c, stop := start(t, local(nil), sink.take)
	defer stop()
	send(t, c.Addrs()[0], "127.0.0.3", v9(0, template9(), data9()), v9(5, data9()))
	send(t, c.Addrs()[0], "127.0.0.2", v5(1, 0), v9(0, data9()), append([]byte{0, 10}, make([]byte, 10)...))
	await(t, "five datagrams", func() bool { return c.Totals().Datagrams == 5 })
	all := c.Exporters()
	if len(all) != 2 || all[0].Address.String() != "127.0.0.2" || all[1].Address.String() != "127.0.0.3" {
		t.Fatalf("exporters are %+v", all)
	}
	a, b := all[0], all[1]
	if diff := cmp.Diff([]string{"netflow5", "netflow9"}, a.Protocols); diff != "" {
		t.Error(diff)
	}
	if a.MissingTemplates != 1 || a.Held != 1 || a.SamplingKnown || time.Since(a.LastSeen) > time.Minute {
		t.Errorf("first exporter: %+v", a)
	}
	if b.Records != 2 || b.SequenceGaps != 1 || b.Lost != 4 || !b.SkewKnown || b.SkewSeconds > 2 || b.SkewSeconds < -2 {
		t.Errorf("second exporter: %+v", b)
	}
}

// Numbers of forgotten exporters are given again, and never to two at a time.
func TestExporterIndex(t *testing.T) {
	names := map[uint32]netip.Addr{}
	x := exporterIndex{known: map[netip.Addr]*numbered{}, seen: func(i uint32, a netip.Addr) { names[i] = a }}
	a, b, c := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")
	if x.take(a) != 0 || x.take(b) != 1 || x.take(a) != 0 {
		t.Fatal("numbers are not dense")
	}
	x.release(a)
	if x.take(c) != 2 {
		t.Error("a number was given away while another decoder uses it")
	}
	x.release(a)
	x.release(a) // once too often
	if x.take(b) != 1 || x.take(netip.MustParseAddr("192.0.2.4")) != 0 {
		t.Error("a free number is not given again")
	}
	if names[0].String() != "192.0.2.4" || names[2] != c {
		t.Errorf("names are %v", names)
	}
}

// When the decoder forgets an exporter for another, its number is free again.
func TestEvictedExporter(t *testing.T) {
	c, err := New(local(func(c *Config) { c.Decode.MaxExporters = 1 }), Deps{Sink: func(*flow.Batch) {}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := c.readers[0]
	hour := time.Hour.Nanoseconds()
	for i, from := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		r.decoder.Decode(v5(1, 0), netip.MustParseAddr(from), int64(1+i)*hour, r.batch)
		r.releaseForgotten()
	}
	if len(c.index.known) != 1 || c.index.next != 2 {
		t.Errorf("%d exporters hold numbers below %d, want one below 2", len(c.index.known), c.index.next)
	}
}

func TestKernelCounterWraps(t *testing.T) {
	var d drops
	for _, count := range []uint32{5, 3, 5, 1 << 31, 0xfffffff0, 4} {
		d.observe(count)
	}
	if d.total != 1<<32+4 {
		t.Errorf("total is %d", d.total)
	}
}

// A capped buffer is told once for an address, with the remedy.
func TestBufferIsCapped(t *testing.T) {
	var log bytes.Buffer
	c, err := New(local(func(c *Config) { c.Readers = 2 }), Deps{
		Sink: func(*flow.Batch) {}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Close() // a closed socket has no buffer at all
	log.Reset()
	c.buffer(c.readers, "127.0.0.1:0")
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "net.core.rmem_max=33554432") {
		t.Errorf("the log says %q", log.String())
	}
}

// syncBuffer is a buffer that several goroutines write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func BenchmarkReceive(b *testing.B) {
	for name, payload := range map[string][]byte{
		"alone":                            []byte("no flow export"),
		"with decoding of 30 v5 records":   v5(30, 0),
		"of an exporter that is not heard": nil,
	} {
		b.Run(name, func(b *testing.B) {
			cfg := DefaultConfig()
			cfg.Listen = []string{"127.0.0.1:0"}
			if payload == nil {
				cfg.Allow, payload = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, v5(30, 0)
			}
			c, err := New(cfg, Deps{Sink: func(*flow.Batch) {}})
			if err != nil {
				b.Fatal(err)
			}
			if err := c.Listen(b.Context()); err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			conn, err := net.Dial("udp", c.Addrs()[0].String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			const waiting = 1024 // datagrams in the kernel's buffer when the clock starts
			got := 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for range waiting {
					_, _ = conn.Write(payload)
				}
				b.StartTimer()
				for {
					n := c.readers[0].recv.poll()
					if n == 0 {
						break
					}
					c.readers[0].handle(n)
					got += n
				}
			}
			if got != b.N*waiting {
				b.Fatalf("%d of %d datagrams came", got, b.N*waiting)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(got), "ns/datagram")
		})
	}
}
