// SPDX-License-Identifier: Apache-2.0

// Package webhook posts messages as JSON to a program of somebody's own. Each is signed
// as the Standard Webhooks specification 1.0.0 says (https://www.standardwebhooks.com),
// so that the receiver can tell ours from a stranger's and an old one from a new one.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tidewatch/notify"
)

// Sink posts to one address.
type Sink struct {
	url    string
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
	if _, err := notify.Trust(cfg.CAFile); err != nil {
		return nil, err
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errAddress // its text would tell the address
	}
	secrets := []string{cfg.Secret}
	if path := u.RequestURI(); len(path) > 1 { // an answer may quote it: "/hooks/T0123 not found"
		secrets = append(secrets, path)
	}
	return &Sink{url: cfg.URL, key: key, client: notify.Client(cfg.CAFile, secrets...)}, nil
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
	return before, err
}

// sign is the HMAC-SHA256 of id, time and body.
func (s *Sink) sign(id, at string, body []byte) string {
	h := hmac.New(sha256.New, s.key)
	_, _ = fmt.Fprintf(h, "%s.%s.%s", id, at, body) // a hash takes everything
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Close gives the connection back.
func (s *Sink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}
