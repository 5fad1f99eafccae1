// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// commander remembers what it was told, and what was decided.
type commander struct {
	did    []string
	filter mitigate.ListFilter
	asked  mitigate.Request
	err    error
	gone   error // of the context that a panic came with
}

// decided is a decision of the tests.
func decided(id string) *decision.Decision {
	covers := 0.97
	return &decision.Decision{
		ID: id, Incident: "inc-1", Category: "ddos_attack", Kind: "ddos", Severity: "high", Action: decision.FlowSpecDrop, Scope: "host",
		Target: netip.MustParsePrefix("203.0.113.7/32"), Match: decision.Match{Destination: netip.MustParsePrefix("203.0.113.7/32"), Protocol: "udp", SrcPort: 53},
		State: decision.Approved, Origin: "approval", Effect: decision.EffectUnknown, Covers: &covers, Created: noon(), Updated: noon(), Until: noon().Add(time.Minute),
	}
}

func (c *commander) Decisions(_ context.Context, f *mitigate.ListFilter) (mitigate.Page, error) {
	c.filter = *f
	if f.Limit == 1 {
		return mitigate.Page{Decisions: []decision.Decision{*decided("mit-1")}, Next: "more"}, c.err
	}
	return mitigate.Page{}, c.err
}

func (c *commander) Decision(_ context.Context, id string) (*decision.Decision, []mitigate.Entry, error) {
	if id == "mit-unknown" {
		return nil, nil, mitigate.ErrNotFound
	}
	return decided(id), []mitigate.Entry{{Seq: 7, At: noon(), Text: "proposed", Decision: *decided(id)}, {Seq: 9, At: noon(), By: "anna", Text: "approved", Decision: *decided(id)}}, c.err
}

func (c *commander) tell(what string, who mitigate.Person) error {
	c.did = append(c.did, strings.TrimSpace(fmt.Sprint(what, " by ", who.By, " ", who.Note)))
	return c.err
}

func (c *commander) Approve(_ context.Context, id string, who mitigate.Person) (*decision.Decision, error) {
	return decided(id), c.tell("approve "+id, who)
}

func (c *commander) Reject(_ context.Context, id string, who mitigate.Person) (*decision.Decision, error) {
	return decided(id), c.tell("reject "+id, who)
}

func (c *commander) Withdraw(_ context.Context, id string, who mitigate.Person) (*decision.Decision, error) {
	return decided(id), c.tell("withdraw "+id, who)
}

func (c *commander) Request(_ context.Context, r *mitigate.Request, who mitigate.Person) (*decision.Decision, error) {
	c.asked = *r
	return decided("mit-2"), c.tell("request", who)
}

func (c *commander) Panic(ctx context.Context, who mitigate.Person) (int, error) {
	c.gone = ctx.Err()
	return 3, c.tell("panic", who)
}

func (c *commander) Resume(_ context.Context, who mitigate.Person) error {
	return c.tell("resume", who)
}

func (c *commander) Status(context.Context) (*mitigate.Status, error) {
	return &mitigate.Status{Mode: "act", Active: 2, Halted: &mitigate.Halt{At: noon(), By: "anna"}}, nil
}

// mitigations are all three.
func mitigations(c *commander) *Mitigations { return &Mitigations{Ledger: c, Commander: c, Brake: c} }

const atMitigations = "/api/v1/mitigations"

func TestReadMitigations(t *testing.T) {
	c := &commander{}
	s := server(t, func(_ *Config, d *Deps) { d.Mitigations = mitigations(c) })
	for _, tc := range []struct {
		target string
		status int
		text   string
	}{
		{"", 200, `"mitigations":[]`},
		{"?limit=1", 200, `"next":"more"`},
		{"?state=active,expiring&incident=inc-1&target=203.0.113.7&cursor=x", 200, `"mitigations":[]`},
		{"?state=done", 422, "query.state"},
		{"?limit=0", 422, "query.limit"},
		{"?limit=1001", 422, "query.limit"},
		{"?severity=high", 422, "severity"},
		{"/mit-1", 200, `"ledger":[{"seq":7,`},
		{"/mit-1", 200, `"target":"203.0.113.7/32"`},
		{"/mit-unknown", 404, "no such decision"},
		{"/" + strings.Repeat("x", 65), 422, "path.id"},
		{"/status", 200, `"mode":"act","halted":{"at":"2026-03-02T12:00:00Z","by":"anna"},"active":2,"proposed":0,"actuators":[]`},
	} {
		res, body := ask(t, s, "GET", atMitigations+tc.target, nil)
		if res.Code != tc.status || !strings.Contains(body, tc.text) {
			t.Errorf("%s: %d %s, want %d %s", tc.target, res.Code, body, tc.status, tc.text)
		}
		if strings.Contains(tc.target, "expiring") {
			if f := c.filter; fmt.Sprint(f.States) != "[active expiring]" || f.Incident != "inc-1" || f.Target != "203.0.113.7" || f.Cursor != "x" || f.Limit != 100 {
				t.Errorf("%+v", f)
			}
		}
	}
	for err, want := range map[error]string{mitigate.ErrBadCursor: "422 query.cursor", errors.New("/secret"): "500 log says why"} {
		c.err = err
		res, body := ask(t, s, "GET", atMitigations, nil)
		if status, text, _ := strings.Cut(want, " "); fmt.Sprint(res.Code) != status || !strings.Contains(body, text) || strings.Contains(body, "secret") {
			t.Errorf("%d %s, want %s", res.Code, body, want)
		}
	}
}

func TestCommands(t *testing.T) {
	c := &commander{}
	s := server(t, func(_ *Config, d *Deps) { d.Mitigations = mitigations(c) })
	refused := &mitigate.RefusedError{Sentences: []string{"203.0.113.1 is a resolver", "20 rules are in force, which is the most"}}
	const drop = `"action":"flowspec_drop"`
	for _, tc := range []struct {
		call, body string
		err        error
		status     int
		text, does string
	}{
		{"/mit-1/approve", "", nil, 200, `"state":"approved"`, "approve mit-1 by administrator"},
		{"/mit-1/approve", `{"by":"anna","note":"it is one"}`, nil, 200, `"id":"mit-1"`, "approve mit-1 by anna it is one"},
		{"/mit-1/reject", `{"by":"anna"}`, nil, 200, "", "reject mit-1 by anna"},
		{"/mit-1/withdraw", `{"by":"anna"}`, nil, 200, "", "withdraw mit-1 by anna"},
		{"/mit-1/approve", "", fmt.Errorf("mit-1: %w", mitigate.ErrNotFound), 404, "no such decision", "approve mit-1 by administrator"},
		{"/mit-1/approve", "", fmt.Errorf("it is withdrawn: %w", mitigate.ErrState), 409, "it is withdrawn: not possible in this state", "approve mit-1 by administrator"},
		{"/mit-1/approve", "", refused, 409, `"errors":[{"message":"203.0.113.1 is a resolver"},{"message":"20 rules are in force, which is the most"}]`, "approve mit-1 by administrator"},
		{"/mit-1/approve", "", errors.New("/secret"), 500, "could not approve it; the server's log says why", "approve mit-1 by administrator"},
		{"/mit-1/approve", `{"by":"a\u001b[2J"}`, nil, 422, "do not print", ""},
		{"/mit-1/approve", `{"note":"` + strings.Repeat("a", 1001) + `"}`, nil, 422, "body.note", ""},
		{"/mit-1/approve", `{"note":"` + strings.Repeat("a", maxBody) + `"}`, nil, 413, "too large", ""},
		{"/mit-1/approve", `{"force":true}`, nil, 422, "force", ""},
		{"/panic", "", nil, 200, `{"withdrawn":3}`, "panic by administrator"},
		{"/panic", `{"by":"anna","note":"it hurts"}`, nil, 200, `{"withdrawn":3}`, "panic by anna it hurts"},
		{"/panic", `{"note":"\u0007"}`, nil, 422, "do not print", ""},
		{"/panic", "", errors.New("/secret"), 500, "could not take all rules back (3 were)", "panic by administrator"},
		{"/resume", `{"by":"anna"}`, nil, 200, `"mode":"act"`, "resume by anna"},
		{"/resume", `{"by":"\u0007"}`, nil, 422, "do not print", ""},
		{"/resume", "", mitigate.ErrState, 409, "not possible", "resume by administrator"},
		{"", `{"incident":"inc-1",` + drop + `,"by":"anna","note":"now"}`, nil, 201, `"id":"mit-2"`, "request by anna now"},
		{"", `{"target":"203.0.113.7",` + drop + `,"match":{"source":"198.51.100.0/24","protocol":"udp","source_port":53,"packet_bytes":{"from":1,"to":2}},"minutes":10}`, nil, 201, "", "request by administrator"},
		{"", `{"target":"203.0.113.7",` + drop + `}`, refused, 409, "is a resolver", "request by administrator"},
		{"", `{"target":"203.0.113.7",` + drop + `}`, fmt.Errorf("%w: no actuator can", mitigate.ErrRequest), 422, "no actuator can", "request by administrator"},
		{"", `{` + drop + `}`, nil, 422, "an incident or a target", ""},
		{"", `{"target":"203.0.113.7"}`, nil, 422, "action", ""},
		{"", `{"target":"203.0.113.7","action":"nuke"}`, nil, 422, "body.action", ""},
		{"", `{"target":"here",` + drop + `}`, nil, 422, `target: \"here\" is neither`, ""},
		{"", `{"target":"fe80::1%eth0",` + drop + `}`, nil, 422, "is neither", ""},
		{"", `{"target":"203.0.113.7/24",` + drop + `}`, nil, 422, "bits beyond", ""},
		{"", `{"target":"203.0.113.7",` + drop + `,"match":{"source":"x"}}`, nil, 422, "match.source", ""},
		{"", `{"target":"203.0.113.7",` + drop + `,"match":{"destination":"x"}}`, nil, 422, "match.destination", ""},
		{"", `{"target":"203.0.113.7",` + drop + `,"match":{"protocol":"warp"}}`, nil, 422, "warp", ""},
		{"", `{"target":"203.0.113.7","action":"rate_limit"}`, nil, 422, "needs a rate", ""},
		{"", `{"target":"203.0.113.7",` + drop + `,"minutes":10081}`, nil, 422, "body.minutes", ""},
		{"", `{"target":"203.0.113.7",` + drop + `,"minutes":0}`, nil, 422, "body.minutes", ""},
		{"", "", nil, 400, "body", ""},
	} {
		c.did, c.err = nil, tc.err
		status, body := send(t, s, "POST "+atMitigations+tc.call, tc.body)
		if status != tc.status || !strings.Contains(body, tc.text) || strings.Join(c.did, " ") != tc.does || strings.Contains(body, "secret") {
			t.Errorf("%s %.90s: %d %s, does %q, want %d %s, %q", tc.call, tc.body, status, body, c.did, tc.status, tc.text, tc.does)
		}
		if r := c.asked; strings.Contains(tc.body, "packet_bytes") &&
			(r.Target.String() != "203.0.113.7/32" || r.Minutes != 10 || r.Match.String() != "udp of 1 to 2 bytes from 198.51.100.0/24 port 53") {
			t.Errorf("%+v", r)
		}
	}
}

// Without the token, and from a page of another site, nothing is changed.
func TestCommandsNeedTheToken(t *testing.T) {
	c := &commander{}
	s := server(t, func(_ *Config, d *Deps) { d.Mitigations = mitigations(c) })
	for _, call := range []string{"", "/mit-1/approve", "/mit-1/reject", "/mit-1/withdraw", "/panic", "/resume"} {
		for name, change := range map[string]func(*http.Request){
			"no token":     func(r *http.Request) { r.Header.Del("Authorization") },
			"wrong token":  func(r *http.Request) { r.Header.Set("Authorization", "Bearer wrong-wrong-wrong-wrong") },
			"another site": func(r *http.Request) { r.Header.Set("Origin", "https://attacker.example") },
			"another name": func(r *http.Request) { r.Host = "attacker.example" },
		} {
			if status, got := send(t, s, "POST "+atMitigations+call, `{"incident":"inc-1","action":"block"}`, change); status != 401 && status != 403 {
				t.Errorf("%s, %s: %d %s", name, call, status, got)
			}
		}
		ask(t, s, "GET", atMitigations+call, nil) // changes nothing either
	}
	if len(c.did) != 0 {
		t.Errorf("refused and done: %v", c.did)
	}
}

// Who presses the button and goes away meant it.
func TestPanicGoesOn(t *testing.T) {
	c := &commander{}
	s := server(t, func(_ *Config, d *Deps) { d.Mitigations = mitigations(c) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	send(t, s, "POST "+atMitigations+"/panic", "", func(r *http.Request) { *r = *r.WithContext(ctx) })
	if len(c.did) != 1 || c.gone != nil {
		t.Errorf("%v, %v", c.did, c.gone)
	}
}

// Without what acts, what was decided is still read, and nothing is promised beyond.
func TestMitigationsWithoutCommander(t *testing.T) {
	s := server(t, func(_ *Config, d *Deps) { d.Mitigations = &Mitigations{Ledger: &commander{}} })
	for call, want := range map[string]int{"GET ": 200, "GET /mit-1": 200, "POST ": 405, "POST /mit-1/approve": 404, "POST /panic": 405} {
		method, path, _ := strings.Cut(call, " ")
		if status, body := send(t, s, method+" "+atMitigations+path, ""); status != want {
			t.Errorf("%s: %d %s", call, status, body)
		}
	}
	none := server(t, func(_ *Config, d *Deps) { d.Mitigations = nil })
	if status, _ := send(t, none, "GET "+atMitigations, ""); status != 404 {
		t.Errorf("nothing acts: %d", status)
	}
}

// A decision fits its schema.
func TestDecisionFitsTheDocument(t *testing.T) {
	s := server(t, nil)
	_, text := ask(t, s, "GET", "/api/v1/openapi.json", nil)
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Required   []string                   `json:"required"`
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	_, body := ask(t, s, "GET", atMitigations+"/mit-1", nil)
	var one struct {
		Decision map[string]json.RawMessage `json:"decision"`
	}
	if err := json.Unmarshal([]byte(body), &one); err != nil {
		t.Fatal(err)
	}
	schema := doc.Components.Schemas["Decision"]
	for name := range one.Decision {
		if schema.Properties[name] == nil {
			t.Errorf("%s is not in the document", name)
		}
	}
	for _, name := range schema.Required {
		if got := cmp.Or(string(one.Decision[name]), "absent"); got == "absent" || got == "null" {
			t.Errorf("%s is required and is %s", name, got)
		}
	}
	if len(schema.Required) < 10 {
		t.Errorf("required: %v", schema.Required)
	}
}
