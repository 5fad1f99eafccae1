// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"tidewatch/app"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/incident"
)

// recorded plays real series, each as one device, through the whole line behind the
// decoder: the first days teach, the others are judged.
func recorded(out io.Writer, o *options, paths []string) error {
	t := table{{"series", "weeks judged", "low", "medium", "high", "medium+ a week", "labelled", "found", "medium+ outside of labels"}}
	for _, path := range paths {
		all, err := readSeries(path)
		if err != nil {
			return err
		}
		for i := range all {
			cells, err := all[i].play(o.train)
			if err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
			t = append(t, cells)
		}
	}
	_, err := io.WriteString(out, t.String())
	return err
}

// play judges one series and returns its row of the table.
func (s *series) play(train int) ([]string, error) {
	cfg := app.DefaultConfig()
	device := netip.MustParseAddr("10.99.0.1")
	cfg.Timezone, cfg.Enrich.Internal = "UTC", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	told := book{at: map[string]int{}}
	e, err := app.NewEngine(&cfg, told.keep)
	if err != nil {
		return nil, err
	}
	end, until := s.at[len(s.at)-1].Add(s.interval), s.at[0].Add(days(train))
	if !until.Before(end) {
		return nil, errors.New("it is over before anything is judged")
	}
	e.Lesson(true)
	b := flow.NewBatch(4096)
	for i, at := range s.at {
		if !at.Before(until) && i > 0 && s.at[i-1].Before(until) {
			e.Process(b)
			b.Reset()
			e.Lesson(false)
		}
		s.minutes(b, i, at, flow.AddrFrom(device))
		if b.Len() > 2048 {
			e.Process(b)
			b.Reset()
		}
	}
	e.Process(b)
	e.Drain()
	return s.row(told.incidents, until, end), nil
}

// minutes spreads an interval over records of a minute, as an exporter with an active
// timeout would.
func (s *series) minutes(b *flow.Batch, i int, at time.Time, device flow.Addr) {
	peer := flow.AddrFrom4([4]byte{198, 51, 100, 1})
	n := max(1, int(s.interval/time.Minute))
	for m := range n {
		start := at.Add(time.Duration(m) * time.Minute)
		r := flow.Record{
			Start: start.UnixNano(), End: start.Add(59 * time.Second).UnixNano(), Received: start.Add(59 * time.Second).UnixNano(),
			Proto: flow.ProtoTCP, TCPFlags: flow.ACK | flow.PSH, Sampling: 1, SrcPort: 443, DstPort: 50_000,
		}
		if i < len(s.sent) && s.sent[i] > 0 {
			r.Src, r.Dst, r.Bytes = device, peer, uint64(s.scale*s.sent[i]/float64(n))
			r.Packets = 1 + r.Bytes/1000
			b.Append(&r)
		}
		if i < len(s.received) && s.received[i] > 0 {
			r.Src, r.Dst, r.SrcPort, r.DstPort = peer, device, 50_000, 443
			r.Bytes = uint64(s.scale * s.received[i] / float64(n))
			r.Packets = 1 + r.Bytes/1000
			b.Append(&r)
		}
	}
}

// row counts the incidents of the judged time. An incident that touches a labelled
// stretch, or the hour around it, found it.
func (s *series) row(incidents []incident.Incident, until, end time.Time) []string {
	var bySeverity [4]int
	outside := 0
	spans := s.labelled(until)
	found := make([]bool, len(spans))
	for i := range incidents {
		g := &incidents[i]
		bySeverity[max(g.Severity.Rank(), 0)]++
		if g.Severity.Rank() < detect.Medium.Rank() {
			continue
		}
		hit := false
		for k, span := range spans {
			if g.Started.Before(span[1].Add(time.Hour)) && g.LastSeen.After(span[0].Add(-time.Hour)) {
				hit, found[k] = true, true
			}
		}
		if !hit {
			outside++
		}
	}
	hits := 0
	for _, f := range found {
		if f {
			hits++
		}
	}
	weeks := end.Sub(until).Hours() / (7 * 24)
	medium := bySeverity[1] + bySeverity[2] + bySeverity[3]
	labels := []string{"-", "-", "-"}
	if s.odd != nil {
		labels = []string{strconv.Itoa(len(spans)), strconv.Itoa(hits), strconv.Itoa(outside)}
	}
	return append([]string{
		s.name, fmt.Sprintf("%.1f", weeks), strconv.Itoa(bySeverity[0]), strconv.Itoa(bySeverity[1]), strconv.Itoa(bySeverity[2] + bySeverity[3]),
		fmt.Sprintf("%.2f", float64(medium)/weeks),
	}, labels...)
}

// labelled lists the stretches that somebody marked, from a moment on.
func (s *series) labelled(from time.Time) (out [][2]time.Time) {
	for i, odd := range s.odd {
		if !odd || s.at[i].Before(from) {
			continue
		}
		if n := len(out); n > 0 && !s.at[i].After(out[n-1][1].Add(s.interval)) {
			out[n-1][1] = s.at[i].Add(s.interval)
			continue
		}
		out = append(out, [2]time.Time{s.at[i], s.at[i].Add(s.interval)})
	}
	return out
}
