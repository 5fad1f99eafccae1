// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tidewatch/decision"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// lease is short, so that a test can wait for its end.
const lease = 2 * time.Second

// killed are the decisions of TestKill.
func killed() []decision.Decision {
	return []decision.Decision{
		{ID: "mit-k4", Action: decision.Block, Match: decision.Match{Source: prefix("10.1.0.1/32")}},
		{ID: "mit-k6", Action: decision.Quarantine, Target: prefix("fd02::1/128")},
		{ID: "mit-kr", Action: decision.RateLimit, Rate: 1, Match: decision.Match{Destination: prefix("10.2.0.2/32")}},
	}
}

// TestMain is also the program that TestKill kills: it renews a lease for ever.
func TestMain(m *testing.M) {
	gateway := os.Getenv("NFTABLES_TEST_GATEWAY")
	if gateway == "" {
		os.Exit(m.Run())
	}
	cfg := DefaultConfig()
	cfg.NetNS = gateway
	a, err := New(&cfg, nil)
	for err == nil {
		for _, d := range killed() {
			err = errors.Join(err, a.Apply(context.Background(), fresh(d, d.ID, lease)))
		}
		_, _ = os.Stdout.WriteString("in force\n")
		time.Sleep(lease / 4)
	}
	_, _ = os.Stdout.WriteString(err.Error() + "\n")
	os.Exit(1)
}

// TestKill kills a program that holds rules: renewing kept them beyond their first end,
// and the kernel ends them without it. The next start removes what is left.
func TestKill(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	w := l.wire(t, l.client, l.server)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program)
	child.Env = append(os.Environ(), "NFTABLES_TEST_GATEWAY=/run/netns/"+l.gateway)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for begin := time.Now(); time.Since(begin) < lease+lease/4 && lines.Scan(); {
		if lines.Text() != "in force" {
			t.Fatal(lines.Text())
		}
	}
	dropped := []packet{{from: "10.1.0.1", to: "10.2.0.1"}, {from: "fd01::1", to: "fd02::1", tcp: true}, {from: "10.1.0.2", to: "10.2.0.2", size: 500}}
	passed := []packet{{from: "10.1.0.2", to: "10.2.0.1"}, {from: "fd01::1", to: "fd02::2", tcp: true}}
	if err := child.Process.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	_ = child.Wait() // it was killed
	a := l.actuator(t, nil)
	if h := held(t, a); len(h) != len(killed()) {
		t.Errorf("after the kill %v are held, want all", h)
	}
	w.carries(t, "killed", dropped, passed)
	time.Sleep(time.Until(at.Add(lease + 100*time.Millisecond)))
	w.carries(t, "expired", nil, append(dropped, passed...))
	if h := held(t, a); len(h) != 0 {
		t.Errorf("after the end %v are held, want none", h)
	}
	if text := l.ours(t); text == "" || contains(text, "mit-") {
		t.Errorf("the rest is not empty sets:\n%s", text)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
	if text := l.ours(t); text != "" {
		t.Errorf("this is left over:\n%s", text)
	}
}

// TestComesBack takes the rules away in every way that somebody may, and expects to be
// told, so that the loop above puts them back.
func TestComesBack(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	w := l.wire(t, l.client, l.server)
	a := l.actuator(t, nil)
	ds := []decision.Decision{
		{ID: "mit-b", Action: decision.Block, Match: decision.Match{Source: prefix("10.1.0.1/32")}},
		{ID: "mit-q", Action: decision.Quarantine, Target: prefix("fd02::1/128")},
		{ID: "mit-r", Action: decision.RateLimit, Rate: 1, Match: decision.Match{Destination: prefix("10.2.0.2/32")}},
	}
	reconcile := func() {
		have := held(t, a)
		for _, d := range ds {
			if _, ok := have[d.ID]; !ok {
				apply(t, a, fresh(d, d.ID, time.Minute))
			}
		}
	}
	reconcile()
	theirs := l.foreign(t)
	head := func(chain string) string {
		for line := range strings.Lines(l.nft(t, "", "-a", "list", "chain", "inet", "tidewatch", chain)) {
			if _, handle, found := strings.Cut(line, "# handle "); found && contains(line, "comment") {
				return strings.TrimSpace(handle)
			}
		}
		return ""
	}
	for name, harm := range map[string]func(){
		"flush ruleset":   func() { l.nft(t, "", "flush", "ruleset"); l.nft(t, theirs, "-f", "-") },
		"flush table":     func() { l.nft(t, "", "flush", "table", "inet", "tidewatch") },
		"flush chain":     func() { l.nft(t, "", "flush", "chain", "inet", "tidewatch", "prerouting") },
		"delete table":    func() { l.nft(t, "", "delete", "table", "inet", "tidewatch") },
		"delete the head": func() { l.nft(t, "", "delete", "rule", "inet", "tidewatch", "fragments", "handle", head("fragments")) },
		"flush sets": func() {
			l.nft(t, "", "flush", "set", "inet", "tidewatch", "block4_src32")
			l.nft(t, "", "flush", "map", "inet", "tidewatch", "rate_limit4_dst32")
		},
		"another configuration": func() { a = l.actuator(t, func(c *Config) { c.Priority = -290 }) },
	} {
		harm()
		if h := held(t, a); len(h) == len(ds) {
			t.Errorf("%s: all is held as before", name)
		}
		reconcile()
		if h := held(t, a); len(h) != len(ds) {
			t.Errorf("%s: %v are held again, want all", name, h)
		}
		w.carries(t, name,
			[]packet{{from: "10.1.0.1", to: "10.2.0.1"}, {from: "fd01::1", to: "fd02::1"}, {from: "10.1.0.2", to: "10.2.0.2"}},
			[]packet{{from: "10.1.0.2", to: "10.2.0.1"}})
	}
	if text := l.ours(t); strings.Count(text, "@block4_src32 drop") != 1 || strings.Count(text, "chain limit_") != 1 {
		t.Errorf("rules pile up:\n%s", text)
	}
}

// TestHalfARuleIsNone finds that one rule of a quarantine was taken away.
func TestHalfARuleIsNone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := l.actuator(t, nil)
	d := fresh(decision.Decision{Action: decision.Quarantine, Target: prefix("10.2.0.1/32")}, "mit-q", time.Minute)
	apply(t, a, d)
	for line := range strings.Lines(l.nft(t, "", "-a", "list", "chain", "inet", "tidewatch", "prerouting")) {
		if _, handle, found := strings.Cut(line, "# handle "); found && contains(line, "ip saddr @quarantine") {
			l.nft(t, "", "delete", "rule", "inet", "tidewatch", "prerouting", "handle", strings.TrimSpace(handle))
		}
	}
	if h := held(t, a); len(h) != 0 {
		t.Errorf("%v are held by half a rule", h)
	}
	apply(t, a, d)
	l.wire(t, l.server, l.client).carries(t, "half", []packet{{from: "10.2.0.1", to: "10.1.0.1"}}, []packet{{from: "10.2.0.2", to: "10.1.0.1"}})
}

// TestWithdraw goes by the id: twice, of nothing, after a restart, with another match,
// and never of what another decision has taken over.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := l.actuator(t, nil)
	block := func(id, source string) *decision.Decision {
		return fresh(decision.Decision{Action: decision.Block, Match: decision.Match{Source: prefix(source)}}, id, time.Minute)
	}
	withdraw := func(a *Actuator, d *decision.Decision) {
		t.Helper()
		if err := a.Withdraw(t.Context(), d); err != nil {
			t.Errorf("withdraw %s: %v", d.ID, err)
		}
	}
	withdraw(a, block("mit-never", "192.0.2.1/32")) // there is no table
	if l.ours(t) != "" {
		t.Error("taking nothing back made a table")
	}
	apply(t, a, block("mit-1", "192.0.2.1/32"))
	apply(t, a, block("mit-2", "192.0.2.1/32")) // the same rule
	withdraw(a, block("mit-1", "192.0.2.1/32"))
	if h := held(t, a); len(h) != 1 || h["mit-2"].IsZero() {
		t.Errorf("%v are held, want mit-2", h)
	}
	apply(t, a, block("mit-2", "192.0.2.0/24")) // changed
	if text := l.ours(t); strings.Count(text, "mit-2") != 1 || !contains(text, "elements = { 192.0.2.0 ") {
		t.Errorf("a changed match stands beside the old one:\n%s", text)
	}
	again := l.actuator(t, nil)
	withdraw(again, &decision.Decision{ID: "mit-2"})
	withdraw(again, &decision.Decision{ID: "mit-2"})
	withdraw(a, block("mit-2", "192.0.2.0/24")) // another process was quicker
	if h := held(t, a); len(h) != 0 {
		t.Errorf("%v are held, want none", h)
	}
	late := block("mit-3", "192.0.2.1/32")
	for _, until := range []time.Time{{}, time.Now().Add(-time.Second), time.Now().Add(time.Microsecond)} {
		late.Until = until
		if err := a.Apply(t.Context(), late); err == nil || !contains(err.Error(), "end has passed") {
			t.Errorf("a decision until %v: %v", until, err)
		}
	}
}

// TestRenew moves the end, later and earlier.
func TestRenew(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := l.actuator(t, nil)
	for _, d := range []decision.Decision{
		{Action: decision.RateLimit, Rate: 9, Match: decision.Match{Destination: prefix("10.2.0.0/24"), Protocol: "udp", DstPort: 9}},
		{Action: decision.Quarantine, Target: prefix("fd02::1/128")},
	} {
		for _, after := range []time.Duration{time.Minute, 30 * time.Minute, 5 * time.Minute, 90 * time.Minute} {
			apply(t, a, fresh(d, "mit-"+d.Key(), after))
			if left := time.Until(held(t, a)["mit-"+d.Key()]); left > after || left < after-20*time.Second {
				t.Errorf("%s is held for %v, want %v", d.Key(), left, after)
			}
		}
	}
}

// TestThousands fills the table, side by side: the number of rules stays one.
func TestThousands(t *testing.T) {
	t.Parallel()
	const n = 1000
	l := newLab(t)
	a := l.actuator(t, func(c *Config) { c.MaxElements = n })
	one := func(i int) *decision.Decision {
		addr := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
		return fresh(decision.Decision{Action: decision.Block, Match: decision.Match{Source: netip.PrefixFrom(addr, 32)}}, fmt.Sprintf("mit-%d", i), time.Minute)
	}
	begin := time.Now()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < n; i += 4 {
				if err := a.Apply(t.Context(), one(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	added := time.Since(begin)
	if err := a.Apply(t.Context(), one(n)); err == nil || !contains(err.Error(), "max_elements allows no more") {
		t.Errorf("one too many: %v", err)
	}
	begin = time.Now()
	if h := held(t, a); len(h) != n {
		t.Errorf("%d are held, want %d", len(h), n)
	}
	read := time.Since(begin)
	begin = time.Now()
	const some = 20
	for i := range some {
		apply(t, a, one(i)) // renewed while full
		if i%2 == 0 {
			continue
		}
		if err := a.Withdraw(t.Context(), one(i)); err != nil {
			t.Error(err)
		}
	}
	changed := time.Since(begin)
	apply(t, a, one(n))
	if text := l.ours(t); strings.Count(text, " drop ") != 1 {
		t.Error("there is more than one rule")
	}
	t.Logf("%d rules added in %v (%v each), read in %v; renewed or withdrawn: %v each", n, added, added/n, read, changed/(some+some/2))
}

// TestTidy keeps what is in force and removes the rest.
func TestTidy(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := l.actuator(t, nil)
	keep := fresh(decision.Decision{Action: decision.RateLimit, Rate: 9, Match: decision.Match{Destination: prefix("10.2.0.1/32")}}, "mit-keep", time.Minute)
	end := fresh(decision.Decision{Action: decision.RateLimit, Rate: 9, Match: decision.Match{Destination: prefix("10.2.0.2/32")}}, "mit-end", time.Minute)
	other := fresh(decision.Decision{Action: decision.Block, Match: decision.Match{Source: prefix("fd01::/64"), Fragment: true}}, "mit-other", time.Minute)
	for _, d := range []*decision.Decision{keep, end, other} {
		apply(t, a, d)
	}
	for _, d := range []*decision.Decision{end, other} {
		if err := a.Withdraw(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	a.clean(t.Context(), "")
	text := l.ours(t)
	if strings.Count(text, "chain limit_") != 1 || contains(text, "fragment drop") || contains(text, "set block6") || !contains(text, "mit-keep") {
		t.Errorf("the rest is\n%s", text)
	}
	if h := held(t, a); len(h) != 1 {
		t.Errorf("%v are held, want mit-keep", h)
	}
}

// TestPatience ends when the caller's time does.
func TestPatience(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := l.actuator(t, nil)
	_, done, err := a.enter(t.Context()) // somebody is at it
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	d := fresh(decision.Decision{Action: decision.Quarantine, Target: prefix("10.2.0.1/32")}, "mit-q", time.Minute)
	if err := a.Apply(ctx, d); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a deadline", err)
	}
	done()
	if _, known, err := a.Held(ctx); known || err == nil {
		t.Errorf("known %t, %v after the deadline", known, err)
	}
	apply(t, a, d)
}

// TestCapability says in a line what is missing, before the kernel is asked and when the
// kernel says it.
func TestCapability(t *testing.T) {
	t.Parallel()
	needKernel(t)
	cfg := DefaultConfig()
	a, err := New(&cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan error, 2)
	go func() {
		defer close(said)
		runtime.LockOSThread() // capabilities are a thread's; it ends with the goroutine
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		if err := unix.Capget(&hdr, &data[0]); err != nil {
			said <- err
			return
		}
		data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
		if err := unix.Capset(&hdr, &data[0]); err != nil {
			said <- err
			return
		}
		said <- a.Can(fresh(decision.Decision{Action: decision.Quarantine, Target: prefix("192.0.2.1/32")}, "mit-q", time.Minute))
		_, _, err := a.Held(t.Context()) // of this machine: nothing is changed
		said <- err
	}()
	for err := range said {
		if err == nil || err.Error() != errCapability.Error() {
			t.Errorf("%v, want %v", err, errCapability)
		}
	}
	if err := capable(); err != nil {
		t.Errorf("root may not: %v", err)
	}
}
