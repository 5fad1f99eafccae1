// SPDX-License-Identifier: Apache-2.0

package house

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"tidewatch/config"
	"tidewatch/decision"
	"tidewatch/mitigate/hook"
	"tidewatch/outbound"
)

// hooks is what a configuration says of them.
type hooks struct {
	Mitigation struct {
		Hooks []hook.Config `yaml:"hooks"`
	} `yaml:"mitigation"`
}

// TestKeysOfHooks holds the reference page to the comments in the code.
func TestKeysOfHooks(t *testing.T) {
	page := string(files(t)["docs/reference/hooks.md"])
	for _, typ := range []reflect.Type{reflect.TypeFor[hook.Config](), reflect.TypeFor[hook.ScriptConfig](), reflect.TypeFor[outbound.WebhookConfig]()} {
		meaning, comments := map[string]string{}, map[string]map[string]string{}
		collect(t, typ, "", comments, meaning)
		if len(meaning) == 0 {
			t.Errorf("%v has no keys", typ)
		}
		for key, doc := range meaning {
			if row := "\n| `" + key + "` | " + doc + " |\n"; doc == "" || !strings.Contains(page, row) {
				t.Errorf("docs/reference/hooks.md has no line %q", row)
			}
		}
	}
}

// TestExamplesOfHooks loads what the how-to shows.
func TestExamplesOfHooks(t *testing.T) {
	names := map[string]bool{}
	for _, m := range regexp.MustCompile("(?ms)^```[a-z]*\n(mitigation:\n.*?)^```$").FindAllSubmatch(files(t)["docs/how-to/mitigate-with-hooks.md"], -1) {
		path := filepath.Join(t.TempDir(), "example.yaml")
		if err := os.WriteFile(path, m[1], 0o600); err != nil {
			t.Fatal(err)
		}
		var cfg hooks
		if _, err := config.Load(path, nil, &cfg); err != nil {
			t.Fatalf("%v\n%s", err, m[1])
		}
		for _, h := range cfg.Mitigation.Hooks {
			names[h.Name] = true
			if err := h.Validate(); err != nil {
				t.Errorf("hook %s: %v", h.Name, err)
			}
		}
	}
	if len(names) != 4 {
		t.Errorf("examples of hooks: %v", names)
	}
}

// TestHooksShowNoSecret prints a configuration as `check` does.
func TestHooksShowNoSecret(t *testing.T) {
	var cfg hooks
	cfg.Mitigation.Hooks = []hook.Config{{Name: "fw", Actions: decision.Actions(), Webhook: &outbound.WebhookConfig{URL: "https://localhost/CANARY", Secret: "whsec_CANARY"}}}
	var out strings.Builder
	if err := config.Print(&out, &cfg, config.Origins{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "CANARY") || !strings.Contains(out.String(), "name: fw") {
		t.Error(out.String())
	}
}
