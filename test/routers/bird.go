// SPDX-License-Identifier: Apache-2.0

package routers

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

func birdProgram() program {
	return program{
		path: "bird", clients: []string{"birdc"},
		args: func(r *Router) []string {
			return []string{"-f", "-c", r.file("conf"), "-s", r.file("ctl"), "-P", r.file("pid")}
		},
		config: birdConfig, routes: birdRoutes, rules: birdRules,
	}
}

// birdConfig takes everything and tells nothing. There is no protocol kernel: routes of
// the system stay as they are. FlowSpec rules are not checked against unicast routes,
// for there are none here.
func birdConfig(r *Router, o *Options) string {
	password := ""
	if o.Password != "" {
		password = fmt.Sprintf("password %q;", o.Password)
	}
	return fmt.Sprintf(`log stderr all;
router id 192.0.2.101;
protocol device {}
flow4 table flowtab4;
flow6 table flowtab6;
protocol bgp tidewatch {
  local %s port %d as %d;
  neighbor %s as %d;
  passive yes;
  multihop 2;
  hold time %d;
  error wait time 1, 2; error forget time 1;
  %s
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
  flow4 { table flowtab4; import all; export none; validate off; };
  flow6 { table flowtab6; import all; export none; validate off; };
}
`, r.Address, r.Port, ASN, o.Neighbour, o.NeighbourASN, o.HoldTime, password)
}

var birdRoute = regexp.MustCompile(`(?m)^([0-9a-f.:]+/\d+)\s`)

func birdRoutes(t *testing.T, r *Router) []Route {
	t.Helper()
	var out []Route
	for _, table := range []string{"master4", "master6"} {
		text := string(r.ask(t, "birdc", "-s", r.file("ctl"), "show route all table "+table))
		at := birdRoute.FindAllStringSubmatchIndex(text, -1)
		for i, m := range at {
			end := len(text)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			route := Route{Prefix: netip.MustParsePrefix(text[m[2]:m[3]])}
			for line := range strings.Lines(text[m[1]:end]) {
				if name, list, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && (name == "BGP.community" || name == "BGP.large_community") {
					for c := range strings.SplitSeq(strings.Trim(list, "() "), ") (") {
						route.Communities = append(route.Communities, strings.ReplaceAll(strings.ReplaceAll(c, " ", ""), ",", ":"))
					}
				}
			}
			out = append(out, route)
		}
	}
	return out
}

// birdRules joins a rule and its extended communities.
func birdRules(t *testing.T, r *Router) []string {
	t.Helper()
	var out []string
	for _, table := range []string{"flowtab4", "flowtab6"} {
		for line := range strings.Lines(string(r.ask(t, "birdc", "-s", r.file("ctl"), "show route all table "+table))) {
			line = strings.TrimSpace(line)
			if rule, _, ok := strings.Cut(line, " }"); ok && strings.HasPrefix(line, "flow") {
				out = append(out, rule+" }")
			} else if list, ok := strings.CutPrefix(line, "BGP.ext_community: "); ok && len(out) > 0 {
				out[len(out)-1] += " " + list
			}
		}
	}
	return out
}
