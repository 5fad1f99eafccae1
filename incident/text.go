// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"strconv"
	"strings"

	"tidewatch/detect"
)

// phrase is how an indicator reads: the observed quantity in a clause, then the
// expected one. %o and %e stand for them, %d for the detail in quotes, %n without; %b is
// what the minutes before had, when that is known.
type phrase struct {
	name, text string
}

// phrases has a sentence for every indicator of the shipped detectors. Another
// name gets a plain sentence of its numbers.
func phrases() [143]phrase {
	return [...]phrase{
		{"packet_rate", "%o of attack traffic; %e is the limit"},
		{"packet_rate_floor", "the limit is its past's; by the configuration %e would be enough"},
		{"packet_rate_learned", "the limit is the configuration's; its past explains up to %e"},
		{"rate_excess", "that is %o times the limit; from %e times on it counts"},
		{"connection_rate", "%o were asked for and not answered; %e is the limit"},
		{"unique_sources", "%o sent it; more than %e counts as many"},
		{"focused_ports", "only %o addressed; up to %e count as few"},
		{"without_ports", "%o of its packets are of protocols without ports, which programs for people seldom use; from %e on it counts"},
		{"focused_targets", "%o of what the device sends goes to at most three addresses"},
		{"held_connections", "%o were held open by requests that do not end; %e is the limit"},
		{"connections_per_source", "each source holds %o open; %e is the limit"},
		{"held_growth", "%o are held open; %e is usual"},
		{"request_rate", "%o arrive that are neither people's nor usual; %e is the limit"},
		{"requests_per_source", "each of their sources makes %o; %e is what one person may make"},
		{"request_growth", "%o arrive in all; %e is usual"},
		{"similar_requests", "%o of the requests beyond the usual have the same size within two fifths; from %e on they are a script's"},
		{"similar_responses", "%o of the responses beyond the usual have the same size within two fifths; from %e on the same is asked again and again"},
		{"source_network", "%o of the packets come from one network, %n"},
		{"query_rate", "%o arrive; %e is the limit"},
		{"query_growth", "%o arrive; %e is usual"},
		{"queries_unanswered", "%o of the questions get no answer; up to %e are left by no name server in order"},
		{"idle_connections", "%o are held open with nothing going on; %e is the limit"},
		{"idle_growth", "%o are held open idle; %e is usual"},
		{"handshake_only", "%o of the new connections stop after the handshake; up to %e is usual"},
		{"small_packets", "the mean packet had %o; less than %e counts as small"},
		{"volume_anomaly", "%o arrived; %e is usual at that hour"},
		{"reflection", "%o of the packets came from the port of one service that reflects"},
		{"spread_targets", "it goes to %o, of which none stands out; %e or more are a whole prefix"},
		{"unanswered", "%o of the packets got no answer; up to %e is usual"},
		{"new_sources", "%o of the sources are new to the device; in the minutes before it was %e"},
		{"source_dispersion", "the spread of the sources over networks is %o of the largest possible%b"},
		{"asn_dispersion", "the spread of the sources over autonomous systems is %o of the largest possible%b"},
		{"flow_similarity", "%o of the sources send packets of the same size%b"},
		{"flows_per_source", "each source sent %o on average; fewer than %e hint at forged addresses or at reflectors"},
		{"incomplete_connections", "%o of the connections that were asked for did not come about%b"},
		{"response_ratio", "the device sent %o for each that arrived; in the minutes before it was %e"},
		{"upload_volume", "%o went out; %e is the limit"},
		{"off_hours", "%o of it went out at night; %e is the limit"},
		{"sustained_upload", "the upload lasted %o; %e is the limit"},
		{"one_destination", "one destination received %o of it; %e is the limit"},
		{"unusual_ports", "%o of it went to ports other than those of web and DNS; %e is the limit"},
		{"upload_ratio", "%o times as much was sent as received; %e times is the limit"},
		{"new_destination", "the device never sent to this destination before, and few others do"},
		{"upload_anomaly", "%o went out; %e is usual at that hour"},
		{"acknowledgements", "%o more went out only to acknowledge what was received, and is left out"},
		{"speed_test", "the same destination sent %o within the same minutes, as when a line is tested"},
		{"two_way_call", "the same destination sent %o meanwhile, as in a call with picture and sound; %e is where that begins"},
		{"slow_rise", "one network outside got %o on a day lately, more than its own past explains; %e is what it usually gets"},
		{"slow_rise_volume", "beyond the usual that is %o within a week; %e is much"},
		{"slow_upload", "one network outside got %o on a day, day after day; %e is what this device may give to a new one"},
		{"slow_days", "it did on %o of %e on which the device gave anything to anyone"},
		{"slow_volume", "together that is %o"},
		{"slow_news", "it began %o ago, when the device had been known for %e"},
		{"slow_alone", "no other device gives to that network; from %e on it is nobody's secret"},
		{"slow_habit", "the device has done it for %o, and is known for %e"},
		{"behind_gateway", "many devices share that address, and one of them always begins something"},
		{"mail_or_vpn", "it is handed-in mail or a virtual private network, which carry as much by design"},
		{"volume_bits_in", "%o arrived over five minutes; %e is usual at that hour"},
		{"volume_bits_out", "%o went out over five minutes; %e is usual at that hour"},
		{"volume_hour_bytes_in", "%o arrived in the hour so far; %e is usual for the whole hour"},
		{"volume_hour_bytes_out", "%o were sent in the hour so far; %e is usual for the whole hour"},
		{"level_hour_bytes_in", "on most of the last days about %o arrived in this hour; %e is what the past explains"},
		{"level_hour_bytes_out", "on most of the last days about %o were sent in this hour; %e is what the past explains"},
		{"hours_changed", "%o changed and stayed so"},
		{"level_of_days", "whole days carry %o what they did before, for a working week: accept it as the new normal?"},
		{"growth_over_limit", "it grew step by step to %o what may be followed without approval"},
		{"devices_alike", "%o are far over their past in the same hour, so the cause is likely common; more than %e count as many"},
		{"call_explains", "it is a conversation over UDP with %n, %o both ways together, as a call with picture and sound has (up to %e); the rest is as usual"},
		{"usual_destination", "%o of the running hour went to %n, where the device sends something on most days; the rest is as usual"},
		{"told_inside", "%o of it are more than usual for single devices or networks inside that are told of already, or planned; the whole is %e more than usual"},
		{"volume_packets_in", "%o arrived over five minutes; %e is usual at that hour"},
		{"silent", "the device sent nothing for %o; up to %e is usual at that hour"},
		{"new_peers", "the new peers of that day weigh %o, where an ordinary one weighs 1; up to %e are usual"},
		{"new_peer_bytes", "%o were exchanged with new peers; up to %e are usual"},
		{"first_contact", "it exchanged %o with the outside, which it never asked for anything"},
		{"rare_peers", "%o outside that no other device asks"},
		{"new_ports", "%o used or offered for the first time on that day; up to %e are usual"},
		{"new_services_offered", "%o offered to others for the first time"},
		{"upload_bytes", "%o went out in about half a day; up to %e are usual"},
		{"scanned_hosts", "%o were tried in vain; from %e on it counts as a scan"},
		{"scanned_ports", "%o were tried in vain; from %e on it counts as a scan"},
		{"answered_hosts", "with %o data was exchanged on that port; more than %e would excuse it"},
		{"attempts_without_pause", "%o at one port of one host in a minute, all in vain; from %e on no program waits between them"},
		{"kind_of_attempts", "%o of the attempts are %n"},
		{"refused_attempts", "%o of the attempts were refused"},
		{"login_sessions", "%o like failed logins with one service; from %e on it counts as guessing"},
		{"login_succeeded", "a longer session of the same two followed after %o, as if a login had succeeded"},
		{"usual_login", "the device had to do with that service on earlier days, so it is only listed"},
		{"tried_ports", "%o of the device were tried from outside in the last 12 to 24 hours; from %e on it is listed"},
		{"tried_hosts", "%o were tried from outside in the last 12 to 24 hours; from %e on it is listed"},
		{"tried_by", "tried by %o"},
		{"idle_hour", "%o in five minutes of an hour at which the device never works"},
		{"beacon_timing", "the intervals between its calls are alike to %o; %e is where a clock begins"},
		{"beacon_growth", "each interval is the same multiple of the one before, to %o; %e is where a schedule begins"},
		{"beacon_size", "the sizes of its calls are alike to %o"},
		{"beacon_presence", "its calls lie evenly over the time to %o"},
		{"beacon_duration", "it has gone on for %o of the time that makes it certain"},
		{"beacon_period", "it calls every %o"},
		{"beacon_jitter", "the interval varies by about %o"},
		{"beacon_ratio", "each interval is about %o times the one before"},
		{"beacon_transfer", "each call sends %o; with more than %e it is no call for orders but a transfer"},
		{"beacon_connections", "%o to the same service of one destination; %e are enough to judge"},
		{"question_size", "the questions have %o on average, headers included; %e is where long names begin"},
		{"exchange_size", "a question and its answer have %o together; up to %e are usual"},
		{"question_rate", "they go to one name server at %o; no person or program keeps up more than %e"},
		{"one_socket", "%o of the questions come one after the other from the same port; each should have a port of its own"},
		{"question_bytes", "%o more went out than in questions for names of 52 characters; from %e on no names explain it"},
		{"usual_server", "this name server is asked by %o, of %e that ask any"},
		{"strange_server", "this name server is asked by %o, of %e that ask any"},
		{"asks_for_others", "the device asks %o, so it is a resolver: some other device may have asked it"},
		{"question_ratio", "for each byte of answers %o bytes of questions were sent"},
		{"stream_bytes", "%o went to the port of name servers over TCP in large segments; from %e on these are no questions"},
		{"strange_service", "%o were exchanged with outside in the hour over %n, which the device never used before"},
		{"typed_session", "%o go to and fro over a web port, small ones both ways, like what somebody types and gets to see, or a tunnel; from %e on it counts"},
		{"uneven_pace", "their pace varies %o times as much as it would by chance; from %e on it is likely somebody's, and no machine's"},
		{"few_services", "apart from that it uses %o; up to %e make a device of few habits"},
		{"devices_like_it", "%o of %e of as few habits ever used it"},
		{"usual_provider", "%o had to do with the same address before, so it is likely the site's own provider"},
		{"strange_service_bytes", "%o of it were sent; from %e on it is much"},
		{"segment_size", "the segments have %o on average; a question has less than %e"},
		{"echo_size", "the echo messages have %o on average, headers included; up to %e is a ping"},
		{"echo_sizes", "they come in %o; a monitor sends up to %e"},
		{"echo_bytes", "they carried %o; from %e on it is more than pings hold"},
		{"echo_duration", "they went on for %o; longer than %e is no test by hand"},
		{"echo_replies_differ", "those of one direction are %o times as large as those of the other, though a reply returns what the request held"},
		{"connection_length", "one connection has been open for %o; longer than %e is long"},
		{"connection_quiet", "it carries %o; less than %e is a line held open"},
		{"destination_rare", "only %o asks this destination, of %e that ask the outside repeatedly"},
		{"destination_shared", "%o ask the same of this destination"},
		{"destination_news", "the device began it %o ago and has been watched for %e"},
		{"destination_habit", "the device has done it for %o, and is known for %e"},
		{"unknown_service", "no known service lives at that port"},
		{"periodic_service", "clients of this service call by the clock, or stay connected, by design"},
		{"suppressed_findings", "%o found no room among the open incidents and are only counted"},
		{"feedback", "the threshold is %o times as high %n"},
		{"scheduled_event", "planned: the event %d covers it, so it is listed and not alerted"},
		{"exclusion", "known and harmless: the exclusion %d covers %o of it, so it is listed and not alerted"},
		{"threat_list", "a threat list names the other end of %o of it: %n"},
		{EarlierStages, "the same device went through %o: %n"},
		{"listed_unanswered", "nobody answered"},
		{"listed_bytes", "%o were exchanged with it; from %e on it is no mere visit"},
		{"listed_hours", "it was asked in %o of the last day; from %e on the device comes back to it"},
		{"exporter_silent", "nothing came from the exporter for %o; it usually sends every %e"},
	}
}

// indicatorText renders one sentence from an indicator's numbers; vector is that of
// the finding, empty for none.
func indicatorText(i *detect.Indicator, vector string) string {
	i, variant := variantOf(i, vector)
	unit := i.Unit
	if i.Name == "upload_ratio" {
		unit = "" // the sentence says what it is
	}
	observed, expected := quantity(i.Observed, unit), quantity(i.Expected, unit)
	if unit != "s" && expected == number(i.Expected)+" "+unit {
		expected = number(i.Expected) // the observed number has named the unit
	}
	before := ""
	if i.Expected != 0 {
		before = "; in the minutes before it was " + expected
	}
	fill := strings.NewReplacer("%b", before, "%o", observed, "%e", expected, "%d", strconv.Quote(i.Detail), "%n", i.Detail)
	if variant != "" {
		return fill.Replace(variant)
	}
	for _, p := range phrases() {
		if p.name == i.Name {
			return fill.Replace(p.text)
		}
	}
	return spoken(i.Name) + " was " + observed + "; " + expected + " was expected"
}

// what names what an incident is: its vector, else its kind.
func what(i *Incident) string {
	switch {
	case i.Vector == mixed:
		return "attack of several vectors (" + vectorNames(i.Vectors) + ")"
	case i.Vector != "":
		return acronyms(spoken(i.Vector))
	case i.Kind == "volume":
		return "unusual volume"
	case i.Kind == "threat_list":
		return "traffic with a listed address"
	}
	return acronyms(spoken(i.Kind))
}

// Headline tells the incident in one line: severity, then its title.
func (i *Incident) Headline() string { return string(i.Severity) + ": " + i.Title() }

// Title tells what it is, about whom, and how much.
func (i *Incident) Title() string {
	subject := i.Subject
	if subject == site {
		subject = "the whole site"
	}
	s := what(i) + " " + preposition(i) + " " + subject
	if m := measure(i); m != "" {
		s += ", " + m
	}
	return s
}

// site is the subject of what is about everything inside.
const site = "::/0"

func preposition(i *Incident) string {
	switch {
	case i.Kind == "ddos", scanned(i.Category, &i.Top):
		return "on"
	case i.Category == detect.DataExfiltration, i.Category == detect.CommandControl,
		i.Category == detect.Reconnaissance, i.Kind == "ddos_outbound":
		return "from"
	}
	return "at"
}

// measure is the number that says most: packets for an attack, bytes for data.
func measure(i *Incident) string {
	m := &i.Metrics
	switch {
	case i.Category == detect.DDoSAttack && m.PeakPacketsPerSecond > 0:
		peak := "peak " + quantity(m.PeakPacketsPerSecond, "packets/s")
		if m.PeakBitsPerSecond > 0 {
			peak += " and " + quantity(m.PeakBitsPerSecond, "bits/s")
		}
		return peak
	case i.Category == detect.DataExfiltration && m.Bytes > 0:
		s := quantity(float64(m.Bytes), "bytes") + " sent"
		if len(i.Top.Destinations) > 0 {
			s += ", mostly to " + i.Top.Destinations[0].Key
		}
		return s
	case m.Sigma != 0:
		return quantity(m.Sigma, "sigma") + " from usual"
	}
	return ""
}

func openedText(i *Incident) string {
	return "opened as " + i.Headline() + "; score " + number(i.Score)
}

// anomalyText tells a folded anomaly by its strongest sentence.
func anomalyText(f *detect.Finding) string {
	if len(f.Indicators) == 0 {
		return acronyms(spoken(f.Kind))
	}
	best := &f.Indicators[0]
	for n := range f.Indicators {
		if f.Indicators[n].Weight > best.Weight {
			best = &f.Indicators[n]
		}
	}
	return indicatorText(best, f.Vector)
}

// rates are the numbers that stand beside a line of the timeline.
func rates(i *Incident) map[string]float64 {
	out := map[string]float64{"score": i.Score}
	m := &i.Metrics
	for _, v := range [...]struct {
		name  string
		value float64
	}{
		{"packets_per_second", m.PacketsPerSecond},
		{"bits_per_second", m.BitsPerSecond},
		{"bytes", float64(m.Bytes)},
		{"sigma", m.Sigma},
	} {
		if v.value != 0 {
			out[v.name] = v.value
		}
	}
	return out
}

// join lists clauses as one sentence does.
func join(clauses []string) string {
	if n := len(clauses); n > 1 {
		return strings.Join(clauses[:n-1], ", ") + " and " + clauses[n-1]
	}
	return strings.Join(clauses, "")
}
