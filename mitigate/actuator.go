// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"context"
	"time"

	"tidewatch/decision"
)

// Actuator carries decisions out in one place: routers, a firewall, somebody's program.
// Its methods may be called side by side. What it was told to do ends by itself at the
// decision's Until, also when nobody calls it again and when the process dies.
type Actuator interface {
	// Can says why a decision cannot be carried out here, nil when it can. It asks
	// nobody and is quick.
	Can(d *decision.Decision) error
	// Apply brings the rule in force until d.Until, or renews it. Doing it twice is as
	// doing it once. It returns before ctx ends. Errors hold no secrets.
	Apply(ctx context.Context, d *decision.Decision) error
	// Withdraw takes the rule back; nil when it is not there (any more).
	Withdraw(ctx context.Context, d *decision.Decision) error
	// Held lists the ids of the decisions in force here and their ends, as far as it
	// can tell; known is false when it cannot, and then nobody concludes anything.
	Held(ctx context.Context) (held map[string]time.Time, known bool, err error)
}
