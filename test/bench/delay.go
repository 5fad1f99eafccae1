// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidewatch/encode"
)

// delays says what is measured: how long after the first datagram of an attack its
// incident is in the API, while ordinary traffic goes on.
type delays struct {
	exports    []encode.Config // how the attack is exported
	times      []float64       // strengths, in limits of packets per second
	sources    int             // of an attack
	phases     int             // attacks of each, that begin at so many points of a second
	background int             // flows per second
	patience   time.Duration   // after which an attack counts as missed
	settle     time.Duration   // for how long ordinary traffic alone comes first
}

// floodLimit is the default of flood.min_pps, which these victims have: no past
// raises it.
const floodLimit = 10_000

// delaysOf reads what the command line says of them.
func delaysOf(exports, times string, sources, phases int) (*delays, error) {
	d := &delays{sources: sources, phases: phases, background: 20_000, patience: 75 * time.Second, settle: 10 * time.Second}
	for text := range strings.SplitSeq(exports, ",") {
		name, rate, _ := strings.Cut(text, ":")
		c := encode.Config{Protocol: encode.Protocol(name), Domain: 9} // not the background's
		if rate != "" {
			n, err := strconv.ParseUint(rate, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("-exports %s: %w", text, err)
			}
			c.Sampling = uint32(n)
		}
		if err := c.Validate(); err != nil {
			return nil, fmt.Errorf("-exports %s: %w", text, err)
		}
		d.exports = append(d.exports, c)
	}
	for text := range strings.SplitSeq(times, ",") {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || x <= 0 {
			return nil, fmt.Errorf("-times: %q is no strength", text)
		}
		d.times = append(d.times, x)
	}
	return d, nil
}

// outcome is what attacks over one protocol gave.
type outcome struct {
	export *encode.Config
	took   [][]time.Duration // by strength, shortest first; patience where it was missed
	others []string          // who else was alarmed
	lost   int               // records that were sent and not received
}

// delayBench prints how fast tidewatch opens incidents.
func delayBench(out io.Writer, binary string, d *delays) error {
	l, err := newLoad()
	if err != nil {
		return err
	}
	line := func(cells []string) { _, _ = fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")) }
	head := []string{"export"}
	for _, x := range d.times {
		head = append(head, fmt.Sprintf("%g times", x))
	}
	head = append(head, "others alarmed", "lost")
	line(head)
	_, _ = fmt.Fprintln(out, strings.Repeat("|---", len(head))+"|")
	for i := range d.exports {
		export := &d.exports[i]
		t, err := tidewatch(binary)
		if err != nil {
			return err
		}
		o, err := d.measure(t.addr, t.api, l, export, map[string]bool{})
		t.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", export.Protocol, err)
		}
		line(o.cells(d.patience))
	}
	return nil
}

// measure attacks one host after the other, all of one protocol, under a steady
// load. victims are those of before, and get the new ones.
func (d *delays) measure(addr, api string, l *load, export *encode.Config, victims map[string]bool) (*outcome, error) {
	before := metric(api, "tidewatch_collect_records_total")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	sent, failed := make(chan int, 1), make(chan error, 1)
	go func() {
		flows, err := d.steady(ctx, addr, l)
		sent <- flows
		failed <- err
	}()
	time.Sleep(d.settle)
	o := &outcome{export: export, took: make([][]time.Duration, len(d.times))}
	conn, err := net.Dial("udp", addr) //nolint:noctx // loopback, returns at once
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	enc, err := encode.New(*export)
	if err != nil {
		return nil, err
	}
	for i, x := range d.times {
		for phase := range d.phases {
			a := newAttack(x*floodLimit, d.sources, len(victims), export.Protocol == encode.SFlow)
			victims[a.victim.String()] = true
			time.Sleep(time.Second) // the one before is over
			untilPhase(float64(phase) / float64(d.phases))
			took, err := a.run(enc, conn, d.patience, func() bool { return len(alarmed(api, a.victim.String())) > 0 })
			if err != nil {
				return nil, err
			}
			o.took[i] = append(o.took[i], took)
		}
		slices.Sort(o.took[i])
	}
	stop()
	total := <-sent
	if err := <-failed; err != nil {
		return nil, err
	}
	time.Sleep(time.Second)
	o.lost = total + int(enc.Stats().Records) - (metric(api, "tidewatch_collect_records_total") - before)
	for _, who := range alarmed(api, "") {
		if !victims[who] {
			o.others = append(o.others, who)
		}
	}
	return o, nil
}

// steady sends the background until ctx ends, and returns how many flows that were.
func (d *delays) steady(ctx context.Context, addr string, l *load) (int, error) {
	conn, err := net.Dial("udp", addr) //nolint:noctx // loopback, returns at once
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	flows := 0
	l.next = 0 // the first datagram carries the templates
	for ctx.Err() == nil {
		n, err := l.send(conn, d.background, time.Second/2)
		if flows += n; err != nil {
			return flows, err
		}
	}
	return flows, nil
}

// untilPhase waits for a point of the second.
func untilPhase(at float64) {
	now := time.Now()
	next := now.Truncate(time.Second).Add(time.Duration(at * float64(time.Second)))
	if !next.After(now) {
		next = next.Add(time.Second)
	}
	time.Sleep(time.Until(next))
}

// alarmed lists the subjects of attacks of medium or above in the API, or subject
// alone when it is one of them.
func alarmed(api, subject string) []string {
	path := "/api/v1/incidents?category=ddos_attack&min_severity=medium&limit=1000"
	if subject != "" {
		path += "&subject=" + subject
	}
	body, err := get(api + path)
	if err != nil {
		return nil
	}
	var page struct {
		Incidents []struct {
			Subject string `json:"subject"`
		} `json:"incidents"`
	}
	if json.Unmarshal([]byte(body), &page) != nil {
		return nil
	}
	out := make([]string, 0, len(page.Incidents))
	for _, i := range page.Incidents {
		out = append(out, i.Subject)
	}
	return out
}

// cells are the row of an outcome: median and worst delay of each strength.
func (o *outcome) cells(patience time.Duration) []string {
	name := string(o.export.Protocol)
	if o.export.Sampling > 1 {
		name += fmt.Sprintf(" 1:%d", o.export.Sampling)
	}
	row := []string{name}
	for _, all := range o.took {
		text := func(t time.Duration) string {
			if t >= patience {
				return "missed"
			}
			return fmt.Sprintf("%.1f s", t.Seconds())
		}
		row = append(row, text(all[(len(all)-1)/2])+" (worst "+text(all[len(all)-1])+")")
	}
	return append(row, cmp.Or(strings.Join(o.others, " "), "none"), strconv.Itoa(o.lost))
}
