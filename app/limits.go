// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidewatch/config"
	"tidewatch/detect/flood"
	"tidewatch/flow"
	"tidewatch/window"
)

// WriteLimits tells from how many packets and connections on a flood on a device, or
// by it, is found at a moment, and where each number comes from, by what lies in the
// data directory.
func (c *Config) WriteLimits(w io.Writer, origins config.Origins, device string, at time.Time) (err error) {
	addr, err := netip.ParseAddr(device)
	if err != nil || addr.Zone() != "" {
		return &InputError{fmt.Errorf("%q is no address of a device, such as 192.0.2.10", device)}
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
	at, addr = at.In(c.zone()), addr.Unmap()
	a := flow.AddrFrom(addr)
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s %s:\n", addr, at.Format("Mon 2006-01-02 15:04"), c.zoneName())
	if !slices.ContainsFunc(c.Enrich.Internal, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		paragraph(&b, "  ", "it lies in none of the own networks (networks.internal, "+origins.Of("networks.internal")+
			"), so nothing is looked for; in one of them it would be:")
	}
	for _, dir := range [...]window.Direction{window.In, window.Out} {
		limit := d.Limit(a, at, dir)
		writeLimit(&b, origins, dir, &limit)
		if limit.Learned > 0 {
			b.WriteString(dayText(d, a, at, dir))
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print limits: %w", err)
	}
	return nil
}

// writeLimit explains one limit.
func writeLimit(b *strings.Builder, origins config.Origins, dir window.Direction, l *flood.Limit) {
	verb, floor, conns := "receives", "flood.min_pps", "flood.min_conns"
	if dir == window.Out {
		verb, floor, conns = "sends to a few targets outside", "flood.out_pps", "flood.out_conns"
	}
	from := func(group netip.Prefix, key string) string {
		if group.IsValid() {
			return "group " + group.String() + " (flood.groups, " + origins.Of("flood.groups") + ")"
		}
		return key + " (" + origins.Of(key) + ")"
	}
	paragraph(b, "  alarm ", fmt.Sprintf("when it %s over %s packets/s that nobody asked for, or %s unanswered connections/s",
		verb, limitText(l), exactly(l.Conns)))
	floor = exactly(l.Floor) + " packets/s: " + from(l.From.Floor, floor)
	switch {
	case l.Learned == 0:
		floor += "; nothing was learned of it yet"
	case l.Learned > l.Floor:
		floor = fmt.Sprintf("%s packets/s: twice what its past explains at that hour, where p99 of its five minutes is %s (%s, %s); the floor is %s",
			roughly(l.Learned), roughly(l.Usual), strings.ReplaceAll(l.Basis.Level, "_", " "), counted(l.Basis.Samples, "sample"), floor)
	default:
		floor += fmt.Sprintf("; twice what its past explains is only %s at that hour, where p99 of its five minutes is %s", roughly(l.Learned), roughly(l.Usual))
	}
	paragraph(b, "    ", floor)
	paragraph(b, "    ", exactly(l.Conns)+" connections/s: "+from(l.From.Conns, conns))
	hold := "told after 5 s over it on average, or 1 s over three times it"
	if l.Hold > 0 {
		hold = fmt.Sprintf("told once it has lasted %d s", l.Hold)
	}
	paragraph(b, "    ", hold+": "+from(l.From.Hold, "flood.hold"))
	stop := exactly(math.Round(l.PPS * l.Stop))
	if l.Learned > l.Floor {
		stop = roughly(l.PPS * l.Stop)
	}
	paragraph(b, "    ", fmt.Sprintf("over below %s packets/s, %s of the limit: %s", stop, exactly(l.Stop), from(l.From.Stop, "flood.stop")))
}

// limitText is the limit of packets: as configured, or as it was learned.
func limitText(l *flood.Limit) string {
	if l.Learned > l.Floor {
		return roughly(l.PPS)
	}
	return exactly(l.PPS)
}

// dayText tells how the limit of packets moves within a day.
func dayText(d *flood.Detector, a flow.Addr, at time.Time, dir window.Direction) string {
	lowest, highest := at, at
	least := d.Limit(a, at, dir)
	most := least
	for h := 1; h < 24; h++ {
		t := at.Add(time.Duration(h) * time.Hour)
		if l := d.Limit(a, t, dir); l.PPS < least.PPS {
			least, lowest = l, t
		} else if l.PPS > most.PPS {
			most, highest = l, t
		}
	}
	if most.PPS < least.PPS*1.005 {
		return "    the same at all hours\n"
	}
	return fmt.Sprintf("    within the next day from %s packets/s (%s) to %s (%s)\n",
		limitText(&least), lowest.Format("15:04"), limitText(&most), highest.Format("15:04"))
}

// exactly writes a configured number for people, its digits in groups.
func exactly(v float64) string {
	whole, fraction, dot := strings.Cut(strconv.FormatFloat(v, 'f', -1, 64), ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + " " + whole[at:]
	}
	if dot {
		whole += "." + fraction
	}
	return whole
}

// roughly writes what was learned: three digits of it count.
func roughly(v float64) string {
	unit := 1.0
	for v/unit >= 1000 {
		unit *= 10
	}
	return exactly(unit * math.Round(v/unit))
}
