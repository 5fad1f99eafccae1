// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"math/bits"

	"tidewatch/flow"
)

const (
	accountDays   = 7  // days kept one by one
	blockDays     = 10 // days summed in a block
	accountBlocks = 18 // blocks kept: half a year
	fedBytes      = 256_000
)

// Account is what one device gave to one destination, or to one network of them: by
// day for a week, by ten days for half a year. It is fed bytes once an hour.
//
// Sums of up to a week are exact to the day, but for the rounding of closed days and
// blocks to eleven bits (0.05 %). Longer ones are those of whole blocks, so up to
// nine days more are in them.
type Account struct {
	Key     flow.Addr // an address, or the first of a network
	Service uint32    // proto<<16|port of the newest bytes

	first, last uint16 // site days since 1970: since when it is in the list, and the newest with bytes
	fed         uint16 // days on which it got 256 KB and more
	since       uint16 // active days of the device before it came
	hour        uint32 // Unix hour of the newest bytes
	latest      float32
	today       float32
	block       float32 // closed days of the open block
	weight      float32 // what its list is ordered by: its bytes, halved every 30 days, and over
	over        float32 // how much of weight, at most, others had before it took their place
	excess      float32 // the sequential test, see DeviceLedger.turn
	rise        rise    // the same against its own past
	days        [accountDays]uint16
	blocks      [accountBlocks]uint16
}

// pack rounds bytes to eleven bits and an exponent, in units of 1 KB.
func pack(bytes float32) uint16 {
	v := uint64(max(bytes, 0)/1000 + 0.5)
	if e := bits.Len64(v) - 11; e > 0 {
		v = (v + 1<<(e-1)) >> e
		if v == 1<<11 {
			v, e = v/2, e+1
		}
		return uint16(min(e, 31))<<11 | uint16(v&(1<<11-1))
	}
	return uint16(v)
}

// unpack returns bytes. An exponent of 0 is none.
func unpack(p uint16) float32 { return float32(uint64(p&(1<<11-1))<<(p>>11)) * 1000 }

// add books what was given in an hour of the open day.
func (a *Account) add(bytes float32, day uint16, hour, service uint32) {
	if a.hour != hour {
		a.hour, a.latest = hour, 0
	}
	a.latest += bytes
	a.today += bytes
	a.weight += bytes
	a.last, a.Service = day, service
}

// close ends the device's day and begins another, gone days later.
func (a *Account) close(day uint16, gone int) {
	if a.today >= fedBytes {
		a.fed += 1 - a.fed/math.MaxUint16
	}
	at := int(day)
	a.days[at%accountDays] = pack(a.today)
	a.block += a.today
	a.today = 0
	for i := range min(gone, blockDays*(accountBlocks+1)) {
		d := at + i + 1
		if d%blockDays == 0 {
			a.blocks[(d/blockDays-1)%accountBlocks] = pack(a.block)
			a.block = 0
		}
		if i+1 < gone {
			a.days[d%accountDays] = 0
		}
	}
	a.days[(at+gone)%accountDays] = 0
	a.weight *= float32(math.Pow(keepDay, float64(gone)))
	a.over *= float32(math.Pow(keepDay, float64(gone)))
}

// Sum is how many bytes the account got in so many days up to the open one, day.
func (a *Account) Sum(day uint16, days int) float64 {
	sum := float64(a.today)
	if days <= accountDays {
		for i := 1; i < days; i++ {
			sum += float64(unpack(a.days[(int(day)-i+7*accountDays)%accountDays]))
		}
		return sum
	}
	sum += float64(a.block)
	whole := (days - int(day)%blockDays - 1 + blockDays - 1) / blockDays
	for i := 1; i <= min(whole, accountBlocks); i++ {
		sum += float64(unpack(a.blocks[(int(day)/blockDays-i+accountBlocks)%accountBlocks]))
	}
	return sum
}

// Latest is how many bytes it got in a Unix hour, if that is the newest with any.
func (a *Account) Latest(hour int64) float64 {
	if int64(a.hour) != hour {
		return 0
	}
	return float64(a.latest)
}

// First and Last are the site days, since 1970, since when it is known and of its newest bytes.
func (a *Account) First() uint16 { return a.first }

// Last is the site day of its newest bytes.
func (a *Account) Last() uint16 { return a.last }

// Fed is on how many closed days it got 256 KB and more.
func (a *Account) Fed() int { return int(a.fed) }

// Excess is where the sequential test stands, see Ledger.
func (a *Account) Excess() float64 { return float64(a.excess) }
