// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tidewatch/app"
	"tidewatch/config"
)

type checkCmd struct {
	Config string   `short:"c" placeholder:"FILE" help:"Configuration file (YAML)."`
	Device []string `placeholder:"ADDRESS,..." sep:"none" help:"Explain instead from what rate on a flood on this device is found, by what was learned of it. Example: tidewatch check --device 192.0.2.10"`
	Test   string   `name:"send-test" placeholder:"NAME" help:"Send a test message instead to this sink of notify, or hook of mitigation, also while serve runs, and tell whether it was taken. Example: tidewatch check -c tidewatch.yaml --send-test chat"`
	At     string   `placeholder:"TIME" help:"With --device: at that moment (RFC 3339) and not now, for example on a Monday morning."`
}

// Run validates, reads the files that are named, and prints every key with its value and where that comes from,
// when the scheduled events are on next, what the threat lists hold, who hears of incidents, and what is done about them; or it explains the
// limits of devices, or tries a sink.
func (c *checkCmd) Run(ctx context.Context, s streams) error {
	cfg, origins, err := app.LoadConfig(c.Config)
	if err != nil {
		return usageError{err}
	}
	unknown, err := app.UnknownVariables()
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return usageError{errors.New(strings.Join(unknown, "; "))}
	}
	if c.Test != "" {
		if len(c.Device) > 0 || c.At != "" {
			return usageError{errors.New("--send-test goes alone")}
		}
		return app.SendTest(ctx, cfg, c.Test, s.out)
	}
	if err := cfg.CheckFiles(); err != nil {
		return err
	}
	if len(c.Device) > 0 {
		return c.explain(s, cfg, origins)
	}
	if c.At != "" {
		return usageError{errors.New("--at says when limits are to be explained: name a device with --device")}
	}
	if err := config.Print(s.out, cfg, origins); err != nil {
		return err
	}
	if _, err = fmt.Fprintf(s.out, "# how often devices are judged: %s\n", cfg.Window.Rule()); err != nil {
		return err
	}
	if err := cfg.WritePlan(s.out, time.Now()); err != nil {
		return err
	}
	if err := cfg.WriteThreats(s.out); err != nil {
		return err
	}
	if err := cfg.WriteAlerts(s.out); err != nil {
		return err
	}
	return cfg.WriteMitigation(s.out)
}

// explain tells the limits of devices.
func (c *checkCmd) explain(s streams, cfg *app.Config, origins config.Origins) error {
	at := time.Now()
	if c.At != "" {
		var err error
		if at, err = cfg.Time(c.At); err != nil {
			return usageError{fmt.Errorf("--at: %w", err)}
		}
	}
	for device := range strings.SplitSeq(strings.Join(c.Device, ","), ",") {
		if err := cfg.WriteLimits(s.out, origins, strings.TrimSpace(device), at); err != nil {
			return err
		}
	}
	tell(s, cfg.Absent())
	return nil
}
