// SPDX-License-Identifier: Apache-2.0

package window

import (
	"testing"
	"unsafe"
)

// TestCacheLines keeps what lies side by side in pools whole cache lines long, and
// what each flow changes in as few of them as was meant.
func TestCacheLines(t *testing.T) {
	const line = 64
	for name, size := range map[string]uintptr{
		"device": unsafe.Sizeof(device{}), "Host": unsafe.Sizeof(Host{}), "Upload": unsafe.Sizeof(Upload{}),
		"Pair": unsafe.Sizeof(Pair{}), "Talk": unsafe.Sizeof(Talk{}), "Contacts": unsafe.Sizeof(Contacts{}), "second": unsafe.Sizeof(second{}),
	} {
		if size%line != 0 {
			t.Errorf("%s has %d bytes, which is %d more than whole lines", name, size, size%line)
		}
	}
	for name, got := range map[string][2]uintptr{
		"sums of the running minute": {unsafe.Offsetof(device{}.now), line},
		"other minutes":              {unsafe.Offsetof(device{}.minutes), 2 * line},
		"ten-second peaks":           {unsafe.Offsetof(Host{}.peaks), line},
		"seconds":                    {unsafe.Offsetof(Host{}.ring), 7 * line},
		"lists of destinations":      {unsafe.Offsetof(Upload{}.gens) + unsafe.Offsetof(generation{}.dests), line},
	} {
		if got[0] != got[1] {
			t.Errorf("%s begin at byte %d, not %d", name, got[0], got[1])
		}
	}
}
