// SPDX-License-Identifier: Apache-2.0

package exfil

import (
	"cmp"
	"slices"

	"tidewatch/detect"
	"tidewatch/window"
)

const kept = 10 // destinations that are told of

const (
	// A packet that only acknowledges has the headers of IP and TCP and up to 20 bytes
	// of options (time stamps take 12, a gap reported 12 more but is rare): 40 to 60
	// bytes, 20 more in IPv6. Who sends such packets receives at least one full packet,
	// of 1500 bytes, for each (RFC 9293 asks for one per two), 25 times as much.
	bareAck, bareAck6 = 60, 80
	fullPackets       = 10 // times received over what is taken for acknowledgements, with room for short last packets

	// Tests of a line take half a minute each way (ndt7 10 s, Ookla and LibreSpeed 15 s);
	// ten minutes leave room for repeating them. Lines carry up to ten times as much down
	// as up, but none carries much less.
	testSeconds = 600
	testReturn  = 4 // part of the upload that came back at least
	testWeight  = -0.5
)

// acknowledge lists the heaviest destinations in d.top, and takes off what was sent
// there only to acknowledge a download, as far as the device received far more. What
// hides up to 20 bytes in each such packet, against a download ten times as large,
// is not seen as an upload.
func (d *Detector) acknowledge(u *window.Upload, c *upload, packets uint64) {
	d.top = u.Destinations(d.top[:0], 32)
	acks := uint64(0)
	bytes := c.out
	for i := range d.top {
		e := &d.top[i]
		acks += bare(e.Bytes, e.Packets, e.Key.Is4())
		bytes, packets = bytes-min(e.Bytes, bytes), packets-min(e.Packets, packets)
	}
	acks += bare(bytes, packets, u.Addr.Is4())
	if acks == 0 || c.in/fullPackets < acks {
		d.top = d.top[:min(len(d.top), kept)]
		return
	}
	for i := range d.top {
		e := &d.top[i]
		n := bare(e.Bytes, e.Packets, e.Key.Is4())
		e.Bytes, e.Weight = e.Bytes-n, e.Weight-min(n, e.Weight)
	}
	slices.SortFunc(d.top, func(a, b window.Entry) int {
		return cmp.Or(cmp.Compare(sure(&b), sure(&a)), slices.Compare(a.Key[:], b.Key[:]))
	})
	d.top = d.top[:min(len(d.top), kept)]
	c.acks, c.out = acks, c.out-min(acks, c.out)
}

// sure is the weight that is an entry's own.
func sure(e *window.Entry) float64 { return float64(e.Weight - min(e.Over, e.Weight)) }

// bare is how much of what was sent acknowledges: all of packets as small as that,
// none from twice the size on, in a straight line between.
func bare(bytes, packets uint64, v4 bool) uint64 {
	size := float64(bareAck6)
	if v4 {
		size = bareAck
	}
	mean := float64(bytes) / float64(max(packets, 1))
	return uint64(float64(bytes) * max(0, min(1, 2-mean/size)))
}

// excuse weighs what innocent things look like that.
func (d *Detector) excuse(f *detect.Finding, w *window.Window, u *window.Upload, c *upload) {
	add := func(name string, observed, expected, weight float64) {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: name, Observed: observed, Expected: expected, Unit: "bytes", Weight: weight})
		f.Score = max(0, detect.Plus(f.Score, weight))
	}
	if c.acks > 0 {
		add("acknowledgements", float64(c.acks), 0, 0)
	}
	// A test of the line: all within minutes, with one server, both ways.
	first, last := c.to.First/1e9, c.to.Last/1e9
	gave, from, to := w.Gave(u, c.to.Key)
	if c.focus > 0.5 && last-first <= testSeconds && from >= first-testSeconds && to <= last+testSeconds && gave >= c.to.Bytes/testReturn {
		add("speed_test", float64(gave), float64(c.to.Bytes)/testReturn, testWeight)
		return
	}
	d.call(u, c, gave, add)
}
