// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"

	"tidewatch/flow"
)

// transfers are uploads of one device on many days: so many bytes a day, in so many
// connections spread over some hours of it.
type transfers struct {
	from, to int64 // Unix seconds
	client   flow.Addr
	server   func(day, k int64) flow.Addr
	port     uint16
	hours    [2]int64 // local: from and to
	n        int64    // connections a day
	bytes    float64  // a day
	spread   float64  // between days, standard deviation of the logarithm
	weekends bool
	lasts    int64 // seconds of a connection at most; 0: as long as its share of the hours
	cif      uint32
}

func (t *transfers) reach() int64 { return t.length() + overhead }

func (t *transfers) slot() int64 { return (t.hours[1] - t.hours[0]) * 3600 / t.n }

// length is how long a connection lasts.
func (t *transfers) length() int64 {
	if t.lasts > 0 {
		return min(t.slot(), t.lasts)
	}
	return t.slot()
}

func (t *transfers) second(g *generator, sec int64) {
	if sec < t.from || sec >= t.to {
		return
	}
	day, weekday, _ := g.local(sec)
	if !t.weekends && (weekday == 0 || weekday == 6) {
		return
	}
	slot := t.slot()
	since := sec + g.offset - day*86400 - t.hours[0]*3600
	k := since / slot
	if since < 0 || k >= t.n {
		return
	}
	h := mix(g.net.seed^uint64(t.client[15])<<20^uint64(t.port), uint64(day)<<16|uint64(k))
	lasts := t.length()
	room := max(1, slot-lasts)
	if since%slot != int64(h%uint64(room)) {
		return
	}
	share := 1.0
	if t.n > 1 {
		share = 0.5 + unit(mix(h, 3)) // connections differ, the day's sum little
	}
	noise := math.Exp(t.spread * normalOf(mix(g.net.seed^uint64(t.client[15])<<20, uint64(day))))
	bytes := uint64(t.bytes * noise * share / float64(t.n))
	q := session{
		start: sec*1e9 + 5e6, duration: max(1, lasts-1) * 1e9, client: t.client, cport: g.port(), cif: t.cif,
		server: t.server(day, k), sport: t.port, sif: ifInternet,
	}
	q.tcp(bytes, 2000+bytes/2000)
	g.emit(&q)
}

// one is a server that is always the same.
func one(a flow.Addr) func(int64, int64) flow.Addr {
	return func(int64, int64) flow.Addr { return a }
}

// among draws a server of n neighbours in one network (/24, /48) for each connection.
func among(first flow.Addr, n uint64) func(int64, int64) flow.Addr {
	return func(day, k int64) flow.Addr {
		a := first
		a[15] = byte(1 + mix(uint64(day), uint64(k))%n)
		return a
	}
}
