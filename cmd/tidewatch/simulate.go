// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"tidewatch/app"
)

type simulateCmd struct {
	Scenario  string        `arg:"" optional:"" help:"Name of the scenario; without one they are listed."`
	Target    string        `short:"t" placeholder:"HOST:PORT" help:"The collector. Default: 127.0.0.1:2055, for sFlow 127.0.0.1:6343."`
	Protocol  string        `short:"p" enum:"v5,v9,ipfix,sflow" default:"v9" help:"What to send: ${enum}."`
	Sampling  uint32        `default:"1" placeholder:"N" help:"Export as a router that samples one packet of N."`
	Seed      uint64        `default:"1" help:"The same seed gives the same traffic."`
	Duration  time.Duration `placeholder:"DURATION" help:"How long in all; default: until a while after the attack."`
	AttackAt  time.Duration `default:"15s" help:"When the attack or event begins."`
	AttackFor time.Duration `default:"1m" help:"How long it lasts."`
	Inject    []string      `placeholder:"NAME" help:"What else is done by devices of office, or to those of fleet; comma-separated."`
	Scale     float64       `default:"1" help:"Multiplies the ordinary traffic."`
	Speed     float64       `default:"1" help:"1 is real time; 0 is as fast as it goes (a collector may lose datagrams)."`
	Truth     string        `placeholder:"FILE" help:"Write what was really sent, as JSON; - is stdout."`
	Quiet     bool          `short:"q" help:"No progress on stderr."`
}

// Run sends the scenario.
func (c *simulateCmd) Run(ctx context.Context, s streams) error {
	if c.Scenario == "" {
		for _, line := range app.ScenarioList() {
			_, _ = fmt.Fprintln(s.out, line)
		}
		return nil
	}
	if c.Speed < 0 || c.Scale < 0 {
		return usageError{errors.New("--speed and --scale must not be negative")}
	}
	if c.Target == "" {
		c.Target = "127.0.0.1:2055"
		if c.Protocol == "sflow" {
			c.Target = "127.0.0.1:6343"
		}
	}
	f := app.SimulateFlags{
		Scenario: c.Scenario, Target: c.Target, Protocol: c.Protocol, Sampling: c.Sampling, Seed: c.Seed,
		Duration: c.Duration, AttackAt: c.AttackAt, AttackFor: c.AttackFor, Scale: c.Scale, Speed: c.Speed, Inject: c.Inject,
	}
	o := f.Options(time.Now())
	if !c.Quiet && isTerminal(s.err) {
		o.Progress = func(at time.Time, n uint64) {
			_, _ = fmt.Fprintf(s.err, "\r%s: %d flows sent to %s\x1b[K", at.Format(time.TimeOnly), n, c.Target)
		}
	}
	res, err := app.Simulate(ctx, o)
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if o.Progress != nil {
		_, _ = fmt.Fprint(s.err, "\r\x1b[K")
	}
	if c.Truth != "" {
		if err := c.write(s, res); err != nil {
			return err
		}
	}
	if !c.Quiet {
		_, _ = fmt.Fprintf(s.err, "%d flows in %d datagrams sent to %s\n", res.Records, res.Datagrams, c.Target)
	}
	if res.Refused > 0 {
		return fmt.Errorf("nobody listens on %s: %d datagrams were refused; is `tidewatch serve` running?", c.Target, res.Refused)
	}
	return nil
}

func (c *simulateCmd) write(s streams, res *app.Simulated) error {
	if c.Truth == "-" {
		return printJSON(s.out, res)
	}
	var b strings.Builder
	if err := printJSON(&b, res); err != nil {
		return err
	}
	if err := os.WriteFile(c.Truth, []byte(b.String()), 0o644); err != nil { //nolint:gosec // not a secret
		return fmt.Errorf("write truth: %w", err)
	}
	return nil
}
