// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"tidewatch/api"
	"tidewatch/decision"
	"tidewatch/incident"
	"tidewatch/mitigate"
	"tidewatch/store"
)

// rule is a decision of the tests, lately made.
func rule(id string, state decision.State, target string, ago time.Duration) decision.Decision {
	covers, collateral := 0.97, 0.004
	p := netip.MustParsePrefix(target)
	at := time.Now().UTC().Add(-ago).Truncate(time.Second)
	d := decision.Decision{
		ID: id, Incident: "inc-1", Category: "ddos_attack", Kind: "ddos", Vector: "dns_amplification", Severity: "critical",
		Action: decision.FlowSpecDrop, Scope: "host", Target: p, Match: decision.Match{Destination: p, Protocol: "udp", SrcPort: 53}, Via: "bgp",
		State: state, Origin: "automatic", Policy: "ddos", Step: 1, Covers: &covers, CoversError: 0.012, Collateral: &collateral,
		Effect: decision.EffectHelps, Created: at, Updated: at,
	}
	if state.Wanted() {
		d.Until, d.Activated = at.Add(ago+4*time.Minute+30*time.Second), at
	}
	return d
}

// decided fills the ledger of a data directory: one that waits, one in force, one of a
// dry run, one that is over.
func decided(t *testing.T, dir string) {
	t.Helper()
	inLedger(t, dir, func(s *store.Store) {
		waits := rule("mit-waits", decision.Proposed, "203.0.113.0/24", time.Minute)
		waits.Held = []string{"it hits a /24, and more than a /28 needs approval"}
		force, dry := rule("mit-force", decision.Active, "203.0.113.7/32", 2*time.Minute), rule("mit-dry", decision.Active, "2001:db8::7/128", 3*time.Minute)
		dry.DryRun = true
		before := force
		before.State, before.Until, before.Activated = decision.Approved, time.Time{}, time.Time{}
		over := rule("mit-over", decision.Withdrawn, "203.0.113.9/32", time.Hour)
		over.Ended, over.Reason, over.Detail = over.Created.Add(time.Minute), decision.ByLease, "its time was over"
		var all []mitigate.Entry
		for _, d := range []decision.Decision{over, dry, before, force, waits} {
			all = append(all, mitigate.Entry{At: d.Updated, Text: "it is " + string(d.State), Decision: d})
		}
		all[2].By = "ben"
		if err := s.Ledger().Append(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	})
}

func inLedger(t *testing.T, dir string, f func(*store.Store)) {
	t.Helper()
	s, err := store.New(&store.Config{Dir: dir, MaxIncidents: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	f(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// What was decided is read without a server.
func TestMitigationListAndShow(t *testing.T) {
	config, dir := site(t)
	if _, out, stderr := exec(t, "mitigation", "list", "-c", config); !strings.Contains(out, "nothing was decided") || !strings.Contains(stderr, "does not exist") {
		t.Errorf("no directory: %s %s", out, stderr)
	}
	refused(t, config, 2, "does not exist", "mitigation", "show", "mit-force")
	decided(t, dir)
	list := must(t, config, "mit-waits", "mitigation", "list")
	for _, want := range []string{
		"mit-waits  proposed          flowspec_drop  203.0.113.0/24  -  ",
		" (in 4 min ", "  97 %    0.4 %       udp from port 53 to 203.0.113.7\n",
		"mit-dry    active (dry run)  flowspec_drop  2001:db8::7", "  ended 20",
		"mit-waits waits for a person:\n  - it hits a /24, and more than a /28 needs approval\n  tidewatch mitigation approve mit-waits\n  tidewatch mitigation reject mit-waits\n",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	if got := must(t, config, "mit-force", "mitigation", "list", "--state", "active,expiring", "--target", "203.0.113.7", "--incident", "inc-1"); strings.Contains(got, "mit-dry") || strings.Contains(got, "waits") {
		t.Error(got)
	}
	must(t, config, "There are older ones", "mitigation", "list", "--limit", "1")
	refused(t, config, 2, "--limit", "mitigation", "list", "--limit", "0")
	refused(t, config, 2, "state", "mitigation", "list", "--state", "done")
	var page struct {
		Mitigations []decision.Decision `json:"mitigations"`
	}
	if err := json.Unmarshal([]byte(must(t, config, "", "mitigation", "list", "--format", "json")), &page); err != nil || len(page.Mitigations) != 4 || page.Mitigations[0].ID != "mit-waits" {
		t.Errorf("%+v, %v", page, err)
	}
	story := must(t, config, "ACTIVE", "mitigation", "show", "mit-force")
	for _, want := range []string{
		"ACTIVE  flowspec drop of udp from port 53 to 203.0.113.7\n", "mit-force  automatic, by policy ddos, step 1\n", "against inc-1 (ddos, dns_amplification, critical)",
		"ends by itself 20", "hits 97 % (±1.2) of the attack and 0.4 % of usual traffic; effect: helps", "by way of bgp",
		"approved   it is approved (ben)\n", "active     it is active\n",
	} {
		if !strings.Contains(story, want) {
			t.Errorf("no %q in\n%s", want, story)
		}
	}
	must(t, config, "why: its time was over", "mitigation", "show", "mit-over")
	must(t, config, "waits for a person", "mitigation", "show", "mit-waits")
	must(t, config, `"ledger": [`, "mitigation", "show", "mit-force", "--format", "json")
	refused(t, config, 2, "mit-none: no such decision", "mitigation", "show", "mit-none")
}

// Without a server nothing can be carried out, and it is said what becomes of the rules
// of a dead one; a no and the panic button are written down for the next start.
func TestMitigationWithoutServer(t *testing.T) {
	config, dir := site(t)
	for _, what := range []string{"panic", "resume", "reject"} { // the wrong folder is not stopped
		args := []string{"mitigation", what}
		if what == "reject" {
			args = append(args, "mit-waits")
		}
		refused(t, config, 2, "does not exist", args...)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Fatal("a folder was made")
	}
	decided(t, dir)
	for _, args := range [][]string{{"approve", "mit-waits"}, {"withdraw", "mit-force"}, {"request", "block", "--target", "203.0.113.7", "--for", "10m"}} {
		refused(t, config, 1, "no tidewatch serve uses "+dir+", so nothing can be carried out; rules of a dead server end by themselves, the last of 1 at 20", append([]string{"mitigation"}, args...)...)
	}
	refused(t, config, 2, "whole minutes", "mitigation", "request", "block", "--target", "203.0.113.7", "--for", "90s")
	refused(t, config, 2, "nuke", "mitigation", "request", "nuke", "--target", "203.0.113.7")

	must(t, config, "mit-waits is rejected", "mitigation", "reject", "mit-waits", "--by", "anna", "--note", "load test")
	refused(t, config, 2, "mit-waits is rejected: only what is proposed", "mitigation", "reject", "mit-waits")
	refused(t, config, 2, "mit-force is active", "mitigation", "reject", "mit-force")
	refused(t, config, 2, "no such decision", "mitigation", "reject", "mit-none")
	refused(t, config, 2, "do not print", "mitigation", "reject", "mit-force", "--note", "\x1b[2J")
	must(t, config, "rejected by anna: load test", "mitigation", "show", "mit-waits")

	refused(t, config, 2, "nothing is halted", "mitigation", "resume")
	must(t, config, "no server runs, so nothing is decided or done\n2 decisions in force", "mitigation", "status")
	said := must(t, config, "2 decisions marked as taken back", "mitigation", "panic", "--by", "ben", "--note", "customers are cut off")
	if !strings.Contains(said, "Its next start does nothing by itself until: tidewatch mitigation resume") || !strings.Contains(said, "(1 rule) ends by itself, the last of it 20") {
		t.Error(said)
	}
	must(t, config, "HALTED  by ben since 20", "mitigation", "list")
	must(t, config, "0 decisions marked as taken back", "mitigation", "panic") // again: nothing more
	inLedger(t, dir, func(s *store.Store) {
		left, err := s.Ledger().Unfinished(t.Context())
		if err != nil || len(left) != 1 { // of the dry run nothing is in force
			t.Fatalf("%d are left, %v", len(left), err)
		}
		for i := range left {
			if d := &left[i]; d.State != decision.Expiring || d.Reason != decision.ByPanic || d.By != "ben" || d.Until.IsZero() {
				t.Errorf("%+v", d)
			}
		}
		if h, err := s.Ledger().Halted(t.Context()); err != nil || h == nil {
			t.Errorf("halted %+v, %v", h, err)
		}
	})
	must(t, config, "no server runs", "mitigation", "resume", "--by", "carl")
	audit := must(t, config, "mitigation.resume", "audit", "list")
	for _, want := range []string{"mitigation.panic", "customers are cut off", "mitigation.withdraw", "mitigation.reject", "carl"} {
		if !strings.Contains(audit, want) {
			t.Errorf("no %s in\n%s", want, audit)
		}
	}
}

// desk stands for what acts in a server.
type desk struct {
	did []string
	err error
}

func (d *desk) tell(what string, who mitigate.Person, state decision.State) (*decision.Decision, error) {
	d.did = append(d.did, strings.TrimSpace(what+" by "+who.By+" "+who.Note))
	one := rule("mit-1", state, "203.0.113.7/32", 0)
	return &one, d.err
}

func (d *desk) Approve(_ context.Context, id string, who mitigate.Person) (*decision.Decision, error) {
	return d.tell("approve "+id, who, decision.Active)
}

func (d *desk) Reject(_ context.Context, id string, who mitigate.Person) (*decision.Decision, error) {
	return d.tell("reject "+id, who, decision.Rejected)
}

func (d *desk) Withdraw(_ context.Context, id string, who mitigate.Person) (*decision.Decision, error) {
	return d.tell("withdraw "+id, who, decision.Expiring)
}

func (d *desk) Request(_ context.Context, r *mitigate.Request, who mitigate.Person) (*decision.Decision, error) {
	return d.tell(fmt.Sprintf("request %s %s of %s, %d, for %d", r.Action, r.Target, r.Match.String(), r.Rate, r.Minutes), who, decision.Approved)
}

func (d *desk) Panic(_ context.Context, who mitigate.Person) (int, error) {
	_, err := d.tell("panic", who, "")
	return 3, err
}

func (d *desk) Resume(_ context.Context, who mitigate.Person) error {
	_, err := d.tell("resume", who, "")
	return err
}

func (d *desk) Status(context.Context) (*mitigate.Status, error) {
	return &mitigate.Status{Mode: "dry_run", Active: 1, Proposed: 2, Actuators: []mitigate.ActuatorStatus{
		{Name: "bgp", Health: "no session is up", Sessions: []mitigate.RouterStatus{{Peer: "192.0.2.1", State: "active", Since: time.Now().Add(-time.Minute)}}}, {Name: "nftables"},
	}}, nil
}

// Through the server that uses the data directory.
func TestMitigationThroughServer(t *testing.T) {
	config, dir := site(t)
	decided(t, dir)
	lock, err := store.TakeLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := store.MakeToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{}
	cfg := api.DefaultConfig()
	cfg.Token = token
	looker, err := store.New(&store.Config{Dir: dir, MaxIncidents: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := looker.OpenReadOnly(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := api.New(&cfg, &api.Deps{Incidents: incident.NewMemory(), Mitigations: &api.Mitigations{Ledger: looker.Ledger(), Commander: d, Brake: d}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := looker.Close(); err != nil {
			t.Error(err)
		}
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	})
	if err := lock.Tell("http://" + l.Addr().String()); err != nil {
		t.Fatal(err)
	}

	must(t, config, "mit-waits waits for a person", "mitigation", "list") // beside it
	must(t, config, "ACTIVE", "mitigation", "show", "mit-force")
	for _, tc := range []struct {
		says string
		args []string
		does string
	}{
		{"mit-1 is active: flowspec drop of udp from port 53 to 203.0.113.7, until 20", []string{"approve", "mit-1", "--by", "anna", "--note", "it is one"}, "approve mit-1 by anna it is one"},
		{"mit-1 is rejected", []string{"reject", "mit-1", "--by", "anna"}, "reject mit-1 by anna"},
		{"mit-1 is expiring", []string{"withdraw", "mit-1", "--by", "anna"}, "withdraw mit-1 by anna"},
		{
			"mit-1 is approved",
			[]string{
				"request", "rate_limit", "--target", "203.0.113.7", "--protocol", "tcp", "--destination-port", "443", "--tcp-flags", "SYN",
				"--source", "198.51.100.0/24", "--rate", "1000", "--for", "2h", "--by", "anna",
			},
			"request rate_limit 203.0.113.7/32 of tcp with flags SYN from 198.51.100.0/24 to port 443, 1000, for 120 by anna",
		},
		{"all is being taken back (3 decisions)", []string{"panic", "--by", "anna"}, "panic by anna"},
		{"dry run: everything is decided, and nothing is done\n1 decision in force or on the way, 2 decisions waiting for a person\n  bgp: no session is up\n    192.0.2.1  active since 20", []string{"resume", "--by", "anna"}, "resume by anna"},
		{"  nftables: well\n", []string{"status"}, ""},
		{`"id": "mit-1"`, []string{"approve", "mit-1", "--by", "anna", "--format", "json"}, "approve mit-1 by anna"},
		{`"withdrawn": 3`, []string{"panic", "--by", "anna", "--format", "json"}, "panic by anna"},
	} {
		d.did = nil
		must(t, config, tc.says, append([]string{"mitigation"}, tc.args...)...)
		if got := strings.Join(d.did, "; "); got != tc.does {
			t.Errorf("%v does %q, want %q", tc.args, got, tc.does)
		}
	}
	d.err = &mitigate.RefusedError{Sentences: []string{"203.0.113.7 is a resolver", "20 rules are in force"}}
	refused(t, config, 2, "the guard rails forbid it; 203.0.113.7 is a resolver; 20 rules are in force", "mitigation", "approve", "mit-1")
	d.err = fmt.Errorf("mit-1 is withdrawn: %w", mitigate.ErrState)
	refused(t, config, 2, "mit-1 is withdrawn: not possible", "mitigation", "withdraw", "mit-1")
	refused(t, config, 2, "an incident or a target is needed", "mitigation", "request", "block")
	d.err = os.ErrDeadlineExceeded
	refused(t, config, 1, "end its process", "mitigation", "panic")
}
