// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"tidewatch/app"
)

// baselineCmd audits what was learned.
type baselineCmd struct {
	List     baselineListCmd     `cmd:"" help:"List the saved versions and what a person should look at."`
	Show     baselineShowCmd     `cmd:"" help:"Show the usual week of a device, a network or the site."`
	Diff     baselineDiffCmd     `cmd:"" help:"Show what changed between two versions, largest changes first."`
	Approve  baselineApproveCmd  `cmd:"" help:"Approve a version, or what a device does since a day as its new normal. Example: tidewatch baseline approve 10.0.0.3 --since 2026-10-26"`
	Freeze   baselineFreezeCmd   `cmd:"" help:"Stop learning, or let it go on with --off. Judging goes on."`
	Rollback baselineRollbackCmd `cmd:"" help:"Make an old version the one in use."`
}

// library are the flags that all of them share.
type library struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file (YAML); data_dir and timezone are taken from it."`
}

// open opens the data directory to look at and runs f on it.
func (c *library) open(f func(*app.Library) error) error {
	cfg, _, err := app.LoadConfig(c.Config)
	if err != nil {
		return usageError{err}
	}
	l, err := app.OpenLibrary(cfg, false)
	if err != nil {
		return err
	}
	return errors.Join(f(l), l.Close())
}

type baselineListCmd struct {
	library
	Format string `enum:"text,json" default:"text" help:"How to print: ${enum}."`
}

func (c *baselineListCmd) Run(s streams) error {
	return c.open(func(l *app.Library) error {
		tell(s, l.Absent())
		o, err := l.Overview()
		if err != nil {
			return err
		}
		if c.Format == "json" {
			return printJSON(s.out, o)
		}
		return o.WriteText(s.out)
	})
}

type baselineShowCmd struct {
	library
	Device  string `arg:"" help:"Address of the device, or its name in identity.leases; a network of networks.totals, or site."`
	Version string `placeholder:"ID" help:"A version instead of what is in use."`
	Field   string `enum:"bytes_in,bytes_out,packets_in,packets_out,flows_in,flows_out,peak_bytes_in,peak_bytes_out,peak_packets_in" default:"bytes_in" help:"What to show: ${enum}."`
	Format  string `enum:"text,json" default:"text" help:"How to print: ${enum}."`
}

func (c *baselineShowCmd) Run(s streams) error {
	return c.open(func(l *app.Library) error {
		p, err := l.Profile(c.Device, c.Version, c.Field)
		if err != nil {
			return err
		}
		if c.Format == "json" {
			return printJSON(s.out, p)
		}
		return p.WriteText(s.out)
	})
}

type baselineDiffCmd struct {
	library
	Before string `arg:"" help:"A version."`
	After  string `arg:"" optional:"" help:"A later one; without it, what is in use."`
	Format string `enum:"text,json" default:"text" help:"How to print: ${enum}."`
}

func (c *baselineDiffCmd) Run(s streams) error {
	return c.open(func(l *app.Library) error {
		d, err := l.Diff(c.Before, c.After)
		if err != nil {
			return err
		}
		if c.Format == "json" {
			return printJSON(s.out, d)
		}
		return d.WriteText(s.out)
	})
}

// change runs f at the running server, or on the data directory when there is none.
func (c *library) change(f func(*app.Config, *app.Curator) error) error {
	cfg, _, err := app.LoadConfig(c.Config)
	if err != nil {
		return usageError{err}
	}
	k, err := app.NewCurator(cfg, app.Whoami())
	if err != nil {
		return err
	}
	return errors.Join(f(cfg, k), k.Close())
}

type baselineApproveCmd struct {
	library
	What  string `arg:"" help:"A version, or with --since a device (address or name), a network or site."`
	Since string `placeholder:"TIME" help:"For a device: from when on (RFC 3339 or YYYY-MM-DD in the site's zone)."`
}

func (c *baselineApproveCmd) Run(ctx context.Context, s streams) error {
	return c.change(func(cfg *app.Config, k *app.Curator) error {
		if c.Since == "" {
			_, network := app.NetworkOf(c.What)
			if _, err := netip.ParseAddr(c.What); err == nil || network {
				return usageError{errors.New("--since: say from when on, such as 2026-11-23")}
			}
			if err := k.ApproveVersion(ctx, c.What); err != nil {
				return err
			}
			_, err := fmt.Fprintf(s.out, "version %s is approved and will be kept\n", c.What)
			return err
		}
		since, err := cfg.Time(c.Since)
		if err != nil {
			return usageError{fmt.Errorf("--since: %w", err)}
		}
		hours, version, err := k.ApproveDevice(ctx, c.What, since)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "%d hours of %s since %s are trusted now; saved as version %s\n", hours, c.What, since.Format(time.RFC3339), version)
		return err
	})
}

type baselineFreezeCmd struct {
	library
	Off bool `help:"Let learning go on."`
}

func (c *baselineFreezeCmd) Run(ctx context.Context, s streams) error {
	return c.change(func(_ *app.Config, k *app.Curator) error {
		if err := k.Freeze(ctx, !c.Off); err != nil {
			return err
		}
		text := "learning is frozen; tidewatch baseline freeze --off lets it go on"
		if c.Off {
			text = "learning goes on"
		}
		_, err := fmt.Fprintln(s.out, text)
		return err
	})
}

type baselineRollbackCmd struct {
	library
	Version string `arg:"" help:"The version to go back to; see tidewatch baseline list."`
}

func (c *baselineRollbackCmd) Run(ctx context.Context, s streams) error {
	return c.change(func(_ *app.Config, k *app.Curator) error {
		version, err := k.Rollback(ctx, c.Version)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "version %s is in use now, a copy of %s; what was learned since is kept as the version before it\n", version, c.Version)
		return err
	})
}
