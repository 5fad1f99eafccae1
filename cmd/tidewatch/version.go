// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
)

// Set by the linker (see Makefile).
var (
	version = "dev"
	commit  = "unknown"
)

type versionCmd struct{}

// Run prints one line.
func (versionCmd) Run(s streams) error {
	_, err := fmt.Fprintf(s.out, "tidewatch %s commit %s %s\n", version, commit, runtime.Version())
	return err
}
