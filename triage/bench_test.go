// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/test/llm"
	"tidewatch/triage"
	"tidewatch/triage/anthropic"
	"tidewatch/triage/openai"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a book of incidents with a counsel beside it.
type bench struct {
	t        *testing.T
	cfg      *triage.Config
	known    *known
	counsel  *triage.Counsel
	registry *prometheus.Registry
	log      bytes.Buffer
	stop     func()

	mu     sync.Mutex
	book   *incident.Book
	now    time.Time
	latest map[string]incident.Incident
	alerts int // events that alert people
}

// known is what the bench's counsel is told.
type known struct {
	subject triage.Subject
	planned []triage.Planned
	similar []triage.Similar
	err     error
}

func (k *known) Subject(context.Context, *incident.Incident) (*triage.Subject, error) {
	s := k.subject
	return &s, k.err
}

func (k *known) Planned(context.Context, *incident.Incident) ([]triage.Planned, error) {
	return k.planned, k.err
}

func (k *known) Similar(context.Context, *incident.Incident) ([]triage.Similar, error) {
	return append([]triage.Similar{}, k.similar...), k.err
}

func (k *known) Internal(a netip.Addr) bool {
	for _, p := range []string{"10.0.0.0/8", "fd00::/8"} {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

func (k *known) Destination(_ context.Context, _ *incident.Incident, a netip.Addr) (*triage.Destination, error) {
	if !a.Is4() {
		return nil, errors.New("open /secret/path: no such file")
	}
	return &triage.Destination{Given: []triage.Given{{To: a.String(), Bytes: 5e9, Days: 3, First: "2026-02-26", Last: "2026-02-28"}}}, nil
}

func (k *known) Peers(_ context.Context, device netip.Addr) (*triage.Peers, error) {
	if !k.Internal(device) {
		return nil, errors.New("not ours")
	}
	return &triage.Peers{Role: "server", Peers: []triage.Peer{{Address: "10.0.0.9", Bytes: 1e9}}, Services: []string{"443/tcp offered"}}, nil
}

func (k *known) Incidents(context.Context, string, time.Time) ([]triage.Similar, error) {
	return k.similar, nil
}

// newBench asks a scripted service in a dialect. change may be nil.
func newBench(t trial, url string, change func(*triage.Config)) *bench {
	t.Helper()
	cfg := triage.DefaultConfig()
	cfg.Provider, cfg.Model, cfg.BaseURL, cfg.Key = t.dialect, "claude-sonnet-5-5", url, llm.Key
	cfg.PriceIn, cfg.PriceOut = 3, 15
	cfg.Settle, cfg.Timeout, cfg.TimeLimit, cfg.Tools = 0, 2*time.Second, 3*time.Second, false
	if change != nil {
		change(&cfg)
	}
	b := &bench{t: t.T, cfg: &cfg, registry: prometheus.NewRegistry(), latest: map[string]incident.Incident{}, known: &known{}}
	icfg := incident.DefaultConfig()
	var err error
	if b.book, err = incident.New(&icfg); err != nil {
		t.Fatal(err)
	}
	b.book.Judge(func(i *incident.Incident) *incident.Assessment {
		return &incident.Assessment{
			By: "rules", Verdict: incident.Threat, Confidence: 0.9, Likelihood: 0.1, Severity: i.Severity, Priority: incident.SameHour,
			Reasons: []string{i.Indicators[0].Text},
		}
	})
	var model triage.Model = anthropic.New(&cfg, cfg.Key, triage.NewClient(nil))
	if t.dialect == triage.OpenAI {
		model = openai.New(&cfg, cfg.Key, triage.NewClient(nil))
	}
	b.start(model)
	return b
}

func (b *bench) start(model triage.Model) {
	b.t.Helper()
	var err error
	b.counsel, err = triage.New(b.cfg, model, &triage.Deps{
		Surroundings: b.known, Archive: b.known, Deliver: b.deliver, Registerer: b.registry, Logger: slog.New(slog.NewTextHandler(&b.log, nil)),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.counsel.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	})
	b.t.Cleanup(b.stop)
}

func (b *bench) deliver(id string, o *incident.Opinion) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, err := b.book.Assess(b.now, id, o)
	if err == nil {
		b.hear([]incident.Event{e})
	}
	return err
}

// hear is what the engine's sink does.
func (b *bench) hear(events []incident.Event) {
	for i := range events {
		b.latest[events[i].Incident.ID] = events[i].Incident
		switch events[i].Type {
		case incident.Opened, incident.Escalated, incident.Reopened, incident.ResolvedEvent:
			b.alerts++
		default:
		}
	}
	b.counsel.Take(events)
}

// see folds findings at a second of flow time and returns how long that took.
func (b *bench) see(second int, found ...detect.Finding) time.Duration {
	start := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = time.Date(2026, 3, 1, 3, 0, second, 0, time.UTC)
	b.hear(b.book.Apply(b.now, found, nil))
	return time.Since(start)
}

// attack is a finding about a device of ours.
func (b *bench) attack(subject string, second int, score float64) detect.Finding {
	b.t.Helper()
	at := time.Date(2026, 3, 1, 3, 0, second, 0, time.UTC)
	addr := netip.MustParseAddr(subject)
	return detect.Finding{
		Detector: "flood", Category: detect.DDoSAttack, Kind: "ddos", Vector: "syn_flood", Subject: netip.PrefixFrom(addr, addr.BitLen()),
		At: at, Started: at.Add(-2 * time.Second), Last: at, Score: score, Severity: detect.SeverityOf(score), Baseline: detect.NoBaseline(),
		Indicators: []detect.Indicator{{Name: "packet_rate", Observed: 20_000, Expected: 10_000, Unit: "packets/s", Weight: 0.4}},
		Metrics:    detect.Metrics{PeakPacketsPerSecond: 20_000, PeakBitsPerSecond: 9.6e6, Sources: 5000},
		Top:        detect.Top{Sources: []detect.Share{{Key: "198.51.100.1", Share: 0.3, Bytes: 12_345_678}, {Key: "10.0.0.77", Share: 0.1}}},
		Evidence:   []detect.Flow{{Time: at, Source: "198.51.100.1", SrcPort: 4444, Dest: subject, DstPort: 443, Protocol: "tcp", Bytes: 60, Packets: 1}},
	}
}

// only is the one incident there is, once ok holds of it.
func (b *bench) only(ok func(*incident.Incident) bool) incident.Incident {
	b.t.Helper()
	var inc incident.Incident
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		b.mu.Lock()
		for _, i := range b.latest {
			inc = i
		}
		b.mu.Unlock()
		if ok(&inc) {
			return inc
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("after 10 s the incident is %+v, judged %+v, by the rules %+v", inc, inc.Assessment, inc.Rules)
		}
	}
}

// count is the value of a counter, of one label if there is one.
func (b *bench) count(name string, label ...string) float64 {
	b.t.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "tidewatch_triage_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			if len(label) == 0 || m.GetLabel()[0].GetValue() == label[0] {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	b.t.Fatalf("there is no counter %s %s", name, label)
	return 0
}

// trial is a test against one API.
type trial struct {
	*testing.T

	dialect string
}

// dialects runs a test against both APIs.
func dialects(t *testing.T, name string, f func(t trial)) {
	t.Helper()
	for _, d := range []string{triage.Anthropic, triage.OpenAI} {
		t.Run(fmt.Sprintf("%s, %s", name, d), func(t *testing.T) {
			t.Parallel()
			f(trial{t, d})
		})
	}
}

// noSecrets fails when a text holds the key or words of the service.
func noSecrets(tb testing.TB, where, text string) {
	tb.Helper()
	for _, s := range []string{llm.Key, "raw words", "/secret/"} {
		if strings.Contains(text, s) {
			tb.Errorf("%s holds %q:\n%s", where, s, text)
		}
	}
}
