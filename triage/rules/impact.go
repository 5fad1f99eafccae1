// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strings"

	"tidewatch/detect"
	"tidewatch/incident"
)

// standing says who depends on a device of a role.
func standing(role string) string {
	switch role {
	case "server":
		return "a server, on which others depend"
	case "workstation":
		return "a workstation, one person's work"
	case "thing":
		return "a thing such as a camera or a printer"
	case "gateway":
		return "a gateway, on which all behind it depend"
	}
	return ""
}

// impact says in words what an incident means for who depends on the device: who that
// is, how much, for how long, and what is known to suffer.
func impact(f *facts, verdict incident.Judgement) string {
	var s []string
	add := func(parts ...string) { s = append(s, strings.Join(parts, "")) }
	who := f.who()
	m := &f.Metrics
	switch f.Category {
	case detect.DDoSAttack:
		verb, to := " arrived at ", who
		if f.Kind == "ddos_outbound" {
			verb = " left "
		}
		if m.PeakBitsPerSecond > 0 {
			add(incident.Quantity(m.PeakBitsPerSecond, "bits/s"), verb, to, " at the peak", f.timesUsual("volume_anomaly"), f.lasted(" within "))
		} else if m.PeakPacketsPerSecond > 0 {
			add(incident.Quantity(m.PeakPacketsPerSecond, "packets/s"), verb, to, " at the peak", f.lasted(" within "))
		}
		add(f.suffering())
	case detect.DataExfiltration:
		part := ""
		if m.TopDestinationShare > 0 && f.peer() != "" {
			part = ", " + incident.Quantity(m.TopDestinationShare, "share") + " of what it sent outside to " + f.peer()
		}
		add(incident.Quantity(float64(m.Bytes), "bytes"), " left ", who, part, f.lasted(" within "))
	case detect.CommandControl:
		switch peer := f.peer(); {
		case verdict == incident.Legitimate:
			add("none is seen: ", who, " calls what it is meant to call")
		case peer != "":
			add("whoever is at ", peer, " may have command of ", who, f.lasted(", for "), ", and reach what it can reach")
		}
	case detect.Reconnaissance:
		s = append(s, f.tried(who)...)
	case detect.BaselineAnomaly, detect.Operational:
		s = append(s, f.changed(who)...)
	}
	if f.about.Critical {
		add("it is configured as critical")
	}
	return sentences(s)
}

// sentences joins what is not empty.
func sentences(all []string) string {
	var b strings.Builder
	for _, s := range all {
		if s == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(s)
	}
	return b.String()
}

// who is the subject and what it is.
func (f *facts) who() string {
	if f.Subject == wholeSite {
		return "the whole site"
	}
	if f.Scope == incident.ScopePrefix {
		return f.Subject + " (all devices in it)"
	}
	if is := standing(f.about.Role); is != "" {
		return f.Subject + " (" + is + ")"
	}
	return f.Subject
}

// lasted is how long it has gone on, or went on.
func (f *facts) lasted(word string) string {
	d := f.LastSeen.Sub(f.Started).Seconds()
	if f.Started.IsZero() || d < 1 {
		return ""
	}
	return word + incident.Quantity(d, "s")
}

// timesUsual tells by how much more than usual it is.
func (f *facts) timesUsual(indicator string) string {
	if x := f.times(indicator); x >= 1.5 {
		return ", " + incident.Quantity(x, "") + " times what is usual at that hour"
	}
	return ""
}

// suffering is what the measures of connections and answers say about the service.
func (f *facts) suffering() string {
	if f.Kind == "ddos_outbound" {
		return "others suffer, and the own line and name with them"
	}
	if r, ok := f.read("incomplete_connections"); ok && r.observed >= 0.2 && !f.mute("incomplete_connections") {
		return incident.Quantity(r.observed, "share") + " of the connections asked for did not come about, customers' among them perhaps"
	}
	switch r, ok := f.read("response_ratio"); {
	case !ok:
	case r.observed < r.expected/4:
		return "it answers far less than its usual share"
	case r.observed > r.expected/2:
		return "it still answers its usual share"
	}
	if f.has("held_connections") || f.has("handshake_only") {
		return "places for connections are taken from customers"
	}
	return ""
}

// tried is what a scan or a guess came to.
func (f *facts) tried(who string) (s []string) {
	switch m := &f.Metrics; {
	case f.Kind == "brute_force" && f.has("login_succeeded"):
		s = append(s, "somebody may have an account now: a longer session followed the guesses, "+f.ends(who))
	case f.Kind == "brute_force":
		s = append(s, "passwords are guessed, "+f.ends(who)+"; no login is seen to have succeeded")
	case f.fromOutside():
		s = append(s, "services of "+who+" are looked for from outside; nothing is lost by that alone")
	case m.Destinations > 1:
		s = append(s, who+" looked for services on "+incident.Quantity(float64(m.Destinations), "devices"))
	default:
		s = append(s, who+" looked for services of others")
	}
	if n := f.observed("answered_hosts"); n > 0 {
		s = append(s, incident.Quantity(n, "hosts")+" exchanged data with it on that port")
	}
	return s
}

// ends names who tries whom.
func (f *facts) ends(who string) string {
	peer := f.peer()
	if peer == "" {
		peer = "others"
	}
	if f.fromOutside() {
		return "by " + peer + " at " + who
	}
	return "by " + who + " at " + peer
}

// changed is what something unusual means.
func (f *facts) changed(who string) (s []string) {
	m := &f.Metrics
	switch {
	case f.Kind == "exporter_down":
		return append(s, "nothing is known of the devices that only this exporter tells of: attacks and thefts there go unseen"+f.lasted(", for "))
	case f.Kind == "silence":
		return append(s, "nothing came from "+who+" for "+incident.Quantity(m.DurationSeconds, "s")+"; who needs it gets no answer")
	case f.has("fewer"):
		return append(s, who+" carries far less than usual; who needs it may get no answer")
	case f.Kind == "volume" || f.Kind == "level_shift":
		best := 0.0
		for i := range f.Indicators {
			if n := &f.Indicators[i]; n.Expected > 0 && (strings.HasPrefix(n.Name, "volume_") || strings.HasPrefix(n.Name, "level_")) {
				best = max(best, n.Observed/n.Expected)
			}
		}
		if best > 1 {
			return append(s, who+" carries "+incident.Quantity(best, "")+" times what is usual; no harm is seen by that alone")
		}
	case m.Bytes > 0:
		return append(s, incident.Quantity(float64(m.Bytes), "bytes")+" at "+who+" are not explained by its past; no harm is seen by that alone")
	}
	return append(s, who+" does what it did not do before; no harm is seen by that alone")
}
