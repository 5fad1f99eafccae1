// SPDX-License-Identifier: Apache-2.0

package ask

import "math/rand/v2"

// nthLargest is the nth largest of all, whose order it changes; n lies between 1 and
// their number. It sorts no more than it must, and no order of the values makes it slow.
func nthLargest(all []uint64, n int) uint64 {
	for len(all) > 1 {
		pivot := all[rand.IntN(len(all))] //nolint:gosec // nobody must guess it for long
		larger, equal := partition(all, pivot)
		switch {
		case n <= larger:
			all = all[:larger]
		case n <= larger+equal:
			return pivot
		default:
			all, n = all[larger+equal:], n-larger-equal
		}
	}
	return all[0]
}

// partition puts what is larger than pivot first and what is smaller last.
func partition(all []uint64, pivot uint64) (larger, equal int) {
	at, end := 0, len(all)
	for at < end {
		switch v := all[at]; {
		case v > pivot:
			all[at], all[larger] = all[larger], v
			larger++
			at++
		case v == pivot:
			at++
		default:
			end--
			all[at], all[end] = all[end], v
		}
	}
	return larger, at - larger
}
