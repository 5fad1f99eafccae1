// SPDX-License-Identifier: Apache-2.0

package routers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

func frrProgram() program {
	return program{
		path: "/usr/lib/frr/bgpd", clients: []string{"vtysh"},
		args: func(r *Router) []string {
			return []string{
				"-f", r.file("conf"), "-Z", "-n", "-A", r.Address.String(), "-P", "0", "-l", r.Address.String(), "-p", strconv.Itoa(int(r.Port)),
				"--vty_socket", r.dir, "-i", r.file("pid"), "--log", "stdout",
			}
		},
		user: "frr", config: frrConfig, routes: frrRoutes, rules: frrRules,
	}
}

func frrConfig(_ *Router, o *Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "router bgp %d\n bgp router-id 192.0.2.102\n no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n bgp disable-ebgp-connected-route-check\n", ASN)
	fmt.Fprintf(&b, " neighbor %[1]s remote-as %[2]d\n neighbor %[1]s passive\n neighbor %[1]s disable-connected-check\n neighbor %[1]s timers %[3]d %[4]d\n", o.Neighbour, o.NeighbourASN, o.HoldTime/3, o.HoldTime)
	if o.Password != "" {
		fmt.Fprintf(&b, " neighbor %s password %s\n", o.Neighbour, o.Password)
	}
	for _, f := range []string{"ipv4 unicast", "ipv6 unicast", "ipv4 flowspec", "ipv6 flowspec"} {
		fmt.Fprintf(&b, " address-family %s\n  neighbor %s activate\n exit-address-family\n", f, o.Neighbour)
	}
	return b.String()
}

// show has vtysh answer in JSON; it may say more before the object.
func (r *Router) show(t *testing.T, command string, into any) {
	t.Helper()
	text := r.ask(t, "vtysh", "--vty_socket", r.dir, "-c", command+" json")
	if at := bytes.IndexByte(text, '{'); at > 0 {
		text = text[at:]
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("frr: %v\n%s", err, text)
	}
}

// frrPaths is what FRR says of one prefix.
type frrPaths struct {
	Paths []struct {
		Community      frrList `json:"community"`
		LargeCommunity frrList `json:"largeCommunity"`
	} `json:"paths"`
}

type frrList struct {
	List []string `json:"list"`
}

func frrRoutes(t *testing.T, r *Router) []Route {
	t.Helper()
	out := make([]Route, 0, 16)
	for _, version := range []string{"ipv4", "ipv6"} {
		var table struct {
			Routes map[string]json.RawMessage `json:"routes"`
		}
		r.show(t, "show bgp "+version+" unicast", &table)
		for prefix := range table.Routes {
			var one frrPaths
			r.show(t, "show bgp "+version+" unicast "+prefix, &one)
			for i := range one.Paths {
				route := Route{Prefix: netip.MustParsePrefix(prefix)}
				for _, c := range append(one.Paths[i].Community.List, one.Paths[i].LargeCommunity.List...) {
					route.Communities = append(route.Communities, number(c))
				}
				out = append(out, route)
			}
		}
	}
	return out
}

// number is a well-known community by its number.
func number(name string) string {
	if n, ok := map[string]string{"blackhole": "65535:666", "noExport": "65535:65281", "no-export": "65535:65281"}[name]; ok {
		return n
	}
	return name
}

func frrRules(t *testing.T, r *Router) []string {
	t.Helper()
	var out []string
	for _, version := range []string{"ipv4", "ipv6"} {
		text := string(r.ask(t, "vtysh", "--vty_socket", r.dir, "-c", "show bgp "+version+" flowspec detail"))
		for block := range strings.SplitSeq(text, "BGP flowspec entry:") {
			if strings.Contains(block, "Destination Address") {
				_, rule, _ := strings.Cut(strings.Join(strings.Fields(block), " "), ") ")
				rule, _, _ = strings.Cut(rule, " received for")
				out = append(out, rule)
			}
		}
	}
	return out
}
