// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// noon is a Wednesday.
var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func attack(change ...func(*incident.Incident)) *incident.Incident {
	inc := &incident.Incident{
		ID: "inc-1", Category: detect.DDoSAttack, Kind: "ddos", Vector: "syn_flood", Subject: "10.0.0.7", Scope: incident.ScopeHost,
		Severity: detect.High, CurrentSeverity: detect.High, Score: 0.8, State: incident.Open,
		Started: noon, Detected: noon, LastSeen: noon, Updated: noon,
		Timeline: []incident.Entry{{At: noon, Event: incident.Opened, Text: "opened"}},
	}
	for _, c := range change {
		c(inc)
	}
	return inc
}

func newRouter(t *testing.T, cfg *Config, sinks ...string) *Router {
	t.Helper()
	all := map[string]Limits{}
	for _, s := range sinks {
		all[s] = Limits{PerMinute: 20, UpdateEvery: time.Minute}
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRouter(cfg, all, []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}, zone)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRoutes(t *testing.T) {
	subject := func(s string) func(*incident.Incident) { return func(i *incident.Incident) { i.Subject = s } }
	severity := func(s detect.Severity) func(*incident.Incident) {
		return func(i *incident.Incident) { i.Severity = s }
	}
	verdict := func(j incident.Judgement) func(*incident.Incident) {
		return func(i *incident.Incident) { i.Assessment = &incident.Assessment{Verdict: j} }
	}
	theft := func(i *incident.Incident) { i.Category, i.Kind = detect.DataExfiltration, "slow_exfiltration" }
	nets := func(list ...string) (out []netip.Prefix) {
		for _, s := range list {
			out = append(out, netip.MustParsePrefix(s))
		}
		return out
	}
	a, b := []string{"a"}, []string{"b"}
	for name, tc := range map[string]struct {
		rules []Rule
		inc   *incident.Incident
		want  string
		at    time.Time
	}{
		"no rules, medium":                {nil, attack(severity(detect.Medium)), "a b", noon},
		"no rules, low":                   {nil, attack(severity(detect.Low)), "", noon},
		"low is never told":               {[]Rule{{Sinks: a}}, attack(severity(detect.Low)), "", noon},
		"the first rule decides":          {[]Rule{{Sinks: a}, {Sinks: b}}, attack(), "a", noon},
		"continue asks the next":          {[]Rule{{Sinks: a, Continue: true}, {Sinks: b}}, attack(), "a b", noon},
		"a sink is named once":            {[]Rule{{Sinks: a, Continue: true}, {Sinks: a}}, attack(), "a", noon},
		"nobody":                          {[]Rule{{Kinds: []string{"ddos"}}, {Sinks: a}}, attack(), "", noon},
		"no rule fits":                    {[]Rule{{Sinks: a, Kinds: []string{"volume"}}}, attack(), "", noon},
		"category":                        {[]Rule{{Sinks: a, Categories: []string{"data_exfiltration"}}, {Sinks: b}}, attack(theft), "a", noon},
		"another category":                {[]Rule{{Sinks: a, Categories: []string{"data_exfiltration"}}, {Sinks: b}}, attack(), "b", noon},
		"kind":                            {[]Rule{{Sinks: a, Kinds: []string{"slow_exfiltration"}}, {Sinks: b}}, attack(theft), "a", noon},
		"severe enough":                   {[]Rule{{Sinks: a, MinSeverity: "critical"}, {Sinks: b}}, attack(severity(detect.Critical)), "a", noon},
		"not severe enough":               {[]Rule{{Sinks: a, MinSeverity: "critical"}, {Sinks: b}}, attack(), "b", noon},
		"in a network":                    {[]Rule{{Sinks: a, Prefixes: nets("10.0.0.0/24")}, {Sinks: b}}, attack(), "a", noon},
		"in no network":                   {[]Rule{{Sinks: a, Prefixes: nets("10.0.1.0/24")}, {Sinks: b}}, attack(), "b", noon},
		"IPv6 in a network":               {[]Rule{{Sinks: a, Prefixes: nets("2001:db8::/32")}, {Sinks: b}}, attack(subject("2001:db8::7")), "a", noon},
		"IPv6 and IPv4 networks":          {[]Rule{{Sinks: a, Prefixes: nets("0.0.0.0/0")}, {Sinks: b}}, attack(subject("2001:db8::7")), "b", noon},
		"a mapped network":                {[]Rule{{Sinks: a, Prefixes: nets("::ffff:10.0.0.0/104")}, {Sinks: b}}, attack(), "a", noon},
		"a subject that holds the device": {[]Rule{{Sinks: a, Prefixes: nets("10.0.0.9/32")}, {Sinks: b}}, attack(subject("10.0.0.0/24")), "a", noon},
		"group":                           {[]Rule{{Sinks: a, Groups: []string{"shop"}}, {Sinks: b}}, attack(subject("192.0.2.9")), "a", noon},
		"critical devices":                {[]Rule{{Sinks: a, Groups: []string{"critical"}}, {Sinks: b}}, attack(subject("10.9.3.3")), "a", noon},
		"not a critical device":           {[]Rule{{Sinks: a, Groups: []string{"critical"}}, {Sinks: b}}, attack(), "b", noon},
		"verdict":                         {[]Rule{{Sinks: a, Verdicts: []string{"threat"}}, {Sinks: b}}, attack(verdict(incident.Threat)), "a", noon},
		"another verdict":                 {[]Rule{{Sinks: a, Verdicts: []string{"threat"}}, {Sinks: b}}, attack(verdict(incident.Legitimate)), "b", noon},
		"no verdict is uncertain":         {[]Rule{{Sinks: a, Verdicts: []string{"uncertain"}}, {Sinks: b}}, attack(), "a", noon},
		"in hours of the site":            {[]Rule{{Sinks: a, Hours: []string{"mon-fri 13:00-13:01"}}, {Sinks: b}}, attack(), "a", noon},
		"out of hours":                    {[]Rule{{Sinks: a, Hours: []string{"mon-fri 12:00-13:00"}}, {Sinks: b}}, attack(), "b", noon},
		"another day":                     {[]Rule{{Sinks: a, Hours: []string{"thu-tue 00:00-24:00"}}, {Sinks: b}}, attack(), "b", noon},
		"over midnight":                   {[]Rule{{Sinks: a, Hours: []string{"wed 22:00-06:00"}}, {Sinks: b}}, attack(), "a", noon.Add(14 * time.Hour)},
		"the night before":                {[]Rule{{Sinks: a, Hours: []string{"thu 22:00-06:00"}}, {Sinks: b}}, attack(), "b", noon.Add(14 * time.Hour)},
		"several hours":                   {[]Rule{{Sinks: a, Hours: []string{"sat,sun 00:00-24:00", "daily 13:00-14:00"}}, {Sinks: b}}, attack(), "a", noon},
	} {
		cfg := DefaultConfig()
		cfg.Routes, cfg.Groups = tc.rules, []Group{{"shop", nets("192.0.2.0/24")}}
		got := newRouter(t, &cfg, "a", "b").Sinks(tc.inc, tc.at)
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: told to %q, want %q", name, got, tc.want)
		}
	}
}

func TestWrongRules(t *testing.T) {
	for name, tc := range map[string]struct {
		rule Rule
		says string
	}{
		"sink":           {Rule{Sinks: []string{"c"}}, "sink with the name c"},
		"escalation":     {Rule{Sinks: []string{"a"}, EscalateTo: []string{"c"}, EscalateAfter: time.Hour}, "sink with the name c"},
		"category":       {Rule{Categories: []string{"ddos"}}, "ddos_attack"},
		"kind":           {Rule{Kinds: []string{"dos"}}, `"dos"`},
		"low":            {Rule{MinSeverity: "low"}, "medium, high or critical"},
		"severity":       {Rule{MinSeverity: "severe"}, "severe"},
		"group":          {Rule{Groups: []string{"shops"}}, "notify.groups"},
		"verdict":        {Rule{Verdicts: []string{"normal"}}, "legitimate"},
		"day":            {Rule{Hours: []string{"monday 08:00-18:00"}}, "monday is no weekday"},
		"time":           {Rule{Hours: []string{"mon 8-18"}}, "8-18"},
		"late":           {Rule{Hours: []string{"mon 08:00-24:01"}}, "24:01"},
		"empty":          {Rule{Hours: []string{"mon 08:00-08:00"}}, "08:00-08:00"},
		"no one to tell": {Rule{EscalateAfter: time.Hour}, "escalate_to"},
		"no time":        {Rule{EscalateTo: []string{"a"}}, "escalate_after"},
		"every second":   {Rule{EscalateTo: []string{"a"}, EscalateAfter: time.Hour, EscalateEvery: time.Second}, "escalate_every"},
		"network":        {Rule{Prefixes: make([]netip.Prefix, 1)}, "prefixes"},
	} {
		cfg := DefaultConfig()
		cfg.Routes = []Rule{tc.rule}
		_, err := NewRouter(&cfg, map[string]Limits{"a": {}}, nil, time.UTC)
		if err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "rule 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// story plays events and reviews, and writes down what is told to whom.
type story struct {
	r   *Router
	h   Heard
	inc *incident.Incident
	now time.Time
}

func (s *story) step(after time.Duration, t incident.EventType, change func(*incident.Incident)) string {
	s.now = s.now.Add(after)
	if change != nil {
		change(s.inc)
		s.inc.Updated = s.now
		s.inc.Timeline = append(s.inc.Timeline, incident.Entry{At: s.now, Event: t})
	}
	var out []string
	for _, n := range s.r.Plan(t, s.inc, &s.h, s.now) {
		text := n.Sink + ":" + string(n.Message.Status)
		if n.Message.Escalated {
			text += "!"
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func state(s incident.State) func(*incident.Incident) {
	return func(i *incident.Incident) { i.State = s }
}

func same(*incident.Incident) {}

type act struct {
	after  time.Duration
	t      incident.EventType
	change func(*incident.Incident)
	want   string
}

func TestPlan(t *testing.T) {
	worse := func(i *incident.Incident) { i.Severity = detect.Critical }
	reason := func(r string) func(*incident.Incident) {
		return func(i *incident.Incident) { i.State, i.Reason = incident.Resolved, r }
	}
	escalating := []Rule{{Sinks: []string{"chat"}, MinSeverity: "high", EscalateTo: []string{"pager"}, EscalateAfter: 15 * time.Minute}}
	repeating := []Rule{{Sinks: []string{"chat"}, EscalateTo: []string{"chat", "pager"}, EscalateAfter: 15 * time.Minute, EscalateEvery: time.Hour}}
	hours := []Rule{{Sinks: []string{"chat"}, Hours: []string{"daily 14:00-18:00"}}}
	for name, tc := range map[string]struct {
		rules []Rule
		acts  []act
	}{
		"a life": {nil, []act{
			{0, incident.Opened, same, "chat:trigger pager:trigger"},
			{time.Second, incident.VectorChanged, same, ""}, // withheld
			{time.Second, incident.Updated, nil, ""},
			{time.Minute, "", nil, "chat:update pager:update"},
			{time.Minute, incident.Updated, nil, ""}, // written out again, nothing new
			{time.Second, incident.Escalated, worse, "chat:trigger pager:trigger"},
			{time.Second, incident.AcknowledgedEvent, state(incident.Acknowledged), "chat:acknowledge pager:acknowledge"},
			{time.Hour, incident.Updated, same, "chat:update pager:update"},
			{time.Second, incident.ResolvedEvent, reason(incident.ReasonQuiet), "chat:resolve pager:resolve"},
			{time.Second, incident.ClosedEvent, state(incident.Closed), ""},
		}},
		"it comes again": {nil, []act{
			{0, incident.Opened, same, "chat:trigger pager:trigger"},
			{time.Minute, incident.ResolvedEvent, reason(incident.ReasonQuiet), "chat:resolve pager:resolve"},
			{time.Minute, incident.Reopened, state(incident.Open), "chat:trigger pager:trigger"},
		}},
		"a restart tells nothing": {nil, []act{
			{0, incident.Opened, same, "chat:trigger pager:trigger"},
			{time.Hour, incident.Restored, same, ""},
		}},
		"closed by a person": {nil, []act{
			{0, incident.Opened, same, "chat:trigger pager:trigger"},
			{time.Minute, incident.ClosedEvent, state(incident.Closed), "chat:resolve pager:resolve"},
			{time.Minute, incident.FeedbackEvent, same, ""},
		}},
		"over before it was saved": {nil, []act{
			{0, incident.Opened, reason(incident.ReasonRecovered), "chat:resolve chat:trigger pager:resolve pager:trigger"},
		}},
		"a part of another is not told": {nil, []act{{0, incident.Opened, reason(incident.ReasonAbsorbed), ""}}},
		"a part that was told ends": {nil, []act{
			{0, incident.Opened, same, "chat:trigger pager:trigger"},
			{time.Second, incident.ResolvedEvent, reason(incident.ReasonAbsorbed), "chat:resolve pager:resolve"},
		}},
		"what was over before anybody listened": {nil, []act{
			{0, incident.ResolvedEvent, reason(incident.ReasonQuiet), ""},
			{time.Minute, incident.FeedbackEvent, same, ""},
		}},
		"taken before anybody heard":    {nil, []act{{0, incident.AcknowledgedEvent, state(incident.Acknowledged), ""}}},
		"mitigated in its first second": {nil, []act{{0, incident.Opened, state(incident.Mitigated), "chat:trigger pager:trigger"}}},
		"mitigated, in the second in which it began": {nil, []act{
			{0, incident.Opened, same, "chat:trigger pager:trigger"},
			{0, incident.ActedEvent, state(incident.Mitigated), ""}, // withheld for a minute, as all updates
			{time.Minute, "", nil, "chat:update pager:update"},
			{time.Hour, "", nil, ""},
			{0, incident.ActedEvent, same, "chat:update pager:update"},
			{time.Minute, incident.ActedEvent, state(incident.Open), "chat:update pager:update"},
		}},
		"taken while it is mitigated": {escalating, []act{
			{0, incident.Opened, state(incident.Mitigated), "chat:trigger"},
			{time.Minute, incident.AcknowledgedEvent, func(i *incident.Incident) { i.Acknowledged = true }, "chat:acknowledge"},
			{time.Hour, "", nil, ""},
			{time.Minute, incident.ActedEvent, func(i *incident.Incident) { i.State, i.Acknowledged = incident.Acknowledged, false }, "chat:update"},
		}},
		"nobody takes it, though it is mitigated": {escalating, []act{
			{0, incident.Opened, same, "chat:trigger"},
			{time.Minute, incident.ActedEvent, state(incident.Mitigated), "chat:update"},
			{14 * time.Minute, "", nil, "pager:trigger!"},
		}},
		"taken, then mitigated": {escalating, []act{
			{0, incident.Opened, same, "chat:trigger"},
			{time.Second, incident.AcknowledgedEvent, state(incident.Acknowledged), "chat:acknowledge"},
			{time.Minute, incident.ActedEvent, func(i *incident.Incident) { i.State, i.Acknowledged = incident.Mitigated, true }, "chat:update"},
			{time.Hour, "", nil, ""},
		}},
		"ends go to who heard the beginning": {[]Rule{{Sinks: []string{"pager"}, MinSeverity: "critical", Continue: true}, {Sinks: []string{"chat"}}}, []act{
			{0, incident.Opened, same, "chat:trigger"},
			{time.Minute, incident.ResolvedEvent, reason(incident.ReasonQuiet), "chat:resolve"},
		}},
		"who hears from critical on": {[]Rule{{Sinks: []string{"pager"}, MinSeverity: "critical", Continue: true}, {Sinks: []string{"chat"}}}, []act{
			{0, incident.Opened, same, "chat:trigger"},
			{time.Minute, incident.Escalated, worse, "chat:trigger pager:trigger"},
			{time.Minute, incident.ResolvedEvent, reason(incident.ReasonQuiet), "chat:resolve pager:resolve"},
		}},
		"nobody takes it": {escalating, []act{
			{0, incident.Opened, same, "chat:trigger"},
			{14 * time.Minute, "", nil, ""},
			{time.Minute, "", nil, "pager:trigger!"},
			{time.Hour, "", nil, ""},
			{time.Hour, incident.ResolvedEvent, reason(incident.ReasonQuiet), "chat:resolve pager:resolve"},
		}},
		"somebody takes it": {escalating, []act{
			{0, incident.Opened, same, "chat:trigger"},
			{time.Minute, incident.AcknowledgedEvent, state(incident.Acknowledged), "chat:acknowledge"},
			{time.Hour, "", nil, ""},
		}},
		"it is over before": {escalating, []act{
			{0, incident.Opened, same, "chat:trigger"},
			{time.Minute, incident.ClosedEvent, state(incident.Closed), "chat:resolve"},
			{time.Hour, "", nil, ""},
		}},
		"again and again": {repeating, []act{
			{0, incident.Opened, same, "chat:trigger pager:trigger"[:12]},
			{15 * time.Minute, "", nil, "chat:trigger! pager:trigger!"},
			{59 * time.Minute, "", nil, ""},
			{time.Minute, "", nil, "chat:trigger! pager:trigger!"},
			{5 * time.Hour, "", nil, "chat:trigger! pager:trigger!"}, // it did not run: once, not five times
			{30 * time.Minute, "", nil, ""},
			{time.Hour, "", nil, "chat:trigger! pager:trigger!"},
			{time.Minute, incident.AcknowledgedEvent, state(incident.Acknowledged), "chat:acknowledge pager:acknowledge"},
			{5 * time.Hour, "", nil, ""},
		}},
		"told when the hours begin": {hours, []act{
			{0, incident.Opened, same, ""},
			{59 * time.Minute, incident.Updated, nil, ""},
			{time.Minute, "", nil, "chat:trigger"}, // 14:00 in Berlin
		}},
		"over when the hours begin": {hours, []act{
			{0, incident.Opened, same, ""},
			{time.Minute, incident.ResolvedEvent, reason(incident.ReasonQuiet), ""},
			{time.Hour, "", nil, ""},
		}},
	} {
		cfg := DefaultConfig()
		cfg.Routes = tc.rules
		s := &story{r: newRouter(t, &cfg, "chat", "pager"), inc: attack(), now: noon}
		for i, a := range tc.acts {
			due := s.h.Due
			if a.t == "" && a.want != "" && (due.IsZero() || due.After(s.now.Add(a.after))) {
				t.Errorf("%s, step %d: nobody would ask before %v", name, i+1, due)
			}
			if got := s.step(a.after, a.t, a.change); got != a.want {
				t.Errorf("%s, step %d: told %q, want %q", name, i+1, got, a.want)
			}
		}
	}
}

// The same incident gives the same ids, whenever it is planned; two messages never
// share one.
func TestMessageIDs(t *testing.T) {
	cfg := DefaultConfig()
	r := newRouter(t, &cfg, "a", "b")
	ids := func() (out []string) {
		var h Heard
		inc := attack()
		for i := range 3 {
			inc.Severity = []detect.Severity{detect.Medium, detect.High, detect.Critical}[i]
			for _, n := range r.Plan(incident.Updated, inc, &h, noon) {
				out = append(out, n.Message.ID)
			}
		}
		return out
	}
	first, second := ids(), ids()
	if len(first) != 6 || !slices.Equal(first, second) {
		t.Errorf("ids %v, then %v", first, second)
	}
	slices.Sort(first)
	if len(slices.Compact(first)) != 6 {
		t.Errorf("ids are shared: %v", first)
	}
}

// A sink that is taken out of the configuration is forgotten, and one that was added
// hears of what goes on.
func TestSinksChange(t *testing.T) {
	cfg := DefaultConfig()
	s := &story{r: newRouter(t, &cfg, "old"), inc: attack(), now: noon}
	if got := s.step(0, incident.Opened, same); got != "old:trigger" {
		t.Fatal(got)
	}
	s.r = newRouter(t, &cfg, "new")
	if got := s.step(time.Minute, incident.Updated, same); got != "new:trigger" || len(s.h.Told) != 1 {
		t.Errorf("told %q, remembers %v", got, fmt.Sprint(s.h.Told))
	}
}
