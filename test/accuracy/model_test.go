// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tidewatch/app"
	"tidewatch/detect"
	"tidewatch/evaluate"
	"tidewatch/incident"
	"tidewatch/scenario"
	"tidewatch/test/llm"
)

// asking writes a configuration that asks a service, and loads it as the command does.
func asking(t *testing.T, url, key string) *asker {
	t.Helper()
	dir := t.TempDir()
	keyFile, path := filepath.Join(dir, "key"), filepath.Join(dir, "tidewatch.yaml")
	text := "triage:\n  provider: anthropic\n  model: double\n  base_url: " + url + "\n  key_file: " + keyFile +
		"\n  retries: 0\n  price_per_mtok_in: 1000\n  price_per_mtok_out: 1000\n  incident_cost: 0\n  day_cost: 0\n"
	for name, text := range map[string]string{keyFile: key, path: text} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var o options
	if err := o.configure(path, true); err != nil {
		t.Fatal(err)
	}
	return o.model
}

// judgedByBoth is a table of three cases: a flood of a scenario with a small scan beside
// it, a captured flood that the rules are not sure of, and a backup.
func judgedByBoth(t *testing.T, m *asker) *verdicts {
	t.Helper()
	s, err := scenario.New("syn-flood", settings("syn-flood", 1))
	if err != nil {
		t.Fatal(err)
	}
	truths := s.Truth()
	truth := truths[slices.IndexFunc(truths, func(t scenario.Truth) bool { return !t.MustNotAlert })]
	said := func(id, subject string, c detect.Category, severity detect.Severity, verdict incident.Judgement) incident.Incident {
		return incident.Incident{
			ID: id, Category: c, Kind: "ddos", Subject: subject, Scope: "device", Severity: severity, State: incident.Resolved,
			Started: truth.Start, LastSeen: truth.End, Detected: truth.Start.Add(time.Second),
			Assessment: &incident.Assessment{By: "rules", Verdict: verdict, Confidence: 0.8},
		}
	}
	victim := truth.Subject.String()
	cfg := app.DefaultConfig()
	cfg.Enrich.Internal = s.Internal()
	e, err := app.NewEngine(&cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &verdicts{model: m}
	told := &book{engine: e, cfg: cfg, incidents: []incident.Incident{
		said("1", victim, detect.DDoSAttack, detect.High, incident.Threat),
		said("2", victim, detect.Reconnaissance, detect.Low, incident.Threat),     // below min_severity
		said("3", "192.0.2.200", detect.DDoSAttack, detect.High, incident.Threat), // another matter
	}}
	if err := v.scenario("syn-flood", s, told); err != nil {
		t.Fatal(err)
	}
	for _, c := range []evaluate.Capture{
		{Class: "ddos", Expect: evaluate.ExpectAttack, Judged: []incident.Incident{said("1", "192.0.2.1", detect.DDoSAttack, detect.High, incident.Unclear)}},
		{Class: "backup", Expect: evaluate.ExpectQuiet, Judged: []incident.Incident{said("1", "10.1.1.1", detect.DataExfiltration, detect.High, incident.Legitimate)}},
	} {
		if err := v.capture("capture alone", &c, []string{"192.0.2.0/24"}); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// TestModelBesideRules: what a model says of the cases is counted beside what stands when
// the fuse has heard it, and the table of the rules is the same whatever it says.
func TestModelBesideRules(t *testing.T) {
	const attacks = "Of 2 attacks that it was asked about, it calls "
	without := judgedByBoth(t, nil).text()
	for name, tc := range map[string]struct {
		step llm.Step
		key  string
		want []string
	}{
		"calls all a threat": {llm.Step{Say: llm.Answer(nil)}, llm.Key, []string{
			"`anthropic:double` was asked about 3 incidents", "0 got no answer", attacks + "2 a threat, 0 uncertain, 0 legitimate",
			"0 were called legitimate by it before the fuse, and 0 are after it", "it calls 0 legitimate; after the fuse 0 of 1",
		}},
		"calls all legitimate": {llm.Step{Say: llm.Answer(map[string]any{"verdict": "legitimate"})}, llm.Key, []string{
			attacks + "0 a threat, 0 uncertain, 2 legitimate", "2 were called legitimate by it before the fuse, and 0 are after it",
			"it calls 1 legitimate; after the fuse 1 of 1", "| syn_flood ",
		}},
		"breaks the form": {llm.Step{Say: llm.Answer(map[string]any{"verdict": "harmless"})}, llm.Key, []string{
			"3 got no answer", attacks + "0 a threat, 0 uncertain, 0 legitimate, and of 2 there is no answer", "No answer: the model's answer does not have the agreed form",
		}},
		"is out of order": {llm.Step{Status: 500}, llm.Key, []string{
			"3 got no answer", "No answer: the model's service is overloaded or out of order: status 500 3.", "0 are after it", "after the fuse 1 of 1",
		}},
		"another key": {llm.Step{Say: llm.Answer(nil)}, "sk-other", []string{"0 tokens, cost 0.00", "does not accept the key: status 401 3."}},
	} {
		t.Run(name, func(t *testing.T) {
			service := llm.Start(t, tc.step)
			m := asking(t, service.URL, tc.key)
			v := judgedByBoth(t, m)
			var out strings.Builder
			page := filepath.Join(t.TempDir(), "model.md")
			if err := m.tell(&out, page); err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in\n%s", want, out.String())
				}
			}
			if strings.Contains(out.String(), tc.key) {
				t.Error("the key is told")
			}
			if v.text() != without {
				t.Errorf("the table of the rules has become\n%s\nfrom\n%s", v.text(), without)
			}
			if kept, err := os.ReadFile(page); err != nil || string(kept) != out.String() {
				t.Errorf("the file holds %q, %v", kept, err)
			}
			for _, q := range service.Requests() { // the captures' own network, and the scenario's
				if h := q.Heard(); strings.Contains(h, "192.0.2.") || strings.Contains(h, `"subject":"10.`) {
					t.Errorf("an own address left the machine: %s", h)
				}
			}
		})
	}
}

// TestModelBudget: the budget of a day holds over all incidents of a run, and what was
// spent is told.
func TestModelBudget(t *testing.T) {
	service := llm.Start(t, llm.Step{Say: llm.Answer(nil)})
	m := asking(t, service.URL, llm.Key)
	judgedByBoth(t, m)
	tokens, cost := m.spent.total()
	if len(service.Requests()) != 3 || tokens < 3 || cost != float64(tokens)/1000 {
		t.Errorf("%d requests, %d tokens, cost %g", len(service.Requests()), tokens, cost)
	}
	m.cfg.DayTokens = tokens + 1
	judgedByBoth(t, m)
	if n := len(service.Requests()); n != 3 || m.failures["the budget for questions is spent: tokens of the day"] != 3 {
		t.Errorf("%d requests, no answer: %v", n, m.failures)
	}
}

// TestNoModelUnlessConfigured: a key in the environment asks nobody, and a configuration
// that names no model is told of.
func TestNoModelUnlessConfigured(t *testing.T) {
	for _, name := range []string{"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "TIDEWATCH_TRIAGE_KEY"} {
		t.Setenv(name, llm.Key)
	}
	var o options
	if err := o.configure("", true); err != nil || o.model != nil {
		t.Errorf("without a configuration %v is asked, %v", o.model, err)
	}
	v := judgedByBoth(t, o.model)
	var out strings.Builder
	if err := v.model.tell(&out, ""); err != nil || out.Len() > 0 {
		t.Errorf("told %q, %v", out.String(), err)
	}
	path := filepath.Join(t.TempDir(), "tidewatch.yaml")
	if err := os.WriteFile(path, []byte("timezone: UTC\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.configure(path, true); err == nil || !strings.Contains(err.Error(), "set triage.provider") || o.model != nil {
		t.Errorf("a configuration without a model: %v, %v", o.model, err)
	}
}
