// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tidewatch/notify/notifytest"
)

// certified puts a new certificate, of that name and of an authority that nobody knows, into a folder.
func certified(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	issued, secret := notifytest.NewAuthority(t).Issue(t, name, name)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := errors.Join(os.Rename(issued, cert), os.Rename(secret, key)); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// TestCommandsOverTLS: commands reach a server by TLS as they do without, whoever vouches
// for its certificate, and tell the token to no other. A renewed one needs no restart, and
// one that is broken keeps the server from starting, in one line.
func TestCommandsOverTLS(t *testing.T) {
	folder := t.TempDir()
	cert, key := certified(t, folder, "first")
	files := "  tls: {cert: " + cert + ", key: " + key + "}"
	config, dir := site(t, files)
	p := start(t, "serve", "-c", config)
	said := p.line(t, "tidewatch is listening")
	_, addr, found := strings.Cut(said, "api=https://")
	addr, _, _ = strings.Cut(addr, "/")
	// Without a dashboard, which this may be built without, there is no page to link to.
	invited := p.line(t, "no user exists yet")
	if linked := strings.Contains(invited, "/#/setup?key="); !found || linked && !strings.Contains(invited, ": https://"+addr+"/#/setup?key=") {
		t.Fatalf("it says %q and %q", said, invited)
	}
	play(t, config, []step{
		{"user add ada --role admin --password-file {F}", 0, "ada: admin\n", ""},
		{"user list --format json", 0, ".*\"ada\".*", ""},
		{"token add x", 0, "tw_.*\n", ""},
		{"incident list", 0, ".*", ""},
		{"event add backup --start 2030-01-01 --duration 1h --no-alert", 0, ".*backup.*", ""},
		{"mitigation status", 0, ".*", ""},
		{"query", 0, ".*total.*", ""},
	})
	// Another server at that address is told nothing.
	other, otherKey := certified(t, t.TempDir(), "other")
	play(t, write(t, "other.yaml", siteText(dir, "  tls: {cert: "+other+", key: "+otherKey+"}")), []step{
		{"user add eve --role admin --password-file {F}", 1, "", "another certificate than api.tls.cert names"},
	})

	certified(t, folder, "second")
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.line(t, "certificate reloaded")
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if got := c.ConnectionState().PeerCertificates[0].Subject.CommonName; got != "second" {
		t.Errorf("it shows %s", got)
	}
	play(t, config, []step{{"user list", 0, ".*ada .*", ""}})
	p.stop(t)

	if err := os.WriteFile(key, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := exec(t, "serve", "-c", config); status == 0 || !strings.HasPrefix(lastLine(stderr), "tidewatch: api: tls: ") || !strings.Contains(lastLine(stderr), key) {
		t.Errorf("with a broken key: status %d, says %q", status, stderr)
	}
}
