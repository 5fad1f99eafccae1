// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/api"
	"tidewatch/incident"
	"tidewatch/mitigate"
	"tidewatch/notify/file"
	"tidewatch/notify/webhook"
	"tidewatch/schedule"
	"tidewatch/store"
)

// TestLiveAtAServer: an attack that is sent over UDP arrives on the stream as traffic, as an
// incident and as a proposed decision, without asking; the server tells its configuration
// without the secrets in it, and tests its sinks.
func TestLiveAtAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const hidden = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
	r := serveIn(t, dir, func(c *Config) {
		c.API.Token = "administrators-token-of-the-test"
		c.Mitigation.Mode = mitigate.DryRun
		c.Notify.File = []SinkConfig[file.Config]{{Name: "lines", Of: file.Config{Path: filepath.Join(dir, "lines")}}}
		hook := SinkConfig[webhook.Config]{Name: "hook"}
		hook.Of.URL, hook.Of.Secret = "http://127.0.0.1:1/"+hidden, "whsec_"+hidden
		c.Notify.Webhook = []SinkConfig[webhook.Config]{hook}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Addr()+"/api/v1/stream", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer administrators-token-of-the-test")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	seen := map[string]bool{}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	event, sent := "", time.Time{}
	for lines.Scan() && (!seen["traffic"] || !seen["opened"] || !seen["decision"]) {
		if time.Since(sent) > time.Second {
			r.flood(t, "10.1.2.3")
			sent = time.Now()
		}
		name, value, _ := strings.Cut(lines.Text(), ": ")
		if name == "event" {
			event = value
			continue
		}
		if name != "data" {
			continue
		}
		switch event {
		case "traffic":
			var x api.TrafficEvent
			if err := json.Unmarshal([]byte(value), &x); err != nil {
				t.Fatal(err)
			}
			seen["traffic"] = seen["traffic"] || x.In > 1e6 && x.Out == 0 && x.PacketsIn > 1000
		case "incident":
			var x api.IncidentEvent
			if err := json.Unmarshal([]byte(value), &x); err != nil {
				t.Fatal(err)
			}
			seen["opened"] = seen["opened"] || x.Type == incident.Opened && x.Incident.Subject == "10.1.2.3"
		case "mitigation":
			seen["decision"] = seen["decision"] || strings.Contains(value, `"target":"10.1.2.3/32"`)
		}
	}
	if len(seen) != 3 || !seen["traffic"] || !seen["opened"] || !seen["decision"] {
		t.Errorf("seen on the stream: %v (%v)", seen, lines.Err())
	}
	var text struct {
		Text string `json:"text"`
	}
	if err := r.call(t.Context(), "GET", "/api/v1/config", nil, &text); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.Text, hidden) || strings.Contains(text.Text, "administrators-token") || !strings.Contains(text.Text, "max_streams: 64") {
		t.Errorf("configuration:\n%s", text.Text)
	}
	var sinks struct {
		Sinks []api.Sink `json:"sinks"`
	}
	if err := r.call(t.Context(), "GET", "/api/v1/sinks", nil, &sinks); err != nil || len(sinks.Sinks) != 2 || sinks.Sinks[1].Name != "lines" || sinks.Sinks[1].Kind != "file" {
		t.Errorf("%+v %v", sinks, err)
	}
	for name, want := range map[string]bool{"lines": true, "hook": false} {
		var got api.SinkTest
		if err := r.call(t.Context(), "POST", "/api/v1/sinks/"+name+"/test", nil, &got); err != nil || got.OK != want || got.Detail == "" || strings.Contains(got.Detail, hidden) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	if err := r.call(t.Context(), "POST", "/api/v1/sinks/nobody/test", nil, nil); err == nil || !strings.Contains(err.Error(), "there are") {
		t.Errorf("an unknown sink: %v", err)
	}
	tests := map[string]string{}
	audit, err := r.store.Audits(t.Context(), 0, 10)
	for i := range audit {
		if a := &audit[i]; a.What == "sink.test" && a.Who == "administrator" {
			tests[a.Target] = a.Detail
		}
	}
	if err != nil || len(tests) != 2 || tests["lines"] != "it took the message" || tests["hook"] != "it did not take the message" {
		t.Errorf("the audit knows of tests %v, %v", tests, err)
	}
}

// TestComparer: two versions, and what is in use, of all devices or of one.
func TestComparer(t *testing.T) {
	cfg := testConfig("10.0.0.0/8")
	cfg.DataDir = t.TempDir()
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := store.OpenBaselines(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	m := &memory{engine: e, files: files}
	hour := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC).Unix() / 3600
	days := func(n int64, devices ...string) store.Version {
		for range 24 * n {
			hourly(e, hour, devices...)
			hour++
		}
		v, err := m.keep(store.Candidate, "")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := days(8, "10.0.0.1", "10.0.0.2")
	second := days(8, "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
	c := &comparer{memory: m, cfg: cfg}
	devices := func(from, to, device string) (out []string) {
		all, err := c.Diff(t.Context(), from, to, device)
		if err != nil {
			t.Fatalf("%s to %s: %v", from, to, err)
		}
		for _, x := range all {
			if x.Kind == "added" {
				out = append(out, x.Address)
			}
		}
		return out
	}
	for _, to := range []string{second.ID, "", second.ID} {
		if got := strings.Join(devices(first.ID, to, ""), " "); got != "10.0.0.3 10.0.0.4" {
			t.Errorf("to %q: %s", to, got)
		}
	}
	if got := strings.Join(devices(first.ID, second.ID, "10.0.0.4"), " "); got != "10.0.0.4" {
		t.Errorf("of one: %s", got)
	}
	if got := devices(second.ID, second.ID, ""); len(got) != 0 {
		t.Errorf("of itself: %v", got)
	}
	if _, err := c.Diff(t.Context(), "yesterday", "", ""); !refusedWith(err, 404, "yesterday") {
		t.Errorf("an unknown version: %v", err)
	}
	if _, err := c.Diff(t.Context(), first.ID, "", "no such name"); !refusedWith(err, 422, "no such name") {
		t.Errorf("an unknown device: %v", err)
	}
	c.mu.Lock()
	if _, err := c.Diff(t.Context(), first.ID, "", ""); !refusedWith(err, 503, "another") {
		t.Errorf("two at once: %v", err)
	}
	c.mu.Unlock()
}

// TestOccurrences: a calendar has every time at which anything is on, in order, in the
// site's zone.
func TestOccurrences(t *testing.T) {
	cfg := testConfig()
	cfg.Timezone = "Europe/Berlin"
	cfg.Schedule.Events = []schedule.Event{
		{Name: "backup", Start: "2026-03-02 02:00", Duration: "2h", RRule: "FREQ=DAILY", Effects: schedule.Effects{Expect: 2}},
		{Name: "sale", Start: "2026-03-03 00:00", End: "2026-03-05 00:00", Effects: schedule.Effects{Expect: 2}},
	}
	p, err := newPlanner(t.Context(), cfg, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	got, err := p.Occurrences(t.Context(), from, from.AddDate(0, 0, 3))
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, o := range got {
		text = append(text, o.Name+" "+o.Start.Format(time.RFC3339)+" "+string(o.Origin))
	}
	want := "backup 2026-03-02T02:00:00+01:00 configuration; sale 2026-03-03T00:00:00+01:00 configuration; " +
		"backup 2026-03-03T02:00:00+01:00 configuration; backup 2026-03-04T02:00:00+01:00 configuration"
	if strings.Join(text, "; ") != want {
		t.Errorf("%s", strings.Join(text, "; "))
	}
	if got, err := p.Occurrences(t.Context(), from, from.AddDate(30, 0, 0)); err != nil || len(got) != api.MaxOccurrences+1 {
		t.Errorf("%d of 30 years, %v", len(got), err)
	}
}
