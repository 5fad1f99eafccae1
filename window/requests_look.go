// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// Asked is what was asked of a service in ten seconds, and usually.
type Asked struct {
	Begin    int64   // Unix second
	Requests float64 // in ten seconds
	Bytes    float64
	Sources  float64 // of all that the device received
	// Usual and UsualSources is what ten seconds had before: followed so slowly that
	// they double in an hour at most.
	Usual, UsualSources float64
}

// Web is what is asked of the device's web ports, nil when that is little.
func (h *Host) Web() *Requests { return h.web }

// DNS is what is asked of the device's name server, nil when that is little.
func (h *Host) DNS() *Requests { return h.dns }

const (
	namesUsual  = 10 // questions in ten seconds that only a name server gets for long
	namesAnswer = 20 // of so many questions it answers one, however busy
)

// NameServer reports whether a device is one, as far as the seconds from..to tell: it
// was asked before, or it answers. Anything else that is sent to port 53 of a device
// is no question.
func (h *Host) NameServer(from, to int64) bool {
	if h.dns == nil {
		return false
	}
	return h.dns.requests >= namesUsual || namesAnswer*h.Class(Out, flow.UDP, from, to).Packets >= h.Class(In, flow.UDP, from, to).Packets
}

// Tens is how many tens of seconds are kept: the running one and those before.
const Tens = requestTens

// Count is the cheap first look at how much was asked in the ten seconds in which a
// Unix second lies.
func (r *Requests) Count(at int64) uint64 {
	if t := r.at(at / 10); t != nil {
		return t.requests
	}
	return 0
}

// Asked tells of the ten seconds in which a Unix second lies.
func (r *Requests) Asked(at int64) Asked {
	a := Asked{Begin: at / 10 * 10, Usual: float64(r.requests), UsualSources: float64(r.sources)}
	t := r.at(at / 10)
	if t == nil {
		return a
	}
	sources, _ := r.host.Distinct(a.Begin, a.Begin+9)
	a.Requests, a.Bytes, a.Sources = float64(t.requests), float64(t.bytes), float64(sources)
	return a
}

// Heavy counts the sources with more than a number of requests in those ten seconds,
// and their requests. Those that were so for six hours of the last days are left
// out: a proxy, a delivery network, a gateway of many users. Sources are told apart
// by 1 024 counters, so of more than a few hundred heavy ones nothing is told.
func (r *Requests) Heavy(at int64, more float64) (sources, requests float64) {
	t := r.at(at / 10)
	if t == nil {
		return 0, 0
	}
	common := t.common()
	for i, x := range &t.rows {
		if v := float64(x); v > common+more && r.heavy[i] < heavyHours {
			sources, requests = sources+1, requests+v-common/2
		}
	}
	return sources, requests
}

// Similar is the share of what is asked beyond the usual (d In), or of what is
// answered (Out), that lies in one class of sizes and the next: within two fifths of
// each other. It is 0 when nothing is beyond the usual, or not to be seen.
func (r *Requests) Similar(at int64, d Direction) float64 {
	t := r.at(at / 10)
	if t == nil {
		return 0
	}
	var all, sum, before, most float64
	for i, n := range &t.sizes[d] {
		x := max(0, float64(n)-float64(r.sizes[d][i]))
		all, sum, most, before = all+float64(n), sum+x, max(most, before+x), x
	}
	// What is usual of each size may add up to more than is usual of all: a size seldom
	// asked for has a floor of its own.
	sum = max(sum, all-float64(r.requests))
	if sum == 0 {
		return 0
	}
	return most / sum
}
