// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"tidewatch/app"
)

// mitigationCmd decides about rules against attacks.
type mitigationCmd struct {
	List     mitigationListCmd     `cmd:"" help:"List what was decided, latest first, and what waits for a person. Examples: tidewatch mitigation list; tidewatch mitigation list --state proposed,active --target 203.0.113.7"`
	Show     mitigationShowCmd     `cmd:"" help:"Show one decision with all that happened to it. Example: tidewatch mitigation show mit-mzxw6ytboi4dkmjr"`
	Approve  mitigationApproveCmd  `cmd:"" help:"Let a proposed rule be brought in force. Example: tidewatch mitigation approve mit-mzxw6ytboi4dkmjr --note 'the provider knows'"`
	Reject   mitigationRejectCmd   `cmd:"" help:"Say no to a proposed rule. Example: tidewatch mitigation reject mit-mzxw6ytboi4dkmjr --note 'this is the load test'"`
	Withdraw mitigationWithdrawCmd `cmd:"" help:"Take a rule back that is in force. Example: tidewatch mitigation withdraw mit-mzxw6ytboi4dkmjr"`
	Request  mitigationRequestCmd  `cmd:"" help:"Ask for a rule; every guard rail holds. Examples: tidewatch mitigation request flowspec_drop --target 203.0.113.7 --protocol udp --source-port 53 --for 10m; tidewatch mitigation request blackhole --incident inc-mzxw6ytboi4dkmjr"`
	Panic    mitigationPanicCmd    `cmd:"" help:"Take all rules back now, and do nothing more until resume; works without a server, too. Example: tidewatch mitigation panic --note 'customers are cut off'"`
	Resume   mitigationResumeCmd   `cmd:"" help:"Act again after panic. Example: tidewatch mitigation resume --note 'the rule is fixed'"`
	Status   mitigationStatusCmd   `cmd:"" help:"Say whether rules are brought in force, where, and what is wrong there."`
}

// dispatcher runs f at the running server or on the data directory; change is true for
// what can be done without a server.
func (c *printed) dispatcher(ctx context.Context, s streams, change bool, f func(*app.Dispatcher) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if !change {
		tell(s, cfg.Absent())
	}
	d, err := app.NewDispatcher(ctx, cfg, change)
	if err != nil {
		return err
	}
	return errors.Join(f(d), d.Close())
}

type mitigationListCmd struct {
	printed
	State    []string `enum:"proposed,approved,active,expiring,withdrawn,failed,rejected" help:"Any of these states: ${enum}."`
	Incident string   `placeholder:"ID" help:"Only those about this incident."`
	Target   string   `placeholder:"CIDR" help:"Own address or prefix, exactly."`
	Limit    int      `default:"100" help:"At most so many, up to 1000."`
}

func (c *mitigationListCmd) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := checkLimit(c.Limit); err != nil {
		return err
	}
	tell(s, cfg.Absent())
	list, err := app.ListMitigations(ctx, cfg, &app.MitigationFilter{States: c.State, Incident: c.Incident, Target: c.Target, Limit: c.Limit})
	return c.out(s, list, err)
}

type mitigationShowCmd struct {
	printed
	ID string `arg:"" help:"Id of the decision; see tidewatch mitigation list."`
}

func (c *mitigationShowCmd) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	one, err := app.ShowMitigation(ctx, cfg, c.ID)
	return c.out(s, one, err)
}

type mitigationApproveCmd struct {
	printed
	remark
	ID string `arg:"" help:"Id of the decision."`
}

func (c *mitigationApproveCmd) Run(ctx context.Context, s streams) error {
	return c.dispatcher(ctx, s, false, func(d *app.Dispatcher) error {
		one, err := d.Approve(ctx, c.ID, c.who(), c.Note)
		return c.out(s, one, err)
	})
}

type mitigationRejectCmd struct {
	printed
	remark
	ID string `arg:"" help:"Id of the decision."`
}

func (c *mitigationRejectCmd) Run(ctx context.Context, s streams) error {
	return c.dispatcher(ctx, s, true, func(d *app.Dispatcher) error {
		one, err := d.Reject(ctx, c.ID, c.who(), c.Note)
		return c.out(s, one, err)
	})
}

type mitigationWithdrawCmd struct {
	printed
	remark
	ID string `arg:"" help:"Id of the decision."`
}

func (c *mitigationWithdrawCmd) Run(ctx context.Context, s streams) error {
	return c.dispatcher(ctx, s, false, func(d *app.Dispatcher) error {
		one, err := d.Withdraw(ctx, c.ID, c.who(), c.Note)
		return c.out(s, one, err)
	})
}

type mitigationRequestCmd struct {
	printed
	remark
	Incident    string        `placeholder:"ID" help:"Incident that it is about; its subject is the target."`
	Target      string        `placeholder:"CIDR" help:"Own address or prefix."`
	Source      string        `placeholder:"CIDR" help:"Only traffic from there."`
	Destination string        `placeholder:"CIDR" help:"Only traffic to there."`
	Protocol    string        `placeholder:"NAME" help:"Only this protocol, such as udp."`
	SourcePort  uint16        `placeholder:"PORT" help:"Only from this port."`
	DestPort    uint16        `name:"destination-port" placeholder:"PORT" help:"Only to this port."`
	Flags       string        `name:"tcp-flags" placeholder:"FLAGS" help:"Only with exactly these flags, such as SYN or SYN+ACK."`
	Fragment    bool          `help:"Fragments alone."`
	Rate        uint64        `placeholder:"BYTES" help:"Of limits: bytes per second that they let through."`
	Via         string        `placeholder:"NAME" help:"Actuator, such as bgp. Default: the first that can."`
	For         time.Duration `placeholder:"TIME" help:"For how long, in whole minutes such as 10m or 2h. Default: as long as a first try of the policy."`
	Action      string        `arg:"" enum:"blackhole,flowspec_drop,flowspec_rate_limit,divert,block,rate_limit,quarantine,hook" help:"What to do: ${enum}."`
}

func (c *mitigationRequestCmd) Run(ctx context.Context, s streams) error {
	if c.For < 0 || c.For%time.Minute != 0 {
		return usageError{errors.New("--for takes whole minutes, such as 10m or 2h")}
	}
	w := &app.Wish{Incident: c.Incident, Target: c.Target, Action: c.Action, Rate: c.Rate, Via: c.Via, Minutes: int(c.For / time.Minute)}
	m := app.WishMatch{
		Source: c.Source, Destination: c.Destination, Protocol: c.Protocol, SrcPort: c.SourcePort, DstPort: c.DestPort, Flags: c.Flags, Fragment: c.Fragment,
	}
	if m != (app.WishMatch{}) {
		w.Match = &m
	}
	return c.dispatcher(ctx, s, false, func(d *app.Dispatcher) error {
		one, err := d.Request(ctx, w, c.who(), c.Note)
		return c.out(s, one, err)
	})
}

type mitigationPanicCmd struct {
	printed
	remark
}

func (c *mitigationPanicCmd) Run(ctx context.Context, s streams) error {
	return c.dispatcher(ctx, s, true, func(d *app.Dispatcher) error {
		done, err := d.Panic(ctx, c.who(), c.Note)
		return c.out(s, done, err)
	})
}

type mitigationResumeCmd struct {
	printed
	remark
}

func (c *mitigationResumeCmd) Run(ctx context.Context, s streams) error {
	return c.dispatcher(ctx, s, true, func(d *app.Dispatcher) error {
		status, err := d.Resume(ctx, c.who(), c.Note)
		return c.out(s, status, err)
	})
}

type mitigationStatusCmd struct{ printed }

func (c *mitigationStatusCmd) Run(ctx context.Context, s streams) error {
	return c.dispatcher(ctx, s, false, func(d *app.Dispatcher) error {
		status, err := d.Status(ctx)
		return c.out(s, status, err)
	})
}
