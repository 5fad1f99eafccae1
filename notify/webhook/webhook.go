// SPDX-License-Identifier: Apache-2.0

// Package webhook posts messages as JSON to a program of somebody's own. Each is signed
// as the Standard Webhooks specification 1.0.0 says (https://www.standardwebhooks.com),
// so that the receiver can tell ours from a stranger's and an old one from a new one.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"tidewatch/notify"
)

// Sink posts to one address.
type Sink struct {
	url    string
	path   string // of the address: what may be secret in it
	key    []byte
	client *http.Client
}

var _ notify.Sink = (*Sink)(nil)

// New takes a configuration whose URL and Secret are filled: who calls it reads the
// files.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.URL == "" || cfg.Secret == "" {
		return nil, errors.New("url_file or secret_file was not read")
	}
	key, err := keyOf(cfg.Secret)
	if err != nil {
		return nil, err
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read ca_file: %s holds no certificate", cfg.CAFile)
		}
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errAddress // its text would tell the address
	}
	return &Sink{url: cfg.URL, path: u.RequestURI(), key: key, client: &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 10 * time.Second, MaxIdleConns: 1, IdleConnTimeout: 30 * time.Second,
		},
		// A redirect would take the message to where nobody has sent it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// payload is the body: the envelope that the specification recommends.
type payload struct {
	Type      string          `json:"type"`      // incident.trigger, incident.update, ..., incident.digest, test
	Timestamp time.Time       `json:"timestamp"` // when it happened, in flow time
	Data      *notify.Message `json:"data"`
}

// Send posts one message. The time stamp of the signature is that of the attempt, for
// receivers refuse old ones.
func (s *Sink) Send(ctx context.Context, m *notify.Message, before notify.Receipt) (notify.Receipt, error) {
	kind := "incident." + string(m.Status)
	if m.Status == notify.Test {
		kind = "test"
	}
	body, err := json.Marshal(&payload{kind, m.At, m})
	if err != nil {
		return before, notify.Permanent(fmt.Errorf("write the message as JSON: %w", err))
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	_, err = notify.Post(ctx, s.client, s.url, http.Header{
		"Content-Type":      {"application/json"},
		"User-Agent":        {"tidewatch"},
		"Webhook-Id":        {m.ID},
		"Webhook-Timestamp": {at},
		"Webhook-Signature": {"v1," + s.sign(m.ID, at, body)},
	}, body)
	return before, s.hide(err)
}

// sign is the HMAC-SHA256 of id, time and body.
func (s *Sink) sign(id, at string, body []byte) string {
	h := hmac.New(sha256.New, s.key)
	_, _ = fmt.Fprintf(h, "%s.%s.%s", id, at, body) // a hash takes everything
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// hide takes the path of the address out of an answer that quotes it, such as "404
// /hooks/T0123 not found".
func (s *Sink) hide(err error) error {
	if err == nil || len(s.path) < 2 || !strings.Contains(err.Error(), s.path) {
		return err
	}
	hidden := errors.New(strings.ReplaceAll(err.Error(), s.path, "[address]"))
	if notify.IsPermanent(err) {
		return notify.Permanent(hidden)
	}
	if wait := notify.RetryAfter(err); wait > 0 {
		return notify.After(hidden, wait)
	}
	return hidden
}

// Close gives the connection back.
func (s *Sink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}
