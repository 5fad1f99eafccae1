// SPDX-License-Identifier: Apache-2.0

// Package identity says whose past an address continues. A laptop that gets
// another address from DHCP is no new device, and an address that IPv6 makes up for
// a day (RFC 8981) has no past of its own: the network it lies in has.
//
// A table of names and leases, as DHCP servers and inventories export it, maps an
// address at a time to a name. Baselines are kept by the key that follows from it.
package identity

import (
	"cmp"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tidewatch/flow"
)

// Config says where names come from.
type Config struct {
	Leases    string `yaml:"leases"`    // CSV file with the columns address, name, from, to; empty = none
	Temporary bool   `yaml:"temporary"` // IPv6 addresses with a random interface id share the past of their /64, unless they are in leases
}

// DefaultConfig has no leases.
func DefaultConfig() Config { return Config{Temporary: true} }

// maxLeases bounds the table, about 100 bytes each.
const maxLeases = 1_000_000

// lease is an address in the hands of a name, in Unix seconds [from,to).
type lease struct {
	from, to int64
	name     string
	key      flow.Addr
	line     int
}

// Table answers whose an address was. The zero value knows no names. It is safe for
// concurrent use while nothing calls Read or Take.
type Table struct {
	temporary bool
	leases    map[flow.Addr][]lease // by their from
	count     int
}

// New returns a table without names.
func New(cfg Config) *Table { return &Table{temporary: cfg.Temporary} }

// Take makes the table what another one is, for all who hold it.
func (t *Table) Take(next *Table) { *t = *next }

// Read adds the leases of a CSV file. The first line names the columns; from and to
// are RFC 3339, empty for "always was" and "still is"; lines that begin with # are
// comments. Errors name the line.
func (t *Table) Read(r io.Reader) error {
	c := csv.NewReader(r)
	c.Comment, c.TrimLeadingSpace, c.FieldsPerRecord = '#', true, -1
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("leases: %w", err)
	}
	column := func(name string) int {
		return slices.IndexFunc(head, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), name) })
	}
	at := [4]int{column("address"), column("name"), column("from"), column("to")}
	if at[0] < 0 || at[1] < 0 {
		return errors.New("leases: the first line must name the columns: address,name,from,to (from and to may be missing)")
	}
	if t.leases == nil {
		t.leases = map[flow.Addr][]lease{}
	}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return t.settle()
		}
		if err != nil {
			return fmt.Errorf("leases: %w", err)
		}
		line, _ := c.FieldPos(0)
		if err := t.add(row, at, line); err != nil {
			return fmt.Errorf("leases: line %d: %w", line, err)
		}
	}
}

func (t *Table) add(row []string, at [4]int, line int) error {
	cell := func(i int) string {
		if i < 0 || i >= len(row) {
			return ""
		}
		return strings.TrimSpace(row[i])
	}
	a, err := netip.ParseAddr(cell(at[0]))
	if err != nil {
		return fmt.Errorf("%q is no address", cell(at[0]))
	}
	l := lease{name: cell(at[1]), line: line}
	if l.name == "" || len(l.name) > 255 {
		return errors.New("a name of 1 to 255 characters is needed")
	}
	if l.from, err = moment(cell(at[2]), math.MinInt64); err != nil {
		return err
	}
	if l.to, err = moment(cell(at[3]), math.MaxInt64); err != nil {
		return err
	}
	if l.from >= l.to {
		return errors.New("from must lie before to")
	}
	if t.count++; t.count > maxLeases {
		return fmt.Errorf("more than %d leases", maxLeases)
	}
	l.key = NameKey(l.name)
	key := flow.AddrFrom(a.Unmap().WithZone(""))
	t.leases[key] = append(t.leases[key], l)
	return nil
}

// moment reads a time; an empty cell is without.
func moment(text string, without int64) (int64, error) {
	if text == "" {
		return without, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, fmt.Errorf("%q is no time such as 2026-11-23T08:00:00Z", text)
	}
	return t.Unix(), nil
}

// settle sorts the leases of each address and refuses overlaps: the address would
// have been two devices at once.
func (t *Table) settle() error {
	for a, all := range t.leases {
		slices.SortFunc(all, func(x, y lease) int { return cmp.Compare(x.from, y.from) })
		for i := 1; i < len(all); i++ {
			if all[i].from < all[i-1].to && all[i].name != all[i-1].name {
				return fmt.Errorf("leases: line %d: %s is %s already (line %d) at that time", all[i].line, a.Netip(), all[i-1].name, all[i-1].line)
			}
		}
	}
	return nil
}

// Names reports whether any name is known.
func (t *Table) Names() bool { return len(t.leases) > 0 }

// find returns the lease of an address at a Unix second.
func (t *Table) find(a flow.Addr, at int64) *lease {
	all := t.leases[a]
	for i := range all {
		if l := &all[i]; at >= l.from && at < l.to {
			return l
		}
	}
	return nil
}

// Name is who has an address at a Unix second, empty when nobody is known.
func (t *Table) Name(a flow.Addr, at int64) string {
	if l := t.find(a, at); l != nil {
		return l.name
	}
	return ""
}

// Key is the address under which the past of an address is kept at a Unix second:
// that of its name, that of its /64 for a temporary IPv6 address, else its own.
func (t *Table) Key(a flow.Addr, at int64) flow.Addr {
	if t.leases != nil {
		if l := t.find(a, at); l != nil {
			return l.key
		}
	}
	if t.temporary && temporary(&a) {
		clear(a[8:])
	}
	return a
}

// NameKey is the key of a name: a hash of it in 100::/64, which no device has
// (RFC 6666).
func NameKey(name string) (a flow.Addr) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	a[0] = 1
	binary.BigEndian.PutUint64(a[8:], h.Sum64())
	return a
}

// temporary guesses from the form of an IPv6 address that it was made up and will
// not last: its interface id is neither derived from a MAC address (ff:fe in the
// middle, RFC 4291) nor a small number that a person or a DHCP server chose. A
// stable private id (RFC 7217) looks the same and is taken for temporary, too.
func temporary(a *flow.Addr) bool {
	if a.Is4() || a[0] == 0xfe && a[1]&0xc0 == 0x80 || a[0] == 0xff {
		return false
	}
	macBased := a[11] == 0xff && a[12] == 0xfe
	small := a[8]|a[9]|a[10]|a[11] == 0
	return !macBased && !small
}
