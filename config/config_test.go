// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type listener struct {
	Address string `yaml:"address"`
	Readers uint16 `yaml:"readers"`
}

type limits2 struct {
	Low  float64 `yaml:"low"`
	High float64 `yaml:"high"`
}

// Validate makes a bad pair of limits an error of its section.
func (l limits2) Validate() error {
	if l.Low > l.High {
		return errors.New("low must not be above high")
	}
	return nil
}

type common struct {
	Name string `yaml:"name" doc:"What the site is called."`
}

// root has one field of each kind that components use.
type root struct {
	common   `yaml:",inline"`
	Collect  collect           `yaml:"collect"`
	Limits   limits2           `yaml:"limits"`
	Sites    map[string]site   `yaml:"sites"`
	Labels   map[string]string `yaml:"labels"`
	Optional *int              `yaml:"optional"`
	Internal func()            `yaml:"-"`
	Untagged chan int
}

type collect struct {
	Listen  []listener     `yaml:"listen"`
	Allow   []netip.Prefix `yaml:"allow"`
	Buffer  int            `yaml:"buffer"`
	Timeout time.Duration  `yaml:"timeout"`
	Enabled bool           `yaml:"enabled"`
	Token   string         `yaml:"token" secret:"true"`
	Server  netip.Addr     `yaml:"server"`
}

type site struct {
	Zone   string `yaml:"zone"`
	Secret string `yaml:"secret" secret:"true"`
}

func defaults() root {
	return root{
		common: common{Name: "home"},
		Collect: collect{
			Listen: []listener{{Address: ":2055", Readers: 1}}, Buffer: 1 << 20, Timeout: 10 * time.Minute,
			Enabled: true, Server: netip.MustParseAddr("192.0.2.1"),
		},
		Limits: limits2{Low: 0.5, High: 1},
		Sites:  map[string]site{"main": {Zone: "UTC"}},
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tidewatch.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const whole = `# what a site may write
name: "branch office"
collect:
  listen:
    - {address: ":9995", readers: 2}
    - address: "[::]:4739"
  allow: [10.0.0.0/8, "2001:db8::/32"]
  buffer: 2_000_000
  timeout: 30s
  enabled: false
  token: hunter2
limits:
sites:
  lab:
    zone: Europe/Berlin
labels: {rack: a1}
optional: 7
`

func TestLoad(t *testing.T) {
	got := defaults()
	path := write(t, whole)
	origins, err := Load(path, []string{"TIDEWATCH_COLLECT_BUFFER=4096", "HOME=/root", "TIDEWATCH_NAME="}, &got)
	if err != nil {
		t.Fatal(err)
	}
	seven := 7
	want := root{
		common: common{Name: "branch office"},
		Collect: collect{
			Listen:  []listener{{Address: ":9995", Readers: 2}, {Address: "[::]:4739"}},
			Allow:   []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")},
			Buffer:  4096,
			Timeout: 30 * time.Second,
			Token:   "hunter2",
			Server:  netip.MustParseAddr("192.0.2.1"),
		},
		Limits:   limits2{Low: 0.5, High: 1},
		Sites:    map[string]site{"main": {Zone: "UTC"}, "lab": {Zone: "Europe/Berlin"}},
		Labels:   map[string]string{"rack": "a1"},
		Optional: &seven,
	}
	equal := cmp.Options{
		cmp.AllowUnexported(root{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Error(diff)
	}
	for key, want := range map[string]string{
		"collect.buffer": "TIDEWATCH_COLLECT_BUFFER", "collect.timeout": path + ":9", "collect.listen": path + ":4",
		"name": path + ":2", "collect.server": "default", "limits.": path + ":12", "limits.low": "default", "sites.lab.zone": path + ":15",
	} {
		if got := origins.Of(key); got != want {
			t.Errorf("%s comes from %s, want %s", key, got, want)
		}
	}
}

func TestEveryErrorIsOneClearLine(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key":         {"collect:\n  bufer: 1\n", `FILE:2: unknown key collect.bufer, did you mean buffer?: "bufer: 1"`},
		"unknown and long":    {"collect:\n  tiemuot: 1s\n", `FILE:2: unknown key collect.tiemuot: "tiemuot: 1s"`},
		"unknown far off":     {"kollektor: 1\n", `FILE:1: unknown key kollektor: "kollektor: 1"`},
		"unknown in list":     {"collect:\n  listen:\n  - adr: x\n", `FILE:3: unknown key collect.listen[0].adr: "- adr: x"`},
		"duplicate":           {"name: a\ncollect:\nname: b\n", `FILE:3: mapping key "name" is given twice: "name: b"`},
		"tab":                 {"collect:\n\tbuffer: 1\n", `FILE:2: the line is indented with a tab, YAML takes spaces only: "buffer: 1"`},
		"empty":               {"", `FILE: the file holds no settings`},
		"comments alone":      {"# nothing\n\n", `FILE: the file holds no settings`},
		"not a section":       {"- a\n", `FILE:1: the file must be a section of keys: "- a"`},
		"section as value":    {"collect: 5\n", `FILE:1: collect must be a section of keys: "collect: 5"`},
		"word as number":      {"collect: {buffer: big}\n", `FILE:1: collect.buffer must be a whole number: "collect: {buffer: big}"`},
		"number in quotes":    {"collect:\n  buffer: \"5\"\n", `FILE:2: collect.buffer must be a whole number without quotes: "buffer: \"5\""`},
		"out of range":        {"collect:\n  listen: [{readers: 70000}]\n", `FILE:2: collect.listen[0].readers must be a whole number from 0 to 65535: "listen: [{readers: 70000}]"`},
		"duration as number":  {"collect:\n  timeout: 30\n", `FILE:2: collect.timeout must be a duration with its unit, such as 30s, 5m or 1h30m: "timeout: 30"`},
		"bad network":         {"collect:\n  allow: [10.0.0.0/33]\n", `FILE:2: collect.allow[0] is no valid network: "allow: [10.0.0.0/33]"`},
		"empty address":       {"collect:\n  server: \"\"\n", `FILE:2: collect.server must not be empty: "server: \"\""`},
		"yes is not true":     {"collect:\n  enabled: yes\n", `FILE:2: collect.enabled must be true or false: "enabled: yes"`},
		"infinity":            {"limits:\n  low: .inf\n", `FILE:2: limits.low must be a number: "low: .inf"`},
		"key without value":   {"collect:\n  buffer:\n", `FILE:2: collect.buffer has no value: "buffer:"`},
		"list without value":  {"collect:\n  allow:\n", `FILE:2: collect.allow has no value: "allow:"`},
		"value for a list":    {"collect:\n  allow: 10.0.0.0/8\n", `FILE:2: collect.allow must be a list: "allow: 10.0.0.0/8"`},
		"list for a value":    {"name: [a]\n", `FILE:1: name must be a text: "name: [a]"`},
		"anchor":              {"name: &x a\n", `FILE:1: anchors and aliases are not supported, write the value out: "name: &x a"`},
		"merge key":           {"collect:\n  <<: {buffer: 1}\n", `FILE:2: a key must be plain text: "<<: {buffer: 1}"`},
		"tag":                 {"name: !!str a\n", `FILE:1: tags are not supported: "name: !!str a"`},
		"two documents":       {"name: a\n---\nname: b\n", `FILE:3: a second document begins, there must be one: "name: b"`},
		"unclosed list":       {"collect:\n  allow: [10.0.0.0/8\n", `FILE:2: sequence end token ']' not found: "allow: [10.0.0.0/8"`},
		"colon in plain text": {"name: a: b\n", `FILE:1: mapping value is not allowed in this context: "name: a: b"`},
	} {
		cfg, path := defaults(), write(t, tc.text)
		_, err := Load(path, nil, &cfg)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if got := strings.ReplaceAll(err.Error(), path, "FILE"); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "none.yaml: no such configuration file",
		dir:                             "read configuration: ",
		large:                           "is too large for a configuration",
	} {
		cfg := defaults()
		_, err := Load(path, nil, &cfg)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error is %v, want one line with %q", path, err, want)
		}
	}
	if _, err := Load("", nil, defaults()); err == nil {
		t.Error("a target that is no pointer gives no error")
	}
}

func TestEnvironment(t *testing.T) {
	for name, tc := range map[string]struct {
		env     string
		wantErr string
		check   func(*root) bool
	}{
		"text":             {"TIDEWATCH_NAME=a=b", "", func(r *root) bool { return r.Name == "a=b" }},
		"list by commas":   {"TIDEWATCH_COLLECT_ALLOW=10.0.0.0/8, ::/0", "", func(r *root) bool { return len(r.Collect.Allow) == 2 }},
		"list in brackets": {"TIDEWATCH_COLLECT_ALLOW=[10.0.0.0/8]", "", func(r *root) bool { return len(r.Collect.Allow) == 1 }},
		"list of sections": {"TIDEWATCH_COLLECT_LISTEN=[{address: ':1'}]", "", func(r *root) bool { return r.Collect.Listen[0].Address == ":1" }},
		"map":              {"TIDEWATCH_SITES={lab: {zone: UTC}}", "", func(r *root) bool { return len(r.Sites) == 2 }},
		"pointer":          {"TIDEWATCH_OPTIONAL=3", "", func(r *root) bool { return *r.Optional == 3 }},
		"bad duration": {
			"TIDEWATCH_COLLECT_TIMEOUT=soon",
			`TIDEWATCH_COLLECT_TIMEOUT: collect.timeout must be a duration with its unit, such as 30s, 5m or 1h30m: "soon"`, nil,
		},
		"bad list item": {
			"TIDEWATCH_COLLECT_ALLOW=10.0.0.0/8,x",
			`TIDEWATCH_COLLECT_ALLOW: collect.allow[1] is no valid network: "10.0.0.0/8,x"`, nil,
		},
		"unknown key in YAML": {
			"TIDEWATCH_COLLECT_LISTEN=[{port: 1}]",
			`TIDEWATCH_COLLECT_LISTEN: unknown key collect.listen[0].port`, nil,
		},
	} {
		cfg := defaults()
		_, err := Load("", []string{tc.env}, &cfg)
		switch {
		case tc.wantErr == "" && err != nil, tc.wantErr != "" && (err == nil || err.Error() != tc.wantErr):
			t.Errorf("%s: error is %v, want %q", name, err, tc.wantErr)
		case tc.check != nil && !tc.check(&cfg):
			t.Errorf("%s: the value was not taken: %+v", name, cfg)
		}
	}
	cfg := defaults()
	unknown, err := UnknownVariables(&cfg, []string{
		"TIDEWATCH_PORT_2055_UDP=x", "TIDEWATCH_NAEM=x", "TIDEWATCH_NAME=x", "TIDEWATCH_TEST=1", "PATH=/",
		"TIDEWATCH_COLLECT_BUFER=1",
	}, "TIDEWATCH_TEST")
	if diff := cmp.Diff([]Unknown{
		{"TIDEWATCH_COLLECT_BUFER", "TIDEWATCH_COLLECT_BUFFER"}, {"TIDEWATCH_NAEM", "TIDEWATCH_NAME"}, {"TIDEWATCH_PORT_2055_UDP", ""},
	}, unknown); diff != "" || err != nil {
		t.Error(diff, err)
	}
	var clash struct {
		A struct {
			BC int `yaml:"b_c"`
		} `yaml:"a"`
		AB struct {
			C int `yaml:"c"`
		} `yaml:"a_b"`
	}
	if _, err := Load("", nil, &clash); err == nil || !strings.Contains(err.Error(), "share the variable TIDEWATCH_A_B_C") {
		t.Errorf("clashing keys give %v", err)
	}
}

func TestPrint(t *testing.T) {
	cfg := defaults()
	path := write(t, whole)
	origins, err := Load(path, []string{"TIDEWATCH_COLLECT_BUFFER=4096"}, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Print(&out, &cfg, origins); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	want := `name: "branch office"                                            # FILE:2
collect:
  listen:                                                        # FILE:4
    - {address: ":9995", readers: 2}
    - {address: "[::]:4739", readers: 0}
  allow: [10.0.0.0/8, "2001:db8::/32"]                           # FILE:7
  buffer: 4096                                                   # TIDEWATCH_COLLECT_BUFFER
  timeout: 30s                                                   # FILE:9
  enabled: false                                                 # FILE:10
  # token: set, not shown                                        # FILE:11
  server: 192.0.2.1                                              # default
limits:
  low: 0.5                                                       # default
  high: 1                                                        # default
sites:                                                           # FILE:13
  lab:
    zone: Europe/Berlin                                          # FILE:15
    # secret: not set                                            # default
  main:
    zone: UTC                                                    # default
    # secret: not set                                            # default
labels:                                                          # FILE:16
  rack: a1
optional: 7                                                      # FILE:17
`
	squeeze := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, path, "FILE")), " ") }
	if squeeze(got) != squeeze(want) {
		t.Errorf("got\n%s", got)
	}
	if strings.Contains(got, "hunter2") {
		t.Error("a secret is printed")
	}
	again := defaults()
	if _, err := Load(write(t, got), nil, &again); err != nil {
		t.Errorf("what Print writes cannot be loaded: %v", err)
	}
	if again.Collect.Buffer != 4096 || again.Sites["lab"].Zone != "Europe/Berlin" {
		t.Errorf("loaded again it is %+v", again)
	}
}

// What is not set inside a list is left out, because no text stands for it.
func TestPrintOptionalInList(t *testing.T) {
	type item struct {
		Name  string        `yaml:"name"`
		On    *bool         `yaml:"on"`
		Limit float64       `yaml:"limit,omitempty"`
		For   time.Duration `yaml:"for,omitempty"`
	}
	no := false
	cfg := struct {
		Items []item `yaml:"items"`
	}{[]item{{Name: "a"}, {Name: "b", On: &no, Limit: 2}}}
	var out strings.Builder
	if err := Print(&out, &cfg, nil); err != nil {
		t.Fatal(err)
	}
	if want := "items:  # default\n  - {name: a}\n  - {name: b, on: false, limit: 2}\n"; out.String() != want {
		t.Errorf("prints %s, want %s", out.String(), want)
	}
	again := cfg
	again.Items = nil
	if _, err := Load(write(t, out.String()), nil, &again); err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	if diff := cmp.Diff(cfg, again); diff != "" {
		t.Error(diff)
	}
}

func TestValidate(t *testing.T) {
	cfg, path := defaults(), write(t, "name: x\nlimits: {low: 3}\n")
	origins, err := Load(path, nil, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := Validate(&cfg, origins); err == nil || err.Error() != path+":2: limits: low must not be above high" {
		t.Errorf("error is %v", err)
	}
	if err := Validate(&cfg, nil); err == nil || err.Error() != "limits: low must not be above high" {
		t.Errorf("error is %v", err)
	}
	cfg = defaults()
	if err := Validate(&cfg, nil); err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	cfg := defaults()
	keys, err := Keys(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Key{}
	for _, k := range keys {
		got[k.Path] = k
	}
	for _, want := range []Key{
		{"name", "TIDEWATCH_NAME", "text", "home", "What the site is called."},
		{"collect.listen", "TIDEWATCH_COLLECT_LISTEN", "list of sections", `[{address: ":2055", readers: 1}]`, ""},
		{"collect.allow", "TIDEWATCH_COLLECT_ALLOW", "list of networks", "[]", ""},
		{"collect.timeout", "TIDEWATCH_COLLECT_TIMEOUT", "duration", "10m", ""},
		{"collect.token", "TIDEWATCH_COLLECT_TOKEN", "text", "", ""},
		{"limits.low", "TIDEWATCH_LIMITS_LOW", "number", "0.5", ""},
		{"optional", "TIDEWATCH_OPTIONAL", "whole number", "", ""},
	} {
		if diff := cmp.Diff(want, got[want.Path]); diff != "" {
			t.Error(diff)
		}
	}
}

// Whatever the file holds, loading ends, and an error is one line.
func FuzzLoad(f *testing.F) {
	f.Add(whole)
	f.Add("collect:\n  listen: [{address: x}]\n")
	f.Add("a: &a [*a, *a]\n<<: *a\n")
	f.Add("\xef\xbb\xbfname: |\n  x\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg := defaults()
		src, body, err := parse("file", text)
		if err == nil && body != nil {
			d := decoder{src: src, origins: Origins{}}
			v, _ := structOf(&cfg)
			err = d.section(v, body, "")
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error has several lines: %q", err)
		}
		if err == nil {
			if err := Print(io.Discard, &cfg, nil); err != nil {
				t.Error(err)
			}
		}
	})
}

// Diff names what differs and never the values of secrets.
func TestDiff(t *testing.T) {
	a, b := defaults(), defaults()
	a.Sites, b.Sites = nil, map[string]site{} // the same setting
	if diff, err := Diff(&a, &b); err != nil || len(diff) != 0 {
		t.Errorf("equal ones differ in %v, %v", diff, err)
	}
	b.Name, b.Collect.Token, b.Limits.High = "other", "another secret", 99
	b.Collect.Allow = append([]netip.Prefix{}, netip.MustParsePrefix("192.0.2.0/24"))
	got, err := Diff(&a, &b)
	if diff := cmp.Diff([]string{"name", "collect.allow", "collect.token", "limits.high"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := Diff(&a, &b.Collect); err == nil {
		t.Error("structs of two types are compared")
	}
	if _, err := Diff(a, &b); err == nil {
		t.Error("a struct without a pointer is compared")
	}
}
