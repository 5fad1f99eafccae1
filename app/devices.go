// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"tidewatch/api"
	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/window"
)

// atOnce is how many devices are looked at before judging may go on: one to five
// milliseconds' work as measured, while a million of them would hold it up for a
// quarter of a second.
const atOnce = 16_384

// directory tells of the devices of a running engine.
type directory struct {
	engine    *Engine
	exporters *exporterNames
	zone      *time.Location
}

// Devices implements api.Devices.
func (d *directory) Devices(ctx context.Context, f *api.DeviceFilter) (*api.DevicePage, error) {
	c := &choice{filter: f, begun: f.Cursor == ""}
	if !c.begun {
		var err error
		if c.after, err = parseFound(f.Cursor); err != nil {
			return nil, &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: "the cursor is not one that this API returned"}
		}
	}
	e := d.engine
	c.who = func(a flow.Addr) string { return e.shards[0].who.Name(a, e.now) } // called under the mutex
	if f.Sort == "risk" {
		e.mu.Lock()
		c.risks = e.risks()
		e.mu.Unlock()
	}
	for _, s := range e.shards {
		for from := 0; from >= 0; {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			from = d.scan(s, from, c)
		}
		d.scanHabits(s, c)
	}
	out := &api.DevicePage{Devices: []api.Device{}}
	if len(c.kept) > f.Limit {
		c.kept = c.kept[:f.Limit]
		out.Next = c.kept[f.Limit-1].cursor()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	risks := e.risks()
	for _, k := range c.kept {
		if one, _, ok := d.tell(k.addr); ok {
			one.Risk = risks[k.addr]
			out.Devices = append(out.Devices, one)
		}
	}
	return out, nil
}

// scan offers some of a shard's devices and returns where to go on, -1 at the end.
func (d *directory) scan(s *shard, from int, c *choice) (next int) {
	d.engine.mu.Lock()
	defer d.engine.mu.Unlock()
	w := s.windows.Look()
	to := min(from+atOnce, w.Devices())
	for i := from; i < to; i++ {
		if dev, ok := w.Device(i); ok {
			bytes := uint64(0)
			if c.filter.Sort == "bytes" {
				five := dev.Five()
				bytes = five.Bytes[window.In] + five.Bytes[window.Out]
			}
			c.offer(dev.Addr(), dev.Touched(), bytes)
		}
	}
	if to < w.Devices() {
		return to
	}
	return -1
}

// scanHabits offers devices that were met by an earlier run and not by this one.
func (d *directory) scanHabits(s *shard, c *choice) {
	d.engine.mu.Lock()
	defer d.engine.mu.Unlock()
	w := s.windows.Look()
	for a, h := range s.habits.All() {
		if _, met := w.Find(a); !met {
			_, last := h.Seen()
			c.offer(a, last.Unix(), 0)
		}
	}
}

// tell is what is known of an address, and the shard that has it. The caller has
// the mutex.
func (d *directory) tell(addr netip.Addr) (out api.Device, s *shard, ok bool) {
	a := flow.AddrFrom(addr)
	s = d.engine.owner(a)
	out = api.Device{Address: addr, Name: s.who.Name(a, d.engine.now), Tier: window.Batch.String(), Role: baseline.UnknownRole.String()}
	dev, met := s.windows.Look().Find(a)
	if met {
		five := dev.Five()
		out.FirstSeen, out.LastSeen = time.Unix(dev.Since(), 0).UTC(), time.Unix(dev.Touched(), 0).UTC()
		out.Tier, out.Exporter = dev.Tier().String(), d.exporters.of(dev.Exporter())
		out.BytesIn, out.BytesOut = five.Bytes[window.In], five.Bytes[window.Out]
	}
	h := s.habits.Habits(a)
	if h == nil {
		return out, s, met
	}
	role, _ := h.Role()
	first, last := h.Seen()
	out.Role = role.String()
	if !met || first.Before(out.FirstSeen) {
		out.FirstSeen = first
	}
	if !met {
		out.LastSeen = last
	}
	return out, s, true
}

// owner is the shard that has an address.
func (e *Engine) owner(a flow.Addr) *shard {
	h := e.seed.Hash(&a)
	for _, s := range e.shards {
		if s.of == 1 || s.owns(h) {
			return s
		}
	}
	return e.shards[0]
}

// Device implements api.Devices.
func (d *directory) Device(_ context.Context, addr netip.Addr, field string) (*api.DeviceDetail, error) {
	d.engine.mu.Lock()
	defer d.engine.mu.Unlock()
	a := flow.AddrFrom(addr)
	one, s, ok := d.tell(addr)
	one.Risk = d.engine.risk(addr)
	out := &api.DeviceDetail{
		Device: one, Zone: nameOf(d.zone), Peers: []api.UsualPeer{}, Services: []api.UsualService{}, Hours: []int{},
	}
	if h := s.habits.Habits(a); h != nil {
		_, out.RoleReason = h.Role()
		hours := h.Hours()
		out.Hours = hours[:]
		d.usual(out, s, h, a)
	}
	p, learned := s.past.Profile(s.who.Key(a, d.engine.now), baseline.Field(field))
	if learned {
		p.Address = addr.String()
		out.Profile = &p
	}
	if !ok && !learned {
		return nil, &api.RefusedError{Status: http.StatusNotFound, Detail: fmt.Sprintf("nothing is known of %s", addr)}
	}
	return out, nil
}

// usual tells the peers and services that a device usually has. Of peers only a
// hash is kept: those of the running hour have an address.
func (d *directory) usual(out *api.DeviceDetail, s *shard, h *baseline.Habits, a flow.Addr) {
	now := map[uint32]netip.Addr{}
	if dev, met := s.windows.Look().Find(a); met {
		if c := dev.Contacts(); c != nil {
			for i := range c.Peers() {
				p := &c.Peers()[i]
				now[s.habits.PeerKey(p)] = p.Addr.Netip()
			}
		}
	}
	const share = 0.8 // mission B2: the peers that carry 80 % of bytes
	for _, u := range h.Peers(nil, share) {
		first, last := u.Days()
		out.Peers = append(out.Peers, api.UsualPeer{Address: now[u.Key], Bytes: float64(u.Bytes), First: first, Last: last})
	}
	for _, u := range h.Services(nil) {
		proto, port, offered := u.Service()
		first, last := u.Days()
		out.Services = append(out.Services, api.UsualService{
			Protocol: proto, Port: port, Offered: offered, Bytes: float64(u.Bytes), First: first, Last: last,
		})
	}
}
