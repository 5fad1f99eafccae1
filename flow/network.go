// SPDX-License-Identifier: Apache-2.0

package flow

// NetworkOf is the first address of the network that one holder of addresses usually
// has: a /24, a /48 in IPv6.
func NetworkOf(a Addr) Addr {
	if a.Is4() {
		a[15] = 0
		return a
	}
	clear(a[6:])
	return a
}
