// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tidewatch/app"
	"tidewatch/detect"
	"tidewatch/incident"
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
		err = printText(s.out, res)
	}
	if err != nil {
		return err
	}
	if interrupted {
		return errors.New("interrupted; the incidents are those of the flows read until then")
	}
	for i := range res.Incidents {
		if c.FailOn != "" && res.Incidents[i].Severity.Rank() >= detect.Severity(c.FailOn).Rank() {
			return foundError{}
		}
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// printText writes the input's sums and then each incident with its evidence.
func printText(w io.Writer, res *app.Result) error {
	var b strings.Builder
	in := &res.Input
	fmt.Fprintf(&b, "%d flows, %d packets, %d bytes", in.Flows, in.Packets, in.Bytes)
	if in.First != nil {
		fmt.Fprintf(&b, " from %s to %s", in.First.Format(time.RFC3339), in.Last.Format(time.RFC3339))
	}
	fmt.Fprintf(&b, "; %d devices", in.Devices)
	if in.Skipped > 0 {
		fmt.Fprintf(&b, "; %d damaged records skipped", in.Skipped)
	}
	b.WriteString("\n")
	if len(res.Incidents) == 0 {
		b.WriteString("no incidents\n")
	}
	for i := range res.Incidents {
		writeIncident(&b, &res.Incidents[i])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeIncident(b *strings.Builder, i *incident.Incident) {
	fmt.Fprintf(b, "\n%s  %s\n", strings.ToUpper(string(i.Severity)), i.Title())
	fmt.Fprintf(b, "  %s  score %.2f  %s", i.ID, i.Score, i.State)
	fmt.Fprintf(b, "  started %s, detected %s", i.Started.Format(time.RFC3339), i.Detected.Format(time.RFC3339))
	if !i.Ended.IsZero() {
		fmt.Fprintf(b, ", ended %s", i.Ended.Format(time.RFC3339))
	}
	b.WriteString("\n")
	for _, n := range i.Indicators {
		fmt.Fprintf(b, "  - %s\n", n.Text)
	}
	writeTop(b, "sources", i.Top.Sources)
	writeTop(b, "destinations", i.Top.Destinations)
	writeTop(b, "ports", i.Top.Ports)
}

func writeTop(b *strings.Builder, name string, top []detect.Share) {
	if len(top) == 0 {
		return
	}
	parts := make([]string, 0, 3)
	for _, t := range top[:min(3, len(top))] {
		parts = append(parts, fmt.Sprintf("%s %.0f%%", t.Key, 100*t.Share))
	}
	fmt.Fprintf(b, "  top %s: %s\n", name, strings.Join(parts, ", "))
}
