// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Mask puts pseudonyms in the place of internal addresses, networks and names before a
// text leaves the machine, and takes them back in what returns. One mask belongs to one
// conversation, in which a pseudonym always means the same; they are numbered in the
// order in which they come up, so that equal incidents of two devices read the same.
// A nil mask changes nothing.
type Mask struct {
	internal func(netip.Addr) bool
	looks    [4]*regexp.Regexp // of networks and addresses
	stands   *regexp.Regexp    // of pseudonyms
	own      map[string]bool   // what counts as internal whatever internal says
	shown    map[string]string // by what it stands for
	meant    map[string]string // by pseudonym
	count    map[string]int    // by kind
}

// The kinds of pseudonyms.
const (
	deviceName  = "device"
	networkName = "network"
	labelName   = "name"
)

// NewMask masks what is internal.
func NewMask(internal func(netip.Addr) bool) *Mask {
	return &Mask{
		internal: internal, looks: patterns(), stands: pseudonyms(),
		own: map[string]bool{}, shown: map[string]string{}, meant: map[string]string{}, count: map[string]int{},
	}
}

// Own makes an address or network internal: the subject of an incident always is.
func (m *Mask) Own(subject string) {
	if m != nil {
		m.own[subject] = true
	}
}

// Name is the pseudonym of a device's name.
func (m *Mask) Name(name string) string {
	if m == nil || name == "" {
		return name
	}
	return m.pseudonym(labelName, name)
}

// patterns are what networks and addresses look like, networks first. Each match is tried
// as what it looks like, and stays when it is not.
func patterns() [4]*regexp.Regexp {
	const six, four = `(?i)[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7}`, `[0-9]{1,3}(\.[0-9]{1,3}){3}`
	return [...]*regexp.Regexp{
		regexp.MustCompile(six + `/[0-9]{1,3}`), regexp.MustCompile(four + `/[0-9]{1,2}`), regexp.MustCompile(six), regexp.MustCompile(four),
	}
}

func pseudonyms() *regexp.Regexp { return regexp.MustCompile(`(?i)\b(device|network|name)-[0-9]+\b`) }

// Hide is the text with pseudonyms.
func (m *Mask) Hide(s string) string {
	if m == nil {
		return s
	}
	if _, given := m.meant[s]; given {
		return s
	}
	// What looks like one of ours and is none must not be taken for one later.
	s = m.stands.ReplaceAllStringFunc(s, func(p string) string { return strings.Replace(p, "-", "_", 1) })
	for _, p := range m.looks {
		s = p.ReplaceAllStringFunc(s, m.address)
	}
	return s
}

// address is the pseudonym of what looks like an address, or it as it is.
func (m *Mask) address(s string) string {
	if a, err := netip.ParseAddr(s); err == nil {
		if a = a.Unmap(); m.internal(a) || m.own[s] || m.own[a.String()] {
			return m.pseudonym(deviceName, a.String())
		}
		return s
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Bits() == 0 || !m.internal(p.Addr().Unmap()) && !m.own[s] {
		return s // of the whole internet there is nothing to hide
	}
	return m.pseudonym(networkName, p.String())
}

func (m *Mask) pseudonym(kind, of string) string {
	if p, ok := m.shown[of]; ok {
		return p
	}
	m.count[kind]++
	p := kind + "-" + strconv.Itoa(m.count[kind])
	m.shown[of], m.meant[p] = p, of
	return p
}

// Restore is the text with what the pseudonyms stand for. One that was never given
// stays.
func (m *Mask) Restore(s string) string {
	if m == nil {
		return s
	}
	return m.stands.ReplaceAllStringFunc(s, func(p string) string {
		if of, ok := m.meant[strings.ToLower(p)]; ok {
			return of
		}
		return p
	})
}

// hideAll masks every text of a JSON value, in the order in which it is written.
func (m *Mask) hideAll(v any) any {
	switch v := v.(type) {
	case string:
		return m.Hide(v)
	case []any:
		for i := range v {
			v[i] = m.hideAll(v[i])
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			v[k] = m.hideAll(v[k])
		}
	}
	return v
}
