// SPDX-License-Identifier: Apache-2.0

// Package syslog tells a SIEM: messages of RFC 5424 over TLS, TCP or UDP, whose text is
// CEF or JSON in the Elastic Common Schema.
//
// Syslog has no answer. Over TCP and TLS a message counts as brought when the other
// machine has acknowledged its bytes, so that a peer that is gone is noticed; what a
// receiver loses after that, nobody can know. Over UDP nothing is known.
package syslog

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"tidewatch/notify"
)

// Sink keeps one connection, and makes another when it broke.
type Sink struct {
	cfg  Config
	host string // found at the first message
	wire wire
}

var _ notify.Sink = (*Sink)(nil)

// New opens nothing.
func New(cfg Config) (*Sink, error) { //nolint:gocritic // all sinks are made alike, once
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Sink{cfg: cfg, wire: wire{cfg: cfg}}, nil
}

// Send brings one message. It keeps no receipts.
func (s *Sink) Send(ctx context.Context, m *notify.Message, before notify.Receipt) (notify.Receipt, error) {
	text, err := s.format(m)
	if err != nil {
		return before, notify.Permanent(err)
	}
	if s.cfg.Protocol != "udp" {
		text = strconv.Itoa(len(text)) + " " + text // octet counting
	}
	if err := s.wire.send(ctx, []byte(text)); err != nil {
		return before, fmt.Errorf("%s %s: %w", s.cfg.Protocol, s.cfg.Address, err)
	}
	return before, nil
}

// Close closes the connection.
func (s *Sink) Close() error { return s.wire.close() }

// format writes a message of at most MaxSize bytes.
func (s *Sink) format(m *notify.Message) (string, error) {
	w := notify.Render(m)
	head := s.header(m, w)
	room := s.cfg.MaxSize - len(head)
	if s.cfg.Format == "cef" {
		return head + cef(m, w, room), nil
	}
	text, err := ecs(m, w, s.hostname(), room)
	if err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	return head + text, nil
}

// hostname is "-" where there is none that RFC 5424 allows.
func (s *Sink) hostname() string {
	if s.cfg.Hostname != "" {
		return s.cfg.Hostname
	}
	if s.host == "" {
		name, err := os.Hostname()
		if err != nil || name == "" || len(name) > maxHostname || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			name = "-"
		}
		s.host = name
	}
	return s.host
}
