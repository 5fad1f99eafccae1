// SPDX-License-Identifier: Apache-2.0

package rules

// excuse is what an incident would be if it were wanted.
type excuse struct {
	about string // categories or kinds, with blanks between; empty: all
	when  string // a sign; empty: always
	text  string
}

// excuses has the most specific first.
func excuses() [38]excuse {
	return [...]excuse{
		{"", "scheduled_event", "a planned event"},
		{"", "exclusion", "what people know and call harmless"},
		{"", "called_normal", "what a person called normal"},
		{"ddos_outbound", "", "a transfer or a test that an own device runs against few addresses"},
		{"ddos", "usual clients", "the device's usual clients, all at once: a campaign, a launch, or a service that stopped answering them"},
		{"ddos", "", "a crowd: a campaign, a launch, or a link that many follow"},
		{"exfiltration", "speed_test", "a test of the line's speed"},
		{"exfiltration", "two_way_call", "a call with picture and sound"},
		{"", "mail_or_vpn", "mail that is handed in, or work over a virtual private network"},
		{"slow_exfiltration", "destination_shared", "a cloud that several devices use: synchronization, or a service of the site"},
		{"slow_exfiltration", "slow_habit", "a backup or a synchronization that is as old as all that is known of the device"},
		{"slow_exfiltration", "slow_rise", "a backup or a synchronization that has more to carry lately"},
		{"exfiltration slow_exfiltration", "off_hours", "a backup that runs at night"},
		{"exfiltration slow_exfiltration", "", "a backup, a large transfer that somebody wants, or a new cloud"},
		{"dns_tunnel", "", "a protection program or a block list that puts data into the names it asks for"},
		{"icmp_tunnel", "", "a monitor that pings with large packets, or a test of packet sizes"},
		{"protocol_tunnel", "", "a program new to the device, or a function of it that nobody used before"},
		{"beacon", "beacon_transfer", "a backup or a synchronization that runs by the clock"},
		{"beacon", "periodic_service", "a client that asks by the clock by design: time, mail, push messages, monitoring"},
		{"beacon", "", "a program that looks for updates or reports to its maker by the clock"},
		{"long_connection", "", "remote work, a virtual private network or a cloud's line for messages"},
		{"threat_list", "", "an address that has another owner now, or that many share"},
		{"brute_force", "", "a script or an application that logs in anew for each task, or with an old password"},
		{"reconnaissance", "from_outside", "the noise of the internet, or a researcher's survey"},
		{"reconnaissance", "attempts_without_pause", "a program that tries again without waiting, because its server is gone"},
		{"reconnaissance", "", "a monitor or a scanner of the house, or a program whose servers were moved"},
		{"silence", "", "a device that was switched off, moved or repaired"},
		{"exporter_down", "", "a restart or another configuration of the exporter"},
		{"", "devices_alike", "what many devices do in the same hour: an update, a holiday, the end of a month"},
		{"volume", "fewer", "work that moved elsewhere, a holiday, or a service that failed"},
		{"volume", "call_explains", "a call with picture and sound"},
		{"volume", "usual_destination", "more of what the device does each day: a publication, a synchronisation"},
		{"volume", "both_ways", "more of the usual work: a campaign, a busy day"},
		{"upload_ratio", "", "a backup, or a large transfer that somebody wants"},
		{"off_hours", "", "an update, a nightly job, or somebody who works late"},
		{"level_shift", "", "a change of what the device is for: a new service, more users, a move"},
		{"new_peers new_ports", "", "a new program, an update, or another task of the device"},
		{"", "", "a large transfer, a busy day, or new work"},
	}
}

// explanation says what it would be if it were wanted.
func explanation(f *facts) string {
	for _, e := range excuses() {
		switch {
		case e.about != "" && !f.isOne(e.about):
		case e.when == "usual clients":
			if r, ok := f.read("new_sources"); ok && r.observed < 0.5 {
				return e.text
			}
		case e.when == "", f.has(e.when):
			return e.text
		}
	}
	return ""
}
