// SPDX-License-Identifier: Apache-2.0

package rules

// changeSigns judge what is only unusual. Most of it is business: customers, updates, new
// work; so without a sign it stays undecided.
func changeSigns() []rule {
	return []rule{
		{"devices_alike", always(1.25), "", "many devices changed in the same hour: an update, a holiday, the end of a month"},
		{"call_explains", always(2), "", "one conversation explains it, as large both ways as a call with picture and sound"},
		{"usual_destination", always(0.75), "", "what is more goes to where the device sends something on most days"}, // as an insider's does
		{"both_ways", always(2), "", "more goes in and out, as with more of the usual work"},
		{"one_way", always(-0.5), "only one direction grew, which is not more of the usual work", ""},
		{"level_of_days", always(0.5), "", "whole days stay at the new level: a change of what the device is for"},
		{"growth_over_limit", always(0.5), "", "it grew step by step, as use does"},
		{"first_contact", always(-0.5), "the device never asked the outside for anything before", ""},
		{"rare_peers", always(-0.25), "no other device asks these peers", ""},
		{"new_services_offered", always(-0.5), "it offers services that it never offered", ""},
		{"upload_bytes", always(-0.75), "the device never sent so much in half a day", ""},
		{"is_thing", always(-0.5), "such a device does the same all its life", ""},
		{"threat_list", from(0.1, -1.5), "a threat list names one of the other ends", ""},
		{"listed_only", always(0.5), "", "it was too little for an alert"},
	}
}
