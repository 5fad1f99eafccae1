// SPDX-License-Identifier: Apache-2.0

package rules

import "tidewatch/detect"

// family is how the incidents of a category are judged.
type family struct {
	category detect.Category
	side     string // what speaks against wanted traffic speaks for
	signs    []rule
}

func families() [6]family {
	return [...]family{
		{detect.DDoSAttack, "an attack", attackSigns()},
		{detect.DataExfiltration, "theft", theftSigns()},
		{detect.CommandControl, "an intruder", commandSigns()},
		{detect.Reconnaissance, "an intruder", scanSigns()},
		{detect.BaselineAnomaly, "a threat", changeSigns()},
		{detect.Operational, "a threat", nil},
	}
}

// prior is the logit of how likely an incident of a kind is wanted before anything else is
// known of it.
type prior struct {
	kind  string
	logit float64
	why   string
}

// priors have a reason each. They are no measured shares: on another site other things
// are common.
func priors() [21]prior {
	return [...]prior{
		{"ddos", -2, "the detector's gate has already left out what somebody asked for: one in eight"},
		{"ddos_outbound", -2, "likewise"},
		{"exfiltration", -0.5, "an upload beyond the device's habits is as often a new backup or a new cloud"},
		{"slow_exfiltration", -0.5, "likewise; what others give to as well is not reported"},
		{"dns_tunnel", -1, "long questions are seldom anything else; some protection programs ask so"},
		{"icmp_tunnel", -1, "large or many echo messages are seldom anything else; some monitors send them"},
		{"protocol_tunnel", 0, "a service that is new to a device may be a new program"},
		{"beacon", 0, "most programs that call by the clock look for updates or mail, and detect/beacon has left out most of those"},
		{"long_connection", 0, "as many connections that stay open are remote work or a cloud's"},
		{"threat_list", -1, "lists are wrong at times, and addresses change hands"},
		{"port_scan", -0.5, "few programs try ports in vain: monitors, scanners of the house, what lost its server"},
		{"host_scan", -0.5, "likewise"},
		{"brute_force", -1, "short sessions one after the other are guesses, or a script with an old password"},
		{"volume", 0, "as much is business as is not"},
		{"silence", 0.25, "devices are switched off, moved and repaired; few are knocked out"},
		{"new_peers", 0, "as much is business as is not"},
		{"new_ports", 0.25, "new services mostly mean new programs"},
		{"upload_ratio", -0.5, "as with exfiltration"},
		{"off_hours", 0, "updates come at night, and intruders do"},
		{"level_shift", 0.25, "what stays for days is mostly a change of use"},
		{"exporter_down", 0.25, "exporters are restarted and reconfigured more often than knocked out"},
	}
}
