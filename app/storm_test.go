// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/notify"
	"tidewatch/store"
)

// storm gives the findings of one second, of so many in a minute: devices that are
// attacked anew, and some of which more is learned.
func storm(findings, second int, at time.Time, out []detect.Finding) []detect.Finding {
	out = out[:0]
	for i := range findings / 60 {
		n := second*findings/60 + i
		if i%3 == 2 {
			n = i // seen before
		}
		score := []float64{0.62, 0.8, 0.95}[n%3]
		out = append(out, detect.Finding{
			Detector: "flood", Category: detect.DDoSAttack, Kind: "ddos", Vector: "syn_flood",
			Subject: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32),
			At:      at, Started: at.Add(-time.Second), Last: at, Score: score, Severity: detect.SeverityOf(score), Baseline: detect.NoBaseline(),
			Indicators: []detect.Indicator{{Name: "packet_rate", Observed: 1e4 * float64(second+2), Expected: 1e4, Unit: "packets/s", Weight: score}},
			Metrics:    detect.Metrics{PeakPacketsPerSecond: 1e4 * float64(second+2)},
		})
	}
	return out
}

// counter is a sink that takes everything.
type counter struct {
	mu       sync.Mutex
	messages int
	told     int // incidents, those of digests included
}

func (c *counter) Send(_ context.Context, m *notify.Message, _ notify.Receipt) (notify.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages++
	if m.Status == notify.Digest {
		c.told += len(m.Digest) + m.More
	} else {
		c.told++
	}
	return "", nil
}

func (c *counter) counts() (messages, told int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.messages, c.told
}

// stormy is the way from findings to sinks, with a sink for people, one for programs
// and one that is dead.
type stormy struct {
	book             *incident.Book
	store            *store.Store
	outlet           *outlet
	people, programs counter
	dispatcher       *notify.Dispatcher
}

type deadSink struct{}

func (deadSink) Send(context.Context, *notify.Message, notify.Receipt) (notify.Receipt, error) {
	return "", fmt.Errorf("connection refused")
}

func newStormy(tb testing.TB, dir string) *stormy {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	s := &stormy{}
	icfg, ncfg := incident.DefaultConfig(), notify.DefaultConfig()
	var err error
	s.book, err = incident.New(&icfg)
	must(err)
	s.store, err = store.New(&store.Config{Dir: dir, MaxIncidents: 100_000})
	must(err)
	must(s.store.Open(tb.Context()))
	quiet := slog.New(slog.DiscardHandler)
	s.outlet = newOutlet(s.store, quiet)
	s.dispatcher, err = notify.NewDispatcher(&notify.Deps{Logger: quiet})
	must(err)
	limits := map[string]notify.Limits{"people": people(), "programs": programs(), "dead": people()}
	router, err := notify.NewRouter(&ncfg, limits, nil, time.UTC)
	must(err)
	s.dispatcher.Configure(&ncfg, router, []notify.Outlet{
		{Name: "people", Sink: &s.people, Limits: people()},
		{Name: "programs", Sink: &s.programs, Limits: programs()},
		{Name: "dead", Sink: deadSink{}, Limits: people()},
	})
	s.store.Tell(s.dispatcher)
	return s
}

// TestAlertStorm: 100 000 findings in a minute (1 200 unless TIDEWATCH_ACCURACY is set)
// become a bounded number of incidents and messages, and people hear of each incident, if
// only as a number.
func TestAlertStorm(t *testing.T) {
	dir, total := t.TempDir(), 1_200
	if os.Getenv("TIDEWATCH_ACCURACY") != "" {
		total = 100_000
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStormy(t, dir)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = s.dispatcher.Run(ctx, s.store.Outbox()) })
		running.Go(func() { _ = s.outlet.run(ctx) })
		var findings []detect.Finding
		for second := range 60 {
			time.Sleep(time.Second)
			findings = storm(total, second, time.Now(), findings)
			s.outlet.take(s.book.Apply(time.Now(), findings, nil))
		}
		synctest.Wait()
		messages, _ := s.people.counts()
		programs, _ := s.programs.counts()
		if messages == 0 || messages > 20 || programs == 0 || programs > 600 {
			t.Errorf("people got %d messages in the minute, programs %d", messages, programs)
		}
		_, waits, err := s.store.Outbox().Next(t.Context(), "dead", 0)
		if limit := notify.DefaultConfig().MaxQueue; err != nil || waits.Waiting == 0 || waits.Waiting > limit {
			t.Errorf("%d wait for the dead sink, %v", waits.Waiting, err)
		}
		stats, active := s.book.Stats(), s.book.Active()
		if stats.Findings != uint64(total/60*60) || active > incident.DefaultConfig().MaxOpen+1 {
			t.Errorf("%d findings, %d incidents", stats.Findings, active)
		}
		if messages != 20 || programs < 100 {
			t.Errorf("that was no storm: %d and %d", messages, programs)
		}
		time.Sleep(90 * time.Second) // and nothing new
		synctest.Wait()
		later, told := s.people.counts()
		if later-messages > 40 {
			t.Errorf("people got %d more in 90 s", later-messages)
		}
		if told < active {
			t.Errorf("people heard of %d of %d incidents", told, active)
		}
		t.Logf("%d findings: %d incidents, %d suppressed; people got %d messages about %d incidents, programs %d messages; %d wait for the dead sink",
			stats.Findings, active, stats.Suppressed, later, told, programs, waits.Waiting)
		stop()
		running.Wait()
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkAlertStorm is the storm as fast as it goes: how long the way from findings
// to the disk takes for the minute's findings, and what memory stays.
func BenchmarkAlertStorm(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := newStormy(b, b.TempDir())
		ctx, stop := context.WithCancel(b.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = s.dispatcher.Run(ctx, s.store.Outbox()) })
		running.Go(func() { _ = s.outlet.run(ctx) })
		begin := time.Now()
		var findings []detect.Finding
		for second := range 60 {
			at := begin.Add(time.Duration(second) * time.Second)
			findings = storm(100_000, second, at, findings)
			s.outlet.take(s.book.Apply(at, findings, nil))
		}
		if err := s.outlet.flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		took := time.Since(begin)
		runtime.GC()
		runtime.ReadMemStats(&after)
		messages, _ := s.people.counts()
		programs, _ := s.programs.counts()
		b.ReportMetric(float64(s.book.Active()), "incidents")
		b.ReportMetric(float64(s.book.Stats().Suppressed), "suppressed-findings")
		b.ReportMetric(float64(messages), "messages-people")
		b.ReportMetric(float64(programs), "messages-programs")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-heap")
		b.ReportMetric(took.Seconds(), "s/minute-of-storm")
		stop()
		running.Wait()
		if err := s.store.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
