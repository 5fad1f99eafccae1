// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tidewatch/decision"
	"tidewatch/detect"
)

// doing is an action against the flood of these tests.
func doing(id, state string, change func(*Action)) *Action {
	a := &Action{
		ID: id, Name: "blackhole", State: state, Target: "192.0.2.10", Match: "all traffic to 192.0.2.10", Via: "bgp",
		Reason: "policy", Detail: "rule customers of the policy", Until: at(600), Effect: "unknown",
	}
	if change != nil {
		change(a)
	}
	return a
}

func act(t *testing.T, b *Book, sec int, id string, a *Action) Event {
	t.Helper()
	e, err := b.Act(at(float64(sec)), id, a)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func held(t *testing.T, b *Book, id string) Incident {
	t.Helper()
	i, ok := b.Held(id)
	if !ok {
		t.Fatalf("the book does not hold %s", id)
	}
	return i
}

func none(int) []detect.Finding { return nil }

// While something is in force silence ends nothing. When it has ended the quiet time
// begins, and then the incident is over.
func TestMitigated(t *testing.T) {
	b, id := opened(t)
	e := act(t, b, 12, id, doing("m1", ActionActive, nil))
	line := e.Incident.Timeline[len(e.Incident.Timeline)-1]
	if e.Type != ActedEvent || e.Incident.State != Mitigated || line.Event != ActedEvent ||
		line.Text != "blackhole 192.0.2.10 is in force until 03:10:00 UTC (bgp): rule customers of the policy" {
		t.Errorf("%s, %s: %+v", e.Type, e.Incident.State, line)
	}
	for _, e := range run(b, 13, 13+1800, none) {
		if e.Incident.State != Mitigated || e.Type == Deescalated {
			t.Fatalf("%s makes it %s", e.Type, e.Incident.State)
		}
	}
	e = act(t, b, 1814, id, doing("m1", ActionWithdrawn, func(a *Action) { a.Reason, a.Detail = "expired", "" }))
	if e.Incident.State != Open || len(e.Incident.Actions) != 1 || b.Active() != 1 {
		t.Errorf("after the action: %+v", e.Incident)
	}
	events := run(b, 1814, 1872, none)
	if got := held(t, b, id); got.State != Open || got.CurrentSeverity != detect.High {
		t.Errorf("within the quiet time: %s, %s, %s", got.State, got.CurrentSeverity, types(events))
	}
	events = run(b, 1873, 1880, none)
	if len(events) != 1 || events[0].Incident.State != Resolved || events[0].Incident.Reason != ReasonQuiet || b.Active() != 0 {
		t.Errorf("after the quiet time: %s, %d go on", types(events), b.Active())
	}
}

// What comes back while the rule is gone for a probe is the same incident, within the
// quiet time and, as any, some minutes after it.
func TestProbe(t *testing.T) {
	for _, later := range []int{30, 120} {
		b, id := opened(t)
		act(t, b, 12, id, doing("m1", ActionActive, nil))
		run(b, 13, 900, none)
		act(t, b, 901, id, doing("m1", ActionWithdrawn, nil))
		run(b, 902, 901+later, none)
		for i := range 10 {
			s := float64(902 + later + i)
			b.Apply(at(s), []detect.Finding{flood(s-1, s, 0.8, 20_000)}, nil)
		}
		if got := held(t, b, id); got.State != Open || b.Active() != 1 || b.Stats().Opened != 1 {
			t.Errorf("%d s later: %s, %d go on, %d opened", later, got.State, b.Active(), b.Stats().Opened)
		}
		if e := act(t, b, 920+later, id, doing("m2", ActionActive, nil)); e.Incident.State != Mitigated || len(e.Incident.Actions) != 2 {
			t.Errorf("put back: %+v", e.Incident)
		}
	}
}

// What only would be done, waits, tells somebody or came to nothing mitigates nothing.
func TestNotMitigated(t *testing.T) {
	for name, a := range map[string]*Action{
		"dry run":   doing("m1", ActionActive, func(a *Action) { a.DryRun = true }),
		"hook":      doing("m1", ActionActive, func(a *Action) { a.Name = "hook" }),
		"proposed":  doing("m1", ActionProposed, nil),
		"approved":  doing("m1", ActionApproved, nil),
		"rejected":  doing("m1", ActionRejected, nil),
		"failed":    doing("m1", ActionFailed, nil),
		"withdrawn": doing("m1", ActionWithdrawn, nil),
	} {
		b, id := opened(t)
		decide(t, b, 11, id, ack())
		e := act(t, b, 12, id, a)
		if e.Type != ActedEvent || e.Incident.State != Acknowledged || e.Incident.Acknowledged {
			t.Errorf("%s: %s, %s", name, e.Type, e.Incident.State)
		}
		if run(b, 13, 80, none); held(t, b, id).State != Resolved {
			t.Errorf("%s: it goes on", name)
		}
	}
}

// Whoever had taken it still has it afterwards, and it can be taken meanwhile.
func TestMitigatedAndAcknowledged(t *testing.T) {
	before, id := opened(t)
	decide(t, before, 11, id, ack())
	act(t, before, 12, id, doing("m1", ActionActive, nil))
	meanwhile, _ := opened(t)
	act(t, meanwhile, 12, id, doing("m1", ActionActive, nil))
	if e := decide(t, meanwhile, 13, id, ack()); e.Incident.State != Mitigated || e.Type != AcknowledgedEvent {
		t.Errorf("taken meanwhile: %s, %s", e.Type, e.Incident.State)
	}
	for name, b := range map[string]*Book{"before": before, "meanwhile": meanwhile} {
		if got := held(t, b, id); got.State != Mitigated || !got.Acknowledged {
			t.Errorf("%s: %s, taken: %v", name, got.State, got.Acknowledged)
		}
		if _, err := b.Decide(at(14), id, ack()); !errors.Is(err, ErrState) {
			t.Errorf("%s: twice: %v", name, err)
		}
		act(t, b, 15, id, doing("m2", ActionActive, nil))
		if e := act(t, b, 16, id, doing("m1", ActionWithdrawn, nil)); e.Incident.State != Mitigated {
			t.Errorf("%s: %s while the second action stands", name, e.Incident.State)
		}
		act(t, b, 17, id, doing("m2", ActionExpiring, nil))
		if e := act(t, b, 18, id, doing("m2", ActionWithdrawn, nil)); e.Incident.State != Acknowledged || e.Incident.Acknowledged {
			t.Errorf("%s: afterwards %s", name, e.Incident.State)
		}
	}
}

// Findings, also more severe ones, change what is known and not the state.
func TestMitigatedIsSeenFurther(t *testing.T) {
	b, id := opened(t)
	act(t, b, 12, id, doing("m1", ActionActive, nil))
	for _, e := range goesOn(b, 13, 60, 0.95) {
		if e.Incident.State != Mitigated {
			t.Fatalf("%s makes it %s", e.Type, e.Incident.State)
		}
	}
	if got := held(t, b, id); got.Severity != detect.Critical || len(got.Actions) != 1 {
		t.Errorf("%s", got.Severity)
	}
}

// A person may close it. What comes while nothing was quiet stays closed, also after
// the action has ended.
func TestMitigatedIsClosed(t *testing.T) {
	b, id := opened(t)
	act(t, b, 12, id, doing("m1", ActionActive, nil))
	run(b, 13, 600, none)
	if e := decide(t, b, 601, id, closing(VerdictAttack)); e.Incident.State != Closed || b.Active() != 0 {
		t.Errorf("%s, %d go on", e.Incident.State, b.Active())
	}
	run(b, 602, 630, none)
	if e := act(t, b, 631, id, doing("m1", ActionWithdrawn, nil)); e.Incident.State != Closed || e.Incident.Actions[0].State != ActionWithdrawn {
		t.Errorf("%+v", e.Incident)
	}
	if events := goesOn(b, 640, 660, 0.8); len(events) != 0 {
		t.Errorf("its attack goes on, and %s is told", types(events))
	}
	run(b, 661, 730, none)
	if events := goesOn(b, 731, 733, 0.8); types(events) != "opened" {
		t.Errorf("after it was quiet: %s", types(events))
	}
}

// After a restart actions count until somebody speaks for them, or for two minutes.
func TestMitigatedIsRestored(t *testing.T) {
	first, id := opened(t)
	decide(t, first, 11, id, ack())
	act(t, first, 12, id, doing("m1", ActionActive, nil))
	saved := first.Flush(at(13), nil)[0].Incident
	again := func() *Book {
		b := newBook(t, nil)
		if err := b.Restore([]Incident{saved}); err != nil {
			t.Fatal(err)
		}
		return b
	}

	b := again()
	run(b, 1000, 1000+119, none)
	if got := held(t, b, id); got.State != Mitigated || !got.Acknowledged || b.Active() != 1 {
		t.Errorf("at first it is %s", got.State)
	}
	run(b, 1120, 1120, none)
	got := held(t, b, id)
	if line := got.Timeline[len(got.Timeline)-1]; got.State != Acknowledged || got.Actions[0].State != ActionWithdrawn || line.Event != ActedEvent ||
		!strings.Contains(line.Text, "nobody has spoken for it since the restart") {
		t.Errorf("nobody speaks for it: %s, %+v", got.State, line)
	}
	if run(b, 1121, 1179, none); held(t, b, id).State != Acknowledged {
		t.Error("its quiet time does not begin then")
	}
	if run(b, 1180, 1181, none); held(t, b, id).State != Resolved {
		t.Error("it does not end")
	}

	b = again()
	act(t, b, 999, id, doing("m1", ActionActive, nil)) // before the first tick
	run(b, 1000, 3000, none)
	if got := held(t, b, id); got.State != Mitigated {
		t.Errorf("spoken for: %s", got.State)
	}

	b = again()
	run(b, 1000, 1010, none)
	act(t, b, 1010, id, doing("m1", ActionWithdrawn, nil))
	if run(b, 1011, 1069, none); held(t, b, id).State != Acknowledged {
		t.Error("withdrawn: its quiet time does not begin then")
	}
	if run(b, 1070, 1071, none); held(t, b, id).State != Resolved {
		t.Error("withdrawn: it does not end")
	}
}

// A stored incident that no book holds takes actions likewise.
func TestActOnStored(t *testing.T) {
	b, id := opened(t)
	i := held(t, b, id)
	for _, step := range []struct {
		a    *Action
		want State
	}{
		{doing("m1", ActionActive, nil), Mitigated},
		{doing("m1", ActionExpiring, nil), Mitigated},
		{doing("m1", ActionWithdrawn, nil), Open},
	} {
		if kind, err := i.Act(at(20), step.a, 100); err != nil || kind != ActedEvent || i.State != step.want {
			t.Errorf("%s: %s, %s, %v", step.a.State, kind, i.State, err)
		}
	}
	i.State = Resolved
	if _, err := i.Act(at(21), doing("m2", ActionActive, nil), 100); err != nil || i.State != Resolved || len(i.Actions) != 2 {
		t.Errorf("over: %s, %v", i.State, err)
	}
	for name, a := range map[string]*Action{
		"no id": doing("", ActionActive, nil), "no state": doing("m1", "", nil), "no name": doing("m1", ActionActive, func(a *Action) { a.Name = "" }),
	} {
		before := i.Clone()
		if _, err := i.Act(at(22), a, 100); !errors.Is(err, ErrAction) || !i.Updated.Equal(before.Updated) || len(i.Timeline) != len(before.Timeline) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.Act(at(22), "inc-nobody", doing("m1", ActionActive, nil)); !errors.Is(err, ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

// Longer leases change the action and tell nothing; effects are told.
func TestRenewal(t *testing.T) {
	b, id := opened(t)
	act(t, b, 12, id, doing("m1", ActionActive, nil))
	lines := len(held(t, b, id).Timeline)
	for n := range 5 {
		e := act(t, b, 13+n, id, doing("m1", ActionActive, func(a *Action) { a.Until = at(float64(700 + n)) }))
		if e.Type != Updated || len(e.Incident.Timeline) != lines || !e.Incident.Actions[0].Until.Equal(at(float64(700+n))) {
			t.Errorf("%s, %d lines", e.Type, len(e.Incident.Timeline))
		}
	}
	covers, harm := 0.97, 0.02
	e := act(t, b, 20, id, doing("m1", ActionActive, func(a *Action) { a.Effect, a.Covers, a.Collateral = "helps", &covers, &harm }))
	if got := e.Incident.Timeline[lines].Text; e.Type != ActedEvent || got != "blackhole 192.0.2.10 helps: it hits 97 % of the attack and 2 % of what is usual" {
		t.Errorf("%s: %q", e.Type, got)
	}
	covers = 0
	if got := held(t, b, id); *got.Actions[0].Covers != 0.97 {
		t.Error("the book shares memory with who acts")
	}
}

// Sixteen actions are kept. What is over gives way first, what stops something last.
func TestActionsAreBounded(t *testing.T) {
	b, id := opened(t)
	act(t, b, 12, id, doing("live", ActionActive, nil))
	act(t, b, 12, id, doing("waits", ActionProposed, nil))
	for n := range 40 {
		act(t, b, 13, id, doing(fmt.Sprintf("over%d", n), ActionWithdrawn, nil))
	}
	got := held(t, b, id)
	if len(got.Actions) != maxActions || got.Actions[0].ID != "live" || got.Actions[1].ID != "waits" || got.Actions[2].ID != "over26" || got.ActionsDropped != 26 {
		t.Errorf("%d kept, %d dropped: %s %s %s", len(got.Actions), got.ActionsDropped, got.Actions[0].ID, got.Actions[1].ID, got.Actions[2].ID)
	}
	for n := range 40 {
		act(t, b, 14, id, doing(fmt.Sprintf("more%d", n), ActionProposed, nil))
	}
	if got = held(t, b, id); len(got.Actions) != maxActions || got.Actions[0].ID != "live" || got.State != Mitigated {
		t.Errorf("%d kept, first %s, %s", len(got.Actions), got.Actions[0].ID, got.State)
	}
}

// The attack on a prefix does not end the incident of a host about which something is
// done, or its actions would end.
func TestMitigatedIsNotAbsorbed(t *testing.T) {
	b, id := opened(t)
	act(t, b, 12, id, doing("m1", ActionActive, nil))
	around := flood(5, 14, 0.8, 90_000)
	around.Subject = around.Subject.Masked()
	around.Subject, _ = around.Subject.Addr().Prefix(24)
	b.Apply(at(14), []detect.Finding{around}, nil)
	if got := held(t, b, id); got.State != Mitigated || b.Active() != 2 {
		t.Errorf("%s, %d go on", got.State, b.Active())
	}
	act(t, b, 15, id, doing("m1", ActionWithdrawn, nil))
	around.Score, around.Severity, around.Last = 0.95, detect.Critical, at(16)
	b.Apply(at(16), []detect.Finding{around}, nil)
	if got := held(t, b, id); got.State != Open || got.Parent != "" {
		t.Errorf("after the action %s, part of %q", got.State, got.Parent)
	}
}

// In a full book others give their place.
func TestMitigatedKeepsItsPlace(t *testing.T) {
	b := newBook(t, func(c *Config) { c.MaxOpen = 2 })
	one, two := flood(5, 10, 0.6, 20_000), flood(5, 10, 0.7, 20_000)
	two.Subject = host("2001:db8::2")
	events := b.Apply(at(10), []detect.Finding{one, two}, nil)
	act(t, b, 11, events[0].Incident.ID, doing("m1", ActionActive, nil))
	for n := range 3 {
		more := flood(5, 12, 0.95, 20_000)
		more.Subject = host(fmt.Sprintf("192.0.2.%d", 100+n))
		b.Apply(at(float64(12+n)), []detect.Finding{more}, nil)
	}
	if got := held(t, b, events[0].Incident.ID); got.State != Mitigated || b.Stats().Evicted != 1 {
		t.Errorf("%s, %d evicted", got.State, b.Stats().Evicted)
	}
}

// The words are those of package decision, which this one may not import.
func TestActionWords(t *testing.T) {
	for _, s := range []decision.State{
		decision.Proposed, decision.Approved, decision.Active, decision.Expiring, decision.Withdrawn, decision.Failed, decision.Rejected,
	} {
		a := doing("m1", string(s), nil)
		if err := a.validate(); err != nil || a.Over() != s.Over() {
			t.Errorf("%s: over %v, %v", s, a.Over(), err)
		}
		if s.Wanted() != (a.did() && !a.Over() && s != decision.Expiring) {
			t.Errorf("%s is wanted: %v", s, s.Wanted())
		}
	}
	for _, name := range decision.Actions() {
		a := doing("m1", ActionActive, func(a *Action) { a.Name = string(name) })
		if a.whole() != name.Whole() || a.Stops() != (name != decision.Hook) {
			t.Errorf("%s: whole %v, stops %v", name, a.whole(), a.Stops())
		}
	}
	rule := doing("m1", ActionProposed, func(a *Action) {
		a.Name, a.Match, a.DryRun, a.Detail, a.Reason = "flowspec_drop", "udp from port 53 to 192.0.2.10", true, "", "guard"
	})
	if got := rule.Text(); got != "dry run: flowspec drop udp from port 53 to 192.0.2.10 is proposed (bgp): guard" {
		t.Error(got)
	}
	for effect, want := range map[decision.Effect]string{
		decision.EffectHelps: "helps", decision.EffectNoHelp: "does not help", decision.EffectHarms: "does harm",
	} {
		a := doing("m1", ActionActive, func(a *Action) { a.Effect = string(effect) })
		if got := a.changed(doing("m1", ActionActive, nil)); got != "blackhole 192.0.2.10 "+want {
			t.Error(got)
		}
	}
}

func TestGround(t *testing.T) {
	b, id := opened(t)
	i := held(t, b, id)
	if v, c := RulesVerdict(&i); v != "" || c != 0 || Spoofed(&i) != nil || Sampled(&i) {
		t.Errorf("known of nothing: %s %v %v %v", v, c, Spoofed(&i), Sampled(&i))
	}
	i.Assessment, i.Rules = &Assessment{By: "a model", Verdict: Legitimate, Confidence: 0.9}, &Assessment{By: "rules", Verdict: Threat, Confidence: 0.8}
	if v, c := RulesVerdict(&i); v != Threat || c != 0.8 {
		t.Errorf("the model's word counts: %s %v", v, c)
	}
	i.Rules = nil
	if v, _ := RulesVerdict(&i); v != Legitimate { // the rules' own: no model was asked
		t.Errorf("%s", v)
	}
	for flows, want := range map[float64]float64{0.97: 1, 1: 1, 1.25: 0.75, 2: 0, 40: 0} {
		i.Indicators = []Indicator{{Indicator: detect.Indicator{Name: "flows_per_source", Observed: flows, Expected: 2}}}
		if got := Spoofed(&i); got == nil || *got != want {
			t.Errorf("%v flows a source: %v, want %v", flows, got, want)
		}
	}
	i.Metrics.SamplingRate = 1000
	if !Sampled(&i) || Spoofed(&i) != nil {
		t.Error("sources are told under sampling")
	}
}

// A finding of sampled packets makes its incident one.
func TestSampledStays(t *testing.T) {
	b := newBook(t, nil)
	f := flood(5, 10, 0.8, 20_000)
	f.Metrics.SamplingRate = 100
	id := b.Apply(at(10), []detect.Finding{f}, nil)[0].Incident.ID
	b.Apply(at(11), []detect.Finding{flood(5, 11, 0.8, 20_000)}, nil)
	if i := held(t, b, id); !Sampled(&i) {
		t.Error("forgotten")
	}
}

// TestActionsAreCopied: whoever has a snapshot has it for himself.
func TestActionsAreCopied(t *testing.T) {
	covers, size, hits := 0.5, detect.Range{From: 1, To: 2}, 0.1
	i := Incident{
		Actions: []Action{{ID: "m1", Covers: &covers, Collateral: &covers}},
		Filter:  &TrafficFilter{Filter: detect.Filter{PacketBytes: &size, Collateral: &hits}, Text: "text"},
	}
	c := i.Clone()
	covers, size.From, hits, i.Filter.Text, i.Actions[0].State = 1, 9, 1, "", ActionFailed
	if a := c.Actions[0]; *a.Covers != 0.5 || *a.Collateral != 0.5 || a.State != "" {
		t.Errorf("action %+v", a)
	}
	if f := c.Filter; f.PacketBytes.From != 1 || *f.Collateral != 0.1 || f.Text != "text" {
		t.Errorf("filter %+v", f)
	}
}
