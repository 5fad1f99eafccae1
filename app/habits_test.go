// SPDX-License-Identifier: Apache-2.0

//go:build !race

package app

import (
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/scenario"
)

// extra is one conversation put into a scenario, a record a minute each way.
type extra struct {
	from, to       string
	port           uint16
	at             time.Duration // from the start of the run
	minutes        int64
	sent, received uint64 // bytes a minute
	daily          bool
}

// records appends what was exported in the minute that ends at sec.
func (x *extra) records(b *flow.Batch, start, sec int64) {
	since := sec - start - int64(x.at.Seconds())
	if x.daily && since > 0 {
		since %= 86400
	}
	if since <= 0 || since > 60*x.minutes {
		return
	}
	r := flow.Record{
		Received: sec * 1e9, Start: (sec - 60) * 1e9, End: sec*1e9 - 1, Proto: flow.ProtoTCP, TCPFlags: flow.ACK | flow.PSH,
		Src: flow.AddrFrom(netip.MustParseAddr(x.from)), Dst: flow.AddrFrom(netip.MustParseAddr(x.to)),
		SrcPort: 51_000, DstPort: x.port, Bytes: x.sent, Packets: 10 + x.sent/1000, Sampling: 1,
	}
	b.Append(&r)
	r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
	r.Bytes, r.Packets = x.received, 10+x.received/1000
	b.Append(&r)
}

// A quiet office fortnight, and a day, gives no finding of medium severity about habits.
// Then a server asks the internet for the first time and sends 200 MB, a camera
// that works by day works at three in the morning, and a workstation uses 15
// services it never used: each is told as what it is, and nobody else is.
func TestHabits(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	c := scenario.Config{Seed: 7, FlowsPerSecond: 0.4, Duration: 16 * day}
	if os.Getenv("TIDEWATCH_ACCURACY") == "1" { // make offices
		c.FlowsPerSecond = 2
	}
	s, err := scenario.New("office", c)
	if err != nil {
		t.Fatal(err)
	}
	start := s.Config().Start.Unix()
	const camera, server, worker = "10.10.4.30", "fd10:20:1::10", "10.10.2.15"
	extras := []extra{
		{camera, "10.10.1.15", 554, 8 * time.Hour, 600, 4e6, 1e5, true},
		{"10.10.2.20", server, 5432, 0, 1440, 2e5, 2e6, true},
		{camera, "10.10.1.15", 554, 15*day + 3*time.Hour, 10, 2e6, 1e5, false},
		{server, "2001:db8:77::1", 443, 15*day + 10*time.Hour, 20, 10e6, 1e5, false},
	}
	for port := range uint16(15) {
		extras = append(extras, extra{worker, "10.10.1.10", 7000 + 11*port, 15*day + 14*time.Hour, 5, 1e5, 1e5, false})
	}
	cfg := testConfig()
	cfg.Enrich.Internal = s.Internal()
	a := &analysis{result: &Result{}, byID: map[string]int{}}
	e, err := NewEngine(cfg, a.keep)
	if err != nil {
		t.Fatal(err)
	}
	b := flow.NewBatch(4096)
	for s.Next(b) {
		if now := s.Now().Unix(); now%60 == 0 {
			for i := range extras {
				extras[i].records(b, start, now)
			}
		}
		e.Process(b)
		b.Reset()
	}
	e.Drain()
	want := map[string]string{camera: "idle_hour", server: "new_peers", worker: "new_ports"}
	// The host that newly offers 15 services is told as well, for it does.
	event := map[string]bool{camera: true, server: true, worker: true, "10.10.1.10": true}
	for i := range a.result.Incidents {
		g := &a.result.Incidents[i]
		if !habitual(g) || g.Severity.Rank() < detect.Medium.Rank() {
			continue
		}
		late := g.Started.Unix() >= start+15*86400
		if late && event[g.Subject] {
			if speaksOf(g, want[g.Subject]) {
				t.Logf("found: %s", g.Headline())
				delete(want, g.Subject)
			}
			continue
		}
		t.Errorf("not asked for: %s, %v, started %v: %+v", g.Headline(), g.Kinds, g.Started, g.Indicators)
	}
	for subject, name := range want {
		t.Errorf("missed %s of %s", name, subject)
	}
}

// habitual reports whether an incident has anything to do with habits. An
// upload ratio is also an indicator of the theft detector, so the kind counts.
func habitual(g *incident.Incident) bool {
	for _, name := range []string{"new_peers", "new_ports", "idle_hour", "upload_bytes"} {
		if speaksOf(g, name) {
			return true
		}
	}
	return g.Kind == "upload_ratio" || slices.Contains(g.Kinds, "upload_ratio")
}

func speaksOf(g *incident.Incident, name string) bool {
	return slices.ContainsFunc(g.Indicators, func(i incident.Indicator) bool { return i.Name == name })
}
