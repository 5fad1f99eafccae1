// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewLogger(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg     Config
		want    string // a part of what is written, or of the error
		wantErr bool
	}{
		"text":           {Config{"info", "text"}, `level=WARN msg="exporter silent" exporter=192.0.2.1`, false},
		"json":           {Config{"info", "json"}, `"level":"WARN","msg":"exporter silent","exporter":"192.0.2.1"}`, false},
		"errors alone":   {Config{"error", "text"}, "", false},
		"unknown level":  {Config{"loud", "text"}, `level is "loud", must be debug, info, warn or error`, true},
		"unknown format": {Config{"debug", "xml"}, `format is "xml", must be text or json`, true},
	} {
		var out bytes.Buffer
		log, err := NewLogger(&out, tc.cfg, nil)
		if err != nil {
			if !tc.wantErr || err.Error() != tc.want {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		log.Warn("exporter silent", "exporter", "192.0.2.1")
		if tc.wantErr || !strings.Contains(out.String(), tc.want) || tc.want == "" && out.Len() > 0 {
			t.Errorf("%s: wrote %q, want %q", name, out.String(), tc.want)
		}
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

// The level follows a change; an unknown one changes nothing.
func TestSetLevel(t *testing.T) {
	var out bytes.Buffer
	var level slog.LevelVar
	log, err := NewLogger(&out, Config{"error", "text"}, &level)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("one")
	if err := SetLevel(&level, Config{"debug", "text"}); err != nil {
		t.Error(err)
	}
	log.Debug("two")
	if err := SetLevel(&level, Config{"loud", "text"}); err == nil {
		t.Error("an unknown level is taken")
	}
	log.Debug("three")
	if got := out.String(); strings.Contains(got, "one") || !strings.Contains(got, "two") || !strings.Contains(got, "three") {
		t.Errorf("wrote %q", got)
	}
}

func TestMetricsPage(t *testing.T) {
	rec := httptest.NewRecorder()
	MetricsHandler(NewRegistry()).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	for _, want := range []string{"go_goroutines ", "process_cpu_seconds_total "} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestBurst(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	b := NewBurst(2, time.Second, func() time.Time { return now })
	type answer struct {
		Suppressed uint64
		OK         bool
	}
	var got []answer
	for range 2 {
		for range 5 {
			n, ok := b.Allow()
			got = append(got, answer{n, ok})
		}
		now = now.Add(time.Second)
	}
	want := []answer{{0, true}, {0, true}, {}, {}, {}, {3, true}, {0, true}, {}, {}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := b.Suppressed(); n != 3 || b.Suppressed() != 0 {
		t.Errorf("%d lines are still untold, want 3 and then none", n)
	}
	if n := testing.AllocsPerRun(100, func() { b.Allow() }); n != 0 {
		t.Errorf("Allow allocates %v times", n)
	}
}

func TestHealth(t *testing.T) {
	h := NewHealth()
	get := func(handler http.Handler) (int, string) {
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		return rec.Code, strings.TrimSpace(rec.Body.String())
	}
	expect := func(what string, handler http.Handler, code int, body string) {
		t.Helper()
		if gotCode, gotBody := get(handler); gotCode != code || gotBody != body {
			t.Errorf("%s: %d %s, want %d %s", what, gotCode, gotBody, code, body)
		}
	}
	var broken error
	h.Add("collect", func(context.Context) error { return broken })
	h.Add("store", func(context.Context) error { return errors.New("replaced below") })
	h.Add("store", func(context.Context) error { return nil })
	expect("all well", h.ReadyHandler(), 200, `{"status":"ready","checks":{"collect":"ok","store":"ok"}}`)
	broken = errors.New("socket closed")
	expect("one down", h.ReadyHandler(), 503, `{"status":"not ready","checks":{"collect":"socket closed","store":"ok"}}`)
	expect("alive all the same", h.AliveHandler(), 200, `{"status":"alive"}`)
	h.Add("store", func(context.Context) error { panic("no table") })
	if failed := h.Ready(t.Context()); failed["store"] == nil || failed["store"].Error() != "check panicked: no table" {
		t.Errorf("a panic shows as %v", failed["store"])
	}
}

func TestHangingCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, release := NewHealth(), make(chan struct{})
		defer close(release)
		h.Add("deaf", func(context.Context) error { <-release; return nil })
		h.Add("fine", func(context.Context) error { return nil })
		failed := h.Ready(t.Context())
		if len(failed) != 1 || failed["deaf"].Error() != "no answer within 2s" {
			t.Errorf("failures are %v", failed)
		}
	})
}

// What is degraded is seen on the page and does not make the program unready.
func TestDegraded(t *testing.T) {
	h := NewHealth()
	h.Add("sinks", func(context.Context) error { return Degraded(errors.New("sink chat has failed for 7m")) })
	w := httptest.NewRecorder()
	h.ReadyHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"status":"ready"`) || !strings.Contains(w.Body.String(), "degraded: sink chat") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if failed := h.Ready(t.Context()); len(failed) != 0 {
		t.Errorf("not ready: %v", failed)
	}
}
