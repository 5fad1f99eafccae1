// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// WebhookConfig says where a webhook goes.
type WebhookConfig struct {
	URL        string `yaml:"url,omitempty" secret:"true"`    // address that takes a POST; https:// beyond this machine
	URLFile    string `yaml:"url_file,omitempty"`             // file that holds the address alone, mode 0600, read at the start
	Secret     string `yaml:"secret,omitempty" secret:"true"` // key of the signature: whsec_ and the base64 of 24 to 64 random bytes
	SecretFile string `yaml:"secret_file,omitempty"`          // file that holds the key alone, mode 0600, read at the start
	CAFile     string `yaml:"ca_file,omitempty"`              // PEM file of the authorities to trust in place of the system's
}

var errAddress = errors.New("url must begin with https:// or http:// and name a host")

const keyPrefix = "whsec_"

// keyOf reads the key of the signature. No error repeats it.
func keyOf(secret string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, keyPrefix))
	if err != nil || !strings.HasPrefix(secret, keyPrefix) || len(key) < 24 || len(key) > 64 {
		return nil, errors.New(`secret must be whsec_ and the base64 of 24 to 64 random bytes; echo "whsec_$(openssl rand -base64 32)" makes one`)
	}
	return key, nil
}

// Validate reports the first value that makes no sense, and never repeats a secret.
func (c *WebhookConfig) Validate() error {
	if (c.URL == "") == (c.URLFile == "") {
		return errors.New("one of url and url_file is needed")
	}
	if (c.Secret == "") == (c.SecretFile == "") {
		return errors.New("one of secret and secret_file is needed")
	}
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return errAddress
		}
	}
	if c.Secret != "" {
		_, err := keyOf(c.Secret)
		return err
	}
	return nil
}

// Webhook posts to one address, signed as the Standard Webhooks specification 1.0.0
// says (https://www.standardwebhooks.com), so that the receiver can tell ours from a
// stranger's and an old one from a new one.
type Webhook struct {
	url    string
	key    []byte
	client *http.Client
}

// NewWebhook takes a configuration whose URL and Secret are filled: who calls it reads
// the files.
func NewWebhook(cfg *WebhookConfig) (*Webhook, error) {
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
	if _, err := Trust(cfg.CAFile); err != nil {
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
	return &Webhook{url: cfg.URL, key: key, client: Client(cfg.CAFile, secrets...)}, nil
}

// Post sends one message of JSON. A message that is sent again keeps its id, so that
// the receiver can drop what it has. The time stamp of the signature is that of the
// attempt, for receivers refuse old ones.
func (w *Webhook) Post(ctx context.Context, id string, body []byte) error {
	at := strconv.FormatInt(time.Now().Unix(), 10)
	_, err := Post(ctx, w.client, w.url, http.Header{
		"Content-Type":      {"application/json"},
		"User-Agent":        {"tidewatch"},
		"Webhook-Id":        {id},
		"Webhook-Timestamp": {at},
		"Webhook-Signature": {"v1," + w.sign(id, at, body)},
	}, body)
	return err
}

// sign is the HMAC-SHA256 of id, time and body.
func (w *Webhook) sign(id, at string, body []byte) string {
	h := hmac.New(sha256.New, w.key)
	_, _ = fmt.Fprintf(h, "%s.%s.%s", id, at, body) // a hash takes everything
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Close gives the connection back.
func (w *Webhook) Close() error {
	w.client.CloseIdleConnections()
	return nil
}
