// SPDX-License-Identifier: Apache-2.0

package rules

// theftSigns tell data that is stolen from backups, clouds, calls and tests. What makes
// an upload large is left to the detector's score: a backup is as large as a theft. Here
// weighs what differs between them, which is whose the destination is, and the shape.
func theftSigns() []rule {
	return []rule{
		// Shapes of something ordinary.
		{"speed_test", always(3), "", "the destination sent as much within the same minutes, as in a test of the line"},
		{"two_way_call", always(3), "", "as much came back meanwhile over UDP, as in a call with picture and sound"},
		{"mail_or_vpn", always(1.5), "", "mail and virtual private networks carry as much by design"},
		// Whose destination it is.
		{"new_destination", always(-1), "the device never sent there before, and few others do", ""},
		{"destination_shared", func(r reading) float64 {
			if r.observed >= 5 {
				return 2
			}
			return 1.25 // three may have caught the same
		}, "", "several devices give to the same network, as to a cloud that a site uses"},
		{"slow_alone", always(-0.5), "no other device gives to that network", ""},
		{"slow_news", always(-1), "it began when the device's habits were known", ""},
		{"slow_habit", always(1.25), "", "the device has done it for as long as it is known; but a thief may have come before"},
		{"usual_provider", always(1.5), "", "other devices deal with the same address, as with a provider of the site"},
		{"rare_peers", always(-0.5), "no other device deals with that address", ""},
		{"threat_list", from(0.1, -2), "a threat list names the destination", ""},
		// How it differs from the device's own past.
		{"upload_ratio", always(-0.5), "far more is sent than received, which is not usual for the device", ""},
		{"upload_anomaly", always(-0.5), "the device never sent so much at that hour", ""},
		{"upload_bytes", always(-0.5), "the device never sent so much in half a day", ""},
		{"slow_rise", always(-0.5), "the network got more, day after day, than its own past explains", ""},
		{"slow_days", always(-0.5), "it goes on day after day, and no single day is strange", ""},
		{"off_hours", always(-0.5), "most of it goes out at night, when nobody looks; but backups do, too", ""},
		{"nobody_sits_there", always(-0.25), "no person works at such a device who might send something", ""},
		{"behind_gateway", always(0.5), "", "many devices share that address, and one of them always begins something"},
		{"no_past", always(0.75), "", "nothing is known of what the device usually does, and much is new to who has just begun to look"},
		{"listed_only", always(0.5), "", "what speaks for it was too little for an alert"},
		// Tunnels.
		{"usual_server", always(1.5), "", "many devices ask this name server"},
		{"strange_server", always(-1), "hardly any other device asks this name server", ""},
		{"asks_for_others", always(1.5), "", "the device asks on behalf of others, as resolvers do"},
		{"question_size", func(r reading) float64 {
			if r.observed >= 150 { // the longest ordinary questions have 140 bytes (detect/tunnel)
				return -1.5
			}
			return -0.5
		}, "the questions are longer than names of hosts make them", ""},
		{"one_socket", always(-1), "all questions come from one socket, which no resolver library does", ""},
		{"question_rate", always(-0.5), "no person asks so many questions of one server", ""},
		{"question_bytes", always(-1.5), "no names explain so many bytes of questions", ""},
		{"exchange_size", always(-0.5), "questions and answers are larger than names and addresses", ""},
		{"stream_bytes", always(-1), "large segments at the port of name servers are no questions", ""},
		{"echo_sizes", always(-0.5), "the echo messages come in many sizes, and those of a monitor do not", ""},
		{"echo_bytes", always(-1), "the echo messages carry more than pings do", ""},
		{"echo_replies_differ", always(-2), "replies do not return what the requests held, as they must", ""},
		{"few_services", always(-0.5), "it is a device of few habits, and this is none of them", ""},
		{"devices_like_it", always(-0.25), "devices of the same habits do not use that service", ""},
		{"strange_service_bytes", always(-1), "much was sent over a service that the device never used", ""},
	}
}
