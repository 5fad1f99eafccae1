// SPDX-License-Identifier: Apache-2.0

// Package webhook posts messages as signed JSON to a program of somebody's own.
package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tidewatch/notify"
	"tidewatch/outbound"
)

// Config says where messages go.
type Config = outbound.WebhookConfig

// Sink posts to one address.
type Sink struct{ to *outbound.Webhook }

var _ notify.Sink = (*Sink)(nil)

// New takes a configuration whose URL and Secret are filled: who calls it reads the
// files.
func New(cfg Config) (*Sink, error) {
	to, err := outbound.NewWebhook(&cfg)
	if err != nil {
		return nil, err
	}
	return &Sink{to}, nil
}

// payload is the body: the envelope that the specification recommends.
type payload struct {
	Type      string          `json:"type"`      // incident.trigger, incident.update, ..., incident.digest, test
	Timestamp time.Time       `json:"timestamp"` // when it happened, in flow time
	Data      *notify.Message `json:"data"`
}

// Send posts one message.
func (s *Sink) Send(ctx context.Context, m *notify.Message, before notify.Receipt) (notify.Receipt, error) {
	kind := "incident." + string(m.Status)
	if m.Status == notify.Test {
		kind = "test"
	}
	body, err := json.Marshal(&payload{kind, m.At, m})
	if err != nil {
		return before, notify.Permanent(fmt.Errorf("write the message as JSON: %w", err))
	}
	return before, s.to.Post(ctx, m.ID, body)
}

// Close gives the connection back.
func (s *Sink) Close() error { return s.to.Close() }
