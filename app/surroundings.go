// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tidewatch/api"
	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/schedule"
	"tidewatch/triage"
)

// surroundings tells a counsel what is known around an incident: what is learned of its
// device, what is planned, and what became of incidents like it.
type surroundings struct {
	engine  *Engine
	store   lister
	plans   *planner
	devices *directory
	zone    *time.Location
}

// lister is what surroundings read of the incidents that are kept.
type lister interface {
	List(ctx context.Context, f *incident.Filter) (incident.Page, error)
}

// Internal implements triage.Surroundings.
func (s *surroundings) Internal(a netip.Addr) bool {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	return s.engine.enrich.Internal(a)
}

// Subject implements triage.Surroundings. Of a network, and of a device that nobody
// knows, there is nothing to tell.
func (s *surroundings) Subject(ctx context.Context, inc *incident.Incident) (*triage.Subject, error) {
	out := &triage.Subject{}
	p, err := inc.Prefix()
	if err != nil || !p.IsSingleIP() {
		return out, nil //nolint:nilerr // a subject that is no address has no past
	}
	in, err := s.device(ctx, p.Addr(), baseline.Field("bytes_in"))
	if err != nil || in == nil {
		return out, err
	}
	sent, err := s.device(ctx, p.Addr(), baseline.Field("bytes_out"))
	if err != nil {
		return out, err
	}
	out.Name, out.Role, out.Services = triage.Quoted(in.Name), in.Role, services(in)
	out.DaysSeen = int(max(0, inc.Started.Sub(in.FirstSeen).Hours()/24))
	local := inc.Started.In(s.zone)
	hour := int(local.Weekday())*24 + local.Hour()
	if hour < len(in.Hours) {
		share := float64(in.Hours[hour]) / habitWeeks
		out.Active = &share
	}
	if in.Profile != nil && sent != nil && sent.Profile != nil {
		out.Usual = &triage.Hour{BytesIn: in.Profile.Days[local.Hour()].Median, BytesOut: sent.Profile.Days[local.Hour()].Median}
	}
	return out, nil
}

// habitWeeks is of how many weeks habits tell in which a device was active.
const habitWeeks = 15

// device is what is known of one, nil when nothing is.
func (s *surroundings) device(ctx context.Context, a netip.Addr, f baseline.Field) (*api.DeviceDetail, error) {
	d, err := s.devices.Device(ctx, a, string(f))
	if _, unknown := errors.AsType[*api.RefusedError](err); unknown {
		return nil, nil //nolint:nilnil // nothing is known
	}
	return d, err
}

// maxServices is how many of a device's services are told, the heaviest.
const maxServices = 8

func services(d *api.DeviceDetail) (out []string) {
	for i := range d.Services[:min(maxServices, len(d.Services))] {
		v := &d.Services[i]
		verb := "uses"
		if v.Offered {
			verb = "offers"
		}
		out = append(out, fmt.Sprintf("%s %s/%d since %s", verb, flow.ProtoName(v.Protocol), v.Port, v.First))
	}
	return out
}

// near is how far from an incident an event may lie to be told of.
const near = 12 * time.Hour

// Planned implements triage.Surroundings: what is on meanwhile first, then the nearest.
func (s *surroundings) Planned(_ context.Context, inc *incident.Incident) ([]triage.Planned, error) {
	s.plans.mu.Lock()
	all := s.plans.both // it never changes
	s.plans.mu.Unlock()
	subject, err := inc.Prefix()
	if err != nil {
		return nil, err
	}
	var out []triage.Planned
	for i := range all.Len() {
		e := &all.Plan(i).Event
		for _, o := range all.Upcoming(i, inc.Started.Add(-near), 2) {
			if o.Start.After(inc.LastSeen.Add(near)) {
				break
			}
			p := triage.Planned{
				Name: triage.Quoted(e.Name), Start: o.Start, Hours: o.End.Sub(o.Start).Hours(), Expect: e.Expect, Here: covers(e, subject),
				On: o.Start.Before(inc.LastSeen) && o.End.After(inc.Started),
			}
			if !p.On {
				p.Distance = inc.Started.Sub(o.Start).Round(time.Minute).Hours()
			}
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b triage.Planned) int {
		return cmp.Or(rank(!a.On, !a.Here)-rank(!b.On, !b.Here), cmp.Compare(max(a.Distance, -a.Distance), max(b.Distance, -b.Distance)))
	})
	return out, nil
}

// rank counts what is true, the first for more.
func rank(first, second bool) (n int) {
	if first {
		n += 2
	}
	if second {
		n++
	}
	return n
}

// covers reports whether an event is about a subject.
func covers(e *schedule.Event, subject netip.Prefix) bool {
	return len(e.Targets) == 0 || slices.ContainsFunc(e.Targets, func(t string) bool {
		p, err := flow.ParseNetwork(t)
		return err == nil && p.Overlaps(subject)
	})
}
