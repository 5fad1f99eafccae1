// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Coverage tells how much of an attack as it is now a rule for an own device or prefix
// hits, and how much of what is usual. A rule whose source is the device is judged by what
// the device sends out. ok is false when the device or prefix is not followed, so that
// nothing is known; a share that is not known is nil.
func (e *Engine) Coverage(target netip.Prefix, m *detect.Match) (c detect.Coverage, ok bool) {
	target = target.Masked()
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case !target.IsValid():
	case !target.IsSingleIP():
		for _, s := range e.shards {
			if x := s.windows.Followed(target); x != nil {
				return detect.Cover(&x.Host, e.now, m), true
			}
		}
	case m.Source == target:
		a := flow.AddrFrom(target.Addr())
		return e.owner(a).outward(a, e.now, m)
	default:
		a := flow.AddrFrom(target.Addr())
		if h := e.owner(a).windows.Host(a); h != nil {
			return detect.Cover(h, e.now, m), true
		}
	}
	return c, false
}

const (
	// sentNotes is how many notes of the hour's contacts a share is told of: below it the
	// standard error is over an eighth.
	sentNotes = 16
	// habitDays is from how many days on a device's habits say what is usual: a week has
	// each day once.
	habitDays = 7
)

// outward judges a rule by what a device sends to outside since the hour that closed
// last, and by its habits. Only the addresses of the rule are looked at: of ports nothing
// is known by destination, so that the true shares are at most these.
func (s *shard) outward(a flow.Addr, now int64, m *detect.Match) (c detect.Coverage, ok bool) {
	contacts := s.windows.Contacts(a)
	if contacts != nil {
		var hit, sent uint64
		for i := range contacts.Peers() {
			p := &contacts.Peers()[i]
			if p.Tie&window.Outside == 0 {
				continue
			}
			sent += p.Sent
			if m.Dest.IsValid() && m.Dest.Contains(p.Addr.Netip()) || !m.Dest.IsValid() {
				hit += p.Sent
			}
		}
		if n := sent / contacts.Grain(); n >= sentNotes {
			c.Samples = int(n)
			c.Covers, c.CoversError = detect.ShareOf(float64(hit), float64(sent), float64(n))
		}
	}
	h := s.habits.Habits(a)
	if h == nil || !h.Learned(now/3600, habitDays) {
		return c, contacts != nil
	}
	c.Collateral = s.usually(h, m)
	return c, true
}

// usually is the share of a device's usual traffic with its peers that a rule hits; nil
// when it cannot be told, as of a network.
func (s *shard) usually(h *baseline.Habits, m *detect.Match) *float64 {
	share := 0.0
	switch {
	case !m.Dest.IsValid():
		share = 1
	case !m.Dest.IsSingleIP():
		return nil
	default:
		key := s.habits.PeerKey(&window.Peer{Addr: flow.AddrFrom(m.Dest.Addr())})
		if !h.KnowsPeer(key) {
			break
		}
		var usual, all float64
		for _, p := range h.Peers(nil, 1) {
			all += float64(p.Bytes)
			if p.Key == key {
				usual = float64(p.Bytes)
			}
		}
		if usual == 0 {
			return nil // met, and not among those of which the volume is kept
		}
		share = usual / all
	}
	return &share
}

// Prevalence is about how many own devices talk to an address outside, as far as was seen
// since the start; devices that take turns for days count more than once, so that it is
// rather too high. known is false when it says nothing: see window.Tracker.Prevalence.
func (e *Engine) Prevalence(addr netip.Addr) (devices int, known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	known = true
	for _, s := range e.shards {
		n, told := s.windows.Prevalence(flow.AddrFrom(addr))
		devices += n
		known = known && told
	}
	return devices, known || devices > 0
}
