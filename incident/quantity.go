// SPDX-License-Identifier: Apache-2.0

package incident

// Quantity writes a number with its unit as the sentences of indicators do.
func Quantity(v float64, unit string) string { return quantity(v, unit) }

// Protocol writes the name of a protocol as people write it.
func Protocol(name string) string { return acronyms(name) }
