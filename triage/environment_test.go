// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"testing"

	"tidewatch/test/llm"
	"tidewatch/triage"
)

// TestEnvironmentIsNotAsked: variables that SDKs and other programs heed change neither
// who is asked nor by whose key.
func TestEnvironmentIsNotAsked(t *testing.T) {
	other := llm.Start(t, llm.Step{Say: llm.Answer(nil)})
	for _, name := range []string{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY"} {
		t.Setenv(name, "sk-of-somebody-else")
	}
	for _, name := range []string{"ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"} {
		t.Setenv(name, other.URL)
	}
	for _, dialect := range []string{triage.Anthropic, triage.OpenAI} {
		service := llm.Start(t, llm.Step{Say: llm.Answer(nil)})
		b := newBench(trial{t, dialect}, service.URL, nil)
		b.see(1, b.attack("10.0.0.5", 1, 0.8))
		if inc := b.only(judged); !inc.ByModel() || service.Requests()[0].Key != llm.Key {
			t.Errorf("%s: %+v", dialect, inc.Assessment)
		}
	}
	if n := len(other.Requests()); n != 0 {
		t.Errorf("somebody else was asked %d times", n)
	}
}
