// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tidewatch/decision"
	"tidewatch/mitigate"
	"tidewatch/store"
	"tidewatch/test/routers"
)

// The bounds of the run. A session that broke is tried again after 5 s, so that most of
// the time is waiting, and several servers with routers of their own share the rounds.
const (
	faultRounds = 50
	faultLanes  = 4
	faultHold   = 3 * time.Second
	healing     = 40 * time.Second // for everything to be as the ledger says, on a busy machine
)

// TestFaults breaks what can break while rules come and go: sessions flap, the disk is
// full, the API is besieged, the process is killed, hangs, or stops. When all is well
// again the router has what the ledger wants, and nothing else.
func TestFaults(t *testing.T) {
	rounds, seed := faultRounds, uint64(time.Now().UnixNano())
	for name, set := range map[string]func(uint64){
		"TIDEWATCH_FAULT_ROUNDS": func(n uint64) { rounds = int(n) },
		"TIDEWATCH_FAULT_SEED":   func(n uint64) { seed = n },
	} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			set(n)
		}
	}
	t.Logf("%d rounds, TIDEWATCH_FAULT_SEED=%d", rounds, seed)
	lanes := make([]*lane, faultLanes)
	// All routers start before anybody talks to one: starting a second one in a process
	// writes what sessions of the first read.
	inner := make([]*inside, faultLanes)
	for i := range inner {
		inner[i] = startInside(t, netip.AddrFrom4([4]byte{127, 0, 3, byte(1 + i)}), laneSpeaker(i))
	}
	for i := range lanes {
		lanes[i] = newLane(t, i, inner[i], rand.New(rand.NewPCG(seed, uint64(i))))
	}
	var next atomic.Int64
	var all sync.WaitGroup
	for _, l := range lanes {
		all.Go(func() {
			for n := next.Add(1); int(n) <= rounds && !t.Failed(); n = next.Add(1) {
				l.round(int(n))
			}
		})
	}
	all.Wait()
	total := map[string]int{}
	for _, l := range lanes {
		for what, n := range l.did {
			total[what] += n
		}
	}
	t.Logf("%v", total)
	for _, what := range []string{"201 blackhole", "201 flowspec_drop", "200 withdraw", "200 panic", "200 resume", "200 approve", "could not be written down", "kill", "flap"} {
		if total[what] == 0 && rounds >= faultRounds {
			t.Errorf("never seen: %s", what)
		}
	}
}

// lane is a server, its router, and what is known of both.
type lane struct {
	*testing.T

	n       int
	rand    *rand.Rand
	router  *inside
	config  string
	mu      sync.Mutex // guards server
	server  *process
	did     map[string]int
	acked   map[string]decision.State // what people were told of decisions
	halted  *bool                     // what they were told of the panic button; nil: nobody knows
	history []string                  // of the round
}

// own are the networks of a lane; the attacked host is .9 of each.
func (l *lane) own() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8:7::/48")}
}

// laneSpeaker is the address from which a lane's server talks to its router.
func laneSpeaker(n int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 3, byte(100 + n)}) }

func newLane(t *testing.T, n int, router *inside, r *rand.Rand) *lane {
	t.Helper()
	l := &lane{T: t, n: n, rand: r, did: map[string]int{}, acked: map[string]decision.State{}, halted: new(bool)}
	speaker := laneSpeaker(n)
	l.router = router
	dir := t.TempDir()
	l.config = filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf(`data_dir: %s/data
timezone: UTC
collect: {listen: ["127.0.0.1:0"]}
api: {listen: "127.0.0.1:0", token: %s}
networks: {internal: [203.0.113.0/24, "2001:db8:7::/48"]}
mitigation:
  mode: act
  guard: {own: [203.0.113.0/24, "2001:db8:7::/48"], max_per_minute: 1000, max_flowspec: 200, max_active: 500, max_blackhole: 200, max_cut_off_per_prefix: 200, max_cut_off_share: 1}
  policy:
    - {name: ask, category: ddos_attack, min_confidence: 0.5, prefixes: [203.0.113.9/32], approve: person, ladder: [{action: flowspec_rate_limit, lease: 10s}, {action: blackhole, lease: 10s}]}
    - {name: act, category: ddos_attack, min_confidence: 0.5, prefixes: ["2001:db8:7::9/128"], approve: automatic, ladder: [{action: blackhole, lease: 10s}]}
  bgp:
    asn: %d
    router_id: 192.0.2.100
    local_address: %s
    hold_time: %v
    peers: [{address: %s, port: %d, asn: %d, multihop: 2}]
`, dir, serverToken, speakerASN, speaker, faultHold, l.router.address, l.router.port, routers.ASN)
	if err := os.WriteFile(l.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l.start()
	attacked := []netip.Addr{netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("2001:db8:7::9")}
	besiege(t, func() string { return l.now().flows }, attacked).attack(attacked...)
	return l
}

func (l *lane) start() {
	p := startServer(l.T, l.config)
	p.client.Timeout = 5 * time.Second
	l.mu.Lock()
	l.server = p
	l.mu.Unlock()
}

func (l *lane) now() *process {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.server
}

func (l *lane) note(format string, args ...any) {
	l.history = append(l.history, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// round does some things, breaks something meanwhile, mends it, and compares.
func (l *lane) round(n int) {
	l.history = l.history[max(0, len(l.history)-40):]
	l.note("round %d", n)
	l.some(1 + l.rand.IntN(3))
	faults := []func(){l.flap, l.shutOut, l.fullDisk, l.fullDisk, l.crowd, l.kill, l.kill, l.killFullDisk, l.pause, l.stop, l.some3}
	faults[l.rand.IntN(len(faults))]()
	l.some(1 + l.rand.IntN(2))
	if l.Failed() {
		return
	}
	begun := time.Now()
	l.compare(n)
	l.note("as the ledger says after %v", time.Since(begun).Round(time.Millisecond))
}

func (l *lane) some3() { l.some(3) }

// some orders things as people do.
func (l *lane) some(n int) {
	for range n {
		switch k := l.rand.IntN(20); {
		case k < 5:
			l.ask(decision.Blackhole)
		case k < 8:
			l.ask(decision.FlowSpecDrop)
		case k < 10:
			l.ask(decision.FlowSpecRateLimit)
		case k < 14:
			l.command("withdraw", decision.Active, decision.Approved)
		case k < 16:
			l.command("approve", decision.Proposed)
		case k == 16:
			l.command("reject", decision.Proposed)
		case k == 17:
			l.panic()
		default:
			l.resume()
		}
	}
}

// order posts and counts what came of it.
func (l *lane) order(what, path string, in, out any) int {
	status, err := l.now().try(path, in, out)
	l.did[fmt.Sprint(status, " ", what)]++
	l.note("%s %s %v: %d %v", what, path, in, status, err)
	if status == http.StatusInternalServerError {
		l.did["could not be written down"]++
	}
	return status
}

// wish is a rule that a person may ask for.
func (l *lane) wish(a decision.Action) map[string]any {
	own := l.own()[l.rand.IntN(2)].Addr().As16()
	target := netip.AddrFrom16(own).Unmap()
	last := target.AsSlice()
	last[len(last)-1] = byte(20 + l.rand.IntN(6))
	target, _ = netip.AddrFromSlice(last)
	w := map[string]any{"target": target.String(), "action": a, "minutes": 1 + l.rand.IntN(3), "by": "anna"}
	if a == decision.Blackhole {
		return w
	}
	w["match"] = map[string]any{"destination": target.String(), "protocol": "udp", "source_port": []int{53, 123, 389}[l.rand.IntN(3)]}
	if a.Limits() {
		w["rate_bytes_per_second"] = 1_000_000
	}
	return w
}

func (l *lane) ask(a decision.Action) {
	var d decision.Decision
	if l.order(string(a), "/api/v1/mitigations", l.wish(a), &d) == http.StatusCreated {
		l.acked[d.ID] = d.State
		if l.halted != nil && *l.halted {
			l.Errorf("%s was begun while everything is halted\n%s", d.ID, l.story(strings.Join(l.history, "\n")))
		}
	}
}

// command orders something about one of the decisions in some states.
func (l *lane) command(what string, states ...decision.State) {
	var page struct{ Mitigations []decision.Decision }
	path := "/api/v1/mitigations?limit=100&state="
	for i, s := range states {
		if i > 0 {
			path += ","
		}
		path += string(s)
	}
	if _, err := l.now().try(path, nil, &page); err != nil || len(page.Mitigations) == 0 {
		return
	}
	id := page.Mitigations[l.rand.IntN(len(page.Mitigations))].ID
	var d decision.Decision
	if l.order(what, "/api/v1/mitigations/"+id+"/"+what, map[string]string{"by": "anna"}, &d) == http.StatusOK {
		l.acked[id] = d.State
	}
}

// panic must empty the router, also when it cannot be written down.
func (l *lane) panic() {
	status := l.order("panic", "/api/v1/mitigations/panic", map[string]string{"by": "anna"}, nil)
	l.halted = nil
	if status == http.StatusOK {
		yes := true
		l.halted = &yes
	}
	if status == 0 {
		return
	}
	until(l.T, 10*time.Second, func() bool { return len(l.router.table(l.T)) == 0 }, func() string {
		return fmt.Sprintf("panic, answered with %d: the router has %q\n%s", status, l.router.table(l.T), l.story(""))
	})
	if status == http.StatusOK {
		for id, s := range l.acked {
			if s.Wanted() {
				l.acked[id] = decision.Expiring
			}
		}
	}
}

func (l *lane) resume() {
	status := l.order("resume", "/api/v1/mitigations/resume", map[string]string{"by": "anna"}, nil)
	switch {
	case status == http.StatusOK, status == http.StatusConflict && l.halted == nil:
		no := false
		l.halted = &no
	case status == http.StatusConflict && *l.halted:
		l.Errorf("the halt was lost:\n%s", l.story(""))
	case status != http.StatusConflict:
		l.halted = nil
	}
}

// compare waits until the router has what the ledger wants.
func (l *lane) compare(n int) {
	var last string
	begun := time.Now()
	for {
		var is bool
		if is, last = l.agree(); is {
			break
		}
		if time.Since(begun) > healing {
			l.Errorf("round %d of lane %d: %s\n%s", n, l.n, last, l.story(strings.Join(l.history, "\n")))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	l.promises(n)
}

// agree compares the ledger, read beside the server, with what the API says and with the
// router. The ledger must not have changed meanwhile.
func (l *lane) agree() (bool, string) {
	wanted, halted, err := l.ledger()
	if err != nil {
		return false, err.Error()
	}
	var page struct{ Mitigations []decision.Decision }
	if _, err := l.now().try("/api/v1/mitigations?limit=1000&state=active,approved", nil, &page); err != nil {
		return false, err.Error()
	}
	var status mitigate.Status
	if _, err := l.now().try("/api/v1/mitigations/status", nil, &status); err != nil {
		return false, err.Error()
	}
	have := l.router.table(l.T)
	again, _, err := l.ledger()
	if err != nil {
		return false, err.Error()
	}
	said := fmt.Sprintf("the router has\n%s\nthe ledger wants\n%s\nthe API says\n%s", strings.Join(have, "\n"), strings.Join(tableOf(wanted), "\n"), strings.Join(tableOf(page.Mitigations), "\n"))
	for _, text := range have {
		prefix, _, _ := strings.Cut(strings.TrimPrefix(text, "[destination: "), " ")
		prefix = strings.TrimSuffix(strings.TrimSuffix(prefix, "]"), "/0")
		prefix, _, _ = strings.Cut(prefix, "]")
		p, err := netip.ParsePrefix(strings.TrimSuffix(prefix, "/0"))
		if err != nil || !slices.ContainsFunc(l.own(), func(o netip.Prefix) bool { return o.Contains(p.Addr()) && o.Bits() <= p.Bits() }) {
			l.Errorf("%s is not within the own networks", text)
		}
	}
	if (halted != nil) != (status.Halted != nil) {
		return false, fmt.Sprintf("halted: the ledger has %v, the API says %v", halted, status.Halted)
	}
	if halted != nil && len(have) > 0 {
		return false, "everything is halted, and " + said
	}
	if l.halted != nil && *l.halted != (halted != nil) {
		l.Errorf("people were told that halted is %v, and it is %v", *l.halted, halted != nil)
	}
	want := tableOf(wanted)
	return slices.Equal(want, tableOf(again)) && slices.Equal(want, tableOf(page.Mitigations)) && slices.Equal(have, want), said
}

// promises holds what people were told against what is so.
func (l *lane) promises(n int) {
	s, err := l.beside()
	if err != nil {
		l.Error(err)
		return
	}
	defer func() { _ = s.Close() }()
	for id, told := range l.acked {
		d, _, err := s.Ledger().Decision(l.Context(), id)
		if err != nil {
			l.Errorf("round %d: %s was said to be %s, and the ledger has no such decision: %v\n%s", n, id, told, err, l.story(strings.Join(l.history, "\n")))
			return
		}
		if !told.Wanted() && d.State.Wanted() {
			l.Errorf("round %d: %s was said to be %s, and is %s\n%s", n, id, told, d.State, l.story(strings.Join(l.history, "\n")))
		}
		if d.State.Over() {
			delete(l.acked, id)
		}
	}
}

// beside opens the ledger for reading, beside the server.
func (l *lane) beside() (*store.Store, error) {
	s, err := store.New(&store.Config{Dir: filepath.Join(filepath.Dir(l.config), "data"), MaxIncidents: 1000})
	if err != nil {
		return nil, err
	}
	return s, s.OpenReadOnly(l.Context())
}

func (l *lane) ledger() ([]decision.Decision, *mitigate.Halt, error) {
	s, err := l.beside()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = s.Close() }()
	page, err := s.Ledger().Decisions(l.Context(), &mitigate.ListFilter{States: []decision.State{decision.Approved, decision.Active}, Limit: 1000})
	if err != nil {
		return nil, nil, err
	}
	h, err := s.Ledger().Halted(l.Context())
	return page.Decisions, h, err
}

// story is all that is needed to understand a failure.
func (l *lane) story(history string) string {
	var out strings.Builder
	out.WriteString(history + "\n")
	if s, err := l.beside(); err == nil {
		defer func() { _ = s.Close() }()
		page, _ := s.Ledger().Decisions(context.Background(), &mitigate.ListFilter{Limit: 40})
		for i := range page.Decisions {
			_, lines, _ := s.Ledger().Decision(context.Background(), page.Decisions[i].ID)
			for k := range lines {
				d := &lines[k].Decision
				fmt.Fprintf(&out, "%d %s %s %s %s %s until %s: %s\n", lines[k].Seq, lines[k].At.Format("15:04:05.000"), d.ID, d.State, d.Action, d.Match.String(), d.Until.Format("15:04:05"), lines[k].Text)
			}
		}
	}
	return out.String() + l.now().said()
}

// The faults. Each is over when its function returns.

func (l *lane) flap() {
	l.fault("flap")
	l.router.flap(l.T)
	l.some(2)
}

// shutOut has the router refuse the speaker for a while.
func (l *lane) shutOut() {
	l.fault("shut out")
	l.router.enable(l.T, false)
	l.some(2)
	l.wait(1000)
	l.router.enable(l.T, true)
}

// limit is how large a file of the server may become: none can be written at 0.
func (l *lane) limit(bytes uint64) {
	var old unix.Rlimit
	if err := unix.Prlimit(l.now().Pid, unix.RLIMIT_FSIZE, nil, &old); err != nil {
		l.Error(err)
		return
	}
	if err := unix.Prlimit(l.now().Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: min(bytes, old.Max), Max: old.Max}, nil); err != nil {
		l.Error(err)
	}
}

func (l *lane) fullDisk() {
	l.fault("full disk")
	l.limit(0)
	l.some(4)
	l.wait(500)
	l.limit(unix.RLIM_INFINITY)
}

// killFullDisk kills while nothing can be written.
func (l *lane) killFullDisk() {
	l.fault("full disk")
	l.limit(0)
	l.some(3)
	l.kill()
}

// crowd takes connections of the API and lets orders go unheard.
func (l *lane) crowd() {
	l.fault("crowd")
	address := strings.TrimPrefix(l.now().api, "http://")
	var held []net.Conn
	for range 300 {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			held = append(held, c)
		}
	}
	impatient := *l.now()
	impatient.client = http.Client{Timeout: time.Duration(1+l.rand.IntN(20)) * time.Millisecond}
	for range 5 {
		_, err := impatient.try("/api/v1/mitigations", l.wish(decision.Blackhole), nil)
		l.note("an impatient order: %v", err)
	}
	l.some(2)
	for _, c := range held {
		_ = c.Close()
	}
}

// kill does so while orders are under way.
func (l *lane) kill() {
	l.fault("kill")
	p := l.now()
	wishes := []map[string]any{l.wish(decision.Blackhole), l.wish(decision.FlowSpecDrop), l.wish(decision.Blackhole), l.wish(decision.FlowSpecRateLimit)}
	acked := make(chan decision.Decision, len(wishes))
	var orders sync.WaitGroup
	for _, w := range wishes {
		orders.Go(func() {
			var d decision.Decision
			if status, _ := p.try("/api/v1/mitigations", w, &d); status == http.StatusCreated {
				acked <- d
			}
		})
	}
	l.wait(30)
	p.end(l.T, syscall.SIGKILL)
	orders.Wait()
	close(acked)
	for d := range acked {
		l.acked[d.ID] = d.State
	}
	l.start()
}

// pause has the process hang, at times for longer than the hold time.
func (l *lane) pause() {
	l.fault("pause")
	p := l.now()
	_ = p.Signal(syscall.SIGSTOP)
	l.wait(800)
	if l.rand.IntN(4) == 0 {
		// The router is a part of this test, and has to get its turn on a busy machine.
		const slack = 5 * time.Second
		have := l.router.table(l.T)
		for end := time.Now().Add(faultHold + slack); len(have) > 0 && time.Now().Before(end); have = l.router.table(l.T) {
			time.Sleep(100 * time.Millisecond)
		}
		if len(have) > 0 {
			l.Errorf("a router that heard nothing for %v has %q", faultHold+slack, have)
		}
	}
	_ = p.Signal(syscall.SIGCONT)
}

func (l *lane) stop() {
	l.fault("stop")
	l.now().end(l.T, syscall.SIGTERM)
	if have := l.router.table(l.T); len(have) > 0 {
		until(l.T, 3*time.Second, func() bool { return len(l.router.table(l.T)) == 0 }, func() string { return fmt.Sprintf("after a clean stop the router has %q", have) })
	}
	l.start()
}

func (l *lane) fault(what string) {
	l.did[what]++
	l.note("fault: %s", what)
}

// wait lets up to so many milliseconds pass.
func (l *lane) wait(most int) { time.Sleep(time.Duration(l.rand.IntN(most)) * time.Millisecond) }
