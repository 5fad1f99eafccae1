// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/gaissmai/bart"

	"tidewatch/flow"
)

// MaxThreatLists bounds the lists; each is read as a whole at every reload.
const MaxThreatLists = 100

// Threats are the addresses and networks of lists of threat intelligence. They never
// change, so that any number of readers may ask side by side. A nil Threats knows none.
// An entry takes some 40 to 60 bytes.
type Threats struct {
	table bart.Table[uint8] // index of the list that named it first
	lists []ThreatList
}

// ThreatList tells what was read of one file.
type ThreatList struct {
	Name    string // the file's, without its folder
	path    string
	Entries int // that no other list had
	Bad     int // lines that hold neither an address nor a network
	firstNo int
	first   string // the first of these
	Lost    int    // entries beyond the bound
	lostNo  int    // line of the first of these
}

// OpenThreats reads lists, of at most so many entries together. What is beyond, and
// lines that make no sense, are counted and left out: see Notes.
func OpenThreats(paths []string, limit int) (*Threats, error) {
	if len(paths) == 0 {
		return nil, nil //nolint:nilnil // a nil Threats is whole
	}
	t := &Threats{}
	for _, path := range paths {
		if err := t.open(path, limit); err != nil {
			return nil, fmt.Errorf("threat.lists: %w", err)
		}
	}
	return t, nil
}

func (t *Threats) open(path string, limit int) error {
	if len(t.lists) >= MaxThreatLists {
		return fmt.Errorf("more than %d lists", MaxThreatLists)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path) //nolint:gosec // a file that the operator named
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	l := ThreatList{Name: filepath.Base(path), path: path}
	if err := t.read(f, &l, limit); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if l.Entries+l.Lost == 0 && l.Bad > 0 {
		return fmt.Errorf("%s holds neither an address nor a network; line %d is %q", path, l.firstNo, l.first)
	}
	t.lists = append(t.lists, l)
	return nil
}

// Match finds the narrowest entry that holds an address, and the list that has it.
func (t *Threats) Match(a flow.Addr) (entry netip.Prefix, list string, ok bool) {
	if t == nil {
		return entry, "", false
	}
	ip := a.Netip()
	if _, ok = t.table.Lookup(ip); !ok {
		return entry, "", false
	}
	entry, at, ok := t.table.LookupPrefixLPM(netip.PrefixFrom(ip, ip.BitLen()))
	return entry, t.lists[at].Name, ok
}

// Listed reports whether an entry holds an address.
func (t *Threats) Listed(a *flow.Addr) bool {
	if t == nil {
		return false
	}
	_, ok := t.table.Lookup(a.Netip())
	return ok
}

// Len is the number of entries.
func (t *Threats) Len() int {
	if t == nil {
		return 0
	}
	return t.table.Size()
}

// Lists tells what was read.
func (t *Threats) Lists() []ThreatList {
	if t == nil {
		return nil
	}
	return t.lists
}

// Notes has a line for each file of which something was left out.
func (t *Threats) Notes() (notes []string) {
	for i := range t.Lists() {
		l := &t.lists[i]
		if l.Bad > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d lines hold neither an address nor a network and are left out; the first is line %d, %q", l.path, l.Bad, l.firstNo, l.first))
		}
		if l.Lost > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d entries from line %d on are left out, because threat.max_entries is reached", l.path, l.Lost, l.lostNo))
		}
	}
	return notes
}

// add takes an entry; line is where it stands.
func (t *Threats) add(p netip.Prefix, l *ThreatList, line, limit int) {
	if _, known := t.table.Get(p); known {
		return
	}
	if t.table.Size() >= limit {
		if l.Lost++; l.Lost == 1 {
			l.lostNo = line
		}
		return
	}
	t.table.Insert(p, uint8(len(t.lists)))
	l.Entries++
}
