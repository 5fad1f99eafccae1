// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"tidewatch/app"
)

type learnCmd struct {
	judging
	Files []string `arg:"" name:"file" help:"Recorded flows, oldest first; see analyze for the formats."`
}

func (c *learnCmd) Run(ctx context.Context, s streams) error {
	if len(c.Train) > 0 || c.TrainUntil != "" {
		return usageError{errors.New("learn only learns: give the files as arguments, without --train or --train-until")}
	}
	cfg, o, err := c.options(s)
	if err != nil {
		return err
	}
	o.Files = c.Files
	res, err := app.Learn(ctx, cfg, o)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return printJSON(s.out, res)
	}
	return res.WriteText(s.out)
}
