// SPDX-License-Identifier: Apache-2.0

package app

import "tidewatch/window"

// keepLedger books what the devices gave away in the hour that closed. Unlike lessons
// it takes every hour, those of attacks and thefts first of all: an account is no habit.
func (s *shard) keepLedger(w *window.Window) {
	for i := range w.Devices() {
		d, ok := w.Device(i)
		if !ok {
			continue
		}
		if c := d.Contacts(); c != nil {
			s.ledger.Learn(d.Addr(), w.Closed, c.Peers())
		}
	}
}
