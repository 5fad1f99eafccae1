// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// Look is a window to look at between ticks: devices as they are now. Nothing is
// judged by it.
func (t *Tracker) Look() *Window { return &Window{Now: t.now, t: t} }

// Find returns the device of an address; ok is false for one that is not known.
func (w *Window) Find(a flow.Addr) (d Device, ok bool) {
	i := w.t.dev.find(w.t.cfg.Seed.Hash(&a), &a)
	if i < 0 {
		return d, false
	}
	return w.Device(int(i))
}
