// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"time"
)

// progress tells people on stderr how far long work is.
type progress struct {
	what string
	of   int
	told time.Time
}

func newProgress(what string, of int) *progress { return &progress{what, of, time.Now()} }

func (p *progress) at(n int) {
	if time.Since(p.told) >= time.Second {
		p.told = time.Now()
		_, _ = fmt.Fprintf(os.Stderr, "\r\033[K%s: %d of %d", p.what, n, p.of)
	}
}

func (*progress) done() { _, _ = fmt.Fprint(os.Stderr, "\r\033[K") }
