// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"tidewatch/app"
)

// queryCmd asks the recorded flows.
type queryCmd struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file (YAML); data_dir and the token are taken from it."`
	From   string `default:"-1h" placeholder:"TIME" help:"Flows reported since: RFC 3339, or before now as -30s, -15m, -1h, -7d, -2w. Default: ${default}."`
	To     string `default:"now" placeholder:"TIME" help:"Flows reported before. Default: ${default}."`
	Filter string `placeholder:"FILTER" help:"Which flows (docs/reference/filter-language.md). Example: 'src = 10.0.0.0/8 and dst_port in (80, 443) and bytes > 1M'"`
	Group  string `default:"src" placeholder:"LIST" help:"Up to three of src, dst, device, peer, src_port, dst_port, service, proto, src_as, dst_as, exporter, input, output, src_net, dst_net, src_net16, dst_net16, tcp_flags; none for the total alone. Default: ${default}."`
	By     string `enum:"bytes,packets,flows" default:"bytes" help:"What makes a group large: ${enum}."`
	Limit  int    `default:"10" help:"At most so many groups, up to 1000."`
	Points int    `default:"0" help:"At most so many points of a series for each group, up to 1000; printed by csv and json."`
	Source string `enum:"auto,raw,rollup" default:"auto" help:"From the flows (raw), from sums by minutes and hours (rollup), or whichever is quicker: ${enum}."`
	Format string `enum:"text,json,csv" default:"text" help:"How to print: ${enum}."`
}

// Help is printed below the flags.
func (queryCmd) Help() string {
	return `Examples:
  tidewatch query --group device
  tidewatch query --from -24h --group src,dst_port --by packets --filter 'direction = in and proto = udp'
  tidewatch query --from -30d --group service --points 60 --format csv`
}

func (c *queryCmd) Run(ctx context.Context, s streams) error {
	cfg, _, err := app.LoadConfig(c.Config)
	if err != nil {
		return usageError{err}
	}
	if c.Group == "none" {
		c.Group = ""
	}
	got, err := app.AskHistory(ctx, cfg, &app.Inquiry{
		From: c.From, To: c.To, Filter: c.Filter, Group: c.Group, By: c.By, Source: c.Source, Limit: c.Limit, Points: c.Points,
	})
	if err == nil && c.Format == "csv" {
		return got.WriteCSV(s.out)
	}
	return (&printed{Format: c.Format}).out(s, got, err)
}
