// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"tidewatch/app"
)

type analyzeCmd struct {
	judging
	FailOn string   `enum:",low,medium,high,critical" default:"" placeholder:"SEVERITY" help:"End with status 3 when an incident of this severity or above was found."`
	Files  []string `arg:"" name:"file" help:"Recorded flows: pcap, nfdump, Zeek conn.log, Suricata EVE, CSV; - is stdin."`
}

// Run judges the files and prints what was found.
func (c *analyzeCmd) Run(ctx context.Context, s streams) error {
	cfg, o, err := c.options(s)
	if err != nil {
		return err
	}
	o.Files = c.Files
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

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
