// SPDX-License-Identifier: Apache-2.0

package window

import (
	"fmt"
	"math"
	"net/netip"

	"github.com/gaissmai/bart"

	"tidewatch/flow"
)

// Tier says how often a device is judged.
type Tier uint8

// The tiers. A device is in the real-time tier when it is critical (configured),
// suspicious (Promote), or busy: it had Config.HotPackets packets or
// Config.HotFlows flows in one minute, and was not silent for five since. Any
// device with traffic in the last hour is judged once a minute. What is left is
// only looked at when its hour is learned.
const (
	Batch Tier = iota
	Minute
	RealTime
)

func (t Tier) String() string { return [...]string{"batch", "minute", "real_time"}[t] }

// promoted is how long suspicion keeps a device in the real-time tier, in seconds.
const promoted = 3600

// Rule is the promotion rule in words, for people.
func (c *Config) Rule() string {
	return fmt.Sprintf("real_time: critical networks, devices under suspicion for an hour, and devices with %d packets or %d flows in a minute "+
		"until five minutes of silence, %d at most; minute: traffic in the last hour; batch: the rest, by the hour", c.HotPackets, c.HotFlows, c.MaxHot)
}

// criticalOf is the table of critical networks, nil when there are none.
func criticalOf(prefixes []netip.Prefix) *bart.Lite {
	if len(prefixes) == 0 {
		return nil
	}
	t := &bart.Lite{}
	for _, p := range prefixes {
		t.Insert(p.Masked())
	}
	return t
}

// Promote puts a device into the real-time tier for an hour: it is suspicious. It
// does nothing for addresses that are not known.
func (t *Tracker) Promote(a flow.Addr) {
	i := t.dev.find(t.cfg.Seed.Hash(&a), &a)
	if i < 0 {
		return
	}
	d := t.dev.at(i)
	d.until = t.now + promoted
	if d.hot < 0 {
		t.heat(i, forever)
	}
}

// forever is the until of critical devices.
const forever = math.MaxInt64

// favour puts a device that was just met into the real-time tier when it lies in a
// critical network. One that a checkpoint brings waits until there is traffic.
func (t *Tracker) favour(i int32) {
	if d := t.dev.at(i); t.critical.Contains(d.addr.Netip()) {
		d.until = forever
		if t.begun != 0 {
			t.heat(i, forever)
		}
	}
}

// begin notes the first second with records since the start or a long silence, from
// which on the critical devices that are known are followed.
func (t *Tracker) begin() {
	t.begun = t.now
	if t.critical == nil {
		return
	}
	for i := range t.dev.n {
		if d := t.dev.at(i); t.dev.live(d) && d.until == forever && d.hot < 0 {
			t.heat(i, forever)
		}
	}
}

// keeps reports whether a device must not lose its one-second bins.
func (t *Tracker) keeps(d *device) bool { return d.until > t.now }

// Tier is the tier of the device as of now.
func (d Device) Tier() Tier {
	switch {
	case d.dev.hot >= 0:
		return RealTime
	case d.dev.touched > d.w.Now-3600:
		return Minute
	}
	return Batch
}

// Tiers counts the devices in each tier.
func (t *Tracker) Tiers() (n [3]int) {
	w := &Window{Now: t.now, t: t}
	for i := range t.dev.n {
		if d, ok := w.Device(int(i)); ok {
			n[d.Tier()]++
		}
	}
	return n
}
