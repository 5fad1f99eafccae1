// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package pages

import "unsafe"

func advise(unsafe.Pointer, uintptr) {}
