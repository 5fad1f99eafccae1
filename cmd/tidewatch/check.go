// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tidewatch/app"
	"tidewatch/config"
)

type checkCmd struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file (YAML)."`
}

// Run validates and prints every key with its value and where that comes from,
// and when the scheduled events are on next.
func (c *checkCmd) Run(s streams) error {
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
	if err := config.Print(s.out, cfg, origins); err != nil {
		return err
	}
	if _, err = fmt.Fprintf(s.out, "# how often devices are judged: %s\n", cfg.Window.Rule()); err != nil {
		return err
	}
	return cfg.WritePlan(s.out, time.Now())
}
