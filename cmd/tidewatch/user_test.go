// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"tidewatch/web"
)

// step is one command, and what it answers.
type step struct {
	args   string // {F} is a file with a good password
	status int
	out    string // all of stdout, as an expression
	err    string // in stderr, in one line
}

func play(t *testing.T, config string, steps []step) {
	t.Helper()
	password := write(t, "password", "a horse eats no cucumber\nnot this line\n")
	names := strings.NewReplacer("{F}", password, "{SHORT}", write(t, "short", "too short\n"))
	for _, s := range steps {
		args := strings.Fields(s.args)
		for i := range args {
			args[i] = names.Replace(args[i])
		}
		status, stdout, stderr := exec(t, append(args, "-c", config)...)
		said := strings.TrimSpace(lastLine(stderr))
		if status != s.status || !regexp.MustCompile(`^(?s:`+s.out+`)$`).MatchString(stdout) || !strings.Contains(said, s.err) || s.err == "" && said != "" {
			t.Errorf("%s: status %d, want %d\nprints %q, want %s\nsays %q, want %s", s.args, status, s.status, stdout, s.out, said, s.err)
		}
		if strings.Contains(stdout+stderr, "cucumber") || strings.Contains(stdout+stderr, "argon2") {
			t.Errorf("%s tells the password: %s%s", s.args, stdout, stderr)
		}
	}
}

// The same commands on a data directory and through the server that uses it.
func TestUserCommands(t *testing.T) {
	for name, served := range map[string]bool{"a directory": false, "a server": true} {
		t.Run(name, func(t *testing.T) {
			config, dir := site(t)
			var p *process
			if served {
				p = serve(t, config)
			}
			nobody := step{"user list", 0, "no user exists yet; .*\n", ""}
			if !served {
				nobody.err = dir + " does not exist"
				status, stdout, _ := exec(t, "user", "list", "-c", config, "--format", "json")
				if _, err := os.Stat(dir); status != 0 || stdout != "{\n \"users\": []\n}\n" || !os.IsNotExist(err) {
					t.Errorf("looking into no directory: status %d, %q, %v", status, stdout, err)
				}
			}
			play(t, config, []step{
				nobody,
				{"user add ada --password-file {F}", 2, "", "must be an administrator's"},
				{"user add ada --role admin --password-file {SHORT}", 2, "", "at least 12 characters"},
				{"user add ada --role admin --password-file /nonexistent", 2, "", "/nonexistent"},
				{"user add ada --role admin", 2, "", "--password-file"},
				{"user add ada --role boss --password-file {F}", 2, "", "--role"},
				{"user add a/b --role admin --password-file {F}", 2, "", "name"},
				{"user add", 2, "", "<name>"},
				{"user add ada --role admin --password-file {F} --by anna", 0, "ada: admin\n", ""},
				{"user add Ada --role admin --password-file {F}", 2, "", "exists"},
				{"user add otto --role operator --password-file {F} --format json", 0, `\{\n "name": "otto",\n "role": "operator",\n "created": "[^"]+",\n "disabled": false\n\}\n`, ""},
				{"user role ada viewer", 2, "", "last administrator"},
				{"user role otto king", 2, "", "king"},
				{"user role nobody viewer", 2, "", "no such account"},
				{"user role otto viewer", 0, "otto: viewer\n", ""},
				{"user disable otto", 0, "otto: viewer, disabled\n", ""},
				{"user list", 0, "NAME +ROLE +LAST SEEN +DISABLED\nada +admin +never +false\notto +viewer +never +true\n", ""},
				{"user disable otto --off", 0, "otto: viewer\n", ""},
				{"user password otto --password-file {F}", 0, "otto: viewer\n", ""},
				{"user password nobody --password-file {F}", 2, "", "no such account"},
				{"user remove ada", 2, "", "last administrator"},
				{"user remove ../ada", 2, "", "no such account"},
				{"user remove otto", 0, "otto has no account any more\n", ""},
				{"user remove otto", 2, "", "no such account"},
				{"user list --format json", 0, `\{\n "users": \[\n  \{\n   "name": "ada",\n   "role": "admin",.*\n\}\n`, ""},
			})
			_, audit, _ := exec(t, "audit", "list", "-c", config)
			for _, want := range []string{`anna +user\.add +ada`, `user\.role +otto +viewer`, `user\.disable +otto`, `user\.enable +otto`, `user\.password +otto`, `user\.remove +otto`} {
				if !regexp.MustCompile(want).MatchString(audit) {
					t.Errorf("no %s in the audit:\n%s", want, audit)
				}
			}
			if served {
				p.stop(t)
			}
			nowhere(t, dir, "cucumber")
		})
	}
}

// stop ends a server in order.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if code := p.ProcessState.ExitCode(); code != 0 {
		t.Errorf("it ended with %d: %q", code, p.lines)
	}
}

// nowhere fails when a secret stands in a file below a folder.
func nowhere(t *testing.T, dir, secret string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s holds %.12s...", path, secret)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A token is printed once, alone on stdout, and is nowhere else: no list, log, audit or
// file has it. It is good for what it was made for, until it is taken back.
func TestTokenCommands(t *testing.T) {
	for name, served := range map[string]bool{"a directory": false, "a server": true} {
		t.Run(name, func(t *testing.T) {
			config, dir := site(t)
			var p *process
			if served {
				p = serve(t, config)
			}
			secrets := []string{}
			for _, args := range [][]string{{"token", "add", "grafana", "--by", "anna"}, {"token", "add", "script", "--scope", "write", "--expires-in", "1h"}} {
				status, stdout, stderr := exec(t, append(args, "-c", config)...)
				if !regexp.MustCompile(`^tw_[\w-]{43}\n$`).MatchString(stdout) || status != 0 || stderr != "" {
					t.Fatalf("%v: status %d, prints %q, says %q", args, status, stdout, stderr)
				}
				secrets = append(secrets, strings.TrimSpace(stdout))
			}
			status, stdout, _ := exec(t, "token", "add", "third", "-c", config, "--format", "json")
			var made struct {
				ID    string `json:"id"`
				Scope string `json:"scope"`
				By    string `json:"by"`
				Token string `json:"token"`
			}
			if err := json.Unmarshal([]byte(stdout), &made); status != 0 || err != nil || made.Scope != "read" || made.By != "administrator" || !strings.HasPrefix(made.Token, "tw_") {
				t.Fatalf("status %d, %s (%v)", status, stdout, err)
			}
			secrets = append(secrets, made.Token)
			play(t, config, []step{
				{"token add x --scope king", 2, "", "king"},
				{"token add x --expires-in=-1h", 2, "", "over"},
				{"token add x --expires-in tomorrow", 2, "", "tomorrow"},
				{"token add", 2, "", "<name>"},
				{"token list", 0, "ID +NAME +SCOPE +WHOSE +EXPIRES +LAST USED\n(tok-\\w{16} +(grafana|third) +read +administrator +never +never\n|tok-\\w{16} +script +write +administrator +20\\S+ +never\n){3}", ""},
				{"token remove tok-nobody", 2, "", "no such"},
				{"token remove ../users", 2, "", "no such"},
			})
			if served {
				for i, decides := range []int{403, 404, 403} {
					if got := p.as(t, secrets[i], "GET", "/api/v1/users"); got != 403 {
						t.Errorf("token %d administers: %d", i, got)
					}
					if got := p.as(t, secrets[i], "DELETE", "/api/v1/feedback/nothing"); got != decides {
						t.Errorf("token %d decides: %d, want %d", i, got, decides)
					}
				}
			}
			play(t, config, []step{{"token remove " + made.ID, 0, "token " + made.ID + " is taken back\n", ""}, {"token remove " + made.ID, 2, "", "no such"}})
			if served {
				if got := p.as(t, made.Token, "GET", "/api/v1/users"); got != 401 {
					t.Errorf("a token that was taken back: %d", got)
				}
				p.stop(t)
			}
			_, list, _ := exec(t, "token", "list", "-c", config, "--format", "json")
			_, audit, _ := exec(t, "audit", "list", "-c", config)
			_, checked, _ := exec(t, "check", "-c", config)
			told := list + audit + checked
			if served {
				told += strings.Join(p.lines, "\n")
			}
			for _, secret := range secrets {
				if strings.Contains(told, secret[3:]) {
					t.Errorf("a token is told again:\n%s", told)
				}
				nowhere(t, dir, secret[3:])
			}
			if !strings.Contains(audit, "token.add") || !strings.Contains(audit, "token.remove") || !strings.Contains(audit, "anna") {
				t.Errorf("audit:\n%s", audit)
			}
		})
	}
}

// The link of the first account is printed once a start, as a line for people and in no
// entry of the log, whatever its level and format; once an account exists, never again.
// Neither the API nor a file tells it.
func TestSetUpLink(t *testing.T) {
	pages, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	if !pages.Built() { // then there is no page to link to
		config, _ := site(t, "")
		if line := start(t, "serve", "-c", config).line(t, "no user exists yet"); !strings.HasSuffix(line, "make the first: tidewatch user add NAME --role admin") {
			t.Errorf("without a dashboard: %q", line)
		}
		return
	}
	link := regexp.MustCompile(`^tidewatch: no user exists yet; .*(http://127\.0\.0\.1:\d+)/#/setup\?key=([\w-]{43})$`)
	found := func(p *process) (all []string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, line := range p.lines {
			if strings.Contains(line, "setup") {
				all = append(all, line)
			}
		}
		return all
	}
	config, dir := site(t, "log: {level: info, format: json}")
	keys := map[string]bool{}
	for range 2 {
		p := start(t, "serve", "-c", config)
		p.line(t, "tidewatch is listening")
		lines := found(p)
		if len(lines) != 1 || !link.MatchString(lines[0]) {
			t.Fatalf("links %q", lines)
		}
		key := link.FindStringSubmatch(lines[0])[2]
		p.api = link.FindStringSubmatch(lines[0])[1]
		for _, path := range []string{"/api/v1/session", "/api/v1/audit", "/metrics", "/readyz", "/api/v1/openapi.json"} {
			if _, body := p.get(t, path); strings.Contains(body, key) {
				t.Errorf("%s tells the key", path)
			}
		}
		keys[key] = true
		p.stop(t)
		nowhere(t, dir, key)
	}
	if len(keys) != 2 {
		t.Errorf("keys %v", keys)
	}
	play(t, config, []step{{"user add ada --role admin --password-file {F}", 0, "ada: admin\n", ""}})
	p := start(t, "serve", "-c", config)
	p.line(t, "tidewatch is listening")
	p.stop(t)
	if lines := found(p); len(lines) != 0 {
		t.Errorf("printed although a user exists: %q", lines)
	}
}

// Each command says what it is for, with an example.
func TestHelpOfAccounts(t *testing.T) {
	for args, want := range map[string]string{
		"user --help": "tidewatch user add ada --role admin", "token --help": "tidewatch token add grafana --expires-in 2160h", "query --help": "tidewatch query --group device",
		"user add --help": "--password-file=FILE", "token add --help": "--scope=", "user password --help": "sessions end", "query -h": "--filter=FILTER",
	} {
		status, stdout, stderr := exec(t, strings.Fields(args)...)
		if status != 0 || !strings.Contains(stdout, want) || stderr != "" {
			t.Errorf("%s: status %d, no %q in %s%s", args, status, want, stdout, stderr)
		}
	}
}
