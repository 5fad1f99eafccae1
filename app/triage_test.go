// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/config"
	"tidewatch/incident"
	"tidewatch/test/llm"
	"tidewatch/triage"
)

// asking is a configuration by which a scripted service is asked.
func asking(url string) func(*Config) {
	return func(c *Config) {
		t := &c.Triage
		t.Provider, t.Model, t.BaseURL, t.Key = triage.Anthropic, "claude-sonnet-5-5", url, llm.Key
		t.PriceIn, t.PriceOut, t.Settle = 3, 15, 0
	}
}

// TestModelAtAServer: what a model says of an incident of a running server stands in
// API and text beside what the rules say, outlives a restart, and holds no key; alerts
// and severities are the same as without it.
func TestModelAtAServer(t *testing.T) {
	service := llm.Start(t,
		llm.Step{Calls: []llm.Call{
			{Name: "subject_flows", Arguments: `{"limit":5}`},
			{Name: "device_peers", Arguments: `{"device":"device-1"}`},
			{Name: "destination_history", Arguments: `{"address":"198.51.100.7"}`},
			{Name: "other_incidents", Arguments: `{"subject":"device-1","days":30}`},
		}},
		llm.Step{Say: llm.Answer(map[string]any{"verdict": "legitimate", "impact": "device-1 is busy"})},
	)
	dir := filepath.Join(t.TempDir(), "data")
	r := serveIn(t, dir, asking(service.URL))
	inc := r.about(t, "10.0.0.1", func(i *incident.Incident) bool { return i.ByModel() })
	check := func(inc *incident.Incident) {
		t.Helper()
		a := inc.Assessment
		if a.By != "anthropic:claude-sonnet-5-5" || a.Verdict != incident.Unclear || !a.Review || a.Impact != "10.0.0.1 is busy" {
			t.Errorf("stands: %+v", a)
		}
		if inc.Rules == nil || inc.Rules.By != "rules" || inc.Rules.Verdict != incident.Threat || inc.State != incident.Open {
			t.Errorf("beside it: %+v, state %s", inc.Rules, inc.State)
		}
		var text strings.Builder
		writeIncident(&text, inc)
		for _, want := range []string{"judged by anthropic:claude-sonnet-5-5: uncertain", "likely legitimate, review", "the rules say: threat"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("the text lacks %q:\n%s", want, text.String())
			}
		}
		if last := inc.Timeline[len(inc.Timeline)-1]; !strings.Contains(last.Text, "judged by anthropic") && !strings.Contains(text.String(), "judged by") {
			t.Errorf("the timeline ends with %+v", last)
		}
	}
	check(&inc)
	for _, q := range service.Requests() {
		if strings.Contains(string(q.Body), "10.0.0.1") {
			t.Errorf("an own address left the machine: %s", q.Body)
		}
	}
	metrics := get(t, r.base+"/metrics")
	if !strings.Contains(metrics, "tidewatch_triage_answered_total 1\n") {
		t.Error("the answer is not counted")
	}
	incidents := get(t, r.base+"/api/v1/incidents")
	r.stop()
	for where, text := range map[string]string{"metrics": metrics, "the API": incidents, "the log": r.log.String()} {
		if strings.Contains(text, llm.Key) {
			t.Errorf("the key stands in %s", where)
		}
	}
	asked := len(service.Requests())
	again := serveIn(t, dir, asking(service.URL))
	inc = again.about(t, "10.0.0.1", func(i *incident.Incident) bool { return i.Metrics.Packets > 0 })
	check(&inc)
	if n := len(service.Requests()); n != asked {
		t.Errorf("asked %d times more after the restart", n-asked)
	}
	spent, err := (&spentFile{filepath.Join(dir, "triage-spent.json"), slog.New(slog.DiscardHandler)}).Load()
	if err != nil || spent.Tokens < 3000 || spent.Cost <= 0 || spent.Day != time.Now().UTC().Format(time.DateOnly) {
		t.Errorf("spent %+v, %v", spent, err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestKeyAloneSendsNothing: keys and addresses in the environment ask nobody.
func TestKeyAloneSendsNothing(t *testing.T) {
	service := llm.Start(t, llm.Step{Say: llm.Answer(nil)})
	for _, name := range []string{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "TIDEWATCH_TRIAGE_KEY"} {
		t.Setenv(name, llm.Key)
	}
	t.Setenv("ANTHROPIC_BASE_URL", service.URL)
	cfg, origins, err := LoadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := newCounsel(&Server{cfg: cfg}, nil); c != nil || err != nil {
		t.Errorf("a counsel without a provider: %v, %v", c, err)
	}
	var shown bytes.Buffer
	if err := config.Print(&shown, cfg, origins); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(shown.String(), llm.Key) || !strings.Contains(shown.String(), "# key: set, not shown") {
		t.Errorf("check prints:\n%s", shown.String())
	}
	r := serveIn(t, filepath.Join(t.TempDir(), "data"))
	r.about(t, "10.0.0.1", isOpen)
	r.stop()
	if n := len(service.Requests()); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

// TestTriageKeyFile: the key is taken from a file that its owner alone can read, and
// errors say what to do without repeating it.
func TestTriageKeyFile(t *testing.T) {
	write := func(text string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, tc := range map[string]struct{ path, want string }{
		"good":          {write(llm.Key+"\n", 0o600), ""},
		"others read":   {write(llm.Key, 0o644), "chmod 600"},
		"empty":         {write("\n", 0o600), "does not hold one line"},
		"two lines":     {write(llm.Key+"\n"+llm.Key, 0o600), "does not hold one line"},
		"two words":     {write(llm.Key+" "+llm.Key, 0o600), "must hold the key alone"},
		"not there":     {filepath.Join(t.TempDir(), "no"), "no such file"},
		"another thing": {t.TempDir(), "is no file"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			asking("")(&cfg)
			cfg.Triage.Key, cfg.Triage.KeyFile = "", tc.path
			err := cfg.CheckFiles()
			if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), llm.Key)) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if key, err := triageKey(&cfg.Triage); err == nil && key != llm.Key {
				t.Errorf("key %q", key)
			}
		})
	}
}

// TestModelAway: with a model that cannot be reached, incidents are there at once, and
// say why the rules alone have judged them.
func TestModelAway(t *testing.T) {
	r := serveIn(t, filepath.Join(t.TempDir(), "data"), func(c *Config) {
		asking("http://127.0.0.1:1")(c)
		c.Triage.Retries = 0
	})
	inc := r.about(t, "10.0.0.1", func(i *incident.Incident) bool { return i.Judged != nil })
	if a := inc.Assessment; inc.ByModel() || a.By != "rules" || a.Verdict != incident.Threat || !strings.Contains(a.Error, "cannot be reached") {
		t.Errorf("stands: %+v", a)
	}
	var text strings.Builder
	if writeIncident(&text, &inc); !strings.Contains(text.String(), "no better judgement: the model cannot be reached") {
		t.Error(text.String())
	}
	r.stop()
	if strings.Contains(r.log.String(), llm.Key) {
		t.Error("the key stands in the log")
	}
}
