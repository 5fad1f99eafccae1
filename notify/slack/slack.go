// SPDX-License-Identifier: Apache-2.0

// Package slack tells a channel of Slack. An incident has one message, which always
// shows how things stand; what changes is told in its thread. Through an incoming
// webhook each change is a message of its own.
package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"tidewatch/incident"
	"tidewatch/notify"
	"tidewatch/outbound"
)

// Sink writes to one channel. Its receipt is the channel's id and the time stamp of an
// incident's message, by which Slack knows it.
type Sink struct {
	cfg    Config
	client *http.Client
	api    *slack.Client // nil: through the webhook
}

var _ notify.Sink = (*Sink)(nil)

// New takes a configuration whose Token or WebhookURL is filled: who calls it reads the
// file.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Token == "" && cfg.WebhookURL == "" {
		return nil, errors.New("token_file or webhook_url_file was not read")
	}
	s := &Sink{cfg: cfg, client: outbound.Client(cfg.CAFile, append(pathSecrets(cfg.WebhookURL), cfg.Token)...)}
	if cfg.Token != "" {
		base := cfg.URL
		if base == "" {
			base = DefaultConfig().URL
		}
		s.api = slack.New(cfg.Token, slack.OptionHTTPClient(s.client), slack.OptionAPIURL(strings.TrimSuffix(base, "/")+"/"))
	}
	return s, nil
}

// pathSecrets are a webhook's address and the last part of it, which is what nobody may
// know.
func pathSecrets(address string) []string {
	last := address[strings.LastIndexByte(address, '/')+1:]
	if len(last) < 8 {
		return []string{address}
	}
	return []string{address, last}
}

// Send posts a message, or updates that of the incident and tells its thread.
func (s *Sink) Send(ctx context.Context, m *notify.Message, before notify.Receipt) (notify.Receipt, error) {
	w := notify.Render(m)
	if s.api == nil {
		return before, s.hook(ctx, m, w)
	}
	channel, ts, known := strings.Cut(string(before), " ")
	if m.Incident == nil || m.Status == notify.Test || !known || channel == "" || ts == "" {
		return s.post(ctx, m, w)
	}
	_, got, _, err := s.api.UpdateMessageContext(ctx, channel, ts, message(m, w, w.Standing)...)
	if slices.Contains(stale(), code(err)) {
		return s.post(ctx, m, w)
	}
	if err := judge(got, err); err != nil {
		return before, err
	}
	if m.Status == notify.Update && m.Event == incident.Updated {
		return before, nil // it grew: the message says how much
	}
	options := []slack.MsgOption{slack.MsgOptionText("*"+escape(w.Title, maxText/2)+"*\n"+escape(w.Change, maxText/2), false), slack.MsgOptionTS(ts)}
	if m.Status == notify.Trigger {
		options = append(options, slack.MsgOptionBroadcast()) // an update rings no bell
	}
	// Last, so that a message which is tried again is not told twice.
	_, got, err = s.api.PostMessageContext(ctx, channel, options...)
	return before, judge(got, err)
}

func (s *Sink) post(ctx context.Context, m *notify.Message, w *notify.Words) (notify.Receipt, error) {
	channel, ts, err := s.api.PostMessageContext(ctx, s.cfg.Channel, message(m, w, w.Title)...)
	if err := judge(ts, err); err != nil {
		return "", err
	}
	if channel == "" || len(channel)+len(ts) >= notify.MaxReceipt || strings.ContainsAny(channel+ts, " \n") {
		return "", errors.New("what answered is not Slack: it names no channel")
	}
	return notify.Receipt(channel + " " + ts), nil
}

func message(m *notify.Message, w *notify.Words, title string) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText("*"+escape(title, maxText)+"*", false), slack.MsgOptionAttachments(layout(m, w)),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
}

// hook posts through an incoming webhook: what changed, and not how it grows.
func (s *Sink) hook(ctx context.Context, m *notify.Message, w *notify.Words) error {
	if m.Status == notify.Update && m.Event == incident.Updated {
		return nil
	}
	body, err := json.Marshal(&slack.WebhookMessage{Text: "*" + escape(w.Title, maxText) + "*", Attachments: []slack.Attachment{layout(m, w)}})
	if err != nil {
		return notify.Permanent(fmt.Errorf("write the message: %w", err))
	}
	answer, err := outbound.Post(ctx, s.client, s.cfg.WebhookURL, http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(answer)) != "ok" {
		return errors.New("what answered is not Slack: it does not say ok")
	}
	return nil
}

// Close lets go of idle connections.
func (s *Sink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}
