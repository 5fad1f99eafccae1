// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"tidewatch/encode"
	"tidewatch/flow"
)

// flood sends 20 000 packets/s to 10.0.0.1 as one flow of so many seconds that ends now.
func (p *process) flood(t *testing.T, seconds int64) {
	t.Helper()
	conn, err := net.Dial("udp", p.flows)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	e, err := encode.New(encode.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	b := flow.NewBatch(1)
	b.Append(&flow.Record{
		Start: now.UnixNano() - seconds*1e9, End: now.UnixNano(), Proto: flow.ProtoUDP, SrcPort: 4000, DstPort: 9,
		Src: flow.AddrFrom(netip.MustParseAddr("198.51.100.7")), Dst: flow.AddrFrom(netip.MustParseAddr("10.0.0.1")),
		Packets: 20_000 * uint64(seconds), Bytes: 1_200_000 * uint64(seconds), Sampling: 1,
	})
	if err := e.Encode(b, 0, 1, now, func(d []byte) error { _, err := conn.Write(d); return err }); err != nil {
		t.Fatal(err)
	}
}

// starts asks the API when the incidents started.
func (p *process) starts(t *testing.T) (out []time.Time) {
	t.Helper()
	res, err := http.Get(p.api + "/api/v1/incidents")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body struct {
		Incidents []struct {
			Started time.Time `json:"started"`
		} `json:"incidents"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	for _, i := range body.Incidents {
		out = append(out, i.Started)
	}
	return out
}

// counted asks the metrics how many flows were counted.
func (p *process) counted(t *testing.T) string {
	t.Helper()
	res, err := http.Get(p.api + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var text strings.Builder
	buf := make([]byte, 1<<20)
	for {
		n, err := res.Body.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			break
		}
	}
	_, rest, _ := strings.Cut(text.String(), "\ntidewatch_flows_total ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// within waits until what holds.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 30 s: " + what)
		}
	}
}

// SIGHUP takes up a changed threshold, and the incident it opens reaches back to
// flows that came before: state is kept. A broken file changes nothing, and what
// needs a restart is named.
func TestReload(t *testing.T) {
	config, dir := site(t, "flood:\n  min_pps: 1e9")
	p := serve(t, config)
	hup := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(siteText(dir, lines...)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	p.flood(t, 20)
	within(t, "the flow is counted", func() bool { return p.counted(t) == "1" })
	before := time.Now()

	hup("flood:\n  min_pps: -1")
	if said := p.line(t, "configuration not reloaded"); !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "min_pps") {
		t.Errorf("an impossible value: %s", said)
	}
	hup("flood:\n  min_ppps: 1")
	if said := p.line(t, "min_ppps"); !strings.Contains(said, config+":8") {
		t.Errorf("a misspelt key: %s", said)
	}
	if got := p.starts(t); len(got) != 0 {
		t.Fatalf("incidents under the old threshold: %v", got)
	}

	hup("flood:\n  min_pps: 10000", "shards: 2", "log:\n  level: debug")
	if said := p.line(t, "configuration reloaded"); !strings.Contains(said, "log.level") || !strings.Contains(said, "flood.min_pps") {
		t.Errorf("a good file: %s", said)
	}
	if said := p.line(t, "needs a restart"); !strings.Contains(said, "level=WARN") || !strings.Contains(said, "[shards]") {
		t.Errorf("what needs a restart: %s", said)
	}
	p.flood(t, 2)
	within(t, "an incident is open", func() bool { return len(p.starts(t)) == 1 })
	if got := p.starts(t); got[0].After(before.Add(-15 * time.Second)) {
		t.Errorf("the incident started %v, the flood 20 s before %v", got, before)
	}
}
