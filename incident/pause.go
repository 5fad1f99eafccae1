// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"net/netip"
	"time"

	"tidewatch/detect"
)

// mayPause is for how long an incident may have ended and still go on with a finding.
// Theft and command pause for nights and weekends, but only what is of the same kind and
// about the same destination goes on after so long: another one is another story.
func (b *Book) mayPause(e *entry, f *detect.Finding) time.Duration {
	switch c := e.key.category; c {
	case detect.DataExfiltration, detect.CommandControl:
		if !sameDestination(&e.inc, f) {
			return b.cfg.ReopenWithin
		}
		return b.cfg.reopenWithin(c)
	default:
		return b.cfg.reopenWithin(c)
	}
}

// resumes reports whether an incident that is over goes on with a finding at a moment.
// Time counts from its end: that a later one names it keeps it no longer.
func (b *Book) resumes(e *entry, f *detect.Finding, at time.Time) bool {
	return e.inc.State != Closed && e.inc.Reason != ReasonOverflow && at.Sub(e.over) <= b.mayPause(e, f)
}

// sameDestination reports whether a finding is of an incident's kind and its heaviest
// destination is that of the incident, or the network around it.
func sameDestination(i *Incident, f *detect.Finding) bool {
	if len(i.Top.Destinations) == 0 || len(f.Top.Destinations) == 0 {
		return false
	}
	was, is := i.Top.Destinations[0].Key, f.Top.Destinations[0].Key
	if i.Kind == f.Kind && was == is {
		return true
	}
	return uploaded(i.Kind) && uploaded(f.Kind) && (within(was, is) || within(is, was))
}

// uploaded tells the kinds of one theft at two speeds: a gigabyte a day is found by the
// day, and by the sum of days.
func uploaded(kind string) bool { return kind == "exfiltration" || kind == "slow_exfiltration" }

// within reports whether a is an address in, or a part of, the network b.
func within(a, b string) bool {
	net, err := netip.ParsePrefix(b)
	if err != nil {
		return false
	}
	if addr, err := netip.ParseAddr(a); err == nil {
		return net.Contains(addr)
	}
	return a == b
}
