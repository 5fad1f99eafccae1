// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/notify"
	"tidewatch/store/storetest"
)

// box is a store as the suite wants it.
type box struct {
	*Outbox
	*Store
}

func TestOutboxPassesTheSuite(t *testing.T) {
	storetest.RunOutbox(t, func(t *testing.T, p notify.Planner) storetest.Outbox {
		t.Helper()
		s := open(t, t.TempDir())
		s.Tell(p)
		return box{s.Outbox(), s}
	})
}

// teller is a Planner without sinks behind it.
type teller struct{ *notify.Router }

func (teller) MaxQueue() int              { return 100 }
func (teller) Queued(_, _ map[string]int) {}

func newTeller(t *testing.T, rules []notify.Rule, sinks ...string) notify.Planner {
	t.Helper()
	cfg, all := notify.DefaultConfig(), map[string]notify.Limits{}
	for _, s := range sinks {
		all[s] = notify.Limits{PerMinute: 20, UpdateEvery: time.Minute}
	}
	cfg.Routes = rules
	r, err := notify.NewRouter(&cfg, all, []netip.Prefix{}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return teller{r}
}

func alarm(id string) *incident.Incident {
	at := time.Now().UTC()
	return &incident.Incident{
		ID: id, Category: detect.DDoSAttack, Kind: "ddos", Subject: "10.0.0.7", Severity: detect.High, State: incident.Open,
		Started: at, Detected: at, LastSeen: at, Updated: at, Timeline: []incident.Entry{{At: at, Event: incident.Opened}},
	}
}

// waits lists what is ready for a sink.
func waits(t *testing.T, s *Store, sink string) (out []string) {
	t.Helper()
	for after := int64(0); ; {
		q, _, err := s.Outbox().Next(t.Context(), sink, after)
		if err != nil {
			t.Fatal(err)
		}
		if q == nil {
			return out
		}
		after = q.Seq
		text := q.Message.Key + " " + string(q.Message.Status)
		if q.Gone {
			text += " gone"
		}
		out = append(out, text)
	}
}

func saved(t *testing.T, s *Store, inc *incident.Incident, what incident.EventType) {
	t.Helper()
	if err := s.Save(t.Context(), []incident.Event{{Type: what, Incident: *inc}}); err != nil {
		t.Fatal(err)
	}
}

// What was told and what waits outlives the process; what a person does without a
// server is told by the next.
func TestOutboxOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.Tell(newTeller(t, nil, "a"))
	inc := alarm("inc-1")
	saved(t, s, inc, incident.Opened)
	before, _, err := s.Outbox().Next(t.Context(), "a", 0)
	if err != nil || before == nil {
		t.Fatal(before, err)
	}
	again := func() {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
	}
	again()
	after, b, err := s.Outbox().Next(t.Context(), "a", 0)
	if err != nil || after == nil || after.Message.ID != before.Message.ID || !after.At.Equal(before.At) || b.Waiting != 1 {
		t.Fatalf("after a restart %+v, %v", after, err)
	}
	receipt := notify.Receipt("ts 17")
	if err := s.Outbox().Done(t.Context(), after, &receipt); err != nil {
		t.Fatal(err)
	}
	// The command line closes it, with no server running.
	if _, err := inc.Decide(time.Now(), &incident.Decision{Action: incident.Close, Verdict: incident.VerdictAttack, By: "jo"}, 100); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(t.Context(), &Change{Audit: Audit{At: time.Now(), What: "incident.close"}, Incident: inc}); err != nil {
		t.Fatal(err)
	}
	again()
	s.Tell(newTeller(t, nil, "a"))
	if more, err := s.Outbox().Review(t.Context(), time.Now()); err != nil || more {
		t.Fatal(more, err)
	}
	if got := waits(t, s, "a"); fmt.Sprint(got) != "[inc-1 resolve]" {
		t.Errorf("then waits %v", got)
	}
	if q, _, err := s.Outbox().Next(t.Context(), "a", 0); err != nil || q.Before != receipt || q.Message.Event != incident.ClosedEvent {
		t.Errorf("%+v, %v", q, err)
	}
}

// A decision is told in the transaction that records it.
func TestDecisionsAreTold(t *testing.T) {
	s := open(t, t.TempDir())
	s.Tell(newTeller(t, nil, "a", "b"))
	inc := alarm("inc-1")
	saved(t, s, inc, incident.Opened)
	if _, err := inc.Decide(time.Now(), &incident.Decision{Action: incident.Acknowledge}, 100); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(t.Context(), &Change{Audit: Audit{At: time.Now()}, Incident: inc}); err != nil {
		t.Fatal(err)
	}
	if _, b, err := s.Outbox().Next(t.Context(), "a", 0); err != nil || b.Waiting != 2 {
		t.Errorf("%d wait, %v", b.Waiting, err)
	}
}

// Sinks that are no longer configured lose what waits for them, and it is counted.
func TestUnnamedSinks(t *testing.T) {
	s := open(t, t.TempDir())
	s.Tell(newTeller(t, nil, "a", "b"))
	saved(t, s, alarm("inc-1"), incident.Opened)
	saved(t, s, alarm("inc-2"), incident.Opened)
	lost, err := s.Outbox().Unnamed(t.Context(), []string{"b", "c"})
	if err != nil || fmt.Sprint(lost) != "map[a:2]" {
		t.Errorf("lost %v, %v", lost, err)
	}
	if len(waits(t, s, "a")) != 0 || len(waits(t, s, "b")) != 2 {
		t.Error("the wrong ones are gone")
	}
}

// An incident that was forgotten leaves a message that says so, and no memory of it.
func TestForgottenIncident(t *testing.T) {
	s := open(t, t.TempDir())
	s.Tell(newTeller(t, nil, "a"))
	inc := alarm("inc-1")
	inc.State, inc.Reason = incident.Resolved, incident.ReasonQuiet
	saved(t, s, inc, incident.Opened)
	if _, err := s.write.ExecContext(t.Context(), "DELETE FROM incidents"); err != nil {
		t.Fatal(err)
	}
	s.saves = 0
	saved(t, s, alarm("inc-2"), incident.Opened)
	if got := waits(t, s, "a"); fmt.Sprint(got) != "[inc-1 trigger gone inc-2 trigger]" {
		t.Errorf("waits %v", got)
	}
	var n int
	if err := s.read.QueryRowContext(t.Context(), "SELECT count(*) FROM heard").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d remembered, %v", n, err)
	}
}

// What Save costs with two sinks that hear of everything, a new incident each.
func BenchmarkSaveAndTell(b *testing.B) {
	for _, sinks := range [][]string{nil, {"a", "b"}} {
		b.Run(fmt.Sprintf("%d sinks", len(sinks)), func(b *testing.B) {
			s, err := New(&Config{Dir: b.TempDir(), MaxIncidents: 100_000})
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Open(b.Context()); err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			if sinks != nil {
				cfg, all := notify.DefaultConfig(), map[string]notify.Limits{}
				for _, name := range sinks {
					all[name] = notify.Limits{PerMinute: 20}
				}
				r, err := notify.NewRouter(&cfg, all, nil, time.UTC)
				if err != nil {
					b.Fatal(err)
				}
				s.Tell(teller{r})
			}
			for n := 0; b.Loop(); n++ {
				events := make([]incident.Event, 100)
				for i := range events {
					events[i] = incident.Event{Type: incident.Opened, Incident: *alarm(fmt.Sprint(n, i))}
				}
				if err := s.Save(b.Context(), events); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A row that was damaged on the disk costs what it told, and nothing else.
func TestDamagedRowsOfTheOutbox(t *testing.T) {
	s := open(t, t.TempDir())
	s.Tell(newTeller(t, nil, "a"))
	for _, id := range []string{"inc-1", "inc-2", "inc-3"} {
		saved(t, s, alarm(id), incident.Opened)
	}
	damage := func(text string) {
		t.Helper()
		if _, err := s.write.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	damage("UPDATE incidents SET body = '{' WHERE id = 'inc-2'")
	damage("UPDATE heard SET due = 1")
	if _, err := s.Outbox().Review(t.Context(), time.Now()); err != nil {
		t.Errorf("review: %v", err)
	}
	if n, err := s.Outbox().Fold(t.Context(), "a", time.Now()); err != nil || n != 3 {
		t.Errorf("%d folded, %v", n, err)
	}
	q, _, err := s.Outbox().Next(t.Context(), "a", 0)
	if err != nil || q == nil || len(q.Message.Digest) != 2 {
		t.Fatalf("%+v %v", q, err)
	}
	damage("UPDATE outbox SET body = '{'")
	saved(t, s, alarm("inc-4"), incident.Opened)
	if n, err := s.Outbox().Fold(t.Context(), "a", time.Now()); err != nil || n != 2 {
		t.Errorf("%d folded, %v", n, err)
	}
}
