// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tidewatch/api"
	"tidewatch/detect"
	"tidewatch/encode"
	"tidewatch/feedback"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/store"
)

// Verdicts move the score and the severity of what is found, visibly, and a critical
// attack stays an alert however often it was called normal.
func TestVerdictsMoveFindings(t *testing.T) {
	flood := func(verdicts int) incident.Incident {
		e, err := NewEngine(testConfig(), nil)
		if err != nil {
			t.Fatal(err)
		}
		cfg := feedback.DefaultConfig()
		book, err := feedback.NewBook(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		const t0 = 1_700_000_000
		for i := range verdicts {
			v := feedback.New(fmt.Sprint("inc-", i), "10.0.0.1", "ddos", feedback.Normal)
			v.At, v.By = time.Unix(t0-100, 0), "anna"
			if err := book.Add(&v); err != nil {
				t.Fatal(err)
			}
		}
		e.Heed(book)
		b := flow.NewBatch(1)
		r := udpFlood(t0, t0+20)
		b.Append(&r)
		e.Process(b)
		e.Advance(t0 + 22)
		got := e.Incidents()
		if len(got) != 1 {
			t.Fatalf("%d incidents", len(got))
		}
		return got[0]
	}
	plain, once, often := flood(0), flood(1), flood(20)
	if plain.Score <= once.Score || once.Score <= often.Score || often.Severity != detect.SeverityOf(often.Score) {
		t.Errorf("scores %v %v %v, severity %s", plain.Score, once.Score, often.Score, often.Severity)
	}
	if plain.Severity == detect.Critical && often.Severity.Rank() < detect.Medium.Rank() {
		t.Errorf("a critical attack became %s", often.Severity)
	}
	text := fmt.Sprintf("%+v", once.Indicators)
	if !strings.Contains(text, "the threshold is 1.25 times as high since 2023-11-14 by anna") || strings.Contains(fmt.Sprintf("%+v", plain.Indicators), "feedback") {
		t.Error(text)
	}
}

// running is a server in this process.
type running struct {
	*Server
	*remote

	dir    string
	stop   func()
	log    *locked
	floods uint16
}

type locked struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func serveIn(t *testing.T, dir string, change ...func(*Config)) *running {
	t.Helper()
	cfg := DefaultConfig()
	cfg.DataDir, cfg.Timezone, cfg.API.Listen = dir, "UTC", "127.0.0.1:0"
	cfg.Collect.Listen = []string{"127.0.0.1:0"}
	for _, f := range change {
		f(&cfg)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{dir: dir, log: &locked{}}
	ready, done := make(chan *Server, 1), make(chan error, 1)
	go func() {
		done <- Serve(ctx, &cfg, &ServeOptions{Log: r.log, Version: "test", Ready: func(s *Server) { ready <- s }})
	}()
	select {
	case r.Server = <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	lock, server, err := enter(&cfg)
	if err != nil || lock != nil || server == nil {
		t.Fatalf("lock %v, server %v, %v", lock, server, err)
	}
	r.remote = server
	return r
}

// flood sends a flow of 20 seconds to a host that ends now: 20 000 packets/s the
// first time, twice as many the next.
func (r *running) flood(t *testing.T, victim string) {
	t.Helper()
	conn, err := net.Dial("udp", r.Collector().Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	e, err := encode.New(encode.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	r.floods++
	b := flow.NewBatch(1)
	b.Append(&flow.Record{
		Start: now.UnixNano() - 20e9, End: now.UnixNano(), Proto: flow.ProtoUDP, SrcPort: 4000 + r.floods, DstPort: 9,
		Src: flow.AddrFrom(netip.MustParseAddr("198.51.100.7")), Dst: flow.AddrFrom(netip.MustParseAddr(victim)),
		Packets: 400_000 << r.floods, Bytes: 24_000_000 << r.floods, Sampling: 1,
	})
	if err := e.Encode(b, 0, 1, now, func(d []byte) error { _, err := conn.Write(d); return err }); err != nil {
		t.Fatal(err)
	}
}

// about floods a subject, and again each second, until an incident of it in the API
// fits.
func (r *running) about(t *testing.T, subject string, fits func(*incident.Incident) bool) incident.Incident {
	t.Helper()
	var list api.List
	for n := range 300 {
		if n%10 == 0 && r.floods < 24 {
			r.flood(t, subject)
		}
		time.Sleep(100 * time.Millisecond)
		if err := r.call(t.Context(), "GET", "/api/v1/incidents?subject="+subject, nil, &list); err != nil {
			t.Fatal(err)
		}
		for i := range list.Incidents {
			if fits(&list.Incidents[i]) {
				return list.Incidents[i]
			}
		}
	}
	t.Fatalf("no such incident about %s: %+v", subject, list.Incidents)
	return incident.Incident{}
}

func isOpen(i *incident.Incident) bool { return i.State == incident.Open }

// What people decide through the API takes effect in the engine at once, is on the
// disk with its audit when they are answered, and holds over a restart.
func TestDecisionsAtAServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	r := serveIn(t, dir)
	secret, err := os.ReadFile(filepath.Join(dir, "token"))
	if err != nil {
		t.Fatal(err)
	}
	first := r.about(t, "10.0.0.1", isOpen)
	var after incident.Incident
	act := func(id, what string, body any) error {
		return r.call(t.Context(), "POST", "/api/v1/incidents/"+id+"/"+what, body, &after)
	}
	said := func(verdict string) map[string]string {
		return map[string]string{"verdict": verdict, "by": "anna", "note": "load test"}
	}
	if err := act(first.ID, "acknowledge", map[string]string{"by": "anna"}); err != nil || after.State != incident.Acknowledged {
		t.Fatalf("%+v, %v", after, err)
	}
	// It goes on and stays acknowledged.
	updated := r.about(t, "10.0.0.1", func(i *incident.Incident) bool { return i.Metrics.Packets > first.Metrics.Packets })
	if updated.State != incident.Acknowledged || updated.ID != first.ID {
		t.Errorf("it is %s then", updated.State)
	}
	if err := act(first.ID, "feedback", said("normal")); err != nil || after.Verdict != incident.VerdictNormal {
		t.Fatalf("%+v, %v", after, err)
	}
	moved := r.about(t, "10.0.0.1", func(i *incident.Incident) bool {
		return strings.Contains(fmt.Sprint(i.Indicators), "by anna")
	})
	if moved.Score < first.Score {
		t.Errorf("the highest score so far fell from %v to %v", first.Score, moved.Score)
	}
	if err := act(first.ID, "close", said("normal")); err != nil || after.State != incident.Closed {
		t.Fatalf("%+v, %v", after, err)
	}
	if err := act(first.ID, "close", said("normal")); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("closed twice: %v", err)
	}
	if err := act("inc-unknown", "close", said("normal")); err == nil || !strings.Contains(err.Error(), "no such incident") {
		t.Errorf("unknown: %v", err)
	}
	r.flood(t, "10.0.0.1") // it goes on and stays closed
	// The next one tells when that was judged.
	second := r.about(t, "10.0.0.2", isOpen)
	if err := act(second.ID, "feedback", said("attack")); err != nil {
		t.Fatal(err)
	}
	r.stop()
	if strings.Contains(r.log.String(), strings.TrimSpace(string(secret))) {
		t.Error("the token stands in the log")
	}

	// A clean stop ends the running minute, and flow time would wait for the clock.
	if err := os.Remove(filepath.Join(dir, "baselines", "checkpoint")); err != nil {
		t.Fatal(err)
	}
	r = serveIn(t, dir)
	if again, err := os.ReadFile(filepath.Join(dir, "token")); err != nil || !bytes.Equal(again, secret) {
		t.Errorf("another token after the restart, %v", err)
	}
	r.flood(t, "10.0.0.1")
	r.about(t, "10.0.0.3", isOpen)
	var list api.List
	if err := r.call(t.Context(), "GET", "/api/v1/incidents?subject=10.0.0.1", nil, &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Incidents) != 1 || list.Incidents[0].State != incident.Closed || list.Incidents[0].Verdict != incident.VerdictNormal {
		t.Errorf("after the restart: %+v", list.Incidents)
	}
	var verdicts Verdicts
	if err := r.call(t.Context(), "GET", "/api/v1/feedback", nil, &verdicts); err != nil {
		t.Fatal(err)
	}
	if len(verdicts.Feedback) != 2 || verdicts.Feedback[0].Factor != 1.25 || verdicts.Feedback[1].Factor != 0.8 || verdicts.Feedback[0].By != "anna" {
		t.Fatalf("%+v", verdicts)
	}
	if err := r.call(t.Context(), "DELETE", "/api/v1/feedback/"+verdicts.Feedback[0].ID, nil, nil); err != nil {
		t.Error(err)
	}
	if err := r.call(t.Context(), "DELETE", "/api/v1/feedback/"+verdicts.Feedback[0].ID, nil, nil); err == nil {
		t.Error("taken back twice")
	}
	r.engine.Verdicts(func(b *feedback.Book, _ time.Time) {
		if b.Len() != 1 {
			t.Errorf("the engine goes on with %d verdicts", b.Len())
		}
	})
	lines, err := r.store.Audits(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var audit []string
	for _, l := range lines {
		audit = append(audit, strings.Join([]string{l.Who, l.What, l.Target, l.Detail}, "|"))
	}
	want := []string{
		"administrator|feedback.undo|" + verdicts.Feedback[0].ID + "|",
		"anna|incident.feedback|" + second.ID + "|attack: load test",
		"anna|incident.close|" + first.ID + "|normal: load test",
		"anna|incident.feedback|" + first.ID + "|normal: load test",
		"anna|incident.acknowledge|" + first.ID + "|",
	}
	if got := strings.Join(audit, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("audit:\n%s", got)
	}
}

// A token in a file that others read, and a wrong one, are refused; a listener beyond
// loopback is, too, without a token of its own, although one could be made.
func TestTokenAtAServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	r := serveIn(t, dir)
	wrong := remote{base: r.base, token: "wrong-wrong-wrong-wrong"}
	if err := wrong.call(t.Context(), "POST", "/api/v1/baselines/freeze", map[string]bool{"frozen": true}, nil); err == nil || !strings.Contains(err.Error(), "token is wrong") {
		t.Errorf("a wrong token: %v", err)
	}
	r.stop()
	cfg := DefaultConfig()
	cfg.DataDir, cfg.API.Listen, cfg.Collect.Listen = dir, "0.0.0.0:0", []string{"127.0.0.1:0"}
	o := &ServeOptions{Log: &locked{}, Ready: func(*Server) { t.Error("it listens") }}
	if err := Serve(t.Context(), &cfg, o); err == nil || !strings.Contains(err.Error(), "refusing to listen") {
		t.Errorf("beyond loopback: %v", err)
	}
	cfg.API.Listen = "127.0.0.1:0"
	if err := os.Chmod(filepath.Join(dir, "token"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), &cfg, o); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a token that others read: %v", err)
	}
}

func TestReachable(t *testing.T) {
	for in, want := range map[string]string{
		"http://127.0.0.1:8080":      "http://127.0.0.1:8080",
		"http://[::]:8080":           "http://[::1]:8080",
		"http://0.0.0.0:80":          "http://127.0.0.1:80",
		"http://192.0.2.1:1":         "http://192.0.2.1:1",
		"http://[2001:db8::1]:1":     "http://[2001:db8::1]:1",
		"http://attacker.example:80": "",
		"https://127.0.0.1:1":        "https://127.0.0.1:1",
		"127.0.0.1:1":                "",
		"":                           "",
	} {
		if got, err := reachable(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// What people decide about baselines holds in the engine at once and on the disk.
func TestBaselinesWhileInUse(t *testing.T) {
	dir := t.TempDir()
	e, m, err := openMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	audit, err := store.New(&store.Config{Dir: dir, MaxIncidents: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := audit.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer audit.Close()
	s := &shelf{m, audit}
	minute := int64(firstMinute)
	learn := func(hours int64) {
		t.Helper()
		for end := minute + hours*60; minute < end; minute++ {
			minuteOf(e, minute)
			if minute%60 == 0 {
				if err := m.save(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := m.save(); err != nil {
			t.Fatal(err)
		}
	}
	hours := func() int {
		t.Helper()
		e.mu.Lock()
		defer e.mu.Unlock()
		p, ok := e.shards[0].past.Profile(flow.AddrFrom4([4]byte{10, 0, 0, 7}), "bytes_in")
		if !ok {
			return 0
		}
		return p.HoursKept
	}
	learn(30)
	list, err := s.Baselines(t.Context())
	if err != nil || list.Devices != 20 || list.Frozen || list.Current == "" {
		t.Fatalf("%+v, %v", list, err)
	}
	first, then := list.Current, 0
	if files, err := store.OpenBaselines(dir); err == nil {
		l := &Library{cfg: testConfig(), files: files}
		p, err := l.Profile("10.0.0.7", first, "bytes_in")
		if err != nil {
			t.Fatal(err)
		}
		then = p.HoursKept
	}

	// Frozen at once, and after a restart.
	if err := s.Freeze(t.Context(), true, "anna"); err != nil {
		t.Fatal(err)
	}
	before := hours()
	learn(5)
	if got := hours(); got != before || before < 25 {
		t.Errorf("frozen it learns on: %d hours, then %d", before, got)
	}
	if err := m.files.Close(); err != nil {
		t.Fatal(err)
	}
	if e, m, err = openMemory(dir); err != nil {
		t.Fatal(err)
	}
	s.memory = m
	learn(5)
	if got := hours(); got != before {
		t.Errorf("after a restart it learns on: %d hours, then %d", before, got)
	}
	if err := s.Freeze(t.Context(), false, "anna"); err != nil {
		t.Fatal(err)
	}
	learn(5)
	if got := hours(); got <= before {
		t.Errorf("thawed it does not learn: %d hours, then %d", before, got)
	}

	// Rolled back at once; what was learned since is a version, and learning goes on from the old one.
	grown := hours()
	v, err := s.Rollback(t.Context(), first, "anna")
	if err != nil {
		t.Fatal(err)
	}
	if got := hours(); got != then || then >= grown {
		t.Errorf("rolled back to %d hours of %d it has %d", then, grown, got)
	}
	list, err = s.Baselines(t.Context())
	if err != nil || list.Current != v.ID || list.Versions[len(list.Versions)-2].Note != "before rolling back to "+first {
		t.Errorf("%+v, %v", list, err)
	}
	learn(3)
	on := hours()
	if err := m.files.Close(); err != nil {
		t.Fatal(err)
	}
	if e, m, err = openMemory(dir); err != nil {
		t.Fatal(err)
	}
	s.memory = m
	if got := hours(); got != on || on <= then {
		t.Errorf("after the rollback %d hours, then %d, after a restart %d", then, on, got)
	}
	// And undone.
	if _, err := s.Rollback(t.Context(), list.Versions[len(list.Versions)-2].ID, "ben"); err != nil || hours() != grown {
		t.Errorf("undone: %d hours of %d, %v", hours(), grown, err)
	}

	// Refusals are the caller's and change nothing.
	count := len(m.files.Versions())
	for what, err := range map[string]error{
		"rollback": func() error { _, err := s.Rollback(t.Context(), "x", "anna"); return err }(),
		"version":  s.ApproveVersion(t.Context(), "x", "anna"),
		"name": func() error {
			_, err := s.ApproveDevice(t.Context(), "printer", time.Unix(0, 0), "anna")
			if err != nil && !strings.Contains(err.Error(), "printer is not an address") {
				t.Error(err)
			}
			return err
		}(),
		"device": func() error {
			_, err := s.ApproveDevice(t.Context(), "10.0.0.7", time.Unix(minute*60, 0), "anna")
			return err
		}(),
	} {
		var refused *api.RefusedError
		if !errors.As(err, &refused) || refused.Status < 404 {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.ApproveVersion(t.Context(), first, "anna"); err != nil || len(m.files.Versions()) != count {
		t.Errorf("%d versions, then %d, %v", count, len(m.files.Versions()), err)
	}
	lines, err := audit.Audits(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var what []string
	for _, l := range lines {
		what = append(what, l.Who+" "+l.What)
	}
	if got := strings.Join(what, ", "); got != "anna baseline.approve, ben baseline.rollback, anna baseline.rollback, anna baseline.unfreeze, anna baseline.freeze" {
		t.Errorf("audit: %s", got)
	}
	if err := m.files.Close(); err != nil {
		t.Error(err)
	}
}

// A duplicate and the incident that goes on instead name each other, in the engine, in
// the store and after a restart; one that the engine has long forgotten, too.
func TestDuplicates(t *testing.T) {
	ctx := t.Context()
	cfg := testConfig()
	cfg.DataDir = t.TempDir()
	s, err := store.New(&store.Config{Dir: cfg.DataDir, MaxIncidents: cfg.MaxIncidents})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Unix(1_700_000_000, 0).UTC()
	for _, id := range []string{"inc-a", "inc-b", "inc-c"} {
		inc := incident.Incident{
			ID: id, Category: detect.DDoSAttack, Kind: "ddos", Subject: "10.0.0.1", Scope: incident.ScopeHost, Severity: detect.High,
			CurrentSeverity: detect.High, State: incident.Open, Started: at, Detected: at, LastSeen: at, Updated: at,
		}
		if err := s.Save(ctx, []incident.Event{{At: at, Type: incident.Opened, Incident: inc}}); err != nil {
			t.Fatal(err)
		}
	}
	d, err := newDesk(ctx, cfg, s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	dup := func(id, of string) error {
		_, err := d.Decide(ctx, id, &incident.Decision{Action: incident.Close, Verdict: incident.VerdictDuplicate, Of: of, By: "anna"})
		return err
	}
	if err := errors.Join(dup("inc-b", "inc-a"), dup("inc-c", "inc-a")); err != nil {
		t.Fatal(err)
	}
	if err := dup("inc-a", "inc-b"); !errors.Is(err, incident.ErrDecision) {
		t.Errorf("a circle: %v", err)
	}
	if err := dup("inc-a", "inc-x"); !errors.Is(err, incident.ErrDecision) {
		t.Errorf("of one that is not: %v", err)
	}
	a, err := s.Get(ctx, "inc-a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Get(ctx, "inc-b")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(a.Children, " ") != "inc-b inc-c" || a.State != incident.Open || b.Parent != "inc-a" || b.State != incident.Closed {
		t.Errorf("%+v\n%+v", a, b)
	}
	audit, err := s.Audits(ctx, 0, 1)
	if err != nil || len(audit) != 1 || audit[0].Detail != "duplicate of inc-a" || audit[0].Target != "inc-c" {
		t.Errorf("%+v %v", audit, err)
	}
	if said, err := d.Feedback(ctx); err != nil || len(said) != 0 {
		t.Errorf("a duplicate moves thresholds: %+v %v", said, err)
	}
}
