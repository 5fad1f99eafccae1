// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tidewatch/app"
)

type demoCmd struct {
	Data     string `placeholder:"DIR" help:"Keep everything in this new folder; without it a temporary one is used and removed at the end."`
	Port     int    `default:"-1" placeholder:"PORT" help:"Port of dashboard and API on 127.0.0.1; 0 is any free one. Default: 8080, or a free one when that is taken."`
	FlowPort int    `default:"-1" placeholder:"PORT" help:"UDP port that flows are sent to. Default: 2055, or a free one when that is taken."`
	Seed     uint64 `default:"1" help:"The same seed gives the same network, attackers and victims."`
	Quiet    bool   `short:"q" help:"No story, only the address of the dashboard."`
}

// Help is shown below the flags.
func (*demoCmd) Help() string {
	return "Examples:\n  tidewatch demo\n  tidewatch demo --port 9090 --data ./demo\n  tidewatch demo --port 0 --flow-port 0 --quiet"
}

// Run shows the demo until it is told to stop.
func (c *demoCmd) Run(ctx context.Context, s streams) error {
	o := &app.DemoOptions{Data: c.Data, Seed: c.Seed, Port: c.Port, FlowPort: c.FlowPort, Quiet: c.Quiet, Version: version, Out: s.out}
	if !c.Quiet && isTerminal(s.err) {
		shown := time.Time{}
		o.Progress = func(at time.Time, day, of int) {
			if time.Since(shown) < 100*time.Millisecond && day < of {
				return
			}
			shown = time.Now()
			_, _ = fmt.Fprintf(s.err, "\rlearning: day %d of %d, %s\x1b[K", min(day+1, of), of, at.Format(time.DateOnly))
			if day >= of {
				_, _ = fmt.Fprint(s.err, "\r\x1b[K")
			}
		}
	}
	err := app.Demo(ctx, o)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
