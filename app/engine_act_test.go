// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/incident"
)

// siege is a flood on a host, or on all of its prefix, beside customers of the host.
type siege struct {
	e      *Engine
	sec    int64
	v6     bool
	carpet bool
	events []incident.Event
}

func besiege(t *testing.T, shards int, v6, carpet bool) *siege {
	t.Helper()
	cfg := testConfig("203.0.113.0/24", "2001:db8::/40")
	cfg.Shards = shards
	s := &siege{sec: 1_700_000_000 / 60 * 60, v6: v6, carpet: carpet}
	var err error
	if s.e, err = NewEngine(cfg, func(events []incident.Event) { s.events = append(s.events, events...) }); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *siege) host(i int) flow.Addr {
	if s.v6 {
		return flow.Addr{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 5: 7, 15: byte(i)}
	}
	return flow.AddrFrom4([4]byte{203, 0, 113, byte(i)})
}

func (s *siege) source(i int) flow.Addr {
	if s.v6 {
		return flow.Addr{0: 0x20, 1: 0x02, 4: byte(i >> 8), 5: byte(i), 15: 1}
	}
	return flow.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
}

// target is what the incident is about.
func (s *siege) target() netip.Prefix {
	switch {
	case s.carpet && s.v6:
		return netip.MustParsePrefix("2001:db8:7::/48")
	case s.carpet:
		return netip.MustParsePrefix("203.0.113.0/24")
	}
	a := s.host(9).Netip()
	return netip.PrefixFrom(a, a.BitLen())
}

// play lets some seconds pass, with customers and so many packets of each kind.
func (s *siege) play(seconds int, dns, syns uint64) {
	b := flow.NewBatch(1024)
	for range seconds {
		at := s.sec * 1e9
		add := func(r flow.Record) {
			r.Received, r.Start, r.End, r.Sampling = at+5e8, at, at+25e7, 1
			b.Append(&r)
		}
		for i := range 40 {
			r := flow.Record{Src: s.source(i), Dst: s.host(9), SrcPort: 40_000, DstPort: 443, Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, Packets: 20, Bytes: 8000}
			if i%4 == 0 { // and a few that use QUIC
				r.Proto, r.TCPFlags = flow.ProtoUDP, 0
			}
			add(r)
			r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
			add(r)
		}
		for i := range 500 {
			to := s.host(9)
			if s.carpet {
				to = s.host(i)
			}
			if dns > 0 {
				add(flow.Record{Src: s.source(5000 + i), Dst: to, SrcPort: 53, DstPort: 4444, Proto: flow.ProtoUDP, Packets: dns, Bytes: dns * 1400})
			}
			if syns > 0 {
				add(flow.Record{Src: s.source(9000 + i), Dst: to, SrcPort: 5000, DstPort: 443, Proto: flow.ProtoTCP, TCPFlags: flow.SYN, Packets: syns, Bytes: syns * 60})
			}
		}
		s.e.Process(b)
		b.Reset()
		s.sec++
		s.e.Advance(s.sec)
	}
}

// active are the incidents that go on.
func (s *siege) active() []incident.Incident {
	return slices.DeleteFunc(s.e.Incidents(), func(i incident.Incident) bool { return !i.State.Active() })
}

func (s *siege) under(t *testing.T) incident.Incident {
	t.Helper()
	for _, i := range s.active() {
		if p, err := i.Prefix(); err == nil && p == s.target() {
			return i
		}
	}
	t.Fatalf("no incident about %s", s.target())
	return incident.Incident{}
}

// What a rule hits is judged by what comes now: when the attack turns to something else
// the rule hits none of it within half a minute. What is usual stays what was before.
func TestCoverage(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		shards     int
		v6, carpet bool
		packets    uint64
	}{
		{"IPv4", 1, false, false, 100},
		{"IPv6, three shards", 3, true, false, 100},
		{"an IPv4 prefix, three shards", 3, false, true, 400},
		{"an IPv6 prefix", 1, true, true, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := besiege(t, tc.shards, tc.v6, tc.carpet)
			if _, ok := s.e.Coverage(s.target(), &detect.Match{}); ok {
				t.Error("something is known before the first flow")
			}
			s.play(150, 0, 0)
			s.play(40, tc.packets, 0)
			s.under(t)
			rule := decision.Match{Protocol: "udp", SrcPort: 53, Destination: s.target()}
			wide := decision.Match{Protocol: "udp", Destination: s.target()}
			other := decision.Match{Protocol: "tcp", Flags: "SYN", Destination: s.target()}
			cover := func(m *decision.Match) detect.Coverage {
				match := matchOf(m)
				c, ok := s.e.Coverage(s.target(), &match)
				if !ok || c.Covers == nil || !tc.carpet && c.Collateral == nil {
					t.Fatalf("%s: known %v, %+v", m, ok, c)
				}
				return c
			}
			if c := cover(&rule); *c.Covers < 0.9 || c.Collateral != nil && *c.Collateral > 0.05 {
				t.Errorf("%s covers %v, collateral %v", &rule, *c.Covers, c.Collateral)
			}
			if c := cover(&wide); *c.Covers < 0.9 || c.Collateral != nil && (*c.Collateral < 0.05 || *c.Collateral > 0.6) {
				t.Errorf("%s covers %v, collateral %v", &wide, *c.Covers, c.Collateral)
			}
			if c := cover(&other); *c.Covers != 0 {
				t.Errorf("%s covers %v", &other, *c.Covers)
			}
			s.play(30, 0, 10*tc.packets)
			if c := cover(&rule); *c.Covers > 0.05 || c.Collateral != nil && *c.Collateral > 0.05 {
				t.Errorf("after the turn %s covers %v, collateral %v", &rule, *c.Covers, c.Collateral)
			}
			if c := cover(&other); *c.Covers < 0.9 {
				t.Errorf("after the turn %s covers %v", &other, *c.Covers)
			}
		})
	}
}

// An action goes from the engine to its sink, keeps the incident open through silence, and
// keeps what was usual in memory although all that can be seen is what passes the rule.
func TestActOfEngine(t *testing.T) {
	t.Parallel()
	for _, v6 := range []bool{false, true} {
		s := besiege(t, 1, v6, false)
		s.play(150, 0, 0)
		s.play(10, 100, 0)
		id := s.under(t).ID
		action := &incident.Action{ID: "mit-1", Name: "flowspec_drop", State: incident.ActionActive, Target: s.target().String()}
		seen := len(s.events)
		inc, err := s.e.Act(id, action)
		if err != nil || inc.State != incident.Mitigated {
			t.Fatalf("%+v, %v", inc, err)
		}
		if len(s.events) != seen+1 || s.events[seen].Type != incident.ActedEvent || s.events[seen].Incident.State != incident.Mitigated {
			t.Errorf("the sink hears %d events", len(s.events)-seen)
		}
		clear(s.e.hurt)
		s.play(300, 0, 0)
		got, ok := s.e.Incident(id)
		if !ok || got.State != incident.Mitigated {
			t.Errorf("after five quiet minutes: %s, held %v", got.State, ok)
		}
		quic := detect.Match{Proto: flow.ProtoUDP, HasProto: true, SrcPort: 53}
		if c, ok := s.e.Coverage(s.target(), &quic); !ok || c.Collateral == nil || *c.Collateral > 0.05 {
			t.Errorf("what is usual: known %v, %+v", ok, c)
		}
		if from := s.e.owner(s.host(9)).windows.Host(s.host(9)).Unsuspected(s.sec); from > inc.Detected.Unix() {
			t.Errorf("what passes the rule counts as usual from %d s ago", s.sec-from)
		}
		if !s.e.hurtIn(s.host(9), s.sec/3600) {
			t.Error("its hours are learned")
		}
		action.State = incident.ActionWithdrawn
		if inc, err = s.e.Act(id, action); err != nil || inc.State != incident.Open {
			t.Errorf("%s, %v", inc.State, err)
		}
		s.play(60, 0, 0)
		s.play(10, 100, 0) // it comes back during the probe
		if now := s.under(t); now.ID != id || len(s.active()) != 1 {
			t.Errorf("it comes back as %s", now.ID)
		}
		s.play(150, 0, 0)
		if got, _ = s.e.Incident(id); got.State != incident.Resolved || len(s.active()) != 0 {
			t.Errorf("in the end it is %s", got.State)
		}
		if _, err := s.e.Act("inc-nobody", action); !errors.Is(err, incident.ErrNotFound) {
			t.Errorf("of nobody: %v", err)
		}
		if _, ok := s.e.Incident("inc-nobody"); ok {
			t.Error("nobody's incident is held")
		}
	}
}
