// SPDX-License-Identifier: Apache-2.0

package csv

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// header is a header line understood: the delimiter and what each column is.
type header struct {
	delimiter byte
	roles     []role
	names     []string
}

// row holds the cells of one line by role; nil where the cell is empty or "-".
type row [numRoles][]byte

// delimiterOf is the delimiter that a line has most of; zero means none.
func delimiterOf(line []byte) byte {
	var best byte
	most := 0
	for _, d := range []byte(",;\t|") {
		if n := bytes.Count(line, []byte{d}); n > most {
			best, most = d, n
		}
	}
	return best
}

func newHeader(line []byte) header {
	h := header{delimiter: delimiterOf(line)}
	seen := map[role]bool{}
	for cell := range bytes.SplitSeq(line, []byte{h.delimiter}) {
		name := strings.Trim(string(cell), " \t\"")
		r := roleOf(name)
		if seen[r] {
			r = none // the first column of a meaning counts
		}
		seen[r] = true
		h.roles, h.names = append(h.roles, r), append(h.names, name)
	}
	return h
}

// looksLikeHeader tells a line of names from prose and from data.
func looksLikeHeader(line []byte) bool {
	d := delimiterOf(line)
	if d == 0 {
		return false
	}
	cells := bytes.Split(line, []byte{d})
	for _, c := range cells {
		if c = bytes.Trim(c, " \t\""); len(c) == 0 || len(c) > 64 || !isName(c) {
			return false
		}
	}
	return len(cells) >= 3
}

func isName(c []byte) bool {
	if c[0]|0x20 < 'a' || c[0]|0x20 > 'z' {
		return c[0] == '_'
	}
	for _, b := range c {
		letter := b|0x20 >= 'a' && b|0x20 <= 'z' || b >= '0' && b <= '9'
		if !letter && !strings.ContainsRune(" _-.()/:%", rune(b)) {
			return false
		}
	}
	return true
}

func (h *header) has(r role) bool {
	return slices.Contains(h.roles, r)
}

func (h *header) isBinetflow() bool {
	return h.has(start) && h.has(totalPackets) && h.has(totalBytes) && h.has(srcBytes) && h.has(src) && h.has(dst)
}

// refuse says what the header lacks, or nothing.
func (h *header) refuse() string {
	need := []role{start, src, dst, proto, packets, bytesCount}
	if h.isBinetflow() {
		need = []role{proto}
	}
	var lacks []string
	for _, r := range need {
		if !h.has(r) {
			lacks = append(lacks, r.String())
		}
	}
	if len(lacks) == 0 {
		return ""
	}
	has := strings.Join(h.names, ", ")
	const shown = 120
	if len(has) > shown {
		has = has[:shown] + "..."
	}
	return fmt.Sprintf("as CSV of flows the header lacks %s; it has %.140q", strings.Join(lacks, ", "), has)
}

// split cuts a line into the cells of the header, without quotes and spaces
// around them; false means that there are fewer. Cells after the last are left
// out: labels that hold the delimiter are common.
func (h *header) split(line []byte, cells [][]byte) bool {
	for i := range cells {
		at := -1
		if quoted := bytes.TrimLeft(line, " "); len(quoted) > 0 && quoted[0] == '"' {
			if end := bytes.IndexByte(quoted[1:], '"'); end >= 0 {
				skipped := len(line) - len(quoted) + end + 2
				if at = bytes.IndexByte(line[skipped:], h.delimiter); at >= 0 {
					at += skipped
				}
			}
		} else {
			at = bytes.IndexByte(line, h.delimiter)
		}
		cell := line
		switch {
		case at >= 0:
			cell, line = line[:at], line[at+1:]
		case i < len(cells)-1:
			return false
		default:
			line = nil
		}
		cells[i] = trim(cell)
	}
	return true
}

// trim cuts spaces and quotes off a cell; empty cells become nil.
func trim(c []byte) []byte {
	for len(c) > 0 && (c[0] == ' ' || c[0] == '"') {
		c = c[1:]
	}
	for len(c) > 0 && (c[len(c)-1] == ' ' || c[len(c)-1] == '"') {
		c = c[:len(c)-1]
	}
	if len(c) == 0 {
		return nil
	}
	return c
}
