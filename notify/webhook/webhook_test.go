// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/notify"
)

const (
	canary = "T0CANARY/never-to-be-seen"
	// The key of the example in the specification.
	exampleKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

func message() *notify.Message {
	at := time.Date(2026, 11, 26, 10, 20, 30, 250e6, time.UTC)
	return &notify.Message{
		ID: "msg-1", Key: "inc-1", Status: notify.Trigger, At: at, Event: incident.Opened,
		Incident: &incident.Incident{ID: "inc-1", Category: detect.DDoSAttack, Kind: "ddos", Subject: "2001:db8::7", Severity: detect.High, State: incident.Open, Started: at},
	}
}

func sink(t *testing.T, url, caFile string) *Sink {
	t.Helper()
	s, err := New(Config{URL: url, Secret: exampleKey, CAFile: caFile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A receiver that was written from the specification accepts what arrives.
func TestDelivery(t *testing.T) {
	var got struct {
		Type      string         `json:"type"`
		Timestamp time.Time      `json:"timestamp"`
		Data      notify.Message `json:"data"`
	}
	var id string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		id = r.Header.Get("webhook-id")
		at, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
		if age := time.Since(time.Unix(at, 0)); err != nil || age < -time.Minute || age > time.Minute {
			t.Errorf("time stamp %s", r.Header.Get("webhook-timestamp"))
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(exampleKey, "whsec_"))
		if err != nil {
			t.Error(err)
		}
		h := hmac.New(sha256.New, key)
		h.Write([]byte(id + "." + r.Header.Get("webhook-timestamp") + "." + string(body)))
		version, signature, _ := strings.Cut(r.Header.Get("webhook-signature"), ",")
		have, err := base64.StdEncoding.DecodeString(signature)
		if err != nil || version != "v1" || !hmac.Equal(have, h.Sum(nil)) {
			t.Errorf("signature %s", r.Header.Get("webhook-signature"))
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s", r.Method, r.Header)
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer srv.Close()
	m := message()
	if _, err := sink(t, srv.URL+"/hook", "").Send(t.Context(), m, ""); err != nil {
		t.Fatal(err)
	}
	if id != "msg-1" || got.Type != "incident.trigger" || !got.Timestamp.Equal(m.At) || got.Data.Incident == nil ||
		got.Data.Incident.Subject != "2001:db8::7" || got.Data.Key != "inc-1" || got.Data.Event != incident.Opened {
		t.Errorf("%s: %+v", id, got)
	}
}

// What goes wrong says whether a retry can help, and never where exactly it was sent.
func TestTrouble(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	reset, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer reset.Close()
	go func() {
		for {
			c, err := reset.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	answer := func(status int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if len(header) == 2 {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "no luck with "+r.URL.RequestURI())
		}
	}
	for name, tc := range map[string]struct {
		handler   http.HandlerFunc
		url       string
		permanent bool
		wait      time.Duration
		says      string
	}{
		"down":              {url: closed.URL, says: "refused"},
		"reset":             {url: "http://" + reset.Addr().String(), says: "reach 127.0.0.1"},
		"not found":         {handler: answer(404), permanent: true, says: "404 Not Found: no luck with [secret]"},
		"gone":              {handler: answer(410), permanent: true, says: "410"},
		"wrong signature":   {handler: answer(401), permanent: true, says: "401"},
		"a redirect":        {handler: answer(302, "Location", "https://example.org/"), permanent: true, says: "302"},
		"error":             {handler: answer(500), says: "500"},
		"overloaded":        {handler: answer(503, "Retry-After", "30"), wait: 30 * time.Second, says: "503"},
		"too many":          {handler: answer(429, "Retry-After", "7"), wait: 7 * time.Second, says: "429"},
		"too many, no time": {handler: answer(429), says: "429"},
		"slow": {handler: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the client went away
			<-r.Context().Done()
		}, says: "deadline"},
	} {
		url := tc.url
		if tc.handler != nil {
			srv := httptest.NewServer(tc.handler)
			defer srv.Close()
			url = srv.URL
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		_, err := sink(t, url+"/hooks/"+canary, "").Send(ctx, message(), "")
		cancel()
		if err == nil || notify.IsPermanent(err) != tc.permanent || notify.RetryAfter(err) != tc.wait || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, permanent %v, wait %v", name, err, notify.IsPermanent(err), notify.RetryAfter(err))
		}
		if err != nil && (strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), exampleKey)) {
			t.Errorf("%s: a secret is told: %v", name, err)
		}
	}
}

// A certificate must be of an authority that is known, for this host.
func TestCertificates(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of handshakes that are to fail
	srv.StartTLS()
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	for name, tc := range map[string]struct{ url, ca, says string }{
		"unknown authority": {srv.URL, "", "certificate"},
		"known authority":   {srv.URL, ca, ""},
		"another host":      {"https://localhost:" + port, ca, "localhost"},
		"no TLS there":      {strings.Replace(srv.URL, "https", "http", 1), "", "127.0.0.1"}, // 400, or a reset
	} {
		_, err := sink(t, tc.url+"/"+canary, tc.ca).Send(t.Context(), message(), "")
		if (err == nil) != (tc.says == "") || err != nil && (!strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "CANARY")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Config{URL: srv.URL, Secret: exampleKey, CAFile: "/nonexistent.pem"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file of authorities: %v", err)
	}
}
