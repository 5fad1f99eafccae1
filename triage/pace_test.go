// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/test/llm"
	"tidewatch/triage"
)

// slowModel takes its time, and says whom it was asked about.
type slowModel struct {
	takes time.Duration
	err   error

	mu     sync.Mutex
	asked  []string
	now    int
	most   int
	tokens triage.Usage
}

func (m *slowModel) Name() string { return "test:slow" }

func (m *slowModel) Ask(ctx context.Context, r *triage.Request) (*triage.Reply, error) {
	m.mu.Lock()
	_, text, _ := strings.Cut(r.Turns[0].Text, `"subject":"`)
	subject, _, _ := strings.Cut(text, `"`)
	m.asked = append(m.asked, subject)
	m.now++
	m.most = max(m.most, m.now)
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		m.now--
		m.mu.Unlock()
	}()
	select {
	case <-ctx.Done():
		return nil, triage.Fail(triage.Timeout, "")
	case <-time.After(m.takes):
	}
	if m.err != nil {
		return nil, m.err
	}
	return &triage.Reply{Text: llm.Answer(nil), Usage: m.tokens}, nil
}

// opinions is where answers go.
type opinions struct {
	mu  sync.Mutex
	got map[string]incident.Opinion
	at  map[string]time.Time
}

func (o *opinions) deliver(id string, op *incident.Opinion) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got[id], o.at[id] = *op, time.Now()
	return nil
}

// waiting is a counsel in a bubble of time, with incidents 10.0.0.1, .2, ... of the
// severities given.
func waiting(t *testing.T, m *slowModel, change func(*triage.Config), severities ...detect.Severity) (*bench, *opinions) {
	t.Helper()
	cfg := triage.DefaultConfig()
	cfg.Provider, cfg.Model, cfg.BaseURL, cfg.Tools, cfg.Pseudonyms = triage.OpenAI, "slow", "http://127.0.0.1:1", false, false
	cfg.Concurrency, cfg.Settle, cfg.DayCost, cfg.CaseCost = 1, 0, 0, 0
	if m.tokens == (triage.Usage{}) {
		m.tokens = triage.Usage{Input: 1000, Output: 500}
	}
	change(&cfg)
	o := &opinions{got: map[string]incident.Opinion{}, at: map[string]time.Time{}}
	b := &bench{t: t, cfg: &cfg, registry: prometheus.NewRegistry()}
	var err error
	b.counsel, err = triage.New(&cfg, m, &triage.Deps{Surroundings: &known{}, Archive: &known{}, Deliver: o.deliver, Registerer: b.registry})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range severities {
		b.counsel.Take([]incident.Event{{Type: incident.Opened, Incident: about(i+1, s)}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.counsel.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	return b, o
}

func about(n int, s detect.Severity) incident.Incident {
	return incident.Incident{
		ID: fmt.Sprint(n), Category: detect.DDoSAttack, Kind: "ddos", Subject: fmt.Sprintf("10.0.0.%d", n), Severity: s, State: incident.Open,
		Assessment: &incident.Assessment{By: "rules", Verdict: incident.Threat},
	}
}

// TestQueue: the most severe is asked about first, a full queue loses the least severe,
// and every loss is counted.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &slowModel{takes: time.Second}
		b, _ := waiting(t, m, func(c *triage.Config) { c.Queue = 3 },
			detect.Medium, detect.High, detect.Low, detect.Medium, detect.Critical, detect.High, detect.Medium)
		time.Sleep(time.Minute)
		b.stop()
		want := []string{"10.0.0.5", "10.0.0.2", "10.0.0.6"}
		if !slices.Equal(m.asked, want) {
			t.Errorf("asked about %v, want %v", m.asked, want)
		}
		if lost := b.count("lost_total"); lost != 3 {
			t.Errorf("%v lost; one is too small to be asked about", lost)
		}
	})
}

// TestPace: no more are asked about at once than may be, an incident settles first, and
// what takes too long is given up.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &slowModel{takes: 10 * time.Second}
		start := time.Now()
		b, o := waiting(t, m, func(c *triage.Config) { c.Concurrency, c.Settle = 2, 20*time.Second },
			slices.Repeat([]detect.Severity{detect.High}, 6)...)
		time.Sleep(2 * time.Minute)
		b.stop()
		if m.most != 2 {
			t.Errorf("%d at once", m.most)
		}
		if first, last := o.at["1"].Sub(start), o.at["6"].Sub(start); first != 30*time.Second || last != 50*time.Second {
			t.Errorf("the first after %v, the last after %v", first, last)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		m := &slowModel{takes: time.Hour}
		b, o := waiting(t, m, func(*triage.Config) {}, detect.High)
		time.Sleep(10 * time.Minute)
		b.stop()
		if got := o.got["1"]; !strings.Contains(got.Error, "did not answer in time") {
			t.Errorf("%+v", got)
		}
	})
}

// TestAskedAgainAfterFailure: what may pass is asked again when the incident changes at
// all, and not before its time; what does not pass is not.
func TestAskedAgainAfterFailure(t *testing.T) {
	for reason, want := range map[triage.Reason]int{triage.Overloaded: 2, triage.Refused: 1} {
		synctest.Test(t, func(t *testing.T) {
			m := &slowModel{err: triage.Fail(reason, "")}
			b, _ := waiting(t, m, func(*triage.Config) {}, detect.High)
			time.Sleep(time.Second)
			inc := about(1, detect.High)
			basis := inc.Basis()
			inc.Judged = &basis
			for range 15 { // minutes
				b.counsel.Take([]incident.Event{{Type: incident.Updated, Incident: inc}})
				time.Sleep(time.Minute)
			}
			b.stop()
			if len(m.asked) != want {
				t.Errorf("%s: asked %d times, want %d", reason, len(m.asked), want)
			}
		})
	}
}

// ledger remembers over restarts.
type ledger struct{ spent triage.Spent }

func (l *ledger) Load() (triage.Spent, error) { return l.spent, nil }

func (l *ledger) Save(s triage.Spent) error {
	l.spent = s
	return nil
}

// TestBudgets: whatever is asked side by side, no budget is overspent; a day's is there
// again the next day, and not after a restart.
func TestBudgets(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*triage.Config)
		tokens triage.Usage
		fails  error
		least  int // asked about, of 20
		most   int
	}{
		"tokens of the day":             {func(c *triage.Config) { c.DayTokens = 30_000 }, triage.Usage{Input: 2000, Output: 500}, nil, 8, 12},
		"money of the day":              {func(c *triage.Config) { c.DayCost, c.PriceIn, c.PriceOut = 0.2, 3, 15 }, triage.Usage{Input: 2000, Output: 500}, nil, 8, 15},
		"a model that counts nothing":   {func(c *triage.Config) { c.DayTokens = 30_000 }, triage.Usage{Input: -1, Output: 1}, nil, 1, 10},
		"a model that counts nonsense":  {func(c *triage.Config) { c.DayTokens = 30_000 }, triage.Usage{Input: 1 << 62, Output: 1 << 62}, nil, 1, 10},
		"broken connections cost, too":  {func(c *triage.Config) { c.DayTokens = 30_000 }, triage.Usage{}, triage.Fail(triage.Unreachable, ""), 1, 10},
		"who is turned away pays none":  {func(c *triage.Config) { c.DayTokens = 30_000 }, triage.Usage{}, triage.Fail(triage.RateLimited, ""), 20, 20},
		"more than an incident may use": {func(c *triage.Config) { c.CaseTokens = 3000 }, triage.Usage{}, nil, 0, 0},
	} {
		for _, atOnce := range []int{1, 8} {
			synctest.Test(t, func(t *testing.T) {
				m := &slowModel{takes: time.Second, tokens: tc.tokens, err: tc.fails}
				b, o := waiting(t, m, func(c *triage.Config) {
					c.Concurrency, c.Cache = atOnce, 0
					tc.change(c)
				}, slices.Repeat([]detect.Severity{detect.High}, 20)...)
				time.Sleep(time.Minute)
				b.stop()
				// What is set aside for others is not there for the moment.
				if n := len(m.asked); n < tc.least && atOnce == 1 || n > tc.most {
					t.Errorf("%s, %d at once: asked %d times, want %d to %d", name, atOnce, n, tc.least, tc.most)
				}
				if len(o.got) != 20 {
					t.Errorf("%s: %d incidents heard of it, all 20 should", name, len(o.got))
				}
				in, out := b.count("tokens_total", "in"), b.count("tokens_total", "out")
				if total := in + out; total > float64(b.cfg.DayTokens) {
					t.Errorf("%s: %v tokens of %d", name, total, b.cfg.DayTokens)
				}
				if cost := b.count("cost_total"); b.cfg.DayCost > 0 && cost > b.cfg.DayCost {
					t.Errorf("%s: cost %v of %v", name, cost, b.cfg.DayCost)
				}
				if spared := b.count("failed_total", string(triage.Budget)); int(spared)+len(m.asked) != 20 || b.count("asked_total") != float64(len(m.asked)) {
					t.Errorf("%s: %v not asked for want of budget, %d asked", name, spared, len(m.asked))
				}
			})
		}
	}
}

// TestDayOutlivesRestart: what is spent is spent until midnight UTC.
func TestDayOutlivesRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := triage.DefaultConfig()
		cfg.Provider, cfg.Model, cfg.BaseURL, cfg.Tools, cfg.Settle = triage.OpenAI, "slow", "http://127.0.0.1:1", false, 0
		cfg.DayTokens, cfg.Cache = 9000, 0
		m, l := &slowModel{tokens: triage.Usage{Input: 5000, Output: 500}}, &ledger{}
		run := func(n int) {
			o := &opinions{got: map[string]incident.Opinion{}, at: map[string]time.Time{}}
			c, err := triage.New(&cfg, m, &triage.Deps{Surroundings: &known{}, Deliver: o.deliver, Ledger: l})
			if err != nil {
				t.Fatal(err)
			}
			c.Take([]incident.Event{{Incident: about(n, detect.High)}})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := c.Run(ctx); err != nil {
				t.Error(err)
			}
		}
		run(1)
		run(2)
		if len(m.asked) != 1 || l.spent.Tokens != 5500 {
			t.Fatalf("asked %d times, spent %+v", len(m.asked), l.spent)
		}
		time.Sleep(24 * time.Hour)
		if run(3); len(m.asked) != 2 || l.spent.Tokens != 5500 {
			t.Errorf("the next day: asked %d times, spent %+v", len(m.asked), l.spent)
		}
	})
}

// TestStops: Run ends at once when it is told to, and says nothing about what was under
// way.
func TestStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, o := waiting(t, &slowModel{takes: time.Hour}, func(*triage.Config) {}, detect.High, detect.High)
		time.Sleep(time.Second)
		start := time.Now()
		b.stop()
		if d := time.Since(start); d > 0 || len(o.got) != 0 {
			t.Errorf("after %v, with %+v", d, o.got)
		}
	})
}

// TestNotAsked: what is too small, closed, part of another, or judged by a person costs
// nothing.
func TestNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &slowModel{}
		b, _ := waiting(t, m, func(*triage.Config) {}, detect.Low)
		for i, change := range []func(*incident.Incident){
			func(i *incident.Incident) { i.State = incident.Closed },
			func(i *incident.Incident) { i.Verdict = incident.VerdictAttack },
			func(i *incident.Incident) { i.State, i.Reason = incident.Resolved, incident.ReasonAbsorbed },
			func(i *incident.Incident) { i.Category = detect.Operational },
			func(i *incident.Incident) { i.Assessment = nil },
			func(i *incident.Incident) { i.Judged, i.Rules = &incident.Basis{}, i.Assessment },
		} {
			inc := about(10+i, detect.Critical)
			change(&inc)
			b.counsel.Take([]incident.Event{{Incident: inc}})
		}
		time.Sleep(time.Minute)
		b.stop()
		if len(m.asked) != 0 {
			t.Errorf("asked about %v", m.asked)
		}
	})
}

// TestConfig: what makes no sense is said in words that name the key, and never show it.
func TestConfig(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*triage.Config)
		want   string
	}{
		"as it comes":                {func(*triage.Config) {}, ""},
		"a key alone":                {func(c *triage.Config) { c.Key = llm.Key }, ""},
		"Anthropic":                  {anthropicConfig, ""},
		"a local model":              {localConfig, ""},
		"a local model by IPv6":      {func(c *triage.Config) { localConfig(c); c.BaseURL = "http://[::1]:8081" }, ""},
		"somebody else":              {func(c *triage.Config) { c.Provider = "gemini" }, "provider is none, anthropic or openai"},
		"no model":                   {func(c *triage.Config) { anthropicConfig(c); c.Model = "" }, "model: name one"},
		"no key":                     {func(c *triage.Config) { anthropicConfig(c); c.Key = "" }, "TIDEWATCH_TRIAGE_KEY"},
		"two keys":                   {func(c *triage.Config) { anthropicConfig(c); c.KeyFile = "/run/key" }, "one of them"},
		"a key of two lines":         {func(c *triage.Config) { anthropicConfig(c); c.Key += "\n" }, "visible ASCII"},
		"no price":                   {func(c *triage.Config) { anthropicConfig(c); c.PriceIn, c.PriceOut = 0, 0 }, "price_per_mtok_in"},
		"no price and no limit":      {func(c *triage.Config) { anthropicConfig(c); c.PriceIn, c.PriceOut, c.CaseCost, c.DayCost = 0, 0, 0, 0 }, ""},
		"no server":                  {func(c *triage.Config) { localConfig(c); c.BaseURL = "" }, "base_url: name the server"},
		"no URL":                     {func(c *triage.Config) { localConfig(c); c.BaseURL = "127.0.0.1:8081" }, "must look like"},
		"a key in the URL":           {func(c *triage.Config) { localConfig(c); c.BaseURL = "https://" + llm.Key + "@example.org" }, "must look like"},
		"in the clear":               {func(c *triage.Config) { localConfig(c); c.BaseURL, c.Key = "http://example.org", llm.Key }, "https alone"},
		"beyond loopback, no key":    {func(c *triage.Config) { localConfig(c); c.BaseURL = "https://example.org" }, "a key is needed"},
		"no severity":                {func(c *triage.Config) { c.MinSeverity = "grave" }, "min_severity"},
		"no rounds":                  {func(c *triage.Config) { c.Rounds = 0 }, "max_rounds"},
		"a negative price":           {func(c *triage.Config) { c.PriceIn = -1 }, "price_per_mtok_in"},
		"no patience":                {func(c *triage.Config) { c.Timeout = 0 }, "timeout"},
		"nobody may be asked at all": {func(c *triage.Config) { c.Concurrency = 0 }, "concurrency"},
	} {
		cfg := triage.DefaultConfig()
		tc.change(&cfg)
		err := cfg.Validate()
		if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), llm.Key)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func anthropicConfig(c *triage.Config) {
	c.Provider, c.Model, c.Key, c.PriceIn, c.PriceOut = triage.Anthropic, "claude-sonnet-5-5", llm.Key, 3, 15
}

func localConfig(c *triage.Config) {
	c.Provider, c.Model, c.BaseURL = triage.OpenAI, "qwen3", "http://127.0.0.1:8081"
}
