// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// maxCAs bounds a file of certificates.
const maxCAs = 4 << 20

// Trust is how a sink speaks TLS: 1.2 at least, with the system's authorities, or those
// of a PEM file alone.
func Trust(caFile string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return cfg, nil
	}
	f, err := os.Open(caFile) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("read ca_file: %w", err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxCAs))
	if err != nil {
		return nil, fmt.Errorf("read ca_file: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read ca_file: %s holds no certificate", caFile)
	}
	return cfg, nil
}

// Client is an HTTP client for sinks. It opens caFile when it is first used, follows no
// redirect (it would take a secret elsewhere), and takes the secrets out of what is
// answered before anybody can quote them.
func Client(caFile string, secrets ...string) *http.Client {
	return &http.Client{
		Transport:     &discreet{caFile: caFile, secrets: secrets},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// discreet is a transport that tells nobody a secret.
type discreet struct {
	caFile  string
	secrets []string
	mu      sync.Mutex // guards inner
	inner   *http.Transport
}

func (d *discreet) transport() (*http.Transport, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inner == nil {
		trust, err := Trust(d.caFile)
		if err != nil {
			return nil, err // and tries again: the file may come back
		}
		d.inner = &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 10 * time.Second, MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second,
			MaxResponseHeaderBytes: maxAnswer,
		}
	}
	return d.inner, nil
}

// RoundTrip reads the answer before it returns: it is short, and so its end is not
// awaited by somebody who no longer looks at the context.
func (d *discreet) RoundTrip(req *http.Request) (*http.Response, error) {
	inner, err := d.transport()
	if err != nil {
		return nil, err
	}
	resp, err := inner.RoundTrip(req)
	if err != nil {
		if hidden := Hide(err.Error(), d.secrets...); hidden != err.Error() {
			err = errors.New(hidden)
		}
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	_ = resp.Body.Close() // it was read
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	hidden := []byte(Hide(string(body), d.secrets...))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(hidden)), int64(len(hidden))
	resp.Status = Cut(Line(Hide(resp.Status, d.secrets...)), maxQuoted)
	return resp, nil
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (d *discreet) CloseIdleConnections() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inner != nil {
		d.inner.CloseIdleConnections()
	}
}

// Sealed reports whether nobody on the way can read what is sent to an address: it is
// that of an HTTPS server, or of a server on this machine.
func Sealed(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	if u.Scheme != "http" {
		return u.Scheme == "https"
	}
	a, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// Hide takes secrets out of a text that others wrote.
func Hide(text string, secrets ...string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "[secret]")
		}
	}
	return text
}
