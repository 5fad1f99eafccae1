// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"

	"tidewatch/incident"
)

// risks is the highest score of the open incidents about each device that has one. The
// caller has the mutex.
func (e *Engine) risks() map[netip.Addr]float64 {
	out := map[netip.Addr]float64{}
	note := func(i *incident.Incident) bool {
		if a, err := netip.ParseAddr(i.Subject); err == nil {
			out[a] = max(out[a], i.Score)
		}
		return false // none is copied
	}
	for range e.book.Ongoing(note) {
	}
	return out
}

// risk is that of one device. The caller has the mutex.
func (e *Engine) risk(a netip.Addr) (score float64) {
	text := a.String()
	note := func(i *incident.Incident) bool {
		if i.Subject == text {
			score = max(score, i.Score)
		}
		return false
	}
	for range e.book.Ongoing(note) {
	}
	return score
}

// rankOf makes a risk an order of whole numbers.
func rankOf(risk float64) uint64 { return uint64(max(risk, 0) * 1e9) }
