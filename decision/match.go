// SPDX-License-Identifier: Apache-2.0

package decision

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tidewatch/flow"
)

// Match says which packets a rule hits: those that fit every field that is set.
type Match struct {
	Source      netip.Prefix `json:"source,omitzero"`
	Destination netip.Prefix `json:"destination,omitzero"`
	Protocol    string       `json:"protocol,omitempty" doc:"name, or number"`
	SrcPort     uint16       `json:"source_port,omitempty"`
	DstPort     uint16       `json:"destination_port,omitempty"`
	Flags       string       `json:"tcp_flags,omitempty" doc:"exactly these, such as SYN or SYN+ACK, or none; ECE and CWR ignored"`
	PacketBytes *Range       `json:"packet_bytes,omitempty" doc:"length of the packet with its IP header"`
	Fragment    bool         `json:"fragment,omitempty" doc:"fragments alone, the first included"`
}

// Range holds both its ends.
type Range struct {
	From uint16 `json:"from"`
	To   uint16 `json:"to"`
}

// Proto is the protocol's number; ok is false when none is set or nobody knows the name.
func (m *Match) Proto() (number uint8, ok bool) {
	if m.Protocol == "" {
		return 0, false
	}
	for p := range 256 {
		if flow.ProtoName(uint8(p)) == m.Protocol {
			return uint8(p), true
		}
	}
	n, err := strconv.ParseUint(m.Protocol, 10, 8)
	return uint8(n), err == nil
}

// FlagBits are the TCP flags as bits of the header; ok is false when none are set or
// the text is no list of flags.
func (m *Match) FlagBits() (bits uint8, ok bool) {
	if m.Flags == "" {
		return 0, false
	}
	if m.Flags == "none" {
		return 0, true
	}
	names := [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG"} // from bit 0 (RFC 9293)
	for name := range strings.SplitSeq(m.Flags, "+") {
		i := slices.Index(names[:], name)
		if i < 0 {
			return 0, false
		}
		bits |= 1 << i
	}
	return bits, true
}

// Is6 reports whether the match is of IPv6; a match without addresses is of neither.
func (m *Match) Is6() bool {
	return m.Destination.IsValid() && m.Destination.Addr().Is6() || m.Source.IsValid() && m.Source.Addr().Is6()
}

// Validate reports what no router or firewall could match.
func (m *Match) Validate() error {
	for _, p := range []netip.Prefix{m.Source, m.Destination} {
		if p.IsValid() && p != p.Masked() {
			return fmt.Errorf("%s has bits beyond its length", p)
		}
	}
	if m.Source.IsValid() && m.Destination.IsValid() && m.Source.Addr().Is4() != m.Destination.Addr().Is4() {
		return fmt.Errorf("%s and %s are of different families", m.Source, m.Destination)
	}
	proto, known := m.Proto()
	if m.Protocol != "" && !known {
		return fmt.Errorf("there is no protocol %q", m.Protocol)
	}
	if (m.SrcPort != 0 || m.DstPort != 0) && proto != flow.ProtoTCP && proto != flow.ProtoUDP && proto != flow.ProtoSCTP {
		return fmt.Errorf("ports need a protocol that has them, not %q", m.Protocol)
	}
	if m.Flags != "" {
		if _, ok := m.FlagBits(); !ok || proto != flow.ProtoTCP {
			return fmt.Errorf("%q are no flags of a %q packet", m.Flags, m.Protocol)
		}
	}
	if r := m.PacketBytes; r != nil && r.From > r.To {
		return fmt.Errorf("packets of %d to %d bytes are none", r.From, r.To)
	}
	return nil
}

// Key is the match as one unambiguous text.
func (m *Match) Key() string {
	size := ""
	if m.PacketBytes != nil {
		size = fmt.Sprintf("%d-%d", m.PacketBytes.From, m.PacketBytes.To)
	}
	return fmt.Sprintf("%v>%v %s %d>%d %s %s %t", m.Source, m.Destination, m.Protocol, m.SrcPort, m.DstPort, m.Flags, size, m.Fragment)
}

// String says the match for people: "udp from port 53 to 203.0.113.7".
func (m *Match) String() string {
	var out []string
	add := func(parts ...string) { out = append(out, strings.Join(parts, "")) }
	if m.Protocol == "" {
		add("all traffic")
	} else {
		add(m.Protocol)
	}
	if m.Flags != "" {
		add("with flags ", m.Flags)
	}
	if m.Fragment {
		add("fragments")
	}
	if r := m.PacketBytes; r != nil {
		add("of ", strconv.Itoa(int(r.From)), " to ", strconv.Itoa(int(r.To)), " bytes")
	}
	if m.Source.IsValid() || m.SrcPort != 0 {
		add("from ", end(m.Source, m.SrcPort))
	}
	if m.Destination.IsValid() || m.DstPort != 0 {
		add("to ", end(m.Destination, m.DstPort))
	}
	return strings.Join(out, " ")
}

// end is one end of a match.
func end(p netip.Prefix, port uint16) string {
	switch {
	case !p.IsValid():
		return "port " + strconv.Itoa(int(port))
	case port == 0:
		return PrefixText(p)
	}
	return PrefixText(p) + " port " + strconv.Itoa(int(port))
}

// PrefixText writes a prefix of one address as the address.
func PrefixText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
