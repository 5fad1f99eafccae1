// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shownDemo is a demo that runs.
type shownDemo struct {
	*exec.Cmd

	api, link, token, tmp string
	began                 time.Time
	listens               time.Duration // since then
	told                  chan string   // all that it wrote, once it has ended
}

// program builds tidewatch and tells where it lies.
func program(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tidewatch")
	build := exec.Command("go", "build", "-o", bin, "tidewatch/cmd/tidewatch")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// startDemo runs the command as a newcomer does, and waits until it listens.
func startDemo(t *testing.T) *shownDemo {
	t.Helper()
	d := &shownDemo{tmp: t.TempDir(), told: make(chan string, 1)}
	d.Cmd = exec.Command(program(t), "demo", "--port", "0", "--flow-port", "0", "--seed", "3")
	d.Env = append(os.Environ(), "TMPDIR="+d.tmp)
	d.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	d.Stderr = os.Stderr
	out, err := d.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.began = time.Now()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Process.Kill() })
	door := make(chan []string, 1)
	go func() {
		address := regexp.MustCompile(`^dashboard +(http://127\.0\.0\.1:\d+)/#/(enter\?key=[\w-]+)`)
		var all strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(&all, lines.Text())
			if at := address.FindStringSubmatch(lines.Text()); at != nil {
				door <- at
			}
		}
		d.told <- all.String()
	}()
	select {
	case at := <-door:
		d.api, d.link = at[1], at[2]
	case <-time.After(90 * time.Second):
		t.Fatal("it does not listen after 90 s")
	}
	d.listens = time.Since(d.began)
	tokens, err := filepath.Glob(filepath.Join(d.tmp, "tidewatch-demo-*", "token"))
	if err != nil || len(tokens) != 1 {
		t.Fatalf("tokens: %v, %v", tokens, err)
	}
	token, err := os.ReadFile(tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	d.token = strings.TrimSpace(string(token))
	return d
}

// server is it as the API has it.
func (d *shownDemo) server() *process {
	return &process{api: d.api, token: d.token, client: http.Client{Timeout: 20 * time.Second}}
}
