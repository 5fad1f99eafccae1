// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"tidewatch/app"
)

type serveCmd struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file (YAML); none is needed."`
}

// Run serves until the process is told to stop.
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
	return app.Serve(ctx, cfg, &app.ServeOptions{Log: s.err, Version: version})
}
