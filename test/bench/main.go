// SPDX-License-Identifier: Apache-2.0

// Command bench measures what a whole collector costs: CPU microseconds per
// flow of `tidewatch serve` under a NetFlow v9 load over loopback, beside
// Debian's nfcapd (and FastNetMon, when installed) under the same load. The
// sender is this process and is not counted.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	binary := flag.String("tidewatch", "bin/tidewatch", "the program to measure")
	rates := flag.String("rates", "75000,1000000", "flows per second, comma separated")
	seconds := flag.Int("seconds", 10, "length of one run")
	runs := flag.Int("runs", 3, "runs of each; the median is printed")
	long := flag.Duration("soak", 0, "instead: run tidewatch alone for so long under 20 000 flows/s")
	delay := flag.Bool("delay", false, "instead: how long after the first datagram of an attack its incident is there")
	api := flag.Bool("api", false, "instead: how long the API takes to answer under 20 000 flows/s")
	visits := flag.Int("web", 0, "instead: how long so many first visits of the dashboard take, and how much they load")
	kept := flag.Int("history", 0, "instead: how fast so many flows are kept, and questions about them answered")
	dir := flag.String("dir", os.TempDir(), "with -history: the disk to write to; what is written is removed")
	exports := flag.String("exports", "v5,v9,ipfix,sflow:400,sflow:1000", "with -delay: how the attacks are exported, and at which sampling")
	times := flag.String("times", "1.1,1.5,2,10", "with -delay: how strong they are, in limits")
	sources := flag.Int("sources", 500, "with -delay: how many send at once, each a flow a second")
	phases := flag.Int("phases", 4, "with -delay: how many of each, that begin at so many points of a second")
	flag.Parse()
	if *delay {
		d, err := delaysOf(*exports, *times, max(*sources, 1), max(*phases, 1))
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(2)
		}
		if err := delayBench(os.Stdout, *binary, d); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if *kept > 0 {
		if err := historyBench(os.Stdout, *binary, *dir, *kept); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if *api {
		if err := apiBench(os.Stdout, *binary, time.Duration(*seconds)*time.Second); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if *visits > 0 {
		if err := webBench(os.Stdout, *binary, *visits); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if *long > 0 {
		if err := soak(os.Stdout, *binary, 20_000, *long); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if err := bench(os.Stdout, *binary, *rates, *seconds, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(out io.Writer, binary, rates string, seconds, runs int) error {
	l, err := newLoad()
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%-10s %12s %14s %10s %12s %10s\n", "collector", "flows/s", "CPU us/flow", "CPU %", "sent", "lost")
	for text := range strings.SplitSeq(rates, ",") {
		rate, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("-rates: %w", err)
		}
		for _, make := range []func(string) (*target, error){tidewatch, nfcapd, fastnetmon} {
			var all []measure
			for range runs {
				t, err := make(binary)
				if err != nil {
					return err
				}
				if t == nil {
					break
				}
				m, err := t.measure(l, rate, time.Duration(seconds)*time.Second)
				if err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
				all = append(all, m)
			}
			if len(all) == 0 {
				continue
			}
			slices.SortFunc(all, func(a, b measure) int { return int(1e6 * (a.perFlow() - b.perFlow())) })
			m := all[len(all)/2]
			lost := "unknown"
			if m.received >= 0 {
				worst := 0
				for _, x := range all {
					worst = max(worst, x.flows-x.received)
				}
				lost = strconv.Itoa(worst)
			}
			_, _ = fmt.Fprintf(out, "%-10s %12.0f %14.3f %10.1f %12d %10s\n", m.name, float64(m.flows)/m.wall.Seconds(), m.perFlow(), 100*m.cpu.Seconds()/m.wall.Seconds(), m.flows, lost)
		}
	}
	return nil
}

// measure is one run.
type measure struct {
	name            string
	flows, received int // received is -1 when the collector does not tell
	cpu, wall       time.Duration
}

func (m *measure) perFlow() float64 { return float64(m.cpu.Microseconds()) / float64(m.flows) }

// warmUp fills tables before anything is counted: a collector runs for months.
const warmUp = 35 * time.Second

// measure warms the collector up, then counts its CPU over the load and the
// second after it.
func (t *target) measure(l *load, rate int, d time.Duration) (measure, error) {
	return t.measureThen(l, rate, d, func() {})
}

// measureThen looks at the collector a last time before it is stopped.
func (t *target) measureThen(l *load, rate int, d time.Duration, look func()) (measure, error) {
	defer t.stop()
	conn, err := net.Dial("udp", t.addr) //nolint:noctx // loopback, returns at once
	if err != nil {
		return measure{}, err
	}
	defer conn.Close()
	if _, err := l.send(conn, min(rate, 200_000), warmUp); err != nil {
		return measure{}, err
	}
	time.Sleep(time.Second)
	before, had := t.cpu(), t.received()
	start := time.Now()
	sent, err := l.send(conn, rate, d)
	if err != nil {
		return measure{}, err
	}
	wall := time.Since(start)
	time.Sleep(time.Second)
	m := measure{name: t.name, flows: sent, received: -1, cpu: t.cpu() - before, wall: wall}
	if had >= 0 {
		m.received = t.received() - had
	}
	look()
	return m, nil
}
