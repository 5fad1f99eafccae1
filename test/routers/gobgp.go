// SPDX-License-Identifier: Apache-2.0

package routers

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func gobgpProgram() program {
	return program{
		path: "gobgpd", clients: []string{"gobgp"},
		args: func(r *Router) []string {
			return []string{"-f", r.file("conf"), "-t", "toml", "--api-hosts", fmt.Sprintf("%s:%d", r.Address, r.api), "--pprof-disable"}
		},
		config: gobgpConfig, routes: gobgpRoutes, rules: gobgpRules,
	}
}

func gobgpConfig(r *Router, o *Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[global.config]\n  as = %d\n  router-id = \"192.0.2.103\"\n  port = %d\n  local-address-list = [%q]\n", ASN, r.Port, r.Address)
	fmt.Fprintf(&b, "[[neighbors]]\n  [neighbors.config]\n    neighbor-address = %q\n    peer-as = %d\n", o.Neighbour, o.NeighbourASN)
	if o.Password != "" {
		fmt.Fprintf(&b, "    auth-password = %q\n", o.Password)
	}
	fmt.Fprintf(&b, "  [neighbors.transport.config]\n    passive-mode = true\n    local-address = %q\n", r.Address)
	fmt.Fprintf(&b, "  [neighbors.timers.config]\n    hold-time = %d\n    keepalive-interval = %d\n", o.HoldTime, o.HoldTime/3)
	for _, f := range []string{"ipv4-unicast", "ipv6-unicast", "ipv4-flowspec", "ipv6-flowspec"} {
		fmt.Fprintf(&b, "  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = %q\n", f)
	}
	return b.String()
}

// gobgpAsk returns what a table holds, by prefix or rule.
func (r *Router) gobgpAsk(t *testing.T, family string) map[string][]gobgpPath {
	t.Helper()
	out := map[string][]gobgpPath{}
	text := r.ask(t, "gobgp", "-u", r.Address.String(), "-p", strconv.Itoa(int(r.api)), "-j", "global", "rib", "-a", family)
	if !strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		return out // "Network not in table"
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("gobgp: %v\n%s", err, text)
	}
	return out
}

type gobgpPath struct {
	Attrs []struct {
		Type        int             `json:"type"`
		Communities []uint32        `json:"communities"`
		Value       json.RawMessage `json:"value"`
	} `json:"attrs"`
}

type gobgpLarge struct {
	ASN        uint32 `json:"ASN"`
	LocalData1 uint32 `json:"LocalData1"`
	LocalData2 uint32 `json:"LocalData2"`
}

// The types of attributes (IANA) that are of interest.
const (
	typeCommunities = 8
	typeExtended    = 16
	typeLarge       = 32
)

func gobgpRoutes(t *testing.T, r *Router) []Route {
	t.Helper()
	var out []Route
	for _, family := range []string{"ipv4", "ipv6"} {
		for prefix, paths := range r.gobgpAsk(t, family) {
			for _, p := range paths {
				route := Route{Prefix: netip.MustParsePrefix(prefix)}
				for _, a := range p.Attrs {
					for _, c := range a.Communities {
						route.Communities = append(route.Communities, fmt.Sprintf("%d:%d", c>>16, c&0xffff))
					}
					if a.Type == typeLarge {
						var large []gobgpLarge
						if err := json.Unmarshal(a.Value, &large); err != nil {
							t.Fatalf("gobgp: %v\n%s", err, a.Value)
						}
						for _, c := range large {
							route.Communities = append(route.Communities, fmt.Sprintf("%d:%d:%d", c.ASN, c.LocalData1, c.LocalData2))
						}
					}
				}
				out = append(out, route)
			}
		}
	}
	return out
}

var gobgpRate = regexp.MustCompile(`"rate":([0-9.e+]+)`)

func gobgpRules(t *testing.T, r *Router) []string {
	t.Helper()
	var out []string
	for _, family := range []string{"ipv4-flowspec", "ipv6-flowspec"} {
		for rule, paths := range r.gobgpAsk(t, family) {
			for _, p := range paths {
				for _, a := range p.Attrs {
					if m := gobgpRate.FindSubmatch(a.Value); a.Type == typeExtended && m != nil {
						out = append(out, rule+" rate "+string(m[1]))
					}
				}
			}
		}
	}
	return out
}
