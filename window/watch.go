// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// Watch knows destinations that are worth following from the first connection on. It
// is asked once for each new pair of a device and a service outside, not for each flow.
type Watch interface {
	Listed(a *flow.Addr) bool
}

// Watch follows what such destinations are asked from now on; nil is none.
func (t *Tracker) Watch(w Watch) { t.watch = w }
