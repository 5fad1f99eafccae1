// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/triage"
)

const (
	lookBack   = 90 // days in which incidents are compared
	compared   = 200
	halfAYear  = 183 // days of the ledger
	maxAnswers = 16  // of a list
)

// Similar implements triage.Surroundings: of the newest incidents of the category the
// most alike, those of which people said something first.
func (s *surroundings) Similar(ctx context.Context, inc *incident.Incident) ([]triage.Similar, error) {
	all, err := s.list(ctx, inc, &incident.Filter{Since: inc.Started.AddDate(0, 0, -lookBack), Limit: compared})
	all = slices.DeleteFunc(all, func(o triage.Similar) bool { return o.Kind != inc.Kind })
	slices.SortStableFunc(all, func(a, b triage.Similar) int {
		return cmp.Compare(rank(b.Same, b.Said != ""), rank(a.Same, a.Said != ""))
	})
	return all[:min(maxAnswers, len(all))], err
}

// Incidents implements triage.Archive.
func (s *surroundings) Incidents(ctx context.Context, subject string, since time.Time) ([]triage.Similar, error) {
	return s.list(ctx, &incident.Incident{Subject: subject, LastSeen: s.engine.FlowTime()}, &incident.Filter{Subject: subject, Since: since, Limit: maxAnswers})
}

// list compares what the store holds to an incident, newest first, itself left out.
func (s *surroundings) list(ctx context.Context, to *incident.Incident, f *incident.Filter) ([]triage.Similar, error) {
	if to.Category != "" {
		f.Categories = append(f.Categories, to.Category)
	}
	page, err := s.store.List(ctx, f)
	if err != nil {
		return nil, err
	}
	var out []triage.Similar
	for i := range page.Incidents {
		inc := &page.Incidents[i]
		if inc.ID == to.ID {
			continue
		}
		o := triage.Similar{
			ID: inc.ID, Subject: inc.Subject, Same: inc.Subject == to.Subject, Kind: inc.Kind, Vector: inc.Vector, Severity: string(inc.Severity),
			DaysAgo: float64(int(10*to.LastSeen.Sub(inc.Started).Hours()/24)) / 10, Lasted: inc.LastSeen.Sub(inc.Started).Round(time.Second).Seconds(),
			Bytes: inc.Metrics.Bytes, State: inc.State, Said: inc.Verdict,
		}
		switch { // a model's own earlier opinion is no evidence
		case inc.Rules != nil:
			o.Rules = inc.Rules.Verdict
		case inc.Assessment != nil:
			o.Rules = inc.Assessment.Verdict
		}
		for k := range inc.Timeline {
			if t := inc.Timeline[k].Event; t == incident.ClosedEvent || t == incident.FeedbackEvent {
				o.Note = triage.Quoted(inc.Timeline[k].Text)
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// Destination implements triage.Archive.
func (s *surroundings) Destination(_ context.Context, inc *incident.Incident, to netip.Addr) (*triage.Destination, error) {
	out := &triage.Destination{Given: []triage.Given{}}
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	dest := flow.AddrFrom(to)
	if e.geo != nil {
		out.Country = e.geo.Country(to)
		if n := e.geo.ASN(to); n != 0 {
			out.AS = fmt.Sprintf("AS%d", n)
		}
	}
	if e.threats != nil {
		if entry, list, ok := e.threats.Match(dest); ok {
			out.Lists = append(out.Lists, triage.Quoted(list+": "+entry.String()))
		}
	}
	subject, err := inc.Prefix()
	if err != nil || !subject.IsSingleIP() {
		return out, nil
	}
	from := flow.AddrFrom(subject.Addr())
	ledger := e.owner(from).ledger.Device(from)
	if ledger == nil {
		return out, nil
	}
	_, day, _ := ledger.Days()
	add := func(name string, a *baseline.Account) {
		out.Given = append(out.Given, triage.Given{
			To: name, Bytes: a.Sum(day, halfAYear), Days: a.Fed(), First: siteDay(a.First()), Last: siteDay(a.Last()),
		})
	}
	network := flow.NetworkOf(dest)
	for i := range ledger.Networks() {
		if a := &ledger.Networks()[i]; a.Key == network {
			add(flow.NetworkPrefix(dest).String(), a)
		}
	}
	for _, a := range ledger.HostsOf(network, nil) {
		add(a.Key.Netip().String(), a)
	}
	return out, nil
}

// siteDay is a day of the ledger, since 1970 in the site's zone.
func siteDay(day uint16) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }

// Peers implements triage.Archive.
func (s *surroundings) Peers(ctx context.Context, device netip.Addr) (*triage.Peers, error) {
	out := &triage.Peers{Peers: []triage.Peer{}, Services: []string{}}
	d, err := s.device(ctx, device, baseline.Field("bytes_in"))
	if err != nil || d == nil {
		return out, err
	}
	out.Role, out.Services = d.Role, append(out.Services, services(d)...)
	for i := range d.Peers[:min(maxAnswers, len(d.Peers))] {
		p := &d.Peers[i]
		one := triage.Peer{Bytes: p.Bytes, First: p.First, Last: p.Last}
		if p.Address.IsValid() {
			one.Address = p.Address.String()
		}
		out.Peers = append(out.Peers, one)
	}
	return out, nil
}
