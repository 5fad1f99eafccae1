// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidewatch/decision"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// TestRefused lists what is never written to the kernel, whoever asks for it.
func TestRefused(t *testing.T) {
	t.Parallel()
	from := func(s string) decision.Decision {
		return decision.Decision{ID: "d", Action: decision.Block, Match: decision.Match{Source: prefix(s)}}
	}
	to := func(s string) decision.Decision {
		return decision.Decision{ID: "d", Action: decision.Quarantine, Target: prefix(s)}
	}
	limit := func(rate uint64) decision.Decision {
		return decision.Decision{ID: "d", Action: decision.RateLimit, Rate: rate, Match: decision.Match{Destination: prefix("192.0.2.1/32")}}
	}
	noID, hole := from("192.0.2.1/32"), from("192.0.2.1/32")
	noID.ID, hole.Action = "", decision.Blackhole
	both := from("192.0.2.0/24")
	both.Match.Destination = prefix("2001:db8::/32")
	port := from("192.0.2.0/24")
	port.Match.DstPort = 53
	for name, d := range map[string]decision.Decision{
		"is never touched":          from("127.0.0.1/32"),
		"and ::1 lies in it":        from("::1/128"),
		"and ::/1 lies in it":       from("::/1"),
		"127.0.0.0/8 is never":      to("64.0.0.0/2"),
		"224.0.0.0/4 is never":      to("224.0.0.251/32"),
		"ff00::/8 is never":         to("ff02::1/128"),
		"fe80::/10 is never":        to("fe80::1/128"),
		"169.254.0.0/16 is never":   from("169.254.169.254/32"),
		"255.255.255.255/32":        to("255.255.255.255/32"),
		"0.0.0.0/0 is everybody":    from("0.0.0.0/0"),
		"::/0 is everybody":         to("::/0"),
		"no prefix":                 {ID: "d", Action: decision.Quarantine, Target: netip.MustParsePrefix("192.0.2.1/24")},
		"invalid Prefix":            {ID: "d", Action: decision.Quarantine},
		"that a packet can have":    from("::ffff:192.0.2.1/128"),
		"needs a source or a dest":  {ID: "d", Action: decision.Block, Match: decision.Match{Protocol: "udp", SrcPort: 53}},
		"different families":        both,
		"ports need a protocol":     port,
		"not 0":                     limit(0),
		"not 20000000000":           limit(20_000_000_000),
		"nftables cannot blackhole": hole,
		"an id of 0 characters":     noID,
	} {
		a, err := New(&Config{Table: "t", Hook: "forward", MaxElements: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Can(&d); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is answered with %v, want %q", d.Key(), err, name)
		}
		if err := a.Apply(t.Context(), &d); err == nil {
			t.Errorf("%s was applied", d.Key())
		}
	}
}

// drawn is any match that the package takes.
func drawn(t *rapid.T, label string) decision.Match {
	addr := func(label string) netip.Prefix {
		bits := rapid.SampledFrom([]int{0, 24, 31, 32}).Draw(t, label+" bits")
		if bits == 0 {
			return netip.Prefix{}
		}
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 3).Draw(t, label))}), bits).Masked()
	}
	m := decision.Match{Source: addr(label + " source"), Destination: addr(label + " destination")}
	m.Protocol = rapid.SampledFrom([]string{"", "tcp", "udp", "icmp"}).Draw(t, label+" protocol")
	if m.Protocol == "tcp" || m.Protocol == "udp" {
		m.SrcPort = uint16(rapid.IntRange(0, 2).Draw(t, label+" sport"))
		m.DstPort = uint16(rapid.IntRange(0, 2).Draw(t, label+" dport"))
	}
	if m.Protocol == "tcp" {
		m.Flags = rapid.SampledFrom([]string{"", "none", "SYN", "SYN+ACK"}).Draw(t, label+" flags")
	}
	if rapid.Bool().Draw(t, label+" sized") {
		m.PacketBytes = &decision.Range{From: 40, To: uint16(40 + rapid.IntRange(0, 1).Draw(t, label+" to"))}
	}
	m.Fragment = rapid.Bool().Draw(t, label+" fragment")
	return m
}

// TestOnePlaceAMatch shows that two decisions share an element only when they are the
// same rule: else taking one back would end the other.
func TestOnePlaceAMatch(t *testing.T) {
	t.Parallel()
	actions := []decision.Action{decision.Block, decision.RateLimit, decision.Quarantine}
	rapid.Check(t, func(t *rapid.T) {
		one := decision.Decision{Target: prefix("10.0.0.1/32"), Match: drawn(t, "first"), Action: rapid.SampledFrom(actions).Draw(t, "first action")}
		two, other := one, drawn(t, "second")
		switch rapid.IntRange(0, 5).Draw(t, "what differs") {
		case 0:
			two.Match.Source = other.Source
		case 1:
			two.Match.Destination = other.Destination
		case 2:
			two.Match.Protocol, two.Match.Flags, two.Match.SrcPort, two.Match.DstPort = other.Protocol, other.Flags, other.SrcPort, other.DstPort
		case 3:
			two.Match.PacketBytes = other.PacketBytes
		case 4:
			two.Match.Fragment = other.Fragment
		case 5:
			two.Action = rapid.SampledFrom(actions).Draw(t, "second action")
		}
		at := func(d decision.Decision) (string, place) {
			if d.Action == decision.Quarantine {
				d.Match = decision.Match{} // takes all
			} else if checkMatch(&d.Match) != nil {
				t.Skip("no rule")
			}
			s, key := placeOf(&d)
			return d.Key(), place{s.name(), string(key)}
		}
		key1, place1 := at(one)
		key2, place2 := at(two)
		if (key1 == key2) != (place1 == place2) {
			t.Errorf("%s and %s stand at %q and %q", key1, key2, place1, place2)
		}
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := DefaultConfig()
	if err := good.Validate(); err != nil || good.Enabled {
		t.Errorf("the default is on, or wrong: %v", err)
	}
	for want, change := range map[string]func(c *Config){
		"table must be":            func(c *Config) { c.Table = "a b" },
		"hook must be":             func(c *Config) { c.Hook = "input" },
		"priority must be":         func(c *Config) { c.Priority = 100_000 },
		"max_elements must be":     func(c *Config) { c.MaxElements = 0 },
		"is not a network":         func(c *Config) { c.Management = []netip.Prefix{prefix("10.0.0.1/8")} },
		"a network of everybody":   func(c *Config) { c.Management = []netip.Prefix{prefix("0.0.0.0/0")} },
		"management: invalid Pref": func(c *Config) { c.Management = []netip.Prefix{{}} },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
		if _, err := New(&c, nil); err == nil {
			t.Errorf("New takes %+v", c)
		}
	}
}
