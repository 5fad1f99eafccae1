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

// TestProbing shows that a rule goes with its time, comes back when the attack does, and
// then stays for longer each time.
func TestProbing(t *testing.T) {
	t.Parallel()
	bubble(t, "an attack that the filter hides", ladder, func(h *house) {
		h.attack()
		h.holds("flowspec_rate_limit")
		if d := h.last(); *d.Covers != 0.98 || *d.Collateral != 0.01 || d.Match.String() != "udp from port 53 to 203.0.113.7" {
			t.Errorf("the decision says %+v", d)
		}
		for _, minutes := range []int{1, 2, 4, 8, 16, 30, 30} {
			lease := time.Duration(minutes) * time.Minute
			h.net.set(func(n *network) { n.attacked = false }) // the filter hides it
			left := time.Until(h.last().Until)
			if left > lease || left < lease-5*time.Second {
				t.Fatalf("%v are left, not %v; ledger:\n%s", left, lease, h.story())
			}
			h.wait(left - time.Second)
			h.holds("flowspec_rate_limit")
			h.wait(2 * time.Second)
			h.holds() // the probe
			h.wait(5 * time.Second)
			h.holds()
			h.net.set(func(n *network) { n.attacked = true }) // and there it is again
			h.wait(2 * time.Second)
			h.holds("flowspec_rate_limit")
		}
	})
	bubble(t, "an attack that is over", ladder, func(h *house) {
		h.attack()
		h.net.set(func(n *network) { n.attacked = false })
		h.wait(2 * time.Minute)
		h.holds()
		h.net.set(func(n *network) { n.inc.State = incident.Resolved })
		h.wait(time.Hour)
		h.holds()
		if got := strings.Join(h.told, ", "); got != "flowspec_rate_limit approved, flowspec_rate_limit active, flowspec_rate_limit expiring, flowspec_rate_limit withdrawn" {
			t.Error(got)
		}
	})
	bubble(t, "an attack that is seen before the filter", func(c *Config) { ladder(c); c.Sees = Before }, func(h *house) {
		h.net.set(func(n *network) { n.coverage = &Coverage{Covers: new(0.97)} })
		h.attack()
		h.wait(time.Hour)
		h.holds("flowspec_rate_limit") // renewed all the time, never probed
		if d := h.last(); d.Effect != decision.EffectHelps || time.Until(d.Until) > 30*time.Minute {
			t.Errorf("the decision says %+v", d)
		}
		if len(h.router.log) != 1 {
			t.Errorf("the router was told %v", h.router.log)
		}
		h.net.set(func(n *network) { n.attacked = false })
		h.wait(31 * time.Minute)
		h.holds()
	})
}

// TestTotal shows that a person decides when the policy's time is over.
func TestTotal(t *testing.T) {
	t.Parallel()
	bubble(t, "an attack that does not end", func(c *Config) {
		ladder(c)
		c.Sees = Before
		c.Policy[0].Ladder = []Step{{Action: decision.FlowSpecDrop, Total: 5 * time.Minute}}
	}, func(h *house) {
		h.net.set(func(n *network) { n.coverage = &Coverage{Covers: new(0.97)} })
		h.attack()
		h.wait(4 * time.Minute)
		h.holds("flowspec_drop")
		h.wait(2 * time.Minute)
		h.holds()
		if story := h.story(); !strings.Contains(story, "expiring total") || h.last().State != decision.Proposed && !strings.Contains(story, "proposed policy") {
			t.Fatalf("%s", story)
		}
	})
}

// TestLadder shows when a stronger step follows, and when a person is asked.
func TestLadder(t *testing.T) {
	t.Parallel()
	bubble(t, "behind the filter the next step follows", func(c *Config) { ladder(c); c.Sees = After }, func(h *house) {
		h.attack()
		h.wait(25 * time.Second)
		h.holds("flowspec_rate_limit")
		h.wait(10 * time.Second)
		h.holds("flowspec_drop")
		h.wait(40 * time.Second)
		h.holds("blackhole")
	})
	bubble(t, "nobody knows where the exporters stand", ladder, func(h *house) {
		h.attack()
		h.wait(40 * time.Second)
		h.holds("flowspec_rate_limit")
		if d := h.last(); d.State != decision.Proposed || d.Action != decision.FlowSpecDrop || !strings.Contains(strings.Join(d.Held, " "), "mitigation.sees") {
			t.Fatalf("the last is %+v", d)
		}
		if _, err := h.desk.Approve(t.Context(), h.last().ID, Person{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h.holds("flowspec_drop")
	})
	bubble(t, "a shift that the rule does not hit", func(c *Config) { ladder(c); c.Sees = Before }, func(h *house) {
		h.net.set(func(n *network) { n.coverage = &Coverage{Covers: new(0.97)} })
		h.attack()
		h.wait(30 * time.Second)
		h.net.set(func(n *network) {
			n.coverage = &Coverage{Covers: new(0.05), CoversError: 0.02}
			f := *n.inc.Filter
			f.SrcPort = 123
			n.inc.Filter = &f
		})
		h.wait(22 * time.Second)
		h.holds("flowspec_rate_limit")
		if d := h.last(); d.Match.SrcPort != 123 || !strings.Contains(h.story(), "no_help") {
			t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "no filter is known", ladder, func(h *house) {
		h.net.set(func(n *network) { n.inc.Filter = nil })
		h.attack()
		h.wait(10 * time.Second)
		if h.story() != "" {
			t.Fatalf("%s", h.story())
		}
		h.wait(10 * time.Second)
		h.holds() // nothing that hurts more happens by itself
		if d := h.last(); d.State != decision.Proposed || d.Action != decision.Blackhole {
			t.Fatalf("%s", h.story())
		}
	})
}

// TestWhoDecides shows what a person and what a model can and cannot bring about.
func TestWhoDecides(t *testing.T) {
	t.Parallel()
	bubble(t, "a busy day", ladder, func(h *house) {
		h.net.set(func(n *network) { n.inc.Assessment.Verdict = incident.Legitimate })
		h.attack()
		h.wait(time.Minute)
		if h.story() != "" {
			t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "a model that calls a busy day an attack", ladder, func(h *house) {
		h.net.set(func(n *network) {
			n.inc.Rules = &incident.Assessment{By: "rules", Verdict: incident.Legitimate, Confidence: 0.9}
			n.inc.Assessment = &incident.Assessment{By: "anthropic:x", Verdict: incident.Threat, Confidence: 1}
		})
		h.attack()
		h.wait(time.Minute)
		if h.story() != "" {
			t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "a model that calls an attack a busy day", ladder, func(h *house) {
		h.net.set(func(n *network) {
			n.inc.Rules = n.inc.Assessment
			n.inc.Assessment = &incident.Assessment{By: "anthropic:x", Verdict: incident.Legitimate, Confidence: 1}
		})
		h.attack()
		h.holds("flowspec_rate_limit")
	})
	bubble(t, "uncertain rules", ladder, func(h *house) {
		h.net.set(func(n *network) { n.inc.Assessment.Verdict = incident.Unclear })
		h.attack()
		h.holds()
		d := h.last()
		if d.State != decision.Proposed {
			t.Fatalf("%s", h.story())
		}
		if _, err := h.desk.Reject(t.Context(), d.ID, Person{By: "ann", Note: "a launch"}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.desk.Approve(t.Context(), d.ID, Person{}); !errors.Is(err, ErrState) {
			t.Fatal(err)
		}
	})
	bubble(t, "withdrawn by a person", ladder, func(h *house) {
		h.attack()
		if _, err := h.desk.Withdraw(t.Context(), h.last().ID, Person{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		h.wait(10 * time.Second)
		h.holds() // although the attack goes on
		if d := h.last(); d.State != decision.Proposed {
			t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "dry run", func(c *Config) { ladder(c); c.Mode = DryRun }, func(h *house) {
		h.attack()
		h.holds()
		if d := h.last(); d.State != decision.Active || !d.DryRun {
			t.Fatalf("%s", h.story())
		}
		h.net.set(func(n *network) { n.attacked = false })
		h.wait(2 * time.Minute)
		if d := h.last(); d.State != decision.Withdrawn || d.Reason != decision.ByLease {
			t.Fatalf("%s", h.story())
		}
	})
	bubble(t, "closed as normal", ladder, func(h *house) {
		h.attack()
		h.net.set(func(n *network) { n.inc.State, n.inc.Verdict = incident.Closed, incident.VerdictNormal })
		h.wait(2 * time.Second)
		h.holds()
	})
	bubble(t, "panic", ladder, func(h *house) {
		h.attack()
		if n, err := h.desk.Panic(t.Context(), Person{By: "ann"}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		h.wait(time.Minute)
		h.holds()
		if d := h.last(); d.State != decision.Proposed {
			t.Fatalf("%s", h.story())
		}
		if _, err := h.desk.Approve(t.Context(), h.last().ID, Person{}); !errors.Is(err, ErrState) {
			t.Fatal(err)
		}
		h.stop()
		h.start() // it holds over a restart
		h.wait(10 * time.Second)
		h.holds()
		if err := h.desk.Resume(t.Context(), Person{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.desk.Approve(t.Context(), h.last().ID, Person{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h.holds("flowspec_rate_limit")
	})
}

// TestFailures shows that whatever fails, fails towards doing nothing.
func TestFailures(t *testing.T) {
	t.Parallel()
	bubble(t, "the ledger cannot be written", ladder, func(h *house) {
		h.ledger.breaks(errors.New("disk full"))
		h.attack()
		h.wait(10 * time.Second)
		h.holds()
		h.ledger.breaks(nil)
		h.wait(2 * time.Second)
		h.holds("flowspec_rate_limit")
		h.ledger.breaks(errors.New("disk full"))
		if _, err := h.desk.Withdraw(t.Context(), h.last().ID, Person{}); err == nil {
			t.Error("nobody was told that it was not written down")
		}
		h.wait(time.Second)
		h.holds() // taken back all the same
		h.ledger.breaks(nil)
		h.wait(5 * time.Second)
		if left := h.ledger.latest(); left[0].State != decision.Withdrawn {
			t.Errorf("the ledger says %s", left[0].State)
		}
	})
	bubble(t, "the panic button is pressed while the ledger cannot be written", ladder, func(h *house) {
		h.attack()
		h.ledger.breaks(errors.New("disk full"))
		if _, err := h.desk.Panic(t.Context(), Person{By: "anna"}); err == nil {
			t.Error("nobody was told that it was not written down")
		}
		h.wait(2 * time.Second)
		h.holds()
		h.ledger.breaks(nil)
		h.wait(2 * time.Second)
		if halted, _ := h.ledger.Halted(t.Context()); halted == nil || halted.By != "anna" {
			t.Errorf("a start would know of %+v", halted)
		}
		if err := h.desk.Resume(t.Context(), Person{}); err != nil {
			t.Error(err)
		}
		h.wait(2 * time.Second)
		if halted, _ := h.ledger.Halted(t.Context()); halted != nil {
			t.Errorf("resumed, and a start would know of %+v", halted)
		}
		if _, err := h.desk.Request(t.Context(), &Request{Target: netip.MustParsePrefix("203.0.113.8/32"), Action: decision.Blackhole}, Person{}); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "the routers are down", ladder, func(h *house) {
		h.router.down = errors.New("no session")
		h.attack()
		h.wait(32 * time.Second)
		h.holds()
		h.router.mu.Lock()
		h.router.down = nil
		h.router.mu.Unlock()
		h.wait(35 * time.Second)
		if !strings.Contains(h.story(), "failed actuator") {
			t.Errorf("%s", h.story())
		}
		h.wait(time.Minute)
		h.holds("flowspec_rate_limit") // tried again
	})
	bubble(t, "somebody removed the rule", ladder, func(h *house) {
		h.attack()
		h.router.mu.Lock()
		clear(h.router.rules)
		h.router.rules["mit-stranger"] = decision.Decision{ID: "mit-stranger", Action: "block"}
		h.router.mu.Unlock()
		h.wait(6 * time.Second)
		h.holds("flowspec_rate_limit")
	})
	bubble(t, "a stop takes back, a start does not begin anew", ladder, func(h *house) {
		h.attack()
		h.stop()
		h.holds()
		if d := h.last(); d.State != decision.Withdrawn || d.Reason != decision.ByStop {
			t.Errorf("%s", h.story())
		}
		h.start()
	})
	bubble(t, "killed and started again", func(c *Config) { ladder(c); c.WithdrawOnStop = false }, func(h *house) {
		h.attack()
		h.stop()
		h.holds("flowspec_rate_limit")
		clear(h.router.rules) // the session ended with the process
		h.start()
		h.wait(time.Second)
		h.holds("flowspec_rate_limit")
		h.stop()
		time.Sleep(2 * time.Hour)
		h.start()
		h.net.set(func(n *network) { n.attacked = false })
		h.wait(time.Second)
		h.holds()
	})
	bubble(t, "killed, and the configuration forbids it now", func(c *Config) { ladder(c); c.WithdrawOnStop = false }, func(h *house) {
		h.attack()
		h.stop()
		h.cfg.Guard.Never = []string{"203.0.113.7"}
		h.start()
		h.wait(time.Second)
		h.holds()
	})
}

// TestClockSetBack shows that nothing lasts longer because of it.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		ladder(&cfg)
		cfg.Guard.Own = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
		n := &network{inc: flood("203.0.113.7")}
		b, err := newBook(&cfg, nil, n, anybody{})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		b.hear(now, &n.inc)
		if len(b.live) != 1 {
			t.Fatalf("%d decisions", len(b.live))
		}
		back := now.Add(-24 * time.Hour)
		b.tick(back)
		for _, d := range b.live {
			if left := d.Until.Sub(back); left > time.Minute {
				t.Errorf("it lasts %v", left)
			}
		}
	})
}

// TestClockSetBackAndQuiet shows that an attack whose last sight lies in the future, since
// the clock was set back, does not bring its rule back again and again.
func TestClockSetBackAndQuiet(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	ladder(&cfg)
	cfg.Guard.Own = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	n := &network{inc: flood("203.0.113.7")}
	b, err := newBook(&cfg, nil, n, anybody{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	b.hear(now, &n.inc)
	now = now.Add(-24 * time.Hour)
	for range 3600 {
		now = now.Add(time.Second)
		b.tick(now)
		for _, d := range b.sorted() {
			b.applied(d.ID, d.Until, nil) // whichever it is
			b.takenBack(d.ID, nil)
		}
	}
	begun := 0
	for i := range b.changes {
		if b.changes[i].entry.Decision.State == decision.Approved && b.changes[i].before == nil {
			begun++
		}
	}
	if left := b.sorted(); begun != 1 || len(left) > 0 {
		t.Errorf("%d are left, %d rules were begun, and nobody has seen the attack since the first", len(left), begun)
	}
}

// TestRevision shows what becomes of a proposal when more is known.
func TestRevision(t *testing.T) {
	t.Parallel()
	bubble(t, "what was in the way is gone", ladder, func(h *house) {
		h.net.set(func(n *network) {
			f := *n.inc.Filter
			f.Collateral = nil
			n.inc.Filter = &f
		})
		h.attack()
		h.holds()
		d := h.last()
		if d.State != decision.Proposed || !strings.Contains(strings.Join(d.Held, " "), "not known how much usual traffic") {
			t.Fatalf("%s", h.story())
		}
		h.net.set(func(n *network) { n.inc = flood("203.0.113.7") })
		h.wait(7 * time.Second)
		h.holds("flowspec_rate_limit")
		if h.last().ID != d.ID {
			t.Error("it is another decision")
		}
	})
	bubble(t, "the attack has changed", ladder, func(h *house) {
		h.net.set(func(n *network) { n.inc.Assessment.Verdict = incident.Unclear })
		h.attack()
		d := h.last()
		h.net.set(func(n *network) {
			f := *n.inc.Filter
			f.SrcPort = 123
			n.inc.Filter = &f
		})
		h.wait(20 * time.Second) // long enough for a person to approve what was read
		if h.last().ID != d.ID {
			t.Fatalf("%s", h.story())
		}
		h.wait(20 * time.Second)
		if got := h.last(); got.State != decision.Proposed || got.Match.SrcPort != 123 {
			t.Fatalf("%s", h.story())
		}
		h.holds()
	})
}
