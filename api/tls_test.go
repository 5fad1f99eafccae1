// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tidewatch/notify/notifytest"
)

// certified writes a certificate of an authority that nobody knows, and its key, into a folder.
func certified(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	issued, secret := notifytest.NewAuthority(t).Issue(t, name, name, "127.0.0.1")
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	if err := errors.Join(os.Rename(issued, cert), os.Rename(secret, key)); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// shown is the name in the certificate that a server shows.
func shown(t *testing.T, addr string, cfg *tls.Config) (string, error) {
	t.Helper()
	c, err := tls.Dial("tcp", addr, cfg)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

// unchecked takes any certificate: which one it is, the test looks at itself.
func unchecked() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

type notes struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

// TestTLS: with a certificate only TLS is spoken, of a version that is safe; browsers
// come by it from then on, and send the cookie by nothing else.
func TestTLS(t *testing.T) {
	t.Parallel()
	k, _ := keeper(t, time.Now)
	cert, key := certified(t, t.TempDir(), "localhost")
	s := server(t, func(c *Config, d *Deps) {
		c.Listen, c.TLS, d.Accounts, d.Clock = "127.0.0.1:0", TLSConfig{Cert: cert, Key: key}, k, time.Now
	})
	listen(t, s)
	if s.URL() != "https://"+s.Addr() {
		t.Errorf("it is at %s", s.URL())
	}
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		cfg := unchecked()
		cfg.MinVersion, cfg.MaxVersion = version, version
		if _, err := shown(t, s.Addr(), cfg); (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	trust := x509.NewCertPool()
	trust.AppendCertsFromPEM(text)
	for _, second := range []bool{false, true} { // HTTP/1.1, HTTP/2
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, ForceAttemptHTTP2: second}
		res, err := (&http.Client{Transport: transport}).Post(s.URL()+"/api/v1/session", "application/json",
			strings.NewReader(`{"name":"ada","password":"`+passphrase+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		transport.CloseIdleConnections()
		cookies := res.Cookies()
		if res.StatusCode != http.StatusOK || len(cookies) != 1 || !cookies[0].Secure || !cookies[0].HttpOnly || (res.ProtoMajor == 2) != second {
			t.Errorf("signing in by %s: %d %+v", res.Proto, res.StatusCode, cookies)
		}
		if got := res.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
			t.Errorf("Strict-Transport-Security %q", got)
		}
	}
	if status, _, body := raw(t, s.Addr(), "GET /api/v1/summary"); status != http.StatusBadRequest || !strings.Contains(body, "HTTPS") {
		t.Errorf("plain HTTP: %d %q", status, body)
	}
	plain := server(t, nil)
	if res, _ := ask(t, plain, http.MethodGet, "/", nil); res.Header().Get("Strict-Transport-Security") != "" {
		t.Error("a server without TLS wants to be asked by it")
	}
}

// TestRenewedCertificate: what certbot puts in place of an old certificate, one file after
// the other, is shown without a restart; what is broken is not, and the old one goes on.
func TestRenewedCertificate(t *testing.T) {
	t.Parallel()
	archive, live := t.TempDir(), t.TempDir()
	link := func(of, name string) string {
		at := filepath.Join(live, name)
		_ = os.Remove(at)
		if err := os.Symlink(of, at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	cert1, key1 := certified(t, archive, "first")
	cert2, key2 := certified(t, archive, "second")
	var log notes
	s := server(t, func(c *Config, d *Deps) {
		c.Listen, c.TLS = "127.0.0.1:0", TLSConfig{Cert: link(cert1, "fullchain.pem"), Key: link(key1, "privkey.pem")}
		d.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	listen(t, s)
	later := func() { // as if the time between two looks were over
		s.certificate.mu.Lock()
		defer s.certificate.mu.Unlock()
		s.certificate.looked = time.Time{}
	}
	want := func(name, when string) {
		t.Helper()
		if got, err := shown(t, s.Addr(), unchecked()); got != name || err != nil {
			t.Errorf("%s: it shows %q, %v", when, got, err)
		}
	}
	want("first", "at the start")
	link(cert2, "fullchain.pem")
	later()
	want("first", "between the two files")
	if said := log.String(); !strings.Contains(said, "old one goes on") || !strings.Contains(said, "fullchain.pem") {
		t.Errorf("said %s", said)
	}
	link(key2, "privkey.pem")
	want("first", "before it looks again")
	later()
	want("second", "with both files")
	link(filepath.Join(archive, "nowhere"), "privkey.pem")
	later()
	want("second", "without the key")
	link(key1, "privkey.pem")
	link(cert1, "fullchain.pem")
	s.ReloadCertificate() // as SIGHUP does
	want("first", "when it was asked to")
	if said := log.String(); strings.Count(said, "certificate reloaded") != 2 || strings.Contains(said, "PRIVATE") {
		t.Errorf("said %s", said)
	}
}

// TestBrokenCertificate: what cannot be served with is said at the start, in one line that
// names the file and nothing that is in it.
func TestBrokenCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certified(t, dir, "one")
	other, _ := certified(t, dir, "two")
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	half := string(secret[:len(secret)/2])
	for name, tc := range map[string]struct{ cert, key, says string }{
		"no certificate":                {filepath.Join(dir, "none.pem"), key, "none.pem"},
		"no key":                        {cert, filepath.Join(dir, "none.key"), "none.key"},
		"a certificate that is none":    {file("text.pem", "It was a dark and stormy night.", 0o600), key, "text.pem"},
		"a key that is none":            {cert, file("text.key", half, 0o600), "text.key"},
		"the two swapped":               {key, cert, "one.key"},
		"the key of another":            {other, key, "two.pem"},
		"an empty certificate":          {file("empty.pem", "", 0o600), key, "empty.pem"},
		"a folder":                      {dir, key, dir},
		"a key that everybody can read": {cert, file("open.key", string(secret), 0o644), "open.key"},
		"only a certificate":            {cert, "", "tls.cert and tls.key go together"},
		"only a key":                    {"", key, "tls.cert and tls.key go together"},
	} {
		cfg := DefaultConfig()
		cfg.Listen, cfg.TLS = "127.0.0.1:0", TLSConfig{Cert: tc.cert, Key: tc.key}
		s, err := New(&cfg, &Deps{Incidents: saved(t, 0)})
		if err == nil {
			err = s.Run(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), string(secret[30:60])) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
