// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"tidewatch/app"
)

type analyzeCmd struct {
	judging
	Compare string   `placeholder:"FILE" help:"Judge by this configuration, too, and print only what differs: a back-test. Example: tidewatch analyze --learned -c proposed.yaml --compare tidewatch.yaml month/*"`
	FailOn  string   `enum:",low,medium,high,critical" default:"" placeholder:"SEVERITY" help:"End with status 3 when an incident of this severity or above was found."`
	Files   []string `arg:"" name:"file" help:"Recorded flows: pcap, nfdump, Zeek conn.log, Suricata EVE, CSV; - is stdin."`
}

// Run judges the files and prints what was found.
func (c *analyzeCmd) Run(ctx context.Context, s streams) error {
	cfg, o, err := c.options(s)
	if err != nil {
		return err
	}
	o.Files = c.Files
	if c.Compare != "" {
		return c.compare(ctx, s, cfg, o)
	}
	res, err := app.Analyze(ctx, cfg, o)
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !interrupted {
		return err
	}
	if o.Progress != nil {
		_, _ = fmt.Fprint(s.err, "\r\x1b[K")
	}
	if c.Format == "json" {
		err = printJSON(s.out, res)
	} else {
		err = res.WriteText(s.out)
	}
	if err != nil {
		return err
	}
	if interrupted {
		return errors.New("interrupted; the incidents are those of the flows read until then")
	}
	if c.FailOn != "" && res.Found(c.FailOn) {
		return foundError{}
	}
	return nil
}

// compare judges by two configurations and prints what differs.
func (c *analyzeCmd) compare(ctx context.Context, s streams, cfg *app.Config, o *app.AnalyzeOptions) error {
	switch {
	case c.FailOn != "":
		return usageError{errors.New("--fail-on has no meaning with --compare")}
	case slices.Contains(c.Files, "-"):
		return usageError{errors.New("--compare reads the files twice, and stdin can be read once")}
	}
	other := c.judging
	other.Config, other.Quiet = c.Compare, true // one warning is enough
	otherCfg, oo, err := other.options(s)
	if err != nil {
		return err
	}
	oo.Files, oo.Progress = o.Files, o.Progress
	res, err := app.Compare(ctx, cfg, otherCfg, o, oo)
	if err != nil {
		return err
	}
	if o.Progress != nil {
		_, _ = fmt.Fprint(s.err, "\r\x1b[K")
	}
	if c.Format == "json" {
		return printJSON(s.out, res)
	}
	proposed := c.Config
	if proposed == "" {
		proposed = "the defaults"
	}
	return res.WriteText(s.out, proposed, c.Compare)
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
