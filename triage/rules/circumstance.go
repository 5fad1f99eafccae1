// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"

	"tidewatch/detect"
	"tidewatch/incident"
)

// circumstance reads what is no indicator but stands in the incident, or is known of its
// subject.
func (f *facts) circumstance(sign string) (r reading, ok bool) {
	is := func(v bool) (reading, bool) { return reading{observed: 1}, v }
	switch sign {
	case "impossible_flags":
		return is(slices.ContainsFunc(f.vectors(), impossible))
	case "attacked":
		return is(f.Kind == "ddos")
	case "called_normal":
		return is(f.Verdict == incident.VerdictNormal)
	case "called_attack":
		return is(f.Verdict == incident.VerdictAttack)
	case "later_stages":
		return is(slices.ContainsFunc(f.Later, func(c incident.Chapter) bool { return c.Severity != detect.Low }))
	case "no_past":
		return is(f.Kind == "exfiltration" && f.Baseline.Level == "none")
	case "listed_only":
		return is(f.Severity == detect.Low)
	case "from_outside":
		return is(f.fromOutside())
	case "fewer":
		return is(f.Metrics.Sigma < 0)
	case "both_ways":
		r, ok = f.bothWays()
		return r, ok && r.observed == 1
	case "one_way":
		r, ok = f.bothWays()
		return r, ok && r.observed == 0
	case "old_transfer":
		habit := f.indicator("destination_habit")
		return is(habit != nil && habit.Observed >= 7*86400 && f.indicator("beacon_transfer") != nil)
	case "is_thing":
		return is(f.about.Role == "thing")
	case "nobody_sits_there":
		return is(f.about.Role == "thing" || f.about.Role == "server")
	}
	return r, false
}

// vectors are all that were seen.
func (f *facts) vectors() []string {
	if len(f.Vectors) > 0 {
		return f.Vectors
	}
	return []string{f.Vector}
}

// impossible are vectors that no client causes (RFC 9293, 3.10.7.4).
func impossible(vector string) bool {
	return vector == "fin_flood" || vector == "xmas_flood" || vector == "null_flood"
}

// fromOutside reports whether others try the subject, and not it others.
func (f *facts) fromOutside() bool {
	return f.Category == detect.Reconnaissance && len(f.Top.Sources) > 0
}

const (
	// proportion is by how much the growths of both directions may differ for them to be the
	// same work, only more of it: twice, since what is usual is known to about that.
	proportion = 2
	// conversation is the part of one direction that the other has at least where both say
	// something: who only acknowledges sends 40 to 60 bytes for one or two full packets, 2
	// to 4 %; twice that is more.
	conversation = 0.08
)

// bothWays compares what goes in and out, over the same span: 1 for both, 0 for one
// direction alone. Only what is unusual is told, so a direction that is not told of grew
// less. Both means in proportion, or, of a server or gateway, more than acknowledgements;
// where it is neither, nothing is said. Networks hold both ends of their own flows.
func (f *facts) bothWays() (r reading, ok bool) {
	if f.Scope == incident.ScopePrefix || f.Kind != "volume" || f.has("fewer") {
		return r, false
	}
	for _, pair := range [...][2]string{{"volume_hour_bytes_in", "volume_hour_bytes_out"}, {"volume_bits_in", "volume_bits_out"}} {
		in, out := f.indicator(pair[0]), f.indicator(pair[1])
		switch {
		case in == nil && out == nil:
			continue
		case in == nil || out == nil:
			return reading{}, true
		}
		x, y := f.times(pair[0]), f.times(pair[1])
		alike := x > 1 && y > 1 && max(x, y) <= proportion*min(x, y)
		serves := f.about.Role == "server" || f.about.Role == "gateway"
		both := min(in.Observed, out.Observed) >= conversation*max(in.Observed, out.Observed)
		return reading{observed: 1}, alike || serves && both
	}
	return r, false
}

// indicator finds one of the incident, nil for none.
func (f *facts) indicator(name string) *incident.Indicator {
	at := slices.IndexFunc(f.Indicators, func(i incident.Indicator) bool { return i.Name == name })
	if at < 0 {
		return nil
	}
	return &f.Indicators[at]
}

// times is how many times as much as is usual an indicator of this incident observed.
func (f *facts) times(indicator string) float64 {
	if n := f.indicator(indicator); n != nil && n.Expected > 0 {
		return n.Observed / n.Expected
	}
	return 0
}

// mute reports whether a sign says nothing about this incident. How many connections come
// about is no sign where they do by definition. That no other device asks a name server,
// or that it is new, says nothing of a resolver, which asks for all of them.
func (f *facts) mute(sign string) bool {
	switch sign {
	case "incomplete_connections":
		return f.Vector == "http_flood" || f.Vector == "slow_http" || f.Vector == "connection_exhaustion"
	case "strange_server":
		return f.has("asks_for_others")
	case "destination_rare", "destination_news":
		return f.about.Role == "server" && f.method() == "dns"
	}
	return false
}

// customers reports whether a sign, where it speaks for wanted traffic, only speaks of the
// customers beside the attack: there are few connections held open beside theirs, and all
// that is measured of sources and answers is about both.
func (f *facts) customers(sign string) bool {
	switch sign {
	case "incomplete_connections", "flows_per_source", "flow_similarity", "response_ratio", "new_sources":
		return f.indicator("held_connections") != nil || f.indicator("handshake_only") != nil
	}
	return false
}
