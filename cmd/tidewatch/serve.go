// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tidewatch/app"
)

type serveCmd struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file (YAML); none is needed."`
}

// Run serves until the process is told to stop; SIGHUP reads the configuration anew.
func (c *serveCmd) Run(ctx context.Context, s streams) error {
	cfg, _, err := app.LoadConfig(c.Config)
	if err != nil {
		return usageError{err}
	}
	unknown, err := app.UnknownVariables()
	if err != nil {
		return err
	}
	for _, line := range unknown { // no error: they may be somebody else's, as those that Kubernetes makes for a service
		_, _ = fmt.Fprintln(s.err, "tidewatch: warning: "+line)
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	return app.Serve(ctx, cfg, &app.ServeOptions{
		Log: s.err, Version: version, Reload: hup,
		Load: func() (*app.Config, error) {
			cfg, _, err := app.LoadConfig(c.Config)
			return cfg, err
		},
	})
}
