// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tidewatch/decision"
	"tidewatch/outbound"
)

// program writes a script and returns its path. Tests that run scripts are not parallel:
// a child forked at that moment would hold the file open, and it could not be run.
func program(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "act")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func scripted(t *testing.T, deps Deps, timeout time.Duration, command ...string) *Hook {
	t.Helper()
	h, err := New(&Config{Name: "fw", Actions: decision.Actions(), Match: fields(), Timeout: timeout, Script: &ScriptConfig{Command: command}}, deps)
	if err != nil {
		t.Fatal(err)
	}
	byScript(t, h).grace = 300 * time.Millisecond // 2 s would add up
	return h
}

func byScript(t *testing.T, h *Hook) *script {
	t.Helper()
	s, ok := h.caller.(*script)
	if !ok {
		t.Fatal("the hook runs no script")
	}
	return s
}

// A script finds fixed arguments, the decision on its input and plain words in its
// environment, and nothing of ours.
func TestScript(t *testing.T) {
	t.Setenv("TIDEWATCH_API_TOKEN", "CANARY-0123456789")
	t.Setenv("HTTPS_PROXY", "CANARY")
	dir := t.TempDir()
	path := program(t, `{ pwd; for a in "$0" "$@"; do printf '%s\n' "$a"; done; } >"$HOME/args.$1"
env >"$HOME/env.$1"
cat >"$HOME/input.$1"
`)
	t.Setenv("HOME", dir)
	h := scripted(t, Deps{}, 0, path, "--fixed", "with space; $(id)")
	// Arguments come before ours, so $1 is the first of them: name files by the change.
	ctx := t.Context()
	until := time.Now().Add(90 * time.Second).UTC().Truncate(time.Second)
	block := theft(until)
	block.Match.Protocol, block.Match.DstPort = "tcp", 443
	limit := flood(until)
	limit.Action, limit.Rate, limit.Match.PacketBytes = decision.RateLimit, 125_000, &decision.Range{From: 60, To: 100}
	read := func(name string) string {
		out, err := os.ReadFile(filepath.Join(dir, name+".--fixed"))
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for _, tc := range []struct {
		verb string
		d    *decision.Decision
		do   func() error
		want []string
	}{
		{"apply", block, func() error { return h.Apply(ctx, block) }, []string{
			"ACTION=block", "CATEGORY=data_exfiltration", "CHANGE=apply", "DESTINATION=203.0.113.0/24", "DESTINATION_PORT=443", "HOOK=fw",
			"ID=mit-mzxw6ytboi4dkmjr", "INCIDENT=inc-mzxw6ytboi4dkmjr", "KIND=exfiltration", "ORIGIN=automatic", "PROTOCOL=tcp", "SCOPE=host",
			"SECONDS=90", "SEVERITY=critical", "SOURCE=10.0.20.7", "TARGET=10.0.20.7", "UNTIL=" + until.Format(time.RFC3339),
		}},
		{"apply", limit, func() error { return h.Apply(ctx, limit) }, []string{
			"ACTION=rate_limit", "CATEGORY=ddos_attack", "CHANGE=apply", "DESTINATION=2001:db8:5::7", "HOOK=fw",
			"ID=mit-2divert", "INCIDENT=inc-mzxw6ytboi4dkmjr", "KIND=ddos", "ORIGIN=automatic", "PACKET_BYTES=60-100", "PROTOCOL=udp", "RATE=125000",
			"SCOPE=host", "SECONDS=90", "SEVERITY=critical", "SOURCE_PORT=53", "TARGET=2001:db8:5::7", "UNTIL=" + until.Format(time.RFC3339),
			"VECTOR=dns_amplification",
		}},
		{"test", nil, func() error { return h.Test(ctx) }, []string{"CHANGE=test", "HOOK=fw"}},
	} {
		must(t, tc.do())
		var got, others []string
		for line := range strings.Lines(read("env")) {
			line = strings.TrimSpace(line)
			if ours, ok := strings.CutPrefix(line, "TIDEWATCH_"); ok {
				got = append(got, ours)
			} else if name, _, _ := strings.Cut(line, "="); name != "PWD" && name != "_" && name != "SHLVL" && name != "OLDPWD" { // of the shell
				others = append(others, name)
			}
		}
		slices.Sort(got)
		slices.Sort(others)
		want := slices.Clone(tc.want)
		if i := slices.Index(got, "SECONDS=89"); i >= 0 { // a slow machine
			got[i] = "SECONDS=90"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: environment:\n%s", tc.verb, diff)
		}
		if diff := cmp.Diff([]string{"HOME", "LC_ALL", "PATH"}, others); diff != "" {
			t.Errorf("%s: the rest of the environment:\n%s", tc.verb, diff)
		}
		id := "test"
		if tc.d != nil {
			id = tc.d.ID
		}
		if diff := cmp.Diff("/\n"+path+"\n--fixed\nwith space; $(id)\n"+tc.verb+"\n"+id+"\n", read("args")); diff != "" {
			t.Errorf("arguments:\n%s", diff)
		}
		if tc.d == nil {
			if read("input") != "{}\n" {
				t.Errorf("input of a test: %q", read("input"))
			}
			continue
		}
		var told decision.Decision
		if err := json.Unmarshal([]byte(read("input")), &told); err != nil || told.Detail != hostile {
			t.Errorf("%v, detail %q", err, told.Detail)
		}
		if diff := cmp.Diff(tc.d, &told, prefixes()); diff != "" {
			t.Errorf("input:\n%s", diff)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
		t.Error("a shell read a text")
	}
}

func TestScriptFails(t *testing.T) {
	for name, tc := range map[string]struct {
		text      string
		permanent bool
		want      string
	}{
		"with words":         {"echo no; printf '\\n  \\033[31m the firewall\\tis away \\r\\n more \\n' >&2; exit 1", false, "hook fw: apply: the script failed (exit status 1): [31m the firewall is away"},
		"without":            {"exit 7", false, "the script failed (exit status 7)"},
		"for good":           {"echo not mine >&2; exit 100", true, "exit status 100): not mine"},
		"unprintable":        {"printf '\\000\\377\\n\\033\\n' >&2; exit 1", false, "the script failed (exit status 1)"},
		"by a signal":        {"kill -9 $$", false, "signal: killed"},
		"no such tool":       {"/nonexistent/nft", false, "not found"},
		"input is not read":  {"exec <&-; exit 1", false, "exit status 1"},
		"a very long line":   {"head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", false, "xxx..."},
		"nothing to read it": {"exec >&- 2>&-; echo x; exit 3", false, "exit status"},
	} {
		h := scripted(t, Deps{}, 0, program(t, tc.text))
		err := h.Apply(t.Context(), theft(time.Now().Add(time.Minute)))
		if err == nil || !strings.Contains(err.Error(), tc.want) || outbound.IsPermanent(err) != tc.permanent {
			t.Errorf("%s: %v, permanent %v", name, err, outbound.IsPermanent(err))
		}
		if err != nil && (len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\n\r\t\x00\x1b")) {
			t.Errorf("%s: %q", name, err)
		}
	}
}

// running reports whether a process is there and is no zombie.
func running(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func pids(t *testing.T, file string) []int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for f := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// A script that hangs is stopped with all its children, also those that ignore SIGTERM
// and keep its output open; one that puts its things in order is given the time.
func TestScriptHangs(t *testing.T) {
	children := filepath.Join(t.TempDir(), "pids")
	stubborn := `(trap '' TERM; sleep 60 & echo $! >>` + children + `; wait; sleep 60) &
echo $! >>` + children + `
`
	for name, tc := range map[string]struct {
		text, want   string
		left, atMost time.Duration // of the context; until it is over
		cancelled    bool
	}{
		"stubborn":            {text: "trap '' TERM\n" + stubborn + "sleep 60\nsleep 60\n", want: "did not end within 700ms", atMost: time.Second},
		"stubborn children":   {text: stubborn + "wait\n", want: "did not end within 700ms", atMost: time.Second},
		"tidy":                {text: "trap 'echo tidied >&2; exit 0' TERM\n" + "echo $$ >>" + children + "\nwhile :; do sleep 0.05; done\n", want: "did not end within 700ms", atMost: 700 * time.Millisecond},
		"the caller gives up": {text: stubborn + "sleep 60", want: "was stopped", cancelled: true, atMost: 800 * time.Millisecond},
		"the caller has 1 s":  {text: stubborn + "sleep 60", want: "did not end within", left: time.Second, atMost: time.Second},
		"no time is left":     {text: "echo 1 >>" + children, want: "too little time", left: 100 * time.Millisecond, atMost: 100 * time.Millisecond},
	} {
		_ = os.Remove(children)
		log, wrote := logger()
		h := scripted(t, Deps{Logger: log}, 0, program(t, tc.text))
		byScript(t, h).timeout = 700 * time.Millisecond
		ctx, cancel := context.WithCancel(t.Context())
		if tc.left > 0 {
			ctx, cancel = context.WithTimeout(t.Context(), tc.left)
		}
		if tc.cancelled {
			time.AfterFunc(500*time.Millisecond, cancel)
		}
		begun := time.Now()
		err := h.Apply(ctx, theft(time.Now().Add(time.Minute)))
		took := time.Since(begun)
		cancel()
		if err == nil || !strings.Contains(err.Error(), tc.want) || outbound.IsPermanent(err) || !tc.cancelled && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		if took > tc.atMost+5*time.Second { // a busy machine; they would sleep for a minute
			t.Errorf("%s: took %v", name, took)
		}
		if name == "tidy" && !strings.Contains(wrote.String(), "tidied") {
			t.Errorf("its last words are lost: %s", wrote)
		}
		if name == "no time is left" {
			if _, err := os.Stat(children); err == nil {
				t.Error("it was run for no time")
			}
			continue
		}
		for _, pid := range pids(t, children) {
			gone := false
			for range 100 { // a killed process needs a moment
				if gone = !running(t, pid); gone {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if !gone {
				t.Errorf("%s: process %d still runs", name, pid)
			}
		}
	}
}

// A script that succeeds has succeeded, whatever it leaves behind; that ends with it.
func TestScriptLeavesSomebodyBehind(t *testing.T) {
	children := filepath.Join(t.TempDir(), "pids")
	h := scripted(t, Deps{}, 0, program(t, "sleep 60 &\necho $! >"+children+"\necho done\n"))
	must(t, h.Apply(t.Context(), theft(time.Now().Add(time.Minute))))
	for _, pid := range pids(t, children) {
		for range 100 {
			if !running(t, pid) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("process %d still runs", pid)
	}
}

// Output without end is read and not kept, and does not hold the script up.
func TestScriptPrintsMuch(t *testing.T) {
	log, wrote := logger()
	reg := prometheus.NewRegistry()
	h := scripted(t, Deps{Logger: log, Registerer: reg}, 0, program(t, `printf 'first\001\n'
head -c 3000000 /dev/zero | tr '\0' '\n'
head -c 2000000 /dev/urandom >&2
`))
	must(t, h.Apply(t.Context(), theft(time.Now().Add(time.Minute))))
	lost := 5_000_000 + len("first\x01\n") - 2*maxOutput
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`# HELP tidewatch_hook_discarded_bytes_total Output of scripts beyond what is kept of a call.
# TYPE tidewatch_hook_discarded_bytes_total counter
tidewatch_hook_discarded_bytes_total{hook="fw"} `+strconv.Itoa(lost)+"\n"), "tidewatch_hook_discarded_bytes_total"); err != nil {
		t.Error(err)
	}
	var line struct {
		Stdout    string `json:"stdout"`
		Stderr    string `json:"stderr"`
		Discarded int    `json:"discarded_bytes"`
	}
	if err := json.Unmarshal(wrote.Bytes(), &line); err != nil || line.Stdout != "first" || line.Discarded != lost || wrote.Len() > 40_000 {
		t.Errorf("%v, logged %d bytes: %.300s", err, wrote.Len(), wrote)
	}
}

// A script that anybody may change is not run, whenever that is found out.
func TestScriptOfAnybody(t *testing.T) {
	good := program(t, "exit 0")
	dir := filepath.Dir(good)
	try := func(path string) error {
		_, err := New(&Config{Name: "fw", Actions: decision.Actions(), Script: &ScriptConfig{Command: []string{path}}}, Deps{})
		return err
	}
	h := scripted(t, Deps{}, 0, good)
	for _, tc := range []struct {
		name, path string
		file, dir  os.FileMode
		want       string
	}{
		{"as it is", good, 0o755, 0o755, ""},
		{"not there", good + ".gone", 0o755, 0o755, "no such file"},
		{"a folder", dir, 0o755, 0o755, "is no file"},
		{"not executable", good, 0o644, 0o755, "is not executable"},
		{"anybody's", good, 0o757, 0o755, "everybody may change"},
		{"in anybody's folder", good, 0o755, 0o777, "everybody may replace"},
		{"in a folder like /tmp", good, 0o755, 0o777 | os.ModeSticky, ""},
	} {
		must(t, os.Chmod(good, tc.file), os.Chmod(dir, tc.dir))
		if err := try(tc.path); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if tc.path != good {
			continue
		}
		if err := h.Test(t.Context()); (err == nil) != (tc.want == "") || outbound.IsPermanent(err) {
			t.Errorf("%s, when it is called: %v", tc.name, err)
		}
	}
}

// Who gives a call that long cuts no script short.
func TestLongest(t *testing.T) {
	h := scripted(t, Deps{}, time.Minute, program(t, "exit 0"))
	if w := web(t, "http://127.0.0.1:9/", "", Deps{}); h.Longest() != 62*time.Second || w.Longest() != time.Minute {
		t.Errorf("%v, %v", h.Longest(), w.Longest())
	}
}

// No secret of the command, which other users see anyway, is told any further.
func TestScriptTellsNoArguments(t *testing.T) {
	log, wrote := logger()
	h := scripted(t, Deps{Logger: log}, 0, program(t, "echo failed >&2; exit 1"), "--password=CANARY")
	err := h.Test(t.Context())
	if err == nil || strings.Contains(err.Error(), "CANARY") || bytes.Contains(wrote.Bytes(), []byte("CANARY")) {
		t.Errorf("%v\n%s", err, wrote)
	}
}
