// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/guard"
	"tidewatch/incident"
)

// memory is a ledger that forgets with the test.
type memory struct {
	mu     sync.Mutex
	lines  []Entry
	halt   *Halt
	broken error
}

func (m *memory) Append(_ context.Context, lines []Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	m.lines = append(m.lines, lines...)
	return nil
}

func (m *memory) Unfinished(context.Context) (out []decision.Decision, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.latest() {
		if !d.State.Over() {
			out = append(out, d)
		}
	}
	return out, nil
}

func (m *memory) latest() []decision.Decision {
	var out []decision.Decision
	for _, l := range m.lines {
		at := slices.IndexFunc(out, func(d decision.Decision) bool { return d.ID == l.Decision.ID })
		if at < 0 {
			out = append(out, l.Decision)
			continue
		}
		out[at] = l.Decision
	}
	return out
}

func (m *memory) breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

func (m *memory) Halt(_ context.Context, h *Halt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	if m.halt = h; h.Released {
		m.halt = nil
	}
	return nil
}

func (m *memory) Halted(context.Context) (*Halt, error) { return m.halt, nil }
func (m *memory) Decisions(context.Context, *ListFilter) (Page, error) {
	return Page{Decisions: m.latest()}, nil
}

func (m *memory) Decision(_ context.Context, id string) (*decision.Decision, []Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.latest() {
		if d.ID == id {
			return &d, nil, nil
		}
	}
	return nil, nil, ErrNotFound
}

// router holds rules, and can be made to refuse.
type router struct {
	mu     sync.Mutex
	rules  map[string]decision.Decision
	down   error
	cannot []decision.Action
	log    []string
}

func (r *router) Can(d *decision.Decision) error {
	if slices.Contains(r.cannot, d.Action) {
		return errors.New("not here")
	}
	return nil
}

func (r *router) Apply(_ context.Context, d *decision.Decision) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down != nil {
		return r.down
	}
	if _, renewed := r.rules[d.ID]; !renewed {
		r.log = append(r.log, "+"+string(d.Action))
	}
	r.rules[d.ID] = d.Clone()
	return nil
}

func (r *router) Withdraw(_ context.Context, d *decision.Decision) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down != nil {
		return r.down
	}
	if held, there := r.rules[d.ID]; there {
		r.log = append(r.log, "-"+string(held.Action))
	}
	delete(r.rules, d.ID)
	return nil
}

func (r *router) Held(context.Context) (map[string]time.Time, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]time.Time{}
	for id, d := range r.rules {
		out[id] = d.Until
	}
	return out, true, r.down
}

func (r *router) actions() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.rules {
		out = append(out, string(d.Action))
	}
	slices.Sort(out)
	return out
}

// network is what is known of the traffic.
type network struct {
	mu       sync.Mutex
	inc      incident.Incident
	gone     bool
	attacked bool // the attack goes on, and is seen
	coverage *Coverage
}

func (n *network) Incident(id string) (incident.Incident, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.attacked {
		n.inc.LastSeen = time.Now()
	}
	return n.inc.Clone(), !n.gone && id == n.inc.ID
}

func (n *network) Coverage(netip.Prefix, *decision.Match) (Coverage, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.coverage == nil {
		return Coverage{}, false
	}
	return *n.coverage, true
}

func (n *network) Prevalence(netip.Addr) (int, bool) { return 0, true }
func (n *network) Protected() []guard.Protected {
	return []guard.Protected{{Prefix: netip.MustParsePrefix("203.0.113.250/32"), Why: "exporter"}}
}

func (n *network) set(f func(n *network)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(n)
}

// house is a desk with everything around it.
type house struct {
	t      *testing.T
	desk   *Desk
	cfg    Config
	ledger *memory
	router *router
	net    *network
	told   []string
	stop   func()
}

func flood(subject string) incident.Incident {
	hits := 0.01
	return incident.Incident{
		ID: "inc-1", Category: detect.DDoSAttack, Kind: "ddos", Vector: "dns_amplification", Subject: subject, Scope: "host",
		Severity: detect.Critical, CurrentSeverity: detect.Critical, State: incident.Open,
		Started: time.Now(), Detected: time.Now(), LastSeen: time.Now(),
		Filter:     &incident.TrafficFilter{Filter: detect.Filter{Protocol: "udp", SrcPort: 53, Covers: 0.98, Collateral: &hits, Samples: 100, SamplesBefore: 100}},
		Assessment: &incident.Assessment{By: "rules", Verdict: incident.Threat, Confidence: 0.95},
	}
}

// ladder is a policy that does everything by itself.
func ladder(cfg *Config) {
	cfg.Mode = Act
	cfg.Policy = []Rule{{Name: "all", Category: "ddos_attack", MinConfidence: 0.8, Approve: automatic, Ladder: []Step{
		{Action: decision.FlowSpecRateLimit}, {Action: decision.FlowSpecDrop}, {Action: decision.Blackhole},
	}}}
}

// open starts a desk in a bubble of its own time.
func open(t *testing.T, change func(*Config)) *house {
	t.Helper()
	h := &house{t: t, cfg: DefaultConfig(), ledger: &memory{}, router: &router{rules: map[string]decision.Decision{}}, net: &network{inc: flood("203.0.113.7")}}
	h.cfg.Guard.Own = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	change(&h.cfg)
	h.start()
	synctest.Wait() // its hands have begun: what a test changes now, it changes after their first look
	return h
}

func (h *house) start() {
	h.t.Helper()
	var err error
	h.desk, err = NewDesk(&h.cfg, &Deps{
		Ledger: h.ledger, Reader: h.ledger, Scene: h.net, Actuators: []Named{{"bgp", h.router}},
		Tell: func(d *decision.Decision, _ string) {
			h.told = append(h.told, string(d.Action)+" "+string(d.State))
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	if err := h.desk.Open(ctx); err != nil {
		h.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- h.desk.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	}
}

func (h *house) attack() {
	h.net.set(func(n *network) { n.attacked = true })
	i, _ := h.net.Incident("inc-1")
	h.desk.Hear([]incident.Event{{At: time.Now(), Type: incident.Opened, Incident: i}})
	synctest.Wait()
}

func (h *house) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (h *house) holds(want ...string) {
	h.t.Helper()
	if got := h.router.actions(); !slices.Equal(got, want) {
		h.t.Fatalf("the router holds %v, not %v; ledger:\n%s", got, want, h.story())
	}
}

func (h *house) story() string {
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	var b strings.Builder
	for _, l := range h.ledger.lines {
		fmt.Fprintf(&b, "%s %s %s %s: %s; held %v\n", l.At.Format(time.TimeOnly), l.Decision.Action, l.Decision.State, l.Decision.Reason, l.Text, l.Decision.Held)
	}
	return b.String()
}

func (h *house) last() *decision.Decision {
	h.t.Helper()
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	if len(h.ledger.lines) == 0 {
		h.t.Fatal("the ledger is empty")
	}
	d := h.ledger.lines[len(h.ledger.lines)-1].Decision
	return &d
}

func bubble(t *testing.T, name string, change func(*Config), f func(h *house)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h := open(t, change)
			defer func() { h.stop() }() // also of the desk that a test began
			f(h)
		})
	})
}
