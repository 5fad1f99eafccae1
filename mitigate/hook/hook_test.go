// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"tidewatch/decision"
	"tidewatch/outbound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// hostile is what others may have written into a text of a decision.
	hostile = "two\nlines, \"quotes\", 'more', $(: >$HOME/pwned) `id` ; rm -rf / & | > < \x00 \u202e --help"
	key     = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// theft is a decision to block what a device sends to one place.
func theft(until time.Time) *decision.Decision {
	return &decision.Decision{
		ID: "mit-mzxw6ytboi4dkmjr", Incident: "inc-mzxw6ytboi4dkmjr", Category: "data_exfiltration", Kind: "exfiltration", Severity: "critical",
		Action: decision.Block, Scope: "host", Target: netip.MustParsePrefix("10.0.20.7/32"),
		Match: decision.Match{Source: netip.MustParsePrefix("10.0.20.7/32"), Destination: netip.MustParsePrefix("203.0.113.0/24")},
		Via:   "fw", State: decision.Approved, Detail: hostile, Policy: "theft", Step: 1, Origin: "automatic", Effect: decision.EffectUnknown,
		Created: until.Add(-time.Minute), Updated: until.Add(-time.Minute), Until: until,
	}
}

// flood is a decision to divert what is sent to a service of ours.
func flood(until time.Time) *decision.Decision {
	d := theft(until)
	d.ID, d.Action, d.Target = "mit-2divert", decision.Divert, netip.MustParsePrefix("2001:db8:5::7/128")
	d.Category, d.Kind, d.Vector = "ddos_attack", "ddos", "dns_amplification"
	d.Match = decision.Match{Destination: d.Target, Protocol: "udp", SrcPort: 53}
	return d
}

// fake notes what the other side is told.
type fake struct {
	mu      sync.Mutex
	told    []string
	running int
	most    int
	answer  func(c *change) error
}

func (f *fake) call(_ context.Context, c *change) error {
	f.mu.Lock()
	id := ""
	if c.decision != nil {
		id = " " + c.decision.ID
	}
	f.told = append(f.told, c.verb+id)
	f.running++
	f.most = max(f.most, f.running)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.running--
		f.mu.Unlock()
	}()
	if f.answer != nil {
		return f.answer(c)
	}
	return nil
}

func (*fake) Close() error { return nil }

func (f *fake) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.told)
}

func usual() *Config {
	return &Config{
		Name: "fw", Actions: decision.Actions(),
		Webhook: &outbound.WebhookConfig{URL: "http://127.0.0.1:9/", Secret: key},
	}
}

func hookOn(t *testing.T, f *fake, cfg *Config, deps Deps) *Hook {
	t.Helper()
	h, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	h.caller = f
	return h
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// What is in force is not told again, a later end is; after a restart the other side
// is told as of a renewal.
func TestOnce(t *testing.T) {
	f := &fake{}
	h := hookOn(t, f, usual(), Deps{})
	ctx, d := t.Context(), theft(time.Now().Add(time.Minute))
	must(t, h.Apply(ctx, d), h.Apply(ctx, d))
	d.Until = d.Until.Add(time.Minute)
	must(t, h.Apply(ctx, d), h.Apply(ctx, d), h.Withdraw(ctx, d), h.Withdraw(ctx, d))
	if diff := cmp.Diff([]string{"apply " + d.ID, "renew " + d.ID, "withdraw " + d.ID}, f.list()); diff != "" {
		t.Error(diff)
	}
	if err := h.Apply(ctx, d); !outbound.IsPermanent(err) || len(f.list()) != 3 {
		t.Errorf("what was taken back is brought in force by a late call: %v, %v", err, f.list())
	}
	f = &fake{}
	h = hookOn(t, f, usual(), Deps{})
	d.Activated = d.Created
	must(t, h.Apply(ctx, d))
	if got := f.list(); len(got) != 1 || got[0] != "renew "+d.ID {
		t.Errorf("after a restart: %v", got)
	}
	if _, known, err := h.Held(ctx); known || err != nil {
		t.Errorf("nobody can ask a program what it did: %v, %v", known, err)
	}
}

// What failed is tried again when somebody asks, with the same key.
func TestFailureIsNoSuccess(t *testing.T) {
	var keys []string
	f := &fake{}
	f.answer = func(c *change) error {
		keys = append(keys, c.key())
		if len(keys)%2 == 1 {
			return errors.New("not now")
		}
		return nil
	}
	h := hookOn(t, f, usual(), Deps{})
	ctx, d := t.Context(), theft(time.Now().Add(time.Minute))
	for _, do := range []func(context.Context, *decision.Decision) error{h.Apply, h.Withdraw} {
		if err := do(ctx, d); err == nil || !strings.Contains(err.Error(), "not now") || !strings.Contains(err.Error(), "hook fw") {
			t.Errorf("failure: %v", err)
		}
		must(t, do(ctx, d))
	}
	d.Until = d.Until.Add(time.Minute)
	if len(keys) != 4 || keys[0] != keys[1] || keys[2] != keys[3] || keys[0] == keys[2] || keys[0] == (&change{apply, d.Created, d}).key() {
		t.Errorf("keys %v", keys)
	}
}

// Calls about one decision neither overlap nor overtake each other, and no more run at
// a time than may; what takes back does not wait for what brings in force.
func TestOrderAndPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(c *change) error {
			if c.verb == apply {
				time.Sleep(5 * time.Second)
			}
			return nil
		}}
		cfg := usual()
		cfg.MaxRunning = 2
		h := hookOn(t, f, cfg, Deps{})
		var all sync.WaitGroup
		d := theft(time.Now().Add(time.Hour))
		later := d.Clone()
		later.Until = d.Until.Add(time.Hour)
		for _, do := range []func() error{
			func() error { return h.Apply(t.Context(), d) },
			func() error { return h.Apply(t.Context(), &later) },
			func() error { return h.Withdraw(t.Context(), d) },
		} {
			all.Go(func() {
				if err := do(); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // in this order
		}
		all.Wait()
		if diff := cmp.Diff([]string{"apply " + d.ID, "renew " + d.ID, "withdraw " + d.ID}, f.list()); diff != "" || f.most != 1 {
			t.Errorf("%d at a time\n%s", f.most, diff)
		}

		f.most = 0
		for i := range 6 {
			one := d.Clone()
			one.ID = "mit-" + string(rune('a'+i))
			all.Go(func() {
				if err := h.Apply(t.Context(), &one); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if f.most != 2 {
			t.Errorf("%d calls at a time, 2 may", f.most)
		}
		begun := time.Now()
		other := d.Clone()
		other.ID = "mit-other"
		must(t, h.Withdraw(t.Context(), &other))
		if took := time.Since(begun); took != 0 {
			t.Errorf("taking back waited %v for calls that bring in force", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		other.ID = "mit-late"
		if err := h.Apply(ctx, &other); !errors.Is(err, errBusy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no place: %v", err)
		}
		all.Wait()
	})
}

// A rule that nobody takes back ends at its Until, and is tried until it is gone; one
// that was renewed in time stays.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var deaf atomic.Bool
		deaf.Store(true)
		f := &fake{}
		f.answer = func(c *change) error {
			if c.verb == withdraw && deaf.Load() {
				return errors.New("deaf")
			}
			return nil
		}
		h := hookOn(t, f, usual(), Deps{})
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = h.Run(ctx) }) // returns nil
		d := theft(time.Now().Add(time.Minute))
		must(t, h.Apply(ctx, d))
		time.Sleep(50 * time.Second)
		d.Until = d.Until.Add(time.Minute)
		must(t, h.Apply(ctx, d))
		time.Sleep(65 * time.Second)
		if got := f.list(); len(got) != 2 {
			t.Errorf("before its end: %v", got)
		}
		time.Sleep(20 * time.Second)
		tries := len(f.list()) - 2
		if tries < 2 || tries > 5 {
			t.Errorf("%d attempts to take it back in 15 s", tries)
		}
		deaf.Store(false)
		time.Sleep(2 * time.Minute)
		got := f.list()
		if n := len(got); n != 3+tries || got[n-1] != "withdraw "+d.ID {
			t.Errorf("after it was taken back: %v", got)
		}
		must(t, h.Withdraw(ctx, d)) // the ledger's own, late
		if len(f.list()) != len(got) {
			t.Error("it is taken back twice")
		}
		time.Sleep(2 * remembered)
		cancel()
		run.Wait()
		if len(h.rules) != 0 {
			t.Errorf("%d rules are remembered", len(h.rules))
		}
	})
}

// A rule that is renewed while it is about to be taken back stays.
func TestRenewedInTime(t *testing.T) {
	f := &fake{}
	h := hookOn(t, f, usual(), Deps{})
	d := theft(time.Now().Add(time.Minute))
	must(t, h.Apply(t.Context(), d))
	late := h.overdue(d.Until.Add(slack))
	d.Until = d.Until.Add(time.Minute)
	must(t, h.Apply(t.Context(), d))
	if len(late) != 1 {
		t.Fatalf("%d rules are over", len(late))
	}
	h.end(t.Context(), late[0])
	if got := f.list(); len(got) != 2 {
		t.Errorf("told %v", got)
	}
}

// Where the other side ends its rules by itself, nobody is called for that.
func TestLeaseOfTheOtherSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		cfg := usual()
		cfg.Expires = true
		h := hookOn(t, f, cfg, Deps{})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		must(t, h.Apply(ctx, theft(time.Now().Add(time.Minute))), h.Run(ctx))
		if got := f.list(); len(got) != 1 || len(h.rules) != 0 || !h.Expires() {
			t.Errorf("told %v, remembers %d", got, len(h.rules))
		}
	})
}

func TestCan(t *testing.T) {
	until := time.Now().Add(time.Minute)
	for name, tc := range map[string]struct {
		match  []string
		change func(d *decision.Decision)
		want   string
	}{
		"as it is":          {},
		"another hook":      {change: func(d *decision.Decision) { d.Via = "bgp" }, want: "is for bgp"},
		"another action":    {change: func(d *decision.Decision) { d.Action = decision.Quarantine }, want: "is not for the action quarantine"},
		"a dry run":         {change: func(d *decision.Decision) { d.DryRun = true }}, // it could be carried out
		"narrower":          {change: func(d *decision.Decision) { d.Match.Protocol, d.Match.DstPort = "tcp", 443 }, want: "does not obey protocol, destination_port"},
		"narrower, obeyed":  {match: []string{"source", "destination", "protocol", "destination_port"}, change: func(d *decision.Decision) { d.Match.Protocol, d.Match.DstPort = "tcp", 443 }},
		"not by source":     {match: []string{"destination"}, want: "does not obey source"},
		"sizes":             {change: func(d *decision.Decision) { d.Match.PacketBytes = &decision.Range{From: 60, To: 100} }, want: "packet_bytes"},
		"fragments, flags":  {change: func(d *decision.Decision) { d.Match.Fragment, d.Match.Flags = true, "SYN" }, want: "tcp_flags, fragment"},
		"the whole target":  {change: func(d *decision.Decision) { d.Action, d.Match.Protocol = decision.Divert, "udp" }},
		"no id":             {change: func(d *decision.Decision) { d.ID = "" }, want: "no id"},
		"an option as id":   {change: func(d *decision.Decision) { d.ID = "--help" }, want: "no id that"},
		"a command as kind": {change: func(d *decision.Decision) { d.Kind = "$(id)" }, want: "no kind that"},
		"two words":         {change: func(d *decision.Decision) { d.Vector = "a b" }, want: "no vector that"},
		"lines":             {change: func(d *decision.Decision) { d.Incident = "inc\nA=B" }, want: "no incident that"},
		"a file":            {change: func(d *decision.Decision) { d.Match.Protocol = "../x" }, want: "no protocol that"},
	} {
		cfg := usual()
		cfg.Actions, cfg.Match = []decision.Action{decision.Block, decision.Divert}, tc.match
		h := hookOn(t, &fake{}, cfg, Deps{})
		d := theft(until)
		if tc.change != nil {
			tc.change(d)
		}
		err := h.Can(d)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if applied := h.Apply(t.Context(), d); tc.want != "" && !outbound.IsPermanent(applied) {
			t.Errorf("%s: applied although it cannot be: %v", name, applied)
		}
	}
}

// Nothing is told of a dry run, or of what is over.
func TestNotApplied(t *testing.T) {
	f := &fake{}
	h := hookOn(t, f, usual(), Deps{})
	dry, over := theft(time.Now().Add(time.Minute)), theft(time.Now().Add(-time.Second))
	dry.DryRun = true
	never := theft(time.Time{})
	for _, d := range []*decision.Decision{dry, over, never} {
		if err := h.Apply(t.Context(), d); !outbound.IsPermanent(err) || len(f.list()) != 0 {
			t.Errorf("until %v: %v, told %v", d.Until, err, f.list())
		}
	}
	// A decision without a sound id never was in force, and reaches no command line.
	d := theft(time.Now())
	d.ID = "-rf"
	if err := h.Withdraw(t.Context(), d); !outbound.IsPermanent(err) || len(f.list()) != 0 {
		t.Errorf("%v, told %v", err, f.list())
	}
}

func TestTooMany(t *testing.T) {
	f := &fake{}
	h := hookOn(t, f, usual(), Deps{})
	for i := range maxRules {
		h.rules[string(rune(i+1000))] = &rule{turn: make(chan struct{}, 1)}
	}
	d := theft(time.Now().Add(time.Minute))
	if err := h.Apply(t.Context(), d); err == nil || len(f.list()) != 0 {
		t.Errorf("%v, told %v", err, f.list())
	}
	must(t, h.Withdraw(t.Context(), d)) // always
}

// Two hooks, and those of a changed configuration, count in the same metrics.
func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	f := &fake{}
	h := hookOn(t, f, usual(), Deps{Registerer: reg})
	other := usual()
	other.Name = "nac"
	hookOn(t, f, other, Deps{Registerer: reg})
	h = hookOn(t, f, usual(), Deps{Registerer: reg, Logger: h.log})
	errs := []error{nil, errors.New("x"), outbound.Permanent(errors.New("x")), context.DeadlineExceeded}
	f.answer = func(*change) error { return errs[len(f.list())-1] }
	for range errs {
		_ = h.Test(t.Context()) // its outcome is counted
	}
	var want strings.Builder
	want.WriteString("# HELP tidewatch_hook_calls_total Calls of hooks, by change and outcome.\n# TYPE tidewatch_hook_calls_total counter\n")
	for _, hook := range []string{"fw", "nac"} {
		for _, verb := range []string{"apply", "renew", "test", "withdraw"} {
			for _, outcome := range []string{"busy", "failed", "ok", "refused", "timeout"} {
				n := " 0\n"
				if hook == "fw" && verb == "test" && outcome != "busy" {
					n = " 1\n"
				}
				want.WriteString(`tidewatch_hook_calls_total{change="` + verb + `",hook="` + hook + `",outcome="` + outcome + `"}` + n)
			}
		}
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want.String()), "tidewatch_hook_calls_total"); err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	script := &ScriptConfig{Command: []string{"/bin/true"}}
	web := &outbound.WebhookConfig{URL: "https://localhost/", Secret: key}
	actions := []decision.Action{decision.Block}
	for name, tc := range map[string]struct {
		cfg  Config
		want string
	}{
		"script":             {Config{Name: "fw", Actions: actions, Script: script}, ""},
		"webhook":            {Config{Name: "fw", Actions: actions, Webhook: web, Match: fields(), Timeout: time.Minute, MaxRunning: 1}, ""},
		"no name":            {Config{Actions: actions, Script: script}, "name must be"},
		"name with a space":  {Config{Name: "f w", Actions: actions, Script: script}, "name must be"},
		"name of ours":       {Config{Name: "nftables", Actions: actions, Script: script}, "of our own"},
		"no action":          {Config{Name: "fw", Script: script}, "actions"},
		"unknown action":     {Config{Name: "fw", Actions: []decision.Action{"explode"}, Script: script}, `no action "explode"`},
		"action twice":       {Config{Name: "fw", Actions: append(actions, actions...), Script: script}, "twice"},
		"unknown field":      {Config{Name: "fw", Actions: actions, Match: []string{"colour"}, Script: script}, `no "colour"`},
		"neither":            {Config{Name: "fw", Actions: actions}, "one of webhook and script"},
		"both":               {Config{Name: "fw", Actions: actions, Webhook: web, Script: script}, "one of webhook and script"},
		"short timeout":      {Config{Name: "fw", Actions: actions, Script: script, Timeout: time.Millisecond}, "timeout"},
		"long timeout":       {Config{Name: "fw", Actions: actions, Script: script, Timeout: time.Hour}, "timeout"},
		"too many at a time": {Config{Name: "fw", Actions: actions, Script: script, MaxRunning: 1000}, "max_running"},
		"no command":         {Config{Name: "fw", Actions: actions, Script: &ScriptConfig{}}, "absolute path"},
		"relative command":   {Config{Name: "fw", Actions: actions, Script: &ScriptConfig{Command: []string{"block.sh"}}}, "absolute path"},
		"zero byte":          {Config{Name: "fw", Actions: actions, Script: &ScriptConfig{Command: []string{"/bin/true", "a\x00b"}}}, "zero byte"},
		"no secret":          {Config{Name: "fw", Actions: actions, Webhook: &outbound.WebhookConfig{URL: "https://localhost/"}}, "one of secret and secret_file"},
	} {
		err := tc.cfg.Validate()
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Secrets come from their files, and the configuration that was read stays as it is.
func TestFilled(t *testing.T) {
	cfg := Config{Name: "fw", Webhook: &outbound.WebhookConfig{URLFile: "/url", SecretFile: "/secret"}}
	full, err := cfg.Filled(func(path string) (string, error) { return "of " + path, nil })
	if err != nil || full.Webhook.URL != "of /url" || full.Webhook.Secret != "of /secret" || full.Webhook.URLFile != "" || cfg.Webhook.URL != "" || cfg.Webhook.URLFile != "/url" {
		t.Errorf("%+v, %+v, %v", full.Webhook, cfg.Webhook, err)
	}
	if _, err := cfg.Filled(func(string) (string, error) { return "", errors.New("not mode 0600") }); err == nil {
		t.Error("a file that cannot be read is no error")
	}
	if _, err := New(&cfg, Deps{}); err == nil {
		t.Error("a hook without its secrets")
	}
}

// logger returns a logger and what it wrote.
func logger() (*slog.Logger, *bytes.Buffer) {
	var out bytes.Buffer
	return slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})), &out
}
