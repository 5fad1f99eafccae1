// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// must runs a command that must succeed and say this.
func must(t *testing.T, config, says string, args ...string) string {
	t.Helper()
	status, out, stderr := exec(t, append(args, "-c", config)...)
	if status != 0 || !strings.Contains(out, says) {
		t.Fatalf("%v: status %d, says %q %q, want %q", args, status, out, stderr, says)
	}
	return out
}

// refused runs a command that must fail with this status and say why.
func refused(t *testing.T, config string, status int, says string, args ...string) {
	t.Helper()
	got, out, stderr := exec(t, append(args, "-c", config)...)
	if got != status || !strings.Contains(lastLine(stderr), says) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%v: status %d, says %q %q, want %d and %q", args, got, out, stderr, status, says)
	}
}

// The same commands work through the server that uses the data directory, and on the
// directory itself when it has ended; each sees what the other did.
func TestIncidentCommands(t *testing.T) {
	config, dir := site(t)
	must(t, config, "no incidents", "incident", "list")
	p := serve(t, config)
	within(t, "an incident is open", func() bool { p.flood(t, 20); return len(p.starts(t)) > 0 })
	list := must(t, config, "UDP flood on 10.0.0.1", "incident", "list", "--state", "open,acknowledged", "--min-severity", "high")
	id := regexp.MustCompile(`inc-[a-z2-7]+`).FindString(list)

	// Through the server.
	must(t, config, "acknowledged by anna: calling the provider", "incident", "ack", id, "--by", "anna", "--note", "calling the provider")
	refused(t, config, 2, "acknowledged", "incident", "ack", id)
	refused(t, config, 2, "no such incident", "incident", "ack", "inc-unknown")
	refused(t, config, 2, "do not print", "incident", "ack", id, "--note", "a\x1bb")
	must(t, config, "comment by anna: no answer yet", "incident", "comment", id, "no answer yet", "--by", "anna")
	refused(t, config, 2, "a comment is a note", "incident", "comment", id, " ")
	must(t, config, "incident.comment", "audit", "list")
	must(t, config, "judged as normal by ben", "incident", "feedback", id, "normal", "--by", "ben")
	said := must(t, config, "1.25 times", "incident", "feedback", "--list")
	verdict := regexp.MustCompile(`fb-[a-z2-7]+`).FindString(said)
	must(t, config, "is taken back", "incident", "feedback", "--undo", verdict)
	must(t, config, "no verdicts", "incident", "feedback", "--list")
	refused(t, config, 2, "no such verdict", "incident", "feedback", "--undo", verdict)
	must(t, config, "learning is frozen", "baseline", "freeze")
	must(t, config, "learning goes on", "baseline", "freeze", "--off")
	must(t, config, "learning is frozen", "baseline", "freeze")
	refused(t, config, 2, `no version "x"`, "baseline", "rollback", "x")
	refused(t, config, 2, `no version "x"`, "baseline", "approve", "x")
	refused(t, config, 2, "no hours since", "baseline", "approve", "10.0.0.1", "--since", "2026-11-23")
	must(t, config, "acknowledged by anna", "incident", "show", id) // beside the server
	token := filepath.Join(dir, "token")
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, config, 1, "chmod 600", "incident", "ack", id)
	if err := os.WriteFile(token, []byte("wrong-wrong-wrong-wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(token, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, config, 1, "token is wrong", "incident", "ack", id)
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended

	// On the directory.
	text := must(t, config, `"acknowledged"`, "incident", "show", id, "--format", "json")
	var one struct {
		ID       string `json:"id"`
		State    string `json:"state"`
		Timeline []any  `json:"timeline"`
	}
	if err := json.Unmarshal([]byte(text), &one); err != nil || one.ID != id || len(one.Timeline) < 3 {
		t.Errorf("%+v, %v", one, err)
	}
	must(t, config, "closed as attack by carl: botnet", "incident", "close", id, "attack", "--note", "botnet", "--by", "carl")
	refused(t, config, 2, "closed", "incident", "close", id, "attack")
	refused(t, config, 2, "inc-unknown", "incident", "close", "inc-unknown", "attack")
	refused(t, config, 2, "inc-unknown", "incident", "show", "inc-unknown")
	must(t, config, "0.80 times", "incident", "feedback", "--list")
	must(t, config, "is taken back", "incident", "feedback", "--undo", verdict)
	refused(t, config, 2, "no such verdict", "incident", "feedback", "--undo", verdict)
	must(t, config, "closed (attack)", "incident", "list", "--subject", "10.0.0.1", "--since", "2026-01-01")
	must(t, config, "no incidents", "incident", "list", "--state", "open")
	for _, args := range [][]string{
		{"incident", "feedback"},
		{"incident", "feedback", id},
		{"incident", "feedback", id, "uncertain"},
		{"incident", "feedback", id, "normal", "--list"},
		{"incident", "feedback", "--list", "--undo", verdict},
	} {
		refused(t, config, 2, "say an incident", args...)
	}
	refused(t, config, 2, "monday", "incident", "list", "--since", "monday")
	refused(t, config, 2, "--limit", "incident", "list", "--limit", "0")
	must(t, config, "nothing was learned yet", "baseline", "list")
	must(t, config, "learning goes on", "baseline", "freeze", "--off")
}

// The token of the configuration goes before the file, and neither is shown.
func TestTokenOfTheConfiguration(t *testing.T) {
	const secret = "configured-secret-token"
	t.Setenv("TIDEWATCH_API_TOKEN", secret)
	config, dir := site(t)
	p := serve(t, config)
	must(t, config, "learning is frozen", "baseline", "freeze")
	if _, err := os.Stat(filepath.Join(dir, "token")); err == nil {
		t.Error("a token was made although there is one")
	}
	if out := must(t, config, "api", "check"); strings.Contains(out, secret) {
		t.Error("check shows the token")
	}
	t.Setenv("TIDEWATCH_API_TOKEN", "another-secret-token")
	refused(t, config, 1, "token is wrong", "baseline", "freeze")
	t.Setenv("TIDEWATCH_API_TOKEN", "")
	named := write(t, "secret", secret+"\n")
	t.Setenv("TIDEWATCH_API_TOKEN_FILE", named)
	must(t, config, "learning goes on", "baseline", "freeze", "--off")
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.Contains(strings.Join(p.lines, "\n"), secret) {
		t.Error("the log shows the token")
	}
}
