// SPDX-License-Identifier: Apache-2.0

// Package bgp has routers drop, limit or divert traffic: it announces blackholes (RFC
// 7999) and FlowSpec rules (RFC 8955, 8956) to its peers.
package bgp
