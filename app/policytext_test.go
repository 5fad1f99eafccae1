// SPDX-License-Identifier: Apache-2.0

package app

import (
	"strings"
	"testing"

	"tidewatch/mitigate"
)

// TestWriteMitigation shows what check says of a policy that nobody can carry out whole.
func TestWriteMitigation(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
		times  int
	}{
		"a dry run without anybody": {func(*Config) {}, "nobody who is configured does that", 0},
		"a firewall alone":          {func(c *Config) { c.Mitigation.NFTables.Enabled = true }, "nobody who is configured does that", 4}, // the steps of routers
		"nobody, and it acts":       {func(c *Config) { c.Mitigation.Mode = mitigate.Act }, "nobody who is configured does that", 8},
		"off":                       {func(c *Config) { c.Mitigation.Mode = mitigate.Off }, "nothing: mitigation.mode is off", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := DefaultConfig()
			tc.change(&c)
			var b strings.Builder
			if err := c.WriteMitigation(&b); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(b.String(), tc.want); n != tc.times {
				t.Errorf("%q is said %d times, not %d:\n%s", tc.want, n, tc.times, b.String())
			}
		})
	}
}
