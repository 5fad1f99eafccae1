// SPDX-License-Identifier: Apache-2.0

package baseline

const (
	memoryRows = 8
	memoryWays = 16
)

// habitMemory remembers the last 128 or so peers and services by a 16-bit
// fingerprint, in rows of 16 with the newest first. What was never met counts as
// known with a chance of at most 16/65535 (0.024 %) by chance; what was met long
// ago, before 16 others of its row, is forgotten.
type habitMemory [memoryRows][memoryWays]uint16

func (m *habitMemory) find(hash uint32) (row *[memoryWays]uint16, print uint16, at int) {
	row, print = &m[hash%memoryRows], max(uint16(hash>>16), 1)
	for i, have := range row {
		if have == print {
			return row, print, i
		}
	}
	return row, print, -1
}

func (m *habitMemory) knows(hash uint32) bool {
	_, _, at := m.find(hash)
	return at >= 0
}

// count is how many it holds.
func (m *habitMemory) count() (n int) {
	for i := range m {
		for _, print := range m[i] {
			if print != 0 {
				n++
			}
		}
	}
	return n
}

// put makes the hash the newest of its row.
func (m *habitMemory) put(hash uint32) {
	row, print, at := m.find(hash)
	if at < 0 {
		at = memoryWays - 1
	}
	copy(row[1:at+1], row[:at])
	row[0] = print
}
