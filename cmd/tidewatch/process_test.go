// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary play the program: locks and signals take two
// processes to be tested.
func TestMain(m *testing.M) {
	if os.Getenv("TIDEWATCH_TEST_PROGRAM") == "1" {
		_ = os.Unsetenv("TIDEWATCH_TEST_PROGRAM")
		main()
	}
	os.Exit(m.Run())
}

// process is a running tidewatch.
type process struct {
	*osexec.Cmd

	api, flows string
	ended      chan struct{}

	mu    sync.Mutex
	lines []string // of its standard error
	said  chan struct{}
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: osexec.CommandContext(t.Context(), os.Args[0], args...), said: make(chan struct{}, 1), ended: make(chan struct{})}
	p.Env = append(os.Environ(), "TIDEWATCH_TEST_PROGRAM=1")
	out, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, lines.Text())
			p.mu.Unlock()
			select {
			case p.said <- struct{}{}:
			default:
			}
		}
		_ = p.Wait() // ProcessState tells
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill() // no error when it ended
		<-p.ended
	})
	return p
}

// line waits for a line with this text in what the process says.
func (p *process) line(t *testing.T, text string) string {
	t.Helper()
	limit := time.After(30 * time.Second)
	ended := false
	for from := 0; ; {
		p.mu.Lock()
		for ; from < len(p.lines); from++ {
			if strings.Contains(p.lines[from], text) {
				defer p.mu.Unlock()
				return p.lines[from]
			}
		}
		p.mu.Unlock()
		if ended {
			t.Fatalf("it ended without saying %q: %q", text, p.lines)
		}
		select {
		case <-p.said:
		case <-p.ended:
			ended = true // and what it said last is yet to be read
		case <-limit:
			t.Fatalf("it does not say %q: %q", text, p.lines)
		}
	}
}

var listening = regexp.MustCompile(`flows=\[([^ \]]+)\].* api=(http://[^/ ]+)/`)

// serve starts a server and waits until it listens.
func serve(t *testing.T, config string) *process {
	t.Helper()
	p := start(t, "serve", "-c", config)
	m := listening.FindStringSubmatch(p.line(t, "tidewatch is listening"))
	if m == nil {
		t.Fatalf("no addresses: %q", p.lines)
	}
	p.flows, p.api = m[1], m[2]
	return p
}

// site writes a configuration with free ports; more are further lines of it.
func site(t *testing.T, more ...string) (config, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	return write(t, "site.yaml", siteText(dir, more...)), dir
}

func siteText(dir string, more ...string) string {
	return "data_dir: " + dir + "\ntimezone: UTC\ncollect:\n  listen: [\"127.0.0.1:0\"]\napi:\n  listen: 127.0.0.1:0\n" +
		strings.Join(more, "\n") + "\n"
}

// Of two servers on one data directory the second fails, in one line that says
// who is there; when the first ends, however it ends, the directory is free.
func TestOneWriter(t *testing.T) {
	config, dir := site(t)
	for _, end := range []os.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		first := serve(t, config)
		status, _, stderr := exec(t, "serve", "-c", config)
		said := strings.TrimSpace(stderr)
		if status != 1 || strings.Contains(said, "\n") || !strings.Contains(said, dir) || !strings.Contains(said, first.api) ||
			!strings.Contains(said, "process "+strconv.Itoa(first.Process.Pid)) || !strings.Contains(said, "data_dir") {
			t.Errorf("status %d, says %q", status, said)
		}
		if err := first.Process.Signal(end); err != nil {
			t.Fatal(err)
		}
		<-first.ended
		text, err := os.ReadFile(filepath.Join(dir, "lock"))
		if clean := end == syscall.SIGTERM; err != nil || clean != (len(text) == 0) {
			t.Errorf("after %v the lock file says %q, %v", end, text, err)
		}
		if code := first.ProcessState.ExitCode(); end == syscall.SIGTERM && code != 0 {
			t.Errorf("SIGTERM gives status %d: %s", code, fmt.Sprint(first.lines))
		}
	}
	serve(t, config)
}
