// SPDX-License-Identifier: Apache-2.0

// Package window keeps what is known of every device in bounded memory: seconds
// for the busy ones, minutes and hours for all.
package window

// Window is what a detector sees at one tick.
type Window struct{}
