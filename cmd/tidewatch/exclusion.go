// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"tidewatch/app"
)

// exclusionCmd says what is known and harmless.
type exclusionCmd struct {
	Add    exclusionAddCmd    `cmd:"" help:"Exclude what is known and harmless: it is listed with severity low, never alerted. Examples: tidewatch exclusion add 'backup to the cloud' --device 192.0.2.10 --destination 198.51.100.0/24 --port 443/tcp --kind exfiltration; tidewatch exclusion add 'penetration test, ticket 4711' --device 2001:db8:1::/64 --kind host_scan --expires 2026-12-31"`
	List   exclusionListCmd   `cmd:"" help:"List what is excluded, until when, and why. Example: tidewatch exclusion list --origin people --past"`
	Remove exclusionRemoveCmd `cmd:"" help:"Take an exclusion back that was added. Example: tidewatch exclusion remove ex-mzxw6ytboi4dkmjr --note 'the contract ended'"`
}

// doorkeeper runs f at the running server or on the data directory; change is false to
// look only.
func (c *printed) doorkeeper(ctx context.Context, s streams, change bool, f func(*app.Doorkeeper) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if !change {
		tell(s, cfg.Absent())
	}
	d, err := app.NewDoorkeeper(ctx, cfg, change)
	if err != nil {
		return err
	}
	return errors.Join(f(d), d.Close())
}

type exclusionAddCmd struct {
	printed
	person
	Reason      string `arg:"" help:"Why it is harmless, in one line; incidents tell it."`
	Device      string `placeholder:"CIDR" help:"Own address or network that it is about. Default: any."`
	Destination string `placeholder:"CIDR" help:"Address or network that it goes to. Default: any."`
	Port        string `placeholder:"PORT" help:"443, 443/tcp, or a protocol without ports such as icmp. Default: any."`
	Kind        string `placeholder:"NAME" help:"Kind of incident, such as exfiltration. Default: any. One of the four is needed."`
	Expires     string `placeholder:"TIME" help:"Last day (2026-12-31, in the site's zone), a moment (RFC 3339), or a time from now on such as 30d or 12h. Default: 90d."`
}

func (c *exclusionAddCmd) Run(ctx context.Context, s streams) error {
	r := &app.Harmless{Device: c.Device, Destination: c.Destination, Port: c.Port, Kind: c.Kind, Reason: c.Reason, Expires: c.Expires}
	return c.doorkeeper(ctx, s, true, func(d *app.Doorkeeper) error {
		one, err := d.Add(ctx, r, c.who())
		return c.out(s, one, err)
	})
}

type exclusionListCmd struct {
	printed
	Origin string `enum:",configuration,people" default:"" help:"Only what was written down there: configuration or people."`
	Past   bool   `help:"Also what is over."`
	Limit  int    `default:"100" help:"At most so many, up to 1000."`
}

func (c *exclusionListCmd) Run(ctx context.Context, s streams) error {
	if err := checkLimit(c.Limit); err != nil {
		return err
	}
	return c.doorkeeper(ctx, s, false, func(d *app.Doorkeeper) error {
		list, err := d.List(ctx, c.Origin, c.Past, c.Limit)
		return c.out(s, list, err)
	})
}

type exclusionRemoveCmd struct {
	printed
	remark
	ID string `arg:"" help:"Id of the exclusion; see tidewatch exclusion list."`
}

func (c *exclusionRemoveCmd) Run(ctx context.Context, s streams) error {
	return c.doorkeeper(ctx, s, true, func(d *app.Doorkeeper) error {
		if err := d.Remove(ctx, c.ID, c.who(), c.Note); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "exclusion %s is taken back\n", c.ID)
		return err
	})
}
