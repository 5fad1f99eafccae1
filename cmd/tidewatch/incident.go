// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tidewatch/app"
)

// incidentCmd does what people do about incidents.
type incidentCmd struct {
	List     incidentListCmd     `cmd:"" help:"List saved incidents, latest first. Example: tidewatch incident list --state open --min-severity high"`
	Show     incidentShowCmd     `cmd:"" help:"Show one incident with its evidence and timeline."`
	Ack      incidentAckCmd      `cmd:"" help:"Say that somebody looks after it. Example: tidewatch incident ack inc-mzxw6ytb --note 'calling the provider'"`
	Close    incidentCloseCmd    `cmd:"" help:"End it, with a verdict. Example: tidewatch incident close inc-mzxw6ytb normal --note 'load test'"`
	Comment  incidentCommentCmd  `cmd:"" help:"Add a note to its timeline. Example: tidewatch incident comment inc-mzxw6ytb 'the provider filters upstream now'"`
	Feedback incidentFeedbackCmd `cmd:"" help:"Say what it was, which moves thresholds. Example: tidewatch incident feedback inc-mzxw6ytb normal; see also --list and --undo"`
}

// printed are the flags of what prints.
type printed struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file (YAML); data_dir and the token are taken from it."`
	Format string `enum:"text,json" default:"text" help:"How to print: ${enum}."`
}

func (c *printed) load() (*app.Config, error) {
	cfg, _, err := app.LoadConfig(c.Config)
	if err != nil {
		return nil, usageError{err}
	}
	return cfg, nil
}

// out prints v unless there was an error.
func (c *printed) out(s streams, v interface{ WriteText(io.Writer) error }, err error) error {
	switch {
	case err != nil:
		return err
	case c.Format == "json":
		return printJSON(s.out, v)
	}
	return v.WriteText(s.out)
}

// checkLimit holds a page to what the API gives, too.
func checkLimit(n int) error {
	if n < 1 || n > 1000 {
		return usageError{errors.New("--limit lies between 1 and 1000")}
	}
	return nil
}

type incidentListCmd struct {
	printed
	State       []string `enum:"open,acknowledged,mitigated,resolved,closed" help:"Any of these states: ${enum}."`
	Category    []string `enum:"ddos_attack,data_exfiltration,command_and_control,reconnaissance,baseline_anomaly,operational" help:"Any of these categories: ${enum}."`
	MinSeverity string   `enum:",low,medium,high,critical" default:"" help:"This severity or above."`
	Subject     string   `placeholder:"ADDRESS" help:"Address or prefix, exactly."`
	Since       string   `placeholder:"TIME" help:"Changed since (RFC 3339 or YYYY-MM-DD in the site's zone)."`
	Limit       int      `default:"100" help:"At most so many, up to 1000."`
}

func (c *incidentListCmd) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := checkLimit(c.Limit); err != nil {
		return err
	}
	q := app.IncidentFilter{States: c.State, Categories: c.Category, MinSeverity: c.MinSeverity, Subject: c.Subject, Limit: c.Limit}
	if c.Since != "" {
		if q.Since, err = cfg.Time(c.Since); err != nil {
			return usageError{fmt.Errorf("--since: %w", err)}
		}
	}
	tell(s, cfg.Absent())
	list, err := app.ListIncidents(ctx, cfg, &q)
	return c.out(s, list, err)
}

type incidentShowCmd struct {
	printed
	ID string `arg:"" help:"Id of the incident; see tidewatch incident list."`
}

func (c *incidentShowCmd) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	one, err := app.ShowIncident(ctx, cfg, c.ID)
	return c.out(s, one, err)
}

// remark are the flags of decisions.
type remark struct {
	person
	Note string `placeholder:"TEXT" help:"Why, in one line."`
}

// person says who decides.
type person struct {
	By string `placeholder:"NAME" help:"Who decides; the user of this terminal when not given."`
}

func (p *person) who() string {
	if p.By != "" {
		return p.By
	}
	return app.Whoami()
}

// clerk runs f at the running server or on the data directory; change is false to
// look only.
func (c *printed) clerk(ctx context.Context, s streams, change bool, f func(*app.Clerk) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if !change {
		tell(s, cfg.Absent())
	}
	clerk, err := app.NewClerk(ctx, cfg, change)
	if err != nil {
		return err
	}
	return errors.Join(f(clerk), clerk.Close())
}

func (c *printed) decide(ctx context.Context, s streams, id string, d *app.Decision) error {
	return c.clerk(ctx, s, true, func(k *app.Clerk) error {
		one, err := k.Decide(ctx, id, d)
		if err != nil || c.Format == "json" {
			return c.out(s, one, err)
		}
		last := one.Timeline[len(one.Timeline)-1]
		_, err = fmt.Fprintf(s.out, "%s (%s) at %s: %s\n", one.ID, one.Title(), last.At.Format(time.RFC3339), last.Text)
		return err
	})
}

type incidentAckCmd struct {
	printed
	remark
	ID string `arg:"" help:"Id of the incident."`
}

func (c *incidentAckCmd) Run(ctx context.Context, s streams) error {
	return c.decide(ctx, s, c.ID, &app.Decision{Action: "acknowledge", By: c.who(), Note: c.Note})
}

type incidentCloseCmd struct {
	printed
	remark
	ID      string `arg:"" help:"Id of the incident."`
	Verdict string `arg:"" enum:"normal,attack,uncertain" help:"What it was: ${enum}. The first two count as feedback."`
}

func (c *incidentCloseCmd) Run(ctx context.Context, s streams) error {
	return c.decide(ctx, s, c.ID, &app.Decision{Action: "close", Verdict: c.Verdict, By: c.who(), Note: c.Note})
}

type incidentCommentCmd struct {
	printed
	person
	ID   string `arg:"" help:"Id of the incident."`
	Text string `arg:"" help:"What there is to say, in one line."`
}

func (c *incidentCommentCmd) Run(ctx context.Context, s streams) error {
	return c.decide(ctx, s, c.ID, &app.Decision{Action: "comment", By: c.who(), Note: c.Text})
}

type incidentFeedbackCmd struct {
	printed
	remark
	List    bool   `help:"List the verdicts that count."`
	Undo    string `placeholder:"ID" help:"Take this verdict back; its id stands in the list."`
	ID      string `arg:"" optional:"" help:"Id of the incident."`
	Verdict string `arg:"" optional:"" help:"What it was: normal raises the threshold of its subject and kind to 1.25 times, attack lowers it to 0.8 times."`
}

func (c *incidentFeedbackCmd) Run(ctx context.Context, s streams) error {
	said := c.Verdict == "normal" || c.Verdict == "attack"
	switch {
	case c.List && c.Undo == "" && c.ID == "":
		return c.clerk(ctx, s, false, func(k *app.Clerk) error {
			all, err := k.Feedback(ctx)
			return c.out(s, all, err)
		})
	case c.Undo != "" && !c.List && c.ID == "":
		return c.clerk(ctx, s, true, func(k *app.Clerk) error {
			if err := k.Undo(ctx, c.Undo, c.who()); err != nil {
				return err
			}
			_, err := fmt.Fprintf(s.out, "verdict %s is taken back\n", c.Undo)
			return err
		})
	case said && !c.List && c.Undo == "":
		return c.decide(ctx, s, c.ID, &app.Decision{Action: "feedback", Verdict: c.Verdict, By: c.who(), Note: c.Note})
	}
	return usageError{errors.New("say an incident and normal or attack, or --list, or --undo and the id of a verdict")}
}
