// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tidewatch/app"
)

const (
	serverConfig = "TIDEWATCH_E2E_SERVE" // configuration of the server that this process is
	serverToken  = "a-token-of-the-test"
)

// process is a server in a process of its own, which can be killed.
type process struct {
	*os.Process

	api, flows string
	log, token string // file; what try shows
	ended      chan struct{}
	client     http.Client
}

// startServer runs serve with a configuration, and waits until it listens.
func startServer(t *testing.T, config string) *process {
	t.Helper()
	p := &process{token: serverToken, log: filepath.Join(filepath.Dir(config), "log"), ended: make(chan struct{}), client: http.Client{Timeout: 20 * time.Second}}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestServerProcess$", "-test.v")
	cmd.Env = append(os.Environ(), serverConfig+"="+config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	errors, out, err := os.Pipe() // not a file: its size may be limited
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = out
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = out.Close()
	p.Process = cmd.Process
	var reading sync.WaitGroup
	reading.Go(func() {
		keep, err := os.OpenFile(p.log, os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return
		}
		defer keep.Close()
		_, _ = keep.ReadFrom(errors)
	})
	ready := make(chan string, 1)
	reading.Go(func() {
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), "serving "); ok {
				ready <- text
			}
		}
	})
	go func() {
		defer close(p.ended)
		reading.Wait()
		_ = cmd.Wait() // it may have been killed
	}()
	t.Cleanup(func() { p.end(t, syscall.SIGKILL) })
	select {
	case text := <-ready:
		if _, err := fmt.Sscan(text, &p.api, &p.flows); err != nil {
			t.Fatal(err)
		}
	case <-p.ended:
		t.Fatalf("the server ended at once:\n%s", p.said())
	case <-time.After(time.Minute):
		t.Fatalf("the server does not listen:\n%s", p.said())
	}
	return p
}

// end sends a signal and waits until the process is gone.
func (p *process) end(t *testing.T, s syscall.Signal) {
	t.Helper()
	_ = p.Signal(s)               // it may have ended
	_ = p.Signal(syscall.SIGCONT) // or hang
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		t.Errorf("the server does not end after %v:\n%s", s, p.said())
		_ = p.Kill()
		<-p.ended
	}
}

// said is the end of what it has logged.
func (p *process) said() string {
	text, _ := os.ReadFile(p.log) // empty at worst
	return string(text[max(0, len(text)-20_000):])
}

// TestServerProcess is what startServer runs; by itself it does nothing.
func TestServerProcess(t *testing.T) {
	path := os.Getenv(serverConfig)
	if path == "" {
		return
	}
	_ = os.Unsetenv(serverConfig)
	signal.Ignore(syscall.SIGXFSZ) // so that a file that may not grow is an error, as a full disk is
	cfg, _, err := app.LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err = app.Serve(ctx, cfg, &app.ServeOptions{Log: os.Stderr, Version: "test", Ready: func(s *app.Server) {
		_, _ = fmt.Fprintf(os.Stdout, "\nserving http://%s %s\n", s.Addr(), s.Collector().Addrs()[0])
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// try asks the API; nil in, GET. The status is 0 when nobody answered.
func (p *process) try(path string, in, out any) (status int, err error) {
	method, body := http.MethodGet, []byte(nil)
	if in != nil {
		method = http.MethodPost
		if body, err = json.Marshal(in); err != nil {
			return 0, err
		}
	}
	req, err := http.NewRequest(method, p.api+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(res.Body); err != nil {
		return 0, err
	}
	if res.StatusCode >= 300 {
		return res.StatusCode, fmt.Errorf("%s: %s: %s", path, res.Status, text.String())
	}
	if out == nil {
		return res.StatusCode, nil
	}
	return res.StatusCode, json.Unmarshal(text.Bytes(), out)
}

// text is a page that is no JSON.
func (p *process) text(t *testing.T, path string) string {
	t.Helper()
	res, err := p.client.Get(p.api + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, res.Status, err)
	}
	return text.String()
}

// ask is try that must succeed.
func (p *process) ask(t *testing.T, path string, in, out any) {
	t.Helper()
	if _, err := p.try(path, in, out); err != nil {
		t.Fatalf("%v\n%s", err, p.said())
	}
}

// until waits for something, and fails with what there is to say.
func until(t *testing.T, within time.Duration, is func() bool, say func() string) time.Duration {
	t.Helper()
	begun := time.Now()
	for !is() {
		if time.Since(begun) > within {
			t.Fatalf("not within %v: %s", within, say())
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(begun).Round(time.Millisecond)
}
