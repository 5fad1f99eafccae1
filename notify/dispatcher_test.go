// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"tidewatch/detect"
	"tidewatch/incident"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a sink that notes what it gets and answers by script.
type fake struct {
	mu     sync.Mutex
	got    []Message
	before []Receipt
	at     []time.Time
	answer func(n int, m *Message) error // of attempt n, from 0 on; nil: all is well
	slow   time.Duration
	closed bool
}

func (f *fake) Send(ctx context.Context, m *Message, before Receipt) (Receipt, error) {
	f.mu.Lock()
	n := len(f.at)
	f.at = append(f.at, time.Now())
	f.mu.Unlock()
	if f.slow > 0 {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(f.slow):
		}
	}
	if f.answer != nil {
		if err := f.answer(n, m); err != nil {
			return "", err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got, f.before = append(f.got, *m), append(f.before, before)
	return Receipt("receipt of " + m.ID), nil
}

func (f *fake) Close() error { f.closed = true; return nil }

// story is what arrived, in words.
func (f *fake) story() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for i := range f.got {
		m := &f.got[i]
		if m.Status == Digest {
			out = append(out, fmt.Sprintf("digest of %d", len(m.Digest)+m.More))
			continue
		}
		out = append(out, m.Key+" "+string(m.Status))
	}
	return strings.Join(out, ", ")
}

func (f *fake) arrived() []Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// times are those of all attempts.
func (f *fake) times() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.at)
}

func (f *fake) receipts() []Receipt {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.before)
}

// bench is a Dispatcher on an outbox in memory.
type bench struct {
	*Dispatcher

	box      *Memory
	cfg      Config
	registry *prometheus.Registry
	log      bytes.Buffer
	stop     context.CancelFunc
	done     chan struct{}
}

func newBench(t *testing.T, cfg *Config, sinks map[string]Sink, l Limits) *bench {
	t.Helper()
	b := &bench{cfg: *cfg, registry: prometheus.NewRegistry(), done: make(chan struct{})}
	var err error
	b.Dispatcher, err = NewDispatcher(&Deps{
		Logger: slog.New(slog.NewTextHandler(&b.log, nil)), Registerer: b.registry, Jitter: func() float64 { return 1 },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.configure(t, sinks, l)
	b.box = NewMemory(b.Dispatcher)
	return b
}

func (b *bench) configure(t *testing.T, sinks map[string]Sink, l Limits) {
	t.Helper()
	limits := map[string]Limits{}
	var outlets []Outlet
	for name, s := range sinks {
		limits[name] = l
		outlets = append(outlets, Outlet{name, s, l})
	}
	r, err := NewRouter(&b.cfg, limits, []netip.Prefix{}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	b.Configure(&b.cfg, r, outlets)
}

func (b *bench) run(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	go func() { _ = b.Run(ctx, b.box); close(b.done) }()
}

func (b *bench) end() { b.stop(); <-b.done }

func (b *bench) value(name string, labels ...string) float64 {
	families, err := b.registry.Gather()
	if err != nil {
		return -1
	}
	for _, f := range families {
		if f.GetName() != metricsPrefix+name {
			continue
		}
		for _, m := range f.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetName()+"="+l.GetValue())
			}
			if strings.Join(have, " ") == strings.Join(labels, " ") {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

// save makes n incidents begin.
func (b *bench) save(t *testing.T, from, n int, change ...func(*incident.Incident)) {
	t.Helper()
	var events []incident.Event
	for i := range n {
		inc := attack(change...)
		inc.ID = fmt.Sprintf("inc-%d", from+i)
		events = append(events, incident.Event{Type: incident.Opened, Incident: *inc})
	}
	if err := b.box.Save(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// settle lets time pass, and everybody come to rest.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

var quick = Limits{PerMinute: 1000, UpdateEvery: time.Minute}

// A dead sink holds up nobody, loses nothing, and is tried ever less often; when it is
// back it gets everything in order, with the newest state.
func TestDeadSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		dead := &fake{answer: func(int, *Message) error {
			if time.Since(begin) < 10*time.Minute {
				return errors.New("connection refused")
			}
			return nil
		}}
		well := &fake{}
		cfg := DefaultConfig()
		b := newBench(t, &cfg, map[string]Sink{"dead": dead, "well": well}, quick)
		b.run(t)
		defer b.end()
		b.save(t, 1, 2)
		settle(time.Second / 2)
		if well.story() != "inc-1 trigger, inc-2 trigger" {
			t.Errorf("the sink that is well got %q", well.story())
		}
		b.save(t, 1, 1, func(i *incident.Incident) { i.State, i.Reason = incident.Resolved, incident.ReasonQuiet })
		settle(9 * time.Minute)
		if err := b.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "sink dead has failed for 9m") ||
			!strings.Contains(err.Error(), "3 messages wait") {
			t.Errorf("health: %v", err)
		}
		if n := len(dead.times()); n < 8 || n > 12 {
			t.Errorf("%d attempts in 9 minutes", n)
		}
		if got := b.value("waiting", "sink=dead"); got != 3 {
			t.Errorf("%v wait", got)
		}
		if got := b.value("oldest_seconds", "sink=dead"); got < 500 {
			t.Errorf("the oldest waits for %v s", got)
		}
		settle(8 * time.Minute)
		if got := dead.story(); !strings.Contains(got, "inc-1 trigger") || !strings.Contains(got, "inc-2 trigger") ||
			!strings.HasSuffix(got, "inc-1 resolve") {
			t.Errorf("the sink that came back got %q", got)
		}
		for i := range dead.arrived() {
			if dead.arrived()[i].Key == "inc-1" && dead.arrived()[i].Incident.State != incident.Resolved {
				t.Error("it was brought an old state")
			}
		}
		if err := b.Health(t.Context()); err != nil {
			t.Errorf("health: %v", err)
		}
		if b.value("sent_total", "sink=dead") != 3 || b.value("retries_total", "sink=dead") < 7 ||
			b.value("failed_total", "reason=temporary", "sink=dead") < 8 {
			t.Errorf("counted %v", b.registry)
		}
		if n := strings.Count(b.log.String(), "cannot be reached"); n != 1 {
			t.Errorf("%d log lines about one dead sink:\n%s", n, b.log.String())
		}
	})
}

// The pauses double from one second to five minutes, and Retry-After is obeyed.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fake{answer: func(n int, _ *Message) error {
			switch {
			case n == 11:
				return After(errors.New("too many"), 17*time.Minute)
			case n > 11:
				return nil
			}
			return errors.New("down")
		}}
		cfg := DefaultConfig()
		b := newBench(t, &cfg, map[string]Sink{"s": s}, quick)
		b.run(t)
		defer b.end()
		b.save(t, 1, 1)
		settle(2 * time.Hour)
		var got []string
		for i := 1; i < len(s.times()); i++ {
			got = append(got, s.times()[i].Sub(s.times()[i-1]).String())
		}
		if want := "1s 2s 4s 8s 16s 32s 1m4s 2m8s 4m16s 5m0s 5m0s 17m0s"; strings.Join(got, " ") != want {
			t.Errorf("pauses %v, want %s", got, want)
		}
	})
}

// What is refused is lost at once, told once, and holds up nothing; what panics, too.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fake{answer: func(_ int, m *Message) error {
			switch m.Key {
			case "inc-1":
				return Permanent(errors.New("400 no such channel"))
			case "inc-2":
				panic("nil map")
			}
			return nil
		}}
		cfg := DefaultConfig()
		b := newBench(t, &cfg, map[string]Sink{"s": s}, quick)
		b.run(t)
		defer b.end()
		b.save(t, 1, 3)
		settle(time.Second)
		if s.story() != "inc-3 trigger" || len(s.times()) != 3 || b.value("lost_total", "reason=refused", "sink=s") != 2 ||
			b.value("failed_total", "reason=refused", "sink=s") != 2 {
			t.Errorf("got %q in %d attempts", s.story(), len(s.times()))
		}
		if said := b.log.String(); strings.Count(said, "no such channel") != 1 || !strings.Contains(said, "about=inc-1") {
			t.Errorf("said %s", said)
		}
	})
}

// One message that never arrives holds up neither the others nor itself beyond max_age.
func TestPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fake{answer: func(_ int, m *Message) error {
			if m.Key == "inc-1" {
				return errors.New("500")
			}
			return nil
		}}
		cfg := DefaultConfig()
		cfg.MaxAge = time.Hour
		b := newBench(t, &cfg, map[string]Sink{"s": s}, quick)
		b.run(t)
		defer b.end()
		b.save(t, 1, 5)
		settle(10 * time.Second)
		if s.story() != "inc-2 trigger, inc-3 trigger, inc-4 trigger, inc-5 trigger" {
			t.Errorf("got %q", s.story())
		}
		for i := range 600 { // and a steady flow of others does not make it be tried more often
			b.save(t, 100+i, 1)
			settle(time.Second)
		}
		if n := len(s.times()) - len(s.arrived()); n > 12 || len(s.arrived()) < 600 {
			t.Errorf("tried %d times in ten minutes; %d others arrived", n, len(s.arrived()))
		}
		settle(2 * time.Hour)
		if b.value("lost_total", "reason=expired", "sink=s") != 1 || b.value("waiting", "sink=s") != 0 {
			t.Error("it is not given up")
		}
	})
}

func TestSlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, well := &fake{slow: time.Hour}, &fake{}
		cfg := DefaultConfig()
		b := newBench(t, &cfg, map[string]Sink{"slow": slow, "well": well}, quick)
		b.run(t)
		defer b.end()
		b.save(t, 1, 1)
		settle(17 * time.Second)
		if len(slow.times()) != 2 || b.value("failed_total", "reason=timeout", "sink=slow") != 1 || len(well.arrived()) != 1 {
			t.Errorf("%d attempts in 17 s with a timeout of 15 s", len(slow.times()))
		}
	})
}

// A storm becomes so many messages a minute, the last of each a digest, and every
// incident is counted.
func TestDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fake{}
		cfg := DefaultConfig()
		cfg.MaxQueue = 5000
		b := newBench(t, &cfg, map[string]Sink{"s": s}, Limits{PerMinute: 10, UpdateEvery: time.Minute})
		b.save(t, 0, 3000)
		b.save(t, 2500, 1, func(i *incident.Incident) { i.Severity = detect.Critical })
		b.run(t)
		defer b.end()
		settle(30 * time.Second)
		if len(s.arrived()) != 10 || s.arrived()[9].Status != Digest {
			t.Fatalf("got %q", s.story())
		}
		d := s.arrived()[9]
		if len(d.Digest) != MaxBriefs || len(d.Digest)+d.More != 2991 || d.Digest[0].ID != "inc-2500" || d.Key != d.ID {
			t.Errorf("a digest of %d and %d, first %s", len(d.Digest), d.More, d.Digest[0].ID)
		}
		if b.value("folded_total", "sink=s") != 2991 {
			t.Errorf("%v folded", b.value("folded_total", "sink=s"))
		}
		b.save(t, 5000, 100)
		settle(20 * time.Second)
		if len(s.arrived()) != 10 {
			t.Errorf("%d messages in 50 s", len(s.arrived()))
		}
		settle(20 * time.Second)
		if len(s.arrived()) != 20 || s.arrived()[19].More+len(s.arrived()[19].Digest) != 91 {
			t.Errorf("then %q", s.story())
		}
	})
}

// What is lost from a full queue are the oldest updates; of the rest the older half
// becomes a digest, so that no incident is kept from people.
func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fake{answer: func(int, *Message) error { return errors.New("down") }}
		cfg := DefaultConfig()
		cfg.MaxQueue = 10
		b := newBench(t, &cfg, map[string]Sink{"s": s}, Limits{PerMinute: 1000})
		b.save(t, 0, 6)
		b.save(t, 0, 4, func(i *incident.Incident) {
			i.Timeline = append(i.Timeline, incident.Entry{At: noon.Add(time.Minute), Event: incident.VectorChanged})
		}) // four updates
		b.save(t, 10, 3)
		holds := func() string {
			var out []string
			for i := range b.box.queue {
				m := &b.box.queue[i].Message
				out = append(out, fmt.Sprint(m.Key, " ", m.Status, " ", len(m.Digest)+m.More))
			}
			return strings.Join(out, ", ")
		}
		if got := holds(); !strings.HasSuffix(got, "inc-5 trigger 0, inc-3 update 0, inc-10 trigger 0, inc-11 trigger 0, inc-12 trigger 0") {
			t.Errorf("the queue holds %s", got)
		}
		b.save(t, 20, 3)
		// 13 wait: an update is lost, then 2 and half of 10 are folded.
		if got := holds(); !strings.HasPrefix(got, "inc-11 trigger 0, inc-12 trigger 0, inc-20") || !strings.HasSuffix(got, " digest 7") {
			t.Errorf("then %s", got)
		}
		if lost, folded := b.value("lost_total", "reason=full", "sink=s"), b.value("folded_total", "sink=s"); lost != 4 || folded != 7 {
			t.Errorf("%v lost, %v folded", lost, folded)
		}
		if !strings.Contains(b.log.String(), "updates_lost=3 folded=0") {
			t.Errorf("said %s", b.log.String())
		}
	})
}

// What waits when the program stops is brought if that goes quickly, else it stays.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		well, dead, slow := &fake{}, &fake{answer: func(int, *Message) error { return errors.New("down") }}, &fake{slow: 14 * time.Second}
		cfg := DefaultConfig()
		b := newBench(t, &cfg, map[string]Sink{"well": well, "dead": dead, "slow": slow}, quick)
		b.run(t)
		synctest.Wait()
		b.save(t, 0, 50)
		begin := time.Now()
		b.end()
		if took := time.Since(begin); took != cfg.Drain {
			t.Errorf("it took %v to stop", took)
		}
		if len(well.arrived()) != 50 || len(b.box.queue) != 100 || !well.closed {
			t.Errorf("%d arrived, %d wait", len(well.arrived()), len(b.box.queue))
		}
	})
}

// A reload brings new sinks and rules without losing what waits.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong, right, gone := &fake{answer: func(int, *Message) error { return errors.New("down") }}, &fake{}, &fake{}
		cfg := DefaultConfig()
		b := newBench(t, &cfg, map[string]Sink{"s": wrong, "gone": gone}, quick)
		b.run(t)
		defer b.end()
		b.save(t, 1, 1)
		settle(time.Hour)
		b.configure(t, map[string]Sink{"s": right, "new": &fake{}}, quick)
		settle(time.Second)
		if right.story() != "inc-1 trigger" || !wrong.closed || !gone.closed || fmt.Sprint(b.Names()) != "[new s]" {
			t.Errorf("the repaired sink got %q; sinks %v", right.story(), b.Names())
		}
	})
}

// An incident is told again when nobody takes it, without any event; and a receipt
// comes back with the next message about it.
func TestReview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fake{}
		cfg := DefaultConfig()
		cfg.Routes = []Rule{{Sinks: []string{"s"}, EscalateTo: []string{"s"}, EscalateAfter: 10 * time.Minute}}
		cfg.Link = "https://tidewatch.example.org/incidents/{id}"
		b := newBench(t, &cfg, map[string]Sink{"s": s}, quick)
		b.run(t)
		defer b.end()
		b.save(t, 1, 1)
		settle(time.Hour)
		if len(s.arrived()) != 2 || !s.arrived()[1].Escalated || s.receipts()[1] != Receipt("receipt of "+s.arrived()[0].ID) ||
			s.arrived()[0].Link != "https://tidewatch.example.org/incidents/inc-1" {
			t.Errorf("got %q, receipts %q", s.story(), s.receipts())
		}
		if late := s.times()[1].Sub(s.times()[0]); late < 10*time.Minute || late > 10*time.Minute+2*reviewEvery {
			t.Errorf("told again after %v", late)
		}
	})
}

func TestMetricsAreSound(t *testing.T) {
	cfg := DefaultConfig()
	b := newBench(t, &cfg, map[string]Sink{"s": &fake{}}, quick)
	problems, err := testutil.GatherAndLint(b.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}
