// SPDX-License-Identifier: Apache-2.0

package rules

// scanSigns tell a scan from programs that look for something in vain.
func scanSigns() []rule {
	return []rule{
		{"kind_of_attempts", func(r reading) float64 {
			switch r.detail {
			case "half_open", "odd_flags":
				return -2
			case "icmp_echo":
				return 0.5
			}
			return 0
		}, "no program but a scanner sends such packets", "monitors ping what they watch, and what is gone does not answer"},
		{"scanned_hosts", func(r reading) float64 {
			if r.observed >= 4*r.expected { // four times: the limit grows by four from minutes to a day (detect/scan)
				return -1
			}
			return 0
		}, "far more hosts were tried in vain than a program that lost its servers knows", ""},
		{"scanned_ports", func(r reading) float64 {
			if r.observed >= 4*r.expected {
				return -1.5
			}
			return -0.5
		}, "a program knows the ports of its service and need not look for them", ""},
		{"refused_attempts", from(0.9, 0.5), "", "nearly all were refused, as happens to a program whose servers were moved"},
		{"attempts_without_pause", always(0.5), "", "one port of one host, again and again: a program that does not wait between attempts, and does not look for others"},
		{"login_succeeded", always(-1.5), "a longer session followed, as if a login had succeeded", ""},
		{"usual_login", always(2), "", "the device had to do with that service on earlier days: connections without a pool look the same"},
		{"from_outside", always(-2), "it comes from outside, where nobody has a reason to look for services in vain", ""},
		{"threat_list", from(0.1, -1), "a threat list names the other end", ""},
		{"listed_only", always(0.5), "", "what speaks for it was too little for an alert"},
	}
}
