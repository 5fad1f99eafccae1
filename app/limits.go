// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"tidewatch/detect/flood"
	"tidewatch/flow"
	"tidewatch/window"
)

// WriteLimits tells from how many packets and connections on a flood on a device, or
// by it, is found at a moment, and why, by what lies in the data directory.
func (c *Config) WriteLimits(w io.Writer, device string, at time.Time) (err error) {
	addr, err := netip.ParseAddr(device)
	if err != nil || addr.Zone() != "" {
		return &InputError{fmt.Errorf("%s is no address of a device, such as 192.0.2.10", device)}
	}
	l, err := OpenLibrary(c, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	past, err := l.Store("")
	if err != nil {
		return err
	}
	who, err := whoIs(c)
	if err != nil {
		return err
	}
	planned, err := newSchedule(c)
	if err != nil {
		return err
	}
	d, err := flood.New(&c.Flood, &expectation{past: keyed{past, who}, planned: planned.View()})
	if err != nil {
		return err
	}
	at = at.In(c.zone())
	a := flow.AddrFrom(addr.Unmap())
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s %s:\n", addr.Unmap(), at.Format("Mon 15:04"), c.zoneName())
	for _, dir := range [...]window.Direction{window.In, window.Out} {
		limit := d.Limit(a, at, dir)
		b.WriteString(limitText(dir, &limit))
		if limit.Learned > 0 {
			b.WriteString(dayText(d, a, at, dir))
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print limits: %w", err)
	}
	return nil
}

// limitText explains one limit.
func limitText(dir window.Direction, l *flood.Limit) string {
	verb, floors := "receives", "flood.min_pps and flood.min_conns"
	if dir == window.Out {
		verb, floors = "sends to a few targets outside", "flood.out_pps and flood.out_conns"
	}
	if l.Group.IsValid() {
		floors = "the group " + l.Group.String() + " of flood.groups"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  alarm when it %s over %s packets/s that nobody asked for, or %s unanswered connections/s\n", verb, thousands(l.PPS), thousands(l.Conns))
	switch {
	case l.Learned == 0:
		fmt.Fprintf(&b, "    because %s say so; nothing was learned of it yet\n", floors)
	case l.Learned > l.Floor:
		fmt.Fprintf(&b, "    because p99 of its five minutes is %s packets/s at that hour, and twice what its past explains is %s (%s, %d samples); the floor is %s, from %s\n",
			thousands(l.Usual), thousands(l.Learned), strings.ReplaceAll(l.Basis.Level, "_", " "), l.Basis.Samples, thousands(l.Floor), floors)
	default:
		fmt.Fprintf(&b, "    because %s say so; p99 of its five minutes is %s packets/s at that hour, and twice what its past explains only %s\n",
			floors, thousands(l.Usual), thousands(l.Learned))
	}
	hold := "for 5 s on average, or three times that for 1 s"
	if l.Hold > 0 {
		hold = fmt.Sprintf("once that has lasted %d s", l.Hold)
	}
	fmt.Fprintf(&b, "    %s; it is over below %s packets/s\n", hold, thousands(l.PPS*l.Stop))
	return b.String()
}

// dayText tells how the limit of packets moves within a day.
func dayText(d *flood.Detector, a flow.Addr, at time.Time, dir window.Direction) string {
	lowest, highest := at, at
	least, most := d.Limit(a, at, dir).PPS, d.Limit(a, at, dir).PPS
	for h := 1; h < 24; h++ {
		t := at.Add(time.Duration(h) * time.Hour)
		if pps := d.Limit(a, t, dir).PPS; pps < least {
			least, lowest = pps, t
		} else if pps > most {
			most, highest = pps, t
		}
	}
	if most < least*1.005 {
		return "    the same at all hours\n"
	}
	return fmt.Sprintf("    within the next day from %s packets/s (%s) to %s (%s)\n",
		thousands(least), lowest.Format("15:04"), thousands(most), highest.Format("15:04"))
}

// thousands writes a rate for people: three digits count, in groups with spaces.
func thousands(v float64) string {
	digits := fmt.Sprintf("%.0f", rounded(v))
	var b strings.Builder
	for i, r := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// rounded keeps three digits.
func rounded(v float64) float64 {
	unit := 1.0
	for v/unit >= 1000 {
		unit *= 10
	}
	return unit * float64(int64(v/unit+0.5))
}
