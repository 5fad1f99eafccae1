// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// readyPatience is how long a program may take to start.
const readyPatience = 5 * time.Minute

// target is a running collector.
type target struct {
	name     string
	cmd      *exec.Cmd
	addr     string
	dir      string
	api      string     // base URL, empty when there is none
	received func() int // flows taken so far, -1 when unknown
}

// start runs a command with its own folder.
func start(name, addr, dir string, args ...string) (*target, error) {
	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec,noctx // a benchmark of what it is told to run
	cmd.Dir = dir
	log, err := os.Create(filepath.Join(dir, "log")) //nolint:gosec // a folder of our own
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &target{name: name, cmd: cmd, addr: addr, dir: dir, received: func() int { return -1 }}, nil
}

func (t *target) stop() {
	defer os.RemoveAll(t.dir)
	if t.cmd == nil {
		return
	}
	_ = t.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = t.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = t.cmd.Process.Kill()
		<-done
	}
}

// cpu is the user and system time of the process so far, all threads included.
func (t *target) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on Linux
}

func freePort(network string) (int, error) {
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0") //nolint:noctx // loopback, returns at once
		if err != nil {
			return 0, err
		}
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).Port, nil //nolint:errcheck,forcetypeassert // it is UDP
	}
	c, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback, returns at once
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.Addr().(*net.TCPAddr).Port, nil //nolint:errcheck,forcetypeassert // it is TCP
}

func tidewatch(binary string) (*target, error) {
	t, err := newTarget("")
	if err != nil {
		return nil, err
	}
	if err := t.serve(binary, ""); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// newTarget makes a data directory below dir; stop removes it.
func newTarget(dir string) (*target, error) {
	dir, err := os.MkdirTemp(dir, "tidewatch-bench")
	return &target{name: "tidewatch", dir: dir, received: func() int { return -1 }}, err
}

// serve starts tidewatch on the data directory, with more configuration, and waits until it
// is ready.
func (t *target) serve(binary, more string) error {
	path, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	udp, err := freePort("udp")
	if err != nil {
		return err
	}
	tcp, err := freePort("tcp")
	if err != nil {
		return err
	}
	config := fmt.Sprintf("data_dir: %s\ncollect:\n  listen: [\"127.0.0.1:%d\"]\napi:\n  listen: 127.0.0.1:%d\n", t.dir, udp, tcp) + more
	if err := os.WriteFile(filepath.Join(t.dir, "config.yaml"), []byte(config), 0o600); err != nil {
		return err
	}
	started, err := start(t.name, fmt.Sprintf("127.0.0.1:%d", udp), t.dir, path, "serve", "--config", filepath.Join(t.dir, "config.yaml"))
	if err != nil {
		return err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d", tcp)
	*t = *started
	t.api, t.received = url, func() int { return metric(url, "tidewatch_collect_records_total") }
	for began := time.Now(); time.Since(began) < readyPatience; time.Sleep(20 * time.Millisecond) {
		if body, err := get(url + "/readyz"); err == nil && body != "" {
			return nil
		}
	}
	return errors.New("tidewatch did not become ready")
}

func get(url string) (string, error) {
	res, err := http.Get(url) //nolint:gosec,noctx // loopback
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

func metric(url, name string) int {
	body, err := get(url + "/metrics")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(body) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				return -1
			}
			return int(f)
		}
	}
	return -1
}

func nfcapd(string) (*target, error) {
	path, err := exec.LookPath("nfcapd")
	if err != nil {
		return nil, nil //nolint:nilnil,nilerr // not installed: nothing to compare with
	}
	dir, err := os.MkdirTemp("", "nfcapd-bench")
	if err != nil {
		return nil, err
	}
	port, err := freePort("udp")
	if err != nil {
		return nil, err
	}
	t, err := start("nfcapd", fmt.Sprintf("127.0.0.1:%d", port), dir, path, "-w", dir, "-b", "127.0.0.1", "-p", strconv.Itoa(port), "-B", "33554432", "-t", "3600")
	time.Sleep(500 * time.Millisecond)
	return t, err
}

// fastnetmon runs Debian's FastNetMon with NetFlow alone.
func fastnetmon(string) (*target, error) {
	path, err := exec.LookPath("fastnetmon")
	if err != nil {
		return nil, nil //nolint:nilnil,nilerr // not installed: nothing to compare with
	}
	dir, err := os.MkdirTemp("", "fastnetmon-bench")
	if err != nil {
		return nil, err
	}
	port, err := freePort("udp")
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf("enable_ban = off\nprocess_incoming_traffic = on\nprocess_outgoing_traffic = on\nnetflow = on\nnetflow_port = %d\nnetflow_host = 127.0.0.1\nnetworks_list_path = %s/networks\nwhite_list_path = %s/white\naverage_calculation_time = 5\nnotify_script_path = /bin/true\n", port, dir, dir)
	for name, text := range map[string]string{"config": config, "networks": "10.0.0.0/16\n", "white": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	t, err := start("fastnetmon", fmt.Sprintf("127.0.0.1:%d", port), dir, path, "--configuration_file", filepath.Join(dir, "config"), "--log_file", filepath.Join(dir, "fnm.log"))
	time.Sleep(2 * time.Second)
	return t, err
}
