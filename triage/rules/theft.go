// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strings"

	"tidewatch/incident"
)

// service is what a port tells of data that leaves through it.
type service struct {
	ports  string // as in lists of ports, with blanks around each
	method string // how it leaves
	data   string // what it likely is, empty when the port does not tell
}

// services are ports by which programs are known (IANA's registry of port numbers).
// Somebody who steals may use any port for anything, so they tell what is likely, no more.
// The web's ports tell nothing about what is sent.
func services() [20]service {
	return [...]service{
		{" 443/tcp 443/udp 8443/tcp ", "https", ""},
		{" 80/tcp 8080/tcp 8000/tcp ", "http", ""},
		{" 22/tcp ", "ssh", "files, or what a shell shows"},
		{" 20/tcp 21/tcp 989/tcp 990/tcp ", "ftp", "files"},
		{" 25/tcp 465/tcp 587/tcp 2525/tcp ", "mail", "mail and what is attached to it"},
		{" 110/tcp 143/tcp 993/tcp 995/tcp ", "mail", "mail that is filed on another server"},
		{" 53/udp 53/tcp 853/tcp ", "dns", ""},
		{" 139/tcp 445/tcp ", "smb", "files of a share"},
		{" 2049/tcp 2049/udp ", "nfs", "files of a share"},
		{" 873/tcp ", "rsync", "files, whole folders of them"},
		{" 1433/tcp 1521/tcp 3306/tcp 5432/tcp 27017/tcp 6379/tcp 9200/tcp ", "database", "contents of a database"},
		{" 389/tcp 636/tcp 3268/tcp ", "directory", "contents of a directory: accounts and groups"},
		{" 3389/tcp 5900/tcp 5938/tcp 5938/udp ", "remote_desktop", "what a screen shows, and files beside it"},
		{" 515/tcp 631/tcp 9100/tcp ", "printing", "printed pages"},
		{" 554/tcp 554/udp ", "video", "pictures of a camera"},
		{" 5060/udp 5060/tcp 5061/tcp ", "telephony", "calls"},
		{" 500/udp 4500/udp 1194/udp 1194/tcp 1701/udp 1723/tcp 51820/udp gre esp ", "vpn", ""},
		{" 1080/tcp 3128/tcp ", "proxy", ""},
		{" 6667/tcp 6697/tcp ", "chat", ""},
		{" icmp icmp6 ipv6-icmp ", "icmp", ""},
	}
}

// most is the share of the bytes from which a port is the way that all of it goes.
const most = 0.5

// way is the service that most of it goes through; known is whether there is such a port.
func (f *facts) way() (s service, port string, known bool) {
	if len(f.Top.Ports) == 0 || f.Top.Ports[0].Share < most {
		return s, "", false
	}
	port = f.Top.Ports[0].Key
	all := services()
	for i := range all {
		at := strings.Index(all[i].ports, port)
		if at > 0 && all[i].ports[at-1] == ' ' && all[i].ports[at+len(port)] == ' ' {
			return all[i], port, true
		}
	}
	return service{method: "other"}, port, true
}

// method is how data leaves, or orders come: by the kind of a tunnel, else by the port;
// empty when it goes through many.
func (f *facts) method() string {
	switch f.Kind {
	case "dns_tunnel", "icmp_tunnel", "protocol_tunnel":
		return f.Kind
	}
	s, _, _ := f.way()
	return s.method
}

// theft fills in what is told of data that leaves.
func theft(f *facts, a *incident.Assessment) {
	if a.Verdict == incident.Legitimate {
		return
	}
	a.Method, a.Stolen = f.method(), stolen(f)
	if s, port, ok := f.way(); ok && s.data != "" && f.Kind != "dns_tunnel" {
		a.DataType = s.data + " (by port " + port + " alone)"
	}
	is, why := insider(f)
	if why != "" {
		a.Insider = &is
		a.Reasons = append(a.Reasons, map[bool]string{true: "likely an insider: ", false: "likely no insider: "}[is]+why)
	}
}

// Headers of a packet with an echo message, and of one with a question: IP and 8 bytes of
// ICMP or UDP, then 12 of DNS and 4 of the question beside its name. IPv6 has 20 more.
const (
	echoHeaders, questionHeaders = 28, 28 + 12 + 4
	longer6                      = 20
)

// stolen is how many bytes left, at most: of a rise what is beyond the usual, of an upload
// what the suspected destination got, of a tunnel what its packets hold beside headers.
// Encoding takes some of that; how much depends on the program.
func stolen(f *facts) uint64 {
	m := &f.Metrics
	var headers int
	switch f.Kind {
	case "icmp_tunnel":
		headers = echoHeaders
	case "dns_tunnel":
		headers = questionHeaders
	case "slow_exfiltration":
		if more := f.observed("slow_rise_volume"); more > 0 {
			return uint64(more)
		}
		return m.Bytes
	default:
		if top := f.Top.Destinations; f.Kind == "exfiltration" && len(top) > 0 && top[0].Share > most && top[0].Bytes > 0 {
			return min(top[0].Bytes, max(m.Bytes, 1))
		}
		return m.Bytes
	}
	if strings.Contains(f.Subject, ":") {
		headers += longer6
	}
	return m.Bytes - min(m.Bytes, m.Packets*uint64(headers))
}

// hint is a sign of who steals.
type hint struct {
	sign    string
	insider bool
	why     string
}

// hints for and against an insider, the clearest first. Flows show devices and not people,
// so the first that holds is all that can be said, and mostly none does.
func hints() [4]hint {
	return [...]hint{
		{"after orders", false, "the device took orders or was broken into before, as other incidents say"},
		{"threat_list", false, "the destination is on a threat list"},
		{"nobody_sits_there", false, "nobody sits at such a device"},
		{"own habits", true, "by day, from a person's device, to where it always sends, only more"},
	}
}

func insider(f *facts) (is bool, why string) {
	for _, h := range hints() {
		var holds bool
		switch h.sign {
		case "after orders":
			holds = slices.ContainsFunc(f.Earlier, func(c incident.Chapter) bool {
				return c.Stage == incident.Command || c.Stage == incident.Targeted && c.Kind == "brute_force"
			})
		case "own habits":
			holds = f.about.Role == "workstation" && f.has("slow_rise") && !f.has("off_hours") && !f.has("earlier_stages")
		default:
			holds = f.has(h.sign)
		}
		if holds {
			return h.insider, h.why
		}
	}
	return false, ""
}
