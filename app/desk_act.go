// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"

	"tidewatch/incident"
)

// Act has an incident show an action: the one that the engine holds, else the one that is
// stored. The error is, or wraps, incident.ErrNotFound when neither has it.
func (d *desk) Act(ctx context.Context, id string, a *incident.Action) error {
	if _, err := d.engine.Act(id, a); !errors.Is(err, incident.ErrNotFound) {
		return err
	}
	return d.alone(ctx, func() error {
		inc, err := d.store.Get(ctx, id)
		if err != nil {
			return err
		}
		t, err := inc.Act(d.engine.FlowTime(), a, incident.DefaultConfig().MaxTimeline)
		if err != nil {
			return err
		}
		e := incident.Event{At: inc.Updated, Type: t, Incident: *inc}
		d.outlet.publish(e)
		return d.store.Save(ctx, []incident.Event{e})
	})
}
