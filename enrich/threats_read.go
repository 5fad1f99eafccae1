// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
)

const (
	longestLine = 4096 // bytes; a longer line is a bad one
	shownLine   = 60   // bytes of a bad line that are told
	// A network wider than these is no list of culprits: the widest that registries
	// give to one holder.
	widest4, widest6 = 8, 19
)

// read adds the entries of a list, one a line: an address, a network, or an address
// with a port. It may be followed by a blank, # or ; and anything else. Lines with
// commas are CSV: what counts stands in the column that a header names, which may
// itself be a comment, else in the first.
func (t *Threats) read(from io.Reader, l *ThreatList, limit int) error {
	r := bufio.NewReaderSize(from, longestLine)
	column := 0
	for number := 1; ; number++ {
		line, err := r.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a line that is too long
			_, err = r.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		text := string(bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff"))))
		if c := header(text); c >= 0 {
			column = c
		} else if text = cell(text, column); text != "" || long {
			if p, ok := network(text); ok && !long {
				t.add(p, l, number, limit)
			} else if l.Bad++; l.Bad == 1 {
				l.firstNo, l.first = number, strings.ToValidUTF8(text[:min(len(text), shownLine)], "?")
			}
		}
		if err != nil {
			return nil //nolint:nilerr // the end of the file
		}
	}
}

// header returns the column of addresses that a line names, -1 for any other line.
func header(line string) int {
	if line == "" || line[0] != '#' && !letter(line[0]) && line[0] != '"' {
		return -1
	}
	names := [...]string{
		"ip", "ip_address", "ipaddress", "address", "addr", "dst_ip", "src_ip", "network", "prefix", "cidr", "netblock",
		"indicator", "ioc", "ioc_value", "value",
	}
	all := strings.Split(strings.TrimLeft(line, "# "), ",")
	if len(all) == 1 && line[0] == '#' {
		return -1 // a comment of one word
	}
	return slices.IndexFunc(all, func(s string) bool { return slices.Contains(names[:], strings.ToLower(unquoted(s))) })
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func unquoted(s string) string { return strings.Trim(strings.TrimSpace(s), `"'`) }

// cell is what counts of a line: "" for none.
func cell(line string, column int) string {
	if at := strings.IndexAny(line, "#;"); at >= 0 {
		line = line[:at]
	}
	if strings.Contains(line, ",") {
		for range column {
			_, line, _ = strings.Cut(line, ",")
		}
		line, _, _ = strings.Cut(line, ",")
	}
	line, _, _ = strings.Cut(unquoted(line), " ")
	line, _, _ = strings.Cut(line, "\t")
	return unquoted(line)
}

// network reads an entry. Bits behind the length of a network are no reason to lose it.
func network(text string) (p netip.Prefix, ok bool) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		ap, err := netip.ParseAddrPort(text)
		if err != nil {
			p, err = netip.ParsePrefix(text)
			return p.Masked(), err == nil && !p.Addr().Is4In6() && p.Bits() >= widest(p.Addr())
		}
		a = ap.Addr()
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), !a.IsUnspecified()
}

func widest(a netip.Addr) int {
	if a.Is4() {
		return widest4
	}
	return widest6
}
