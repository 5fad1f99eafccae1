// SPDX-License-Identifier: Apache-2.0

// Package pagerduty pages people: an incident triggers an alert of PagerDuty's Events
// API v2, which is acknowledged and resolved with it. The key of an incident is the
// dedup_key, so that what arrives twice is one alert.
package pagerduty

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tidewatch/notify"
	"tidewatch/outbound"
)

// Sink posts events. It keeps nothing between messages, and no receipts.
type Sink struct {
	cfg    Config
	url    string
	client *http.Client
}

var _ notify.Sink = (*Sink)(nil)

// New takes a configuration whose RoutingKey is filled: who calls it reads the file.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.RoutingKey == "" {
		return nil, errors.New("routing_key_file was not read")
	}
	cfg = cfg.withDefaults()
	return &Sink{
		cfg: cfg, url: strings.TrimSuffix(cfg.URL, "/") + "/v2/enqueue",
		client: outbound.Client(cfg.CAFile, cfg.RoutingKey),
	}, nil
}

// Send posts one event. Updates are not sent: PagerDuty has no event for them.
func (s *Sink) Send(ctx context.Context, m *notify.Message, before notify.Receipt) (notify.Receipt, error) {
	e := s.eventOf(m)
	if e == nil {
		return before, nil
	}
	body, err := encode(e)
	if err != nil {
		return before, notify.Permanent(fmt.Errorf("write the event: %w", err))
	}
	answer, err := outbound.Post(ctx, s.client, s.url, http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return before, err
	}
	// Somebody in between may answer 200 to everything.
	var said struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal(answer, &said); err != nil || said.Status != "success" {
		return before, errors.New("what answered is not PagerDuty: no status in it")
	}
	return before, nil
}

// Close lets go of idle connections.
func (s *Sink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}
