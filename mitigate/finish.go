// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"time"

	"tidewatch/decision"
)

// margin is how long after its end a rule is surely gone where it ends by itself: clocks
// differ, and kernels and routers count in their own seconds.
const margin = time.Minute

// finish ends what nobody can take back, or needs to: it would count among the rules that
// hold, and keep its incident open, for ever.
func (b *book) finish(d *decision.Decision) {
	if d.State != decision.Expiring {
		return
	}
	n := d.Clone()
	text := "a dry run: nothing of it was in force"
	switch {
	case d.DryRun:
	case b.now.Before(d.Until.Add(margin)):
		return
	case !b.doers.serves(d.Via):
		n.Error = "look whether " + d.Via + " left it in force: it is configured no more, so nothing could be taken back there"
		text = "its time is over; " + n.Error
	case b.doers.lasts(d.Via):
		return // it stays until somebody takes it back
	default:
		text = "it could not be taken back, and has ended there at its time"
		if d.Error != "" {
			text += ": " + d.Error
		}
	}
	n.State = decision.Withdrawn
	if n.Reason == decision.ByActuator && n.Activated.IsZero() {
		n.State = decision.Failed
	}
	b.set(&n, "", text)
	b.went(&n)
}
