// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Who has Go and no Node builds it all the same from a fresh checkout: it serves, a page
// says what is missing and what to do, and so does the invitation to make an account.
func TestWithoutNode(t *testing.T) {
	t.Parallel()
	dir := checkout(t)
	build := exec.Command("make", "build")
	build.Dir, build.Env = dir, append(os.Environ(), "PATH="+nodeless(t))
	out, err := build.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "npm is not there") {
		t.Fatalf("%v: %s", err, out)
	}
	base, said := serveProgram(t, filepath.Join(dir, "bin", "tidewatch"))
	if !strings.Contains(said, "tidewatch user add") || strings.Contains(said, "/#/setup") {
		t.Errorf("the invitation says %q", said)
	}
	for path, want := range map[string]string{"/": "Node.js 20", "/api/v1/summary": `"open_incidents":0`, "/healthz": ""} {
		res, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s %v %.300s", path, res.Status, err, body)
		}
	}
}

// checkout copies what git knows of this working tree into a folder without a history.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files := exec.Command("git", "ls-files", "-z")
	files.Dir = filepath.Join("..", "..")
	list, err := files.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(list), "\x00"), "\x00") {
		body, err := os.ReadFile(filepath.Join(files.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// nodeless is a PATH of a folder with links to what is in PATH, but for Node's programs.
func nodeless(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, from := range filepath.SplitList(os.Getenv("PATH")) {
		entries, err := os.ReadDir(from)
		if err != nil {
			continue // PATH may name what is not there
		}
		for _, e := range entries {
			switch e.Name() {
			case "node", "nodejs", "npm", "npx":
			default:
				_ = os.Symlink(filepath.Join(from, e.Name()), filepath.Join(dir, e.Name())) // the first one counts
			}
		}
	}
	return dir
}

// serveProgram starts a program with no configuration but ports of its own, and returns
// its address and what it had said when it was ready.
func serveProgram(t *testing.T, program string) (base, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	data := t.TempDir()
	cmd := exec.CommandContext(ctx, program, "serve")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "TIDEWATCH_DATA_DIR="+data, "TIDEWATCH_API_LISTEN=127.0.0.1:0", "TIDEWATCH_COLLECT_LISTEN=127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		said += lines.Text() + "\n"
		if _, at, ok := strings.Cut(lines.Text(), " api="); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			base, _, _ = strings.Cut(at, "/api/v1/")
			return base, said
		}
	}
	t.Fatalf("%s does not serve: %s", program, said)
	return "", ""
}
