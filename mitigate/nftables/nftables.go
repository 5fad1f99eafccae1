// SPDX-License-Identifier: Apache-2.0

// Package nftables blocks and limits traffic on a Linux gateway that runs tidewatch
// itself, in a table of its own.
package nftables
