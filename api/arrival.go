// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxCookie is longer than the secret of a session.
const maxCookie = 128

// arrival is what a request says of where it comes from.
func (a *authenticator) arrival(r *http.Request) *caller {
	who := &caller{secure: r.TLS != nil, jar: cookieOf(r.Host)}
	if c, err := r.Cookie(who.jar); err == nil && len(c.Value) <= maxCookie {
		who.cookie = c.Value
	}
	at := remote(r)
	if a.proxied(at) {
		who.secure = who.secure || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
		at = a.behind(r, at)
	}
	who.from = site(at)
	return who
}

// cookieOf is the name of the cookie for whoever reaches us at host. Cookies know no ports:
// two servers on one machine would sign each other's users out if they did not have their
// own.
func cookieOf(host string) string {
	_, port, err := net.SplitHostPort(host)
	if n, bad := strconv.ParseUint(port, 10, 16); err == nil && bad == nil {
		return cookieName + "_" + strconv.FormatUint(n, 10)
	}
	return cookieName
}

// behind is who a proxy passes on: the last in its list that is no proxy of ours. What
// stands before that, anybody can have written.
func (a *authenticator) behind(r *http.Request, at netip.Addr) netip.Addr {
	list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(list) {
		next, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			return at
		}
		if at = next.Unmap().WithZone(""); !a.proxied(at) {
			return at
		}
	}
	return at
}

func (a *authenticator) proxied(at netip.Addr) bool {
	return slices.ContainsFunc(a.proxies, func(p netip.Prefix) bool { return p.Contains(at) })
}

func remote(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr().Unmap().WithZone("")
}

// site is whom a failed attempt is put down to: an address, of IPv6 the network of one
// site.
func site(at netip.Addr) netip.Prefix {
	p, err := at.Prefix(min(64, at.BitLen()))
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
