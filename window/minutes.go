// SPDX-License-Identifier: Apache-2.0

package window

// KeptMinutes is of how many whole minutes the volumes of a device are known one by one.
const KeptMinutes = minutes - 1

// Minute sums the device's minute i (Unix time / 60), for people to look at; ok is false for
// one that is not kept, is not over, or lies before the device was known. Exports still to
// come may raise the newest ones.
func (d Device) Minute(i int64) (s Sums, ok bool) {
	running := d.w.Now / 60
	if i >= running || i < running-KeptMinutes || i < d.dev.born/60 {
		return s, false
	}
	return *d.dev.minute(i, running), true
}
