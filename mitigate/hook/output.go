// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"bytes"
	"strings"

	"tidewatch/outbound"
)

const (
	maxOutput = 64 << 10 // bytes that are kept of each of a script's two outputs
	maxLines  = 20       // of them that are logged
	maxTold   = 200      // runes of a line
)

// capture keeps the beginning of what is written to it and counts the rest.
type capture struct {
	room      int // bytes that may still be kept
	kept      []byte
	discarded int64
}

// Write takes everything, so that a script that prints much is not held up.
func (c *capture) Write(p []byte) (int, error) {
	n := min(len(p), c.room)
	c.kept = append(c.kept, p[:n]...)
	c.room -= n
	c.discarded += int64(len(p) - n)
	return len(p), nil
}

// lines are the first lines of it that hold anything printable, shortened.
func (c *capture) lines() []string {
	var out []string
	for line := range bytes.SplitSeq(c.kept, []byte{'\n'}) {
		text := outbound.Cut(outbound.Line(string(line)), maxTold)
		if text == "" {
			continue
		}
		if len(out) == maxLines {
			return append(out, "...")
		}
		out = append(out, text)
	}
	return out
}

// text is what is logged of it.
func (c *capture) text() string { return strings.Join(c.lines(), "\n") }

// first is its first printable line.
func (c *capture) first() string {
	if l := c.lines(); len(l) > 0 {
		return l[0]
	}
	return ""
}
