// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// large is the size of a large page on amd64, and on arm64 with pages of 4 KiB.
const large = 2 << 20

// advise asks for large pages. Chunks lie side by side in Go's heap, but do not
// begin and end with a large page, so those at both ends are asked for, too. A
// kernel that refuses changes nothing but the speed.
func advise(at unsafe.Pointer, size uintptr) {
	if size < large/8 {
		return // it is not worth a system call
	}
	from := uintptr(at) &^ (large - 1)
	to := (uintptr(at) + size + large - 1) &^ (large - 1)
	_, _, _ = unix.RawSyscall(unix.SYS_MADVISE, from, to-from, unix.MADV_HUGEPAGE)
}
