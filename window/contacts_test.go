// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math/rand/v2"
	"testing"

	"tidewatch/flow"
)

// session is a flow of the device 10.0.0.1 as client.
func session(peer string, port uint16, packets, bytes uint64) flow.Record {
	return flow.Record{
		Received: t0 * 1e9, Start: t0 * 1e9, End: t0 * 1e9, Src: addr("10.0.0.1"), Dst: addr(peer),
		SrcPort: 50_000, DstPort: port, Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH,
		Packets: packets, Bytes: bytes, Sampling: 1, Mark: flow.SrcInternal,
	}
}

func contactsOf(tr *Tracker, recs ...flow.Record) *Contacts {
	b := flow.NewBatch(len(recs))
	for i := range recs {
		b.Append(&recs[i])
	}
	tr.Add(b, 0, b.Len(), nil)
	d, _ := tr.Tick().Device(0)
	return d.Contacts()
}

// What is to be noted as what.
func TestContactKinds(t *testing.T) {
	const big = 10_000_000
	turned := func(r flow.Record) flow.Record { // the other direction
		r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
		r.Mark = flow.DstInternal
		return r
	}
	with := func(r flow.Record, f func(r *flow.Record)) flow.Record { f(&r); return r }
	web := session("192.0.2.1", 443, 100, big)
	for name, tc := range map[string]struct {
		r       flow.Record
		tie     Tie
		service uint32
		none    bool
	}{
		"a request":            {r: web, tie: Outside, service: 6<<16 | 443},
		"its answer":           {r: turned(web), tie: Outside, service: 6<<16 | 443},
		"an own service":       {r: with(web, func(r *flow.Record) { r.SrcPort, r.DstPort = 25, 40_000 }), tie: Outside | Served, service: 6<<16 | 25},
		"inside":               {r: with(web, func(r *flow.Record) { r.Mark |= flow.DstInternal }), tie: 0, service: 6<<16 | 443},
		"IPv6":                 {r: session("2001:db8::1", 443, 100, big), tie: Outside, service: 6<<16 | 443},
		"equal ports":          {r: with(web, func(r *flow.Record) { r.SrcPort, r.DstPort = 4500, 4500 }), tie: Outside | Mutual, service: 6<<16 | 4500},
		"both for the moment":  {r: with(web, func(r *flow.Record) { r.SrcPort, r.DstPort = 50_001, 60_000 }), tie: Outside, service: 6<<16 | DynamicPort},
		"no ports":             {r: with(web, func(r *flow.Record) { r.Proto = flow.ProtoGRE }), tie: Outside | Mutual, service: flow.ProtoGRE << 16},
		"never answered":       {r: with(web, func(r *flow.Record) { r.TCPFlags = flow.SYN }), none: true},
		"refused":              {r: with(web, func(r *flow.Record) { r.Packets = 2 }), none: true},
		"multicast":            {r: with(web, func(r *flow.Record) { r.Dst, r.Proto = addr("239.1.1.1"), flow.ProtoUDP }), none: true},
		"datagrams at a port":  {r: with(turned(web), func(r *flow.Record) { r.Proto, r.DstPort, r.SrcPort = flow.ProtoUDP, 53, 40_000 }), none: true},
		"a port that answers":  {r: with(web, func(r *flow.Record) { r.Proto, r.SrcPort, r.DstPort = flow.ProtoUDP, 53, 40_000 }), tie: Outside | Served, service: 17<<16 | 53},
		"less than one grain ": {r: session("192.0.2.1", 443, 10, 1), none: true},
	} {
		c := contactsOf(newTracker(t, nil), tc.r)
		switch {
		case tc.none:
			if c != nil && len(c.Peers()) > 0 {
				t.Errorf("%s: noted %+v", name, c.Peers())
			}
		case c == nil || len(c.Peers()) != 1 || len(c.Services()) != 1:
			t.Errorf("%s: not noted once: %+v", name, c)
		default:
			p, s := &c.Peers()[0], &c.Services()[0]
			if p.Tie != tc.tie || s.Key != tc.service || s.Tie != tc.tie&Served {
				t.Errorf("%s: tie %d, service %d/%d", name, p.Tie, s.Key>>16, s.Key&0xffff)
			}
			if b := p.Bytes(); b < big-grainFirst || b > big+grainFirst {
				t.Errorf("%s: %d bytes", name, b)
			}
		}
	}
}

// The sample is true to the bytes: of the whole within a percent, and of each
// peer that carries a twentieth within a third or so, though few flows are noted.
func TestContactsAreTrueToBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tr := newTracker(t, nil)
	var c *Contacts
	truth, sum := map[flow.Addr]uint64{}, uint64(0)
	for range 100 {
		var recs []flow.Record
		for range 500 {
			k := byte(min(r.IntN(20), r.IntN(20)))
			x := session("192.0.2.1", 443, 10, uint64(500+r.IntN(30_000)))
			x.Dst[15] = k
			truth[x.Dst] += x.Bytes
			sum += x.Bytes
			recs = append(recs, x)
		}
		c = contactsOf(tr, recs...)
		tr.Next(tr.Now() + 1)
	}
	if d := float64(c.Sent)/float64(sum) - 1; d < -0.01 || d > 0.01 {
		t.Errorf("%d bytes noted of %d", c.Sent, sum)
	}
	for _, p := range c.Peers() {
		if want := truth[p.Addr]; want > sum/20 && (p.Sent < want*2/3 || p.Sent > want*3/2) {
			t.Errorf("%v: %d bytes, sent were %d", p.Addr, p.Sent, want)
		}
	}
	if notes := int(c.notes[0]) + grainNotes*10; notes > 3000 {
		t.Errorf("%d notes of 50000 flows", notes)
	}
}

// Contacts are those of the hour: they begin anew when one closed, and a device
// that met nobody gives its record back.
func TestContactsOfTheHour(t *testing.T) {
	tr := newTracker(t, nil)
	x := session("192.0.2.1", 443, 100, 1e6)
	x.Received, x.Start, x.End = (t0+600)*1e9, (t0+600)*1e9, (t0+600)*1e9
	closed := 0
	feed(tr, t0+3*3600, func(w *Window) {
		if !w.Hour || w.Closed < t0/3600 {
			return
		}
		closed++
		d, _ := w.Device(0)
		if c := d.Contacts(); (c != nil && len(c.Peers()) == 1) != (closed == 1) {
			t.Errorf("hour %d: %v", closed, c != nil)
		}
	}, x)
	if closed != 2 || len(tr.metFree) != 1 {
		t.Errorf("%d hours closed, %d records free", closed, len(tr.metFree))
	}
}

// The records are bounded; who finds none is counted and asks seldom.
func TestContactBounds(t *testing.T) {
	tr := newTracker(t, func(c *Config) { c.MaxContacts, c.MaxDevices = 10, 50 })
	for i := range 1000 {
		var recs []flow.Record
		for k := range 100 {
			x := session("192.0.2.1", 443, 100, 1e6)
			x.Src[14], x.Src[15], x.Dst[14] = byte(k), byte(i), byte(k)
			recs = append(recs, x)
		}
		contactsOf(tr, recs...)
		tr.Next(tr.Now() + 1)
	}
	if len(tr.contacts) > 10 {
		t.Errorf("%d records", len(tr.contacts))
	}
	if tr.Losses().ContactsRefused == 0 {
		t.Error("no refusal was counted")
	}
}

// Who many ask is common; what one device alone asks, ever so often, is not.
func TestCommon(t *testing.T) {
	tr := newTracker(t, nil)
	var recs []flow.Record
	for k := range 20 {
		x := session("192.0.2.1", 443, 100, 1e6)
		x.Src[15] = byte(k + 1)
		recs = append(recs, x, session("192.0.2.2", 443, 100, 1e6))
	}
	contactsOf(tr, recs...)
	if w := &tr.win; w.Common(addr("192.0.2.1")) < 15 || w.Common(addr("192.0.2.2")) != 1 || w.Common(addr("192.0.2.3")) != 0 {
		t.Errorf("common: %d, %d, %d", w.Common(addr("192.0.2.1")), w.Common(addr("192.0.2.2")), w.Common(addr("192.0.2.3")))
	}
}
