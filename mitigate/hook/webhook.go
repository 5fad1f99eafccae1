// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tidewatch/decision"
	"tidewatch/outbound"
)

// webhook tells a web service.
type webhook struct {
	hook    string
	to      *outbound.Webhook
	timeout time.Duration
}

// envelope is the body of what is posted.
type envelope struct {
	Type      string    `json:"type"`      // mitigation.apply, mitigation.renew, mitigation.withdraw, test
	Timestamp time.Time `json:"timestamp"` // when it was decided
	Data      told      `json:"data"`
}

type told struct {
	Hook     string             `json:"hook"`
	Seconds  int64              `json:"seconds,omitempty"` // until the rule ends, for a receiver whose clock differs
	Decision *decision.Decision `json:"decision,omitempty"`
}

func (w *webhook) call(ctx context.Context, c *change) error {
	e := envelope{Type: test, Timestamp: c.at.UTC(), Data: told{w.hook, c.seconds(), c.decision}}
	if c.decision != nil {
		e.Type = "mitigation." + c.verb
		if !c.decision.Updated.IsZero() {
			e.Timestamp = c.decision.Updated.UTC()
		}
	}
	body, err := json.Marshal(&e)
	if err != nil {
		return outbound.Permanent(fmt.Errorf("write the decision as JSON: %w", err))
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	return w.to.Post(ctx, c.key(), body)
}

func (w *webhook) Close() error { return w.to.Close() }
