// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"tidewatch/flow"
	"tidewatch/incident"
)

// japan writes a database by which the networks lie in Japan and belong to AS 64500.
func japan(t *testing.T, networks ...string) string {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range networks {
		_, n, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		record := mmdbtype.Map{
			"country": mmdbtype.Map{"iso_code": mmdbtype.String("JP")}, "autonomous_system_number": mmdbtype.Uint32(64500),
		}
		if err := w.Insert(n, record); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "test.mmdb")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// floodedShop is a web server with some customers that is flooded after four minutes.
type floodedShop struct {
	v6       bool
	sampling uint32
	udp      int64 // for so many seconds before, with UDP; the SYNs are then as many as the datagrams
}

func (s floodedShop) peer(family byte, i int) flow.Addr {
	if s.v6 {
		return flow.Addr{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 4: family, 5: byte(i), 6: byte(i >> 8), 15: 1}
	}
	return flow.AddrFrom4([4]byte{198, family, byte(i), byte(i >> 8)})
}

const shopStart = 1_700_000_040 / 60 * 60

// play returns the incident of the flood.
func (s floodedShop) play(t *testing.T) *incident.Incident {
	t.Helper()
	cfg := testConfig()
	cfg.Enrich.Geo = []string{japan(t, "198.18.0.0/15", "2001:db8:1200::/39")}
	cfg.Enrich.Exporter = func(uint32) netip.Addr { return netip.MustParseAddr("192.0.2.1") }
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	const start = shopStart
	server := flow.AddrFrom(netip.MustParseAddr("10.0.0.1"))
	if s.v6 {
		server = flow.AddrFrom(netip.MustParseAddr("fd00::1"))
	}
	syns := uint64(2)
	if s.udp > 0 {
		syns = 20
	}
	for sec := int64(start); sec < start+270; sec++ {
		b := flow.NewBatch(1024)
		add := func(r flow.Record) {
			r.Received, r.Start, r.End, r.Proto, r.Sampling = sec*1e9, sec*1e9, sec*1e9, cmp.Or(r.Proto, flow.ProtoTCP), s.sampling
			b.Append(&r)
		}
		for i := range 60 {
			customer := flow.Record{
				Src: s.peer(18, i), Dst: server, SrcPort: uint16(20_000 + sec%1000 + int64(i)), DstPort: 443,
				TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, Packets: 8, Bytes: uint64(700 + 90*i),
			}
			add(customer)
			customer.Src, customer.Dst, customer.SrcPort, customer.DstPort = customer.Dst, customer.Src, customer.DstPort, customer.SrcPort
			add(customer)
		}
		for i := range 500 {
			if sec >= start+240 {
				add(flow.Record{Src: s.peer(19, i), Dst: server, SrcPort: uint16(1024 + i), DstPort: 443, TCPFlags: flow.SYN, Packets: syns, Bytes: 44 * syns})
			}
		}
		for i := range 300 {
			if sec >= start+240-s.udp && sec < start+240 {
				add(flow.Record{Src: s.peer(19, i), Dst: server, SrcPort: uint16(1024 + i), DstPort: 443, Proto: flow.ProtoUDP, Packets: 40, Bytes: 20_000})
			}
		}
		e.Process(b)
	}
	e.Advance(start + 271)
	got := e.Incidents()
	got = slices.DeleteFunc(got, func(i incident.Incident) bool { return i.Kind != "ddos" })
	if len(got) != 1 || got[0].Vector != "syn_flood" {
		t.Fatalf("%d floods: %+v", len(got), got)
	}
	return &got[0]
}

func indicators(i *incident.Incident) map[string]float64 {
	out := map[string]float64{}
	for _, n := range i.Indicators {
		out[n.Name] = n.Observed
	}
	return out
}

// A flooded shop: the operator reads what it is and why, sees flows of it, and gets a
// filter that spares the customers.
func TestWhatAnOperatorNeeds(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		i := floodedShop{v6: v6, sampling: 1}.play(t)
		n := indicators(i)
		if n["new_sources"] < 0.95 || n["incomplete_connections"] < 0.8 || n["flow_similarity"] != 1 || n["source_dispersion"] < 0.8 {
			t.Errorf("v6 %v: indicators %v", v6, n)
		}
		a := i.Assessment
		if a == nil || a.By != "rules" || a.Verdict != incident.Threat || a.Likelihood > 0.1 || a.Botnet == nil || !*a.Botnet ||
			a.AttackerBs < 8*500*88*0.8 || a.AttackerBs > 8*500*88*1.5 || !slices.Equal(a.Techniques, []string{"T1499.001"}) {
			t.Errorf("v6 %v: assessment %+v", v6, a)
		}
		f := i.Filter
		if f == nil || f.Protocol != "tcp" || f.Flags != "SYN" || f.Covers != 1 || f.Collateral == nil || *f.Collateral != 0 || f.Text == "" {
			t.Errorf("v6 %v: filter %+v", v6, f)
		}
		if len(i.Evidence) != 20 {
			t.Errorf("v6 %v: %d flows of evidence", v6, len(i.Evidence))
		}
		for _, e := range i.Evidence {
			if e.Flags != "......S." || e.DstPort != 443 || e.Dest != i.Subject || e.Exporter != "192.0.2.1" || e.Time.Before(i.Started.Add(-time.Second)) {
				t.Errorf("v6 %v: evidence %+v", v6, e)
			}
		}
		if c := i.Top.Countries; len(c) != 1 || c[0].Key != "JP" || c[0].Share <= 0 || len(i.Top.ASNs) != 1 || i.Top.ASNs[0].Key != "AS64500" {
			t.Errorf("v6 %v: countries %+v, ASNs %+v, sources %+v", v6, c, i.Top.ASNs, i.Top.Sources)
		}
	}
}

// A shop is flooded with UDP, then with SYNs. What is usual there are its customers, and
// not the UDP: a filter that drops all TCP would do harm.
func TestWhatASecondVectorIsComparedWith(t *testing.T) {
	for _, udp := range []int64{50, 100} {
		for _, v6 := range []bool{false, true} {
			i := floodedShop{v6, 1, udp}.play(t)
			f := i.Filter
			if f == nil || f.Protocol != "tcp" || f.Flags != "SYN" || f.Collateral == nil || *f.Collateral != 0 {
				t.Errorf("%d s of UDP, v6 %v: filter %+v", udp, v6, f)
			}
			at := slices.IndexFunc(i.Indicators, func(n incident.Indicator) bool { return n.Name == "response_ratio" })
			if at < 0 || i.Indicators[at].Expected < 0.9 {
				t.Errorf("%d s of UDP, v6 %v: no answer is usual: %+v", udp, v6, i.Indicators)
			}
			if bits, want := i.Assessment.AttackerBs, 8.0*(300*20_000+500*880); bits < 0.9*want || bits > 1.1*want {
				t.Errorf("%d s of UDP, v6 %v: the attacker needs %.0f bits/s, not %.0f: %+v", udp, v6, bits, want, i.Peaks)
			}
			at = slices.IndexFunc(i.Timeline, func(l incident.Entry) bool { return l.Text == "of several vectors only SYN flood goes on" })
			if at < 0 || i.Timeline[at].At.Unix() > shopStart+240+17 {
				t.Errorf("%d s of UDP, v6 %v: not named in time: %+v", udp, v6, i.Timeline)
			}
			for _, e := range i.Evidence {
				if e.Protocol != "tcp" {
					t.Errorf("%d s of UDP, v6 %v: evidence %+v", udp, v6, e)
				}
			}
		}
	}
}

// Under sampling nobody knows how many sources and connections there were: what is
// told of them is left out, and the flows and the filter are still there.
func TestWhatSamplingHides(t *testing.T) {
	i := floodedShop{sampling: 100}.play(t)
	n := indicators(i)
	for _, name := range []string{"new_sources", "source_dispersion", "asn_dispersion", "flow_similarity", "flows_per_source", "incomplete_connections"} {
		if _, told := n[name]; told {
			t.Errorf("%s is told under sampling", name)
		}
	}
	if i.Assessment.Botnet != nil || i.Filter == nil || i.Filter.Flags != "SYN" || len(i.Evidence) != 20 {
		t.Errorf("assessment %+v, filter %+v, %d flows", i.Assessment, i.Filter, len(i.Evidence))
	}
}

// A configuration whose database cannot be read starts nothing and says which.
func TestMissingDatabase(t *testing.T) {
	cfg := testConfig()
	cfg.Enrich.Geo = []string{"/nowhere/country.mmdb"}
	if _, err := NewEngine(cfg, nil); err == nil || err.Error() != "networks.geo: stat /nowhere/country.mmdb: no such file or directory" {
		t.Errorf("error %v", err)
	}
}
