// SPDX-License-Identifier: Apache-2.0

package slack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tidewatch/incident"
	"tidewatch/notify"
	"tidewatch/notify/notifytest"
	"tidewatch/notify/slack"
)

// call is a request to the Web API, or to a webhook.
type call struct {
	method, channel, ts, thread, text string
	broadcast                         bool
	attachments                       []attachment
}

type attachment struct {
	Color  string `json:"color"`
	Blocks []struct {
		Type     string `json:"type"`
		Text     *text  `json:"text"`
		Fields   []text `json:"fields"`
		Elements []text `json:"elements"`
	} `json:"blocks"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// api is Slack: it holds requests to the API's terms and limits, and remembers messages.
type api struct {
	*httptest.Server

	t        *testing.T
	calls    []call
	messages map[string]bool
	fail     func(method string, w http.ResponseWriter) bool // answers in Slack's place
}

func serve(t *testing.T) *api {
	t.Helper()
	a := &api{t: t, messages: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/{method}", a.method)
	mux.HandleFunc("POST /services/T0/B0/"+notifytest.Canary, a.hook)
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

func (a *api) method(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		a.t.Errorf("no form: %v", err)
	}
	method := r.PathValue("method")
	if a.fail != nil && a.fail(method, w) {
		return
	}
	c := call{
		method: method, channel: r.Form.Get("channel"), ts: r.Form.Get("ts"), thread: r.Form.Get("thread_ts"), text: r.Form.Get("text"),
		broadcast: r.Form.Get("reply_broadcast") == "true",
	}
	if s := r.Form.Get("attachments"); s != "" {
		if err := json.Unmarshal([]byte(s), &c.attachments); err != nil {
			a.t.Errorf("attachments: %v", err)
		}
	}
	if r.Form.Get("token") != notifytest.Canary && r.Header.Get("Authorization") != "Bearer "+notifytest.Canary {
		a.t.Errorf("no token: %v", r.Form)
	}
	a.limits(&c)
	a.calls = append(a.calls, c)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case method == "chat.postMessage" && (c.thread == "" || a.messages[c.thread]):
		ts := fmt.Sprintf("1795688490.%06d", len(a.calls))
		a.messages[ts] = true
		fmt.Fprintf(w, `{"ok":true,"channel":"C024BE91L","ts":%q,"message":{"text":"x","type":"message","ts":%q}}`, ts, ts)
	case method == "chat.update" && a.messages[c.ts] && c.channel == "C024BE91L":
		fmt.Fprintf(w, `{"ok":true,"channel":"C024BE91L","ts":%q,"text":"x"}`, c.ts)
	default:
		_, _ = io.WriteString(w, `{"ok":false,"error":"message_not_found"}`)
	}
}

func (a *api) hook(w http.ResponseWriter, r *http.Request) {
	if a.fail != nil && a.fail("webhook", w) {
		return
	}
	var body struct {
		Text        string       `json:"text"`
		Attachments []attachment `json:"attachments"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("Content-Type") != "application/json" {
		a.t.Errorf("%v, %v", err, r.Header)
	}
	c := call{method: "webhook", text: body.Text, attachments: body.Attachments}
	a.limits(&c)
	a.calls = append(a.calls, c)
	_, _ = io.WriteString(w, "ok")
}

// limits are those of Slack's reference of blocks.
func (a *api) limits(c *call) {
	check := func(s string, most int) {
		if n := utf8.RuneCountInString(s); n == 0 || n > most {
			a.t.Errorf("a text of %d characters; 1 to %d are allowed: %.80q", n, most, s)
		}
		plain := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(s)
		if strings.ContainsAny(plain, "&") || strings.Contains(plain, "<!") || strings.Contains(plain, "<@") || strings.Contains(plain, "<#") {
			a.t.Errorf("not escaped: %q", s)
		}
	}
	check(c.text, 4000)
	for _, at := range c.attachments {
		if len(at.Blocks) > 50 {
			a.t.Errorf("%d blocks", len(at.Blocks))
		}
		for _, b := range at.Blocks {
			if b.Text != nil {
				check(b.Text.Text, 3000)
			}
			if len(b.Fields) > 10 {
				a.t.Errorf("%d fields", len(b.Fields))
			}
			for _, f := range b.Fields {
				check(f.Text, 2000)
			}
		}
	}
}

// words is all that an attachment says.
func words(c *call) string {
	var s []string
	for _, a := range c.attachments {
		for _, b := range a.Blocks {
			if b.Text != nil {
				s = append(s, b.Text.Text)
			}
			for _, f := range slices.Concat(b.Fields, b.Elements) {
				s = append(s, f.Text)
			}
		}
	}
	return strings.Join(s, "\n")
}

func bot(t *testing.T, a *api) *slack.Sink {
	t.Helper()
	return newSink(t, slack.Config{Token: notifytest.Canary, Channel: "#alerts", URL: a.URL + "/api"})
}

func newSink(t *testing.T, cfg slack.Config) *slack.Sink {
	t.Helper()
	s, err := slack.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestLifeOfAMessage follows one incident: one message in the channel, its changes in
// the thread.
func TestLifeOfAMessage(t *testing.T) {
	a := serve(t)
	s := bot(t, a)
	var receipt notify.Receipt
	attack := "SYN flood on 192.0.2.7, peak 250 000 packets/s and 120 Mbit/s"
	for _, step := range []struct {
		status notify.Status
		event  incident.EventType
		want   []call // text, colour in place of attachments
		colour string
	}{
		{notify.Trigger, incident.Opened, []call{{method: "chat.postMessage", channel: "#alerts", text: "*critical: " + attack + "*"}}, "#b91c1c"},
		{notify.Update, incident.Updated, []call{{method: "chat.update", text: "*critical: " + attack + "*"}}, "#b91c1c"},
		{notify.Update, incident.VectorChanged, []call{
			{method: "chat.update", text: "*critical: " + attack + "*"},
			{method: "chat.postMessage", text: "*update: critical: " + attack + "*\nThe vector changed from UDP flood to SYN flood."},
		}, "#b91c1c"},
		{notify.Trigger, incident.Escalated, []call{
			{method: "chat.update", text: "*critical: " + attack + "*"},
			{method: "chat.postMessage", text: "*now critical: " + attack + "*\nEscalated from high to critical: 250 000 packets/s of attack traffic.", broadcast: true},
		}, "#b91c1c"},
		{notify.Acknowledge, incident.AcknowledgedEvent, []call{
			{method: "chat.update", text: "*acknowledged: " + attack + "*"},
			{method: "chat.postMessage", text: "*acknowledged: " + attack + "*\nIt is now acknowledged."},
		}, "#1d4ed8"},
		{notify.Resolve, incident.ResolvedEvent, []call{
			{method: "chat.update", text: "*resolved: " + attack + "*"},
			{method: "chat.postMessage", text: "*resolved: " + attack + "*\nResolved: quiet for 2 min; it lasted 5 min."},
		}, "#15803d"},
	} {
		a.calls = nil
		after, err := s.Send(t.Context(), notifytest.Flood(step.status, step.event), receipt)
		if err != nil {
			t.Fatal(err)
		}
		if receipt != "" && after != receipt {
			t.Errorf("%s %s: the receipt changed from %q to %q", step.status, step.event, receipt, after)
		}
		receipt = after
		_, ts, _ := strings.Cut(string(receipt), " ")
		if len(a.calls) != len(step.want) {
			t.Fatalf("%s %s: %d calls, want %d: %+v", step.status, step.event, len(a.calls), len(step.want), a.calls)
		}
		for n, want := range step.want {
			got := a.calls[n]
			if n == 0 && (len(got.attachments) != 1 || got.attachments[0].Color != step.colour) {
				t.Errorf("%s %s: %+v, want colour %s", step.status, step.event, got.attachments, step.colour)
			}
			if want.method == "chat.update" && got.ts != ts || n == 1 && got.thread != ts || want.channel == "" && got.channel != "C024BE91L" {
				t.Errorf("%s %s: not about the message: %+v", step.status, step.event, got)
			}
			if got.method != want.method || got.text != want.text || got.broadcast != want.broadcast || want.channel != "" && got.channel != want.channel {
				t.Errorf("%s %s: got %+v, want %+v", step.status, step.event, got, want)
			}
		}
	}
}

func TestWhatAMessageShows(t *testing.T) {
	for name, tc := range map[string]struct {
		m    *notify.Message
		want []string
	}{
		"attack": {notifytest.Flood(notify.Trigger, incident.Opened), []string{
			"*Severity*\ncritical (score 0.97)", "*Subject*\n192.0.2.7", "*Began*\n2026-11-26T10:20:30Z", "*Peak*\n120 Mbit/s, 250 000 packets/s",
			"*Why*\n• 250 000 packets/s of attack traffic; 10 000 is the limit.", "*Judged* threat, 92 % sure; likely cause: attack",
			"<https://tidewatch.example.org/incidents/inc-mzxw6ytboi4dkmjr|Open in tidewatch>",
		}},
		"theft": {notifytest.Theft(), []string{"*Subject*\n2001:db8:1::42", "*Volume*\n4.2 GB", "*Began*\n2026-07-01T02:00:00+02:00"}},
		"digest": {notifytest.Digest(), []string{
			"• <https://tidewatch.example.org/incidents/inc-a|high: exfiltration from 2001:db8:1::42 (open, since 2026-11-26T11:00:00Z)>",
			"• medium: port scan from 192.0.2.9",
		}},
		"test": {notifytest.Test(), []string{"This is a test: nothing happened"}},
	} {
		for _, hook := range []bool{false, true} {
			a := serve(t)
			s := bot(t, a)
			if hook {
				s = newSink(t, slack.Config{WebhookURL: a.URL + "/services/T0/B0/" + notifytest.Canary})
			}
			if _, err := s.Send(t.Context(), tc.m, ""); err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.want {
				if got := words(&a.calls[0]); !strings.Contains(got, want) {
					t.Errorf("%s: %q is not in\n%s", name, want, got)
				}
			}
		}
	}
}

// TestWebhookPostsChanges: it cannot update, so that what merely grows is not told.
func TestWebhookPostsChanges(t *testing.T) {
	a := serve(t)
	s := newSink(t, slack.Config{WebhookURL: a.URL + "/services/T0/B0/" + notifytest.Canary})
	for _, m := range []*notify.Message{
		notifytest.Flood(notify.Trigger, incident.Opened), notifytest.Flood(notify.Update, incident.Updated),
		notifytest.Flood(notify.Update, incident.VectorChanged), notifytest.Flood(notify.Resolve, incident.ResolvedEvent),
	} {
		if _, err := s.Send(t.Context(), m, ""); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.calls) != 3 {
		t.Errorf("%d messages, want 3", len(a.calls))
	}
}

// TestWithoutMessage shows that what is about a message that is gone, or that never was,
// is posted.
func TestWithoutMessage(t *testing.T) {
	a := serve(t)
	s := bot(t, a)
	for _, before := range []notify.Receipt{"", "C024BE91L 1503435956.000247", "C0GONE 1503435956.000247", "nonsense", "  "} {
		for _, m := range []*notify.Message{
			notifytest.Flood(notify.Acknowledge, incident.AcknowledgedEvent), notifytest.Flood(notify.Resolve, incident.ResolvedEvent),
		} {
			a.calls = nil
			after, err := s.Send(t.Context(), m, before)
			last := a.calls[len(a.calls)-1]
			if err != nil || !strings.HasPrefix(string(after), "C024BE91L ") || last.method != "chat.postMessage" || last.channel != "#alerts" || last.thread != "" {
				t.Errorf("%q: %v, receipt %q, %+v", before, err, after, a.calls)
			}
		}
	}
}

// TestLimits sends what strangers wrote, and far too much; the server looks at it.
func TestLimits(t *testing.T) {
	a := serve(t)
	digest := notifytest.Digest()
	for range 500 {
		b := digest.Digest[0]
		b.Headline = strings.Repeat("<&>", 200)
		digest.Digest = append(digest.Digest, b)
	}
	for _, s := range []*slack.Sink{bot(t, a), newSink(t, slack.Config{WebhookURL: a.URL + "/services/T0/B0/" + notifytest.Canary})} {
		for _, m := range []*notify.Message{notifytest.Hostile(), digest} {
			if _, err := s.Send(t.Context(), m, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(a.calls) != 4 {
		t.Errorf("%d calls, want 4", len(a.calls))
	}
}

// TestAnswers shows which answers are worth another try.
func TestAnswers(t *testing.T) {
	refuse := func(word string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { fmt.Fprintf(w, `{"ok":false,"error":%q}`, word) }
	}
	status := func(code int, body string, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, tc := range map[string]struct {
		answer    func(http.ResponseWriter)
		hook      bool
		permanent bool
		after     time.Duration
	}{
		"wrong token":          {answer: refuse("invalid_auth"), permanent: true},
		"no such channel":      {answer: refuse("channel_not_found"), permanent: true},
		"not invited":          {answer: refuse("not_in_channel"), permanent: true},
		"down":                 {answer: refuse("internal_error")},
		"unheard of":           {answer: refuse("gremlins_" + notifytest.Canary)},
		"not ok, no word":      {answer: status(200, `{"ok":false}`)},
		"empty":                {answer: status(200, "")},
		"login page":           {answer: status(200, "<html>log in</html>")},
		"an array":             {answer: status(200, `[]`)},
		"rate limited":         {answer: status(429, "", "Retry-After", "30"), after: 30 * time.Second},
		"rate limited, vague":  {answer: status(429, "")},
		"rate limited, odd":    {answer: status(429, "", "Retry-After", "soon")},
		"server error":         {answer: status(500, "<html>"+notifytest.Canary)},
		"moved":                {answer: status(307, "", "Location", "https://example.org/"+notifytest.Canary), permanent: true},
		"gone":                 {answer: status(404, ""), permanent: true},
		"webhook: revoked":     {hook: true, answer: status(403, "invalid_token"), permanent: true},
		"webhook: no service":  {hook: true, answer: status(404, "no_service"), permanent: true},
		"webhook: limited":     {hook: true, answer: status(429, "", "Retry-After", "5"), after: 5 * time.Second},
		"webhook: broken":      {hook: true, answer: status(500, notifytest.Canary)},
		"webhook: login page":  {hook: true, answer: status(200, "<html>"+notifytest.Canary)},
		"webhook: bad payload": {hook: true, answer: status(400, "invalid_payload"), permanent: true},
	} {
		t.Run(name, func(t *testing.T) {
			a := serve(t)
			a.fail = func(_ string, w http.ResponseWriter) bool { tc.answer(w); return true }
			s := bot(t, a)
			if tc.hook {
				s = newSink(t, slack.Config{WebhookURL: a.URL + "/services/T0/B0/" + notifytest.Canary})
			}
			for _, before := range []notify.Receipt{"", "C024BE91L 1503435956.000247"} {
				after, err := s.Send(t.Context(), notifytest.Flood(notify.Trigger, incident.Opened), before)
				if err == nil || notify.IsPermanent(err) != tc.permanent || notify.RetryAfter(err) != tc.after {
					t.Errorf("%v: permanent %v, after %v", err, notify.IsPermanent(err), notify.RetryAfter(err))
				}
				if err != nil && (strings.Contains(err.Error(), notifytest.Canary) || len(err.Error()) > 250) {
					t.Errorf("a secret, or too much: %v", err)
				}
				if after != before && after != "" {
					t.Errorf("receipt %q", after)
				}
			}
		})
	}
}

// TestThreadFails shows that a message whose thread could not be told is tried again.
func TestThreadFails(t *testing.T) {
	a := serve(t)
	s := bot(t, a)
	receipt, err := s.Send(t.Context(), notifytest.Flood(notify.Trigger, incident.Opened), "")
	if err != nil {
		t.Fatal(err)
	}
	a.fail = func(method string, w http.ResponseWriter) bool {
		if method == "chat.postMessage" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	after, err := s.Send(t.Context(), notifytest.Flood(notify.Trigger, incident.Escalated), receipt)
	if err == nil || notify.IsPermanent(err) || after != receipt {
		t.Errorf("%v, receipt %q, want %q", err, after, receipt)
	}
}

func TestNobodyThere(t *testing.T) {
	gone := serve(t)
	gone.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	for _, url := range []string{gone.URL, slow.URL} {
		for _, s := range []*slack.Sink{
			newSink(t, slack.Config{Token: notifytest.Canary, Channel: "C1", URL: url + "/api/"}),
			newSink(t, slack.Config{WebhookURL: url + "/services/" + notifytest.Canary}),
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			_, err := s.Send(ctx, notifytest.Flood(notify.Trigger, incident.Opened), "")
			cancel()
			if err == nil || notify.IsPermanent(err) || strings.Contains(err.Error(), notifytest.Canary) || url == slow.URL && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		}
	}
}

func TestCertificates(t *testing.T) {
	ca := notifytest.NewAuthority(t)
	a := serve(t)
	secure := httptest.NewUnstartedServer(a.Config.Handler)
	secure.TLS = ca.Server(t, "127.0.0.1")
	notifytest.Quiet(secure.Config)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for file, want := range map[string]bool{ca.File: true, "": false} {
		s := newSink(t, slack.Config{Token: notifytest.Canary, Channel: "C1", URL: secure.URL + "/api/", CAFile: file})
		if _, err := s.Send(t.Context(), notifytest.Theft(), ""); (err == nil) != want || notify.IsPermanent(err) {
			t.Errorf("ca_file %q: %v", file, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for want, c := range map[string]slack.Config{
		"":                         {Token: notifytest.Canary, Channel: "C1"},
		"is needed, or the file":   {},
		"channel is needed":        {Token: notifytest.Canary},
		"token and token_file":     {Token: notifytest.Canary, TokenFile: "f", Channel: "C1"},
		"token and webhook_url":    {Token: notifytest.Canary, WebhookURLFile: "f", Channel: "C1"},
		"channel is not for":       {WebhookURL: "https://hooks.slack.com/" + notifytest.Canary, Channel: "C1"},
		"hold no blanks":           {Token: notifytest.Canary + "\n", Channel: "C1"},
		"webhook_url must be":      {WebhookURL: "http://hooks.slack.com/" + notifytest.Canary},
		"url must be":              {Token: notifytest.Canary, Channel: "C1", URL: "http://slack.com/api/"},
		"webhook_url_file are bot": {WebhookURL: "https://hooks.slack.com/" + notifytest.Canary, WebhookURLFile: "f"},
	} {
		err := c.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", want, err)
		}
		if err != nil && strings.Contains(err.Error(), notifytest.Canary) {
			t.Errorf("a secret is in %v", err)
		}
	}
	if _, err := slack.New(slack.Config{TokenFile: "f", Channel: "C1"}); err == nil {
		t.Error("a token that nobody read must be an error")
	}
}
