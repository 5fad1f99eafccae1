// SPDX-License-Identifier: Apache-2.0

// Package notify brings what happens to incidents to people and to other systems:
// which sinks hear of it, when, and again until somebody acknowledges; what a sink
// cannot take waits on disk. One sub-package a sink.
//
// It reads the event stream of package incident at its own pace: a slow or dead sink
// holds up neither detection nor another sink.
package notify

import (
	"context"
	"time"

	"tidewatch/incident"
)

// Status says what a message asks of who reads it.
type Status string

// The statuses, in the order of a life.
const (
	Trigger     Status = "trigger"     // an incident began, began again, or became worse
	Update      Status = "update"      // it changed otherwise
	Acknowledge Status = "acknowledge" // a person has taken it
	Resolve     Status = "resolve"     // it is over, or a person closed it
	Digest      Status = "digest"      // a summary of several
	Test        Status = "test"        // check --send-test
)

// Message is what a sink is asked to bring. Exactly one of Incident and Digest is
// filled; a test has an incident that never was.
type Message struct {
	// ID is unique and stable: the same message has it again after a restart, so a
	// receiver that gets a message twice can drop the second.
	ID string `json:"id"`
	// Key is the same for all messages about one incident (its id): what PagerDuty
	// calls dedup_key, and what a chat updates in place by.
	Key       string             `json:"key"`
	Status    Status             `json:"status"`
	At        time.Time          `json:"at"`              // when it happened, in flow time
	Event     incident.EventType `json:"event,omitempty"` // of an incident's message
	Escalated bool               `json:"escalated,omitempty"`
	Incident  *incident.Incident `json:"incident,omitempty"`
	Digest    []Brief            `json:"digest,omitempty"`
	More      int                `json:"more,omitempty"` // incidents of the digest that are not listed
	Link      string             `json:"link,omitempty"` // the incident's page, when a public address is configured
}

// Brief is an incident in a digest.
type Brief struct {
	ID       string         `json:"id"`
	Headline string         `json:"headline"`
	Severity string         `json:"severity"`
	State    incident.State `json:"state"`
	Started  time.Time      `json:"started"`
	Link     string         `json:"link,omitempty"`
}

// Receipt is what a sink wants to remember of a message for the next one with the same
// key, such as the time stamp of a chat message that it will update. It is kept on disk;
// at most MaxReceipt bytes.
type Receipt string

// MaxReceipt bounds a Receipt.
const MaxReceipt = 512

// Sink brings messages to one place. It does not retry: it says by its error whether
// and when a retry can help (Permanent, After), and every other error is retried with
// backoff. Errors never hold a secret, and no part of what the other side answered
// beyond a few printable words. Send is called by one goroutine at a time.
type Sink interface {
	// Send brings one message, or returns before ctx ends. before is the receipt of
	// the last message with this key that arrived, empty when there is none; the
	// result replaces it.
	Send(ctx context.Context, m *Message, before Receipt) (Receipt, error)
}
