// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/incident"
	"tidewatch/notify"
	"tidewatch/notify/notifytest"
	"tidewatch/notify/syslog"
)

// rsyslog is Debian's syslog daemon with a TLS port that asks for a certificate. It
// writes what it reads as lines of fields.
type rsyslog struct {
	addr, out, conf string
	cmd             *exec.Cmd
}

const rsyslogConf = `global(workDirectory="%[1]s"
  defaultNetstreamDriverCAFile="%[2]s" defaultNetstreamDriverCertFile="%[3]s" defaultNetstreamDriverKeyFile="%[4]s")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" address="127.0.0.1" port="%[5]s" ruleset="all")
template(name="line" type="string" string="%%syslogfacility-text%%\t%%syslogseverity%%\t%%timereported:::date-rfc3339%%\t%%hostname%%\t%%app-name%%\t%%msgid%%\t%%structured-data%%\t%%msg%%\n")
ruleset(name="all") { action(type="omfile" file="%[1]s/out" template="line") }
`

func newRsyslog(t *testing.T, ca *notifytest.Authority) *rsyslog {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := &rsyslog{addr: l.Addr().String(), out: filepath.Join(dir, "out"), conf: filepath.Join(dir, "rsyslog.conf")}
	_ = l.Close()
	_, port, _ := net.SplitHostPort(r.addr)
	cert, key := ca.Issue(t, "server", "127.0.0.1")
	if err := os.WriteFile(r.conf, fmt.Appendf(nil, rsyslogConf, dir, ca.File, cert, key, port), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	t.Cleanup(func() { r.kill(t) })
	return r
}

func (r *rsyslog) start(t *testing.T) {
	t.Helper()
	path, err := exec.LookPath("rsyslogd")
	if err != nil {
		t.Fatal("rsyslogd is needed: `make test` installs it (Debian packages rsyslog and rsyslog-gnutls)")
	}
	log, err := os.Create(r.conf + ".log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	r.cmd = exec.Command(path, "-n", "-f", r.conf, "-i", r.conf+".pid")
	r.cmd.Stdout, r.cmd.Stderr = log, log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", r.addr); err == nil {
			_ = c.Close()
			return
		}
	}
	said, _ := os.ReadFile(r.conf + ".log")
	t.Fatalf("rsyslogd does not listen (is the Debian package rsyslog-gnutls installed?): %s", said)
}

func (r *rsyslog) kill(t *testing.T) {
	t.Helper()
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait() // it was killed
}

// lines waits for a number of lines, and returns their fields.
func (r *rsyslog) lines(t *testing.T, n int) [][]string {
	t.Helper()
	var text string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		b, _ := os.ReadFile(r.out)
		if text = string(b); strings.Count(text, "\n") >= n {
			break
		}
	}
	var out [][]string
	for line := range strings.Lines(text) {
		out = append(out, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	if len(out) != n {
		t.Fatalf("%d lines, want %d:\n%s", len(out), n, text)
	}
	return out
}

// TestRsyslog brings messages to Debian's rsyslogd over TLS with a client's certificate,
// also after it was killed and started again.
func TestRsyslog(t *testing.T) {
	ca := notifytest.NewAuthority(t)
	r := newRsyslog(t, ca)
	cert, key := ca.Issue(t, "client", "sensor-1.example.org")
	cfg := syslog.Config{Address: r.addr, Hostname: "sensor-1", Facility: "local4", CAFile: ca.File, CertFile: cert, KeyFile: key}
	cef, err := syslog.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer cef.Close()
	cfg.Format = "ecs"
	ecs, err := syslog.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer ecs.Close()
	send := func(s *syslog.Sink, m *notify.Message) {
		t.Helper()
		if _, err := s.Send(t.Context(), m, ""); err != nil {
			t.Fatal(err)
		}
	}
	flood := notifytest.Flood(notify.Trigger, incident.Opened)
	send(cef, flood)
	got := r.lines(t, 1)[0]
	if want := []string{"local4", "2", "2026-11-26T10:21:30.25Z", "sensor-1", "tidewatch", "trigger"}; len(got) != 8 || strings.Join(got[:6], " ") != strings.Join(want, " ") {
		t.Errorf("got %q, want %q", got, want)
	}
	if !strings.Contains(got[6], `[tidewatch@32473 id="inc-mzxw6ytboi4dkmjr/opened"`) || !strings.HasPrefix(strings.TrimSpace(got[7]), "CEF:0|tidewatch|tidewatch|1|ddos:syn_flood|SYN flood|10|rt=1795688490250 ") {
		t.Errorf("got %q", got)
	}
	send(ecs, flood)
	send(ecs, notifytest.Hostile())
	send(ecs, notifytest.Theft())
	for n, got := range r.lines(t, 4)[1:] {
		var doc struct {
			Event struct {
				Kind string `json:"kind"`
			} `json:"event"`
		}
		if err := json.Unmarshal([]byte(got[len(got)-1]), &doc); err != nil || doc.Event.Kind != "alert" {
			t.Errorf("message %d: %v: %q", n, err, got)
		}
	}
	r.kill(t)
	if _, err := cef.Send(t.Context(), flood, ""); err == nil || notify.IsPermanent(err) {
		t.Errorf("nobody there: %v", err)
	}
	r.start(t)
	send(cef, flood)
	r.lines(t, 5)
}
