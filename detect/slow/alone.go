// SPDX-License-Identifier: Apache-2.0

package slow

import "tidewatch/baseline"

// constant is on which share of the device's days a network that is judged by the lower
// limit got something: on four of five. Who works with a new partner misses days; what a
// program does for a thief comes on all days of the device.
const constant = 0.8

// limit is where the sequential test of an account alarms. A network that is new to the
// device, that nobody else gives to, and that gets something on nearly every day is
// told of at a lower one: few accounts are all of that, so that as few false alarms
// come of them as of all the others at the higher limit.
//
// How few: the allowance lies half a deviation s above what a new network usually gets,
// so an innocent one that came back every day would rise by -s/2 a day, with a spread
// of s. A sum like that reaches h before it is back at 0 with a chance of exp(-h/s)
// (Siegmund 1985, 2.2: twice the drift over the variance): for s = 0.8, a factor of 2.2
// from one network to the next, 0.06 % at 6 (and 3 in ten millions at 12).
func (d *Detector) limit(x *baseline.Drip) float64 {
	if x.Users <= 1 && d.fresh(x) && x.Ledger.Share(x.Account) >= constant && !byDesign(x.Account.Service) && !d.gateway(x.Device) {
		return d.cfg.Alone
	}
	return d.cfg.Limit
}
