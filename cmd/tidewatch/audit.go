// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"tidewatch/app"
)

// auditCmd tells what people decided.
type auditCmd struct {
	List auditListCmd `cmd:"" help:"List what people decided, newest first. Example: tidewatch audit list --limit 20"`
}

type auditListCmd struct {
	printed
	Limit int `default:"100" help:"At most so many, up to 1000."`
}

func (c *auditListCmd) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := checkLimit(c.Limit); err != nil {
		return err
	}
	tell(s, cfg.Absent())
	list, err := app.ReadAudit(ctx, cfg, c.Limit)
	return c.out(s, list, err)
}
