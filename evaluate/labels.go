// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// columns is the header of a label file.
const columns = "path\tclass\tsubtype_or_note\twho\tfirst_packet\tduration_s\tpackets\tflows\tinternal"

// maxLine bounds a line of a label file; the longest of the shipped one has 350 bytes.
const maxLine = 64 << 10

// Label is one row: what a capture is known to hold.
type Label struct {
	Path     string // of the capture, or a folder with a closing slash
	Class    string // ddos, exfil, tunnel, c2, scan, benign, ...
	Subtype  string
	Role     string       // what Who are: victim, top_src, endpoints, infected_client; empty when nobody is named
	Who      []netip.Addr // addresses concerned
	First    time.Time    // first packet; zero when unknown
	Duration time.Duration
	Packets  uint64
	Flows    uint64
	Internal []netip.Prefix // own networks where the private ones do not cover the subject
}

// ReadLabels reads a file of labels: tab-separated, with the header above, an
// empty field for what is unknown. Errors name the line.
func ReadLabels(r io.Reader) ([]Label, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var out []Label
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		switch {
		case n == 1 && line != columns:
			return nil, fmt.Errorf("line 1: the header is not %q", columns)
		case n == 1, strings.TrimSpace(line) == "", strings.HasPrefix(line, "#"):
			continue
		}
		l, err := readLabel(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, l)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read labels: %w", err)
	}
	if len(out) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return out, nil
}

func readLabel(line string) (l Label, err error) {
	f := strings.Split(line, "\t")
	if len(f) != strings.Count(columns, "\t")+1 {
		return l, fmt.Errorf("%d columns, want %d", len(f), strings.Count(columns, "\t")+1)
	}
	l.Path, l.Class, l.Subtype = f[0], f[1], f[2]
	if l.Path == "" || l.Class == "" {
		return l, errors.New("path and class are needed")
	}
	if l.Role, l.Who, err = readWho(f[3]); err != nil {
		return l, err
	}
	if f[4] != "" {
		if l.First, err = time.Parse("2006-01-02T15:04:05", f[4]); err != nil {
			return l, fmt.Errorf("first_packet %q is no time like 2006-01-02T15:04:05", f[4])
		}
	}
	if f[5] != "" {
		seconds, err := strconv.ParseFloat(f[5], 64)
		if err != nil || seconds < 0 || seconds > 9e9 { // beyond it no time.Duration holds it
			return l, fmt.Errorf("duration_s %q is no number of seconds", f[5])
		}
		l.Duration = time.Duration(seconds * float64(time.Second))
	}
	if l.Packets, err = count(f[6]); err != nil {
		return l, fmt.Errorf("packets: %w", err)
	}
	if l.Flows, err = count(f[7]); err != nil {
		return l, fmt.Errorf("flows: %w", err)
	}
	for s := range strings.FieldsSeq(strings.ReplaceAll(f[8], ",", " ")) {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return l, fmt.Errorf("internal %q is no prefix", s)
		}
		l.Internal = append(l.Internal, p)
	}
	return l, nil
}

// readWho reads role=address or endpoints=address<->address.
func readWho(s string) (role string, who []netip.Addr, err error) {
	if s == "" {
		return "", nil, nil
	}
	role, rest, found := strings.Cut(s, "=")
	if !found {
		return "", nil, fmt.Errorf("who %q is not role=address", s)
	}
	for text := range strings.SplitSeq(rest, "<->") {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return "", nil, fmt.Errorf("who %q: %q is no address", s, text)
		}
		who = append(who, a)
	}
	return role, who, nil
}

func count(s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no count", s)
	}
	return n, nil
}
