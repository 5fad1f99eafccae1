// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"tidewatch/app"
)

type evaluateCmd struct {
	judging
	Labels string   `required:"" placeholder:"FILE" help:"Labels: a table of captures, labelled flows (Zeek, binetflow), a log of events, or windows of series."`
	Files  []string `arg:"" optional:"" name:"file" help:"Captures to score; default: every file that the labels name, beside the label file, or the labelled flows themselves."`
}

// Run judges each labelled capture on its own and scores what was found.
func (c *evaluateCmd) Run(ctx context.Context, s streams) error {
	report, err := app.Evaluate(ctx, c.Labels, c.Files, func(internal []string) (*app.Config, *app.AnalyzeOptions, error) {
		j := c.judging
		j.Quiet = true
		j.Internal = append(append([]string(nil), j.Internal...), internal...)
		return j.options(s)
	})
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return printJSON(s.out, report)
	}
	return report.WriteText(s.out)
}
