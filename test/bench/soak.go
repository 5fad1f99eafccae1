// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// soak runs tidewatch under a steady load for a long time and prints what an
// operator plans a machine by: CPU, memory, how long seconds take to be judged,
// and lost datagrams.
func soak(out io.Writer, binary string, rate int, d time.Duration) error {
	l, err := newLoad()
	if err != nil {
		return err
	}
	t, err := tidewatch(binary)
	if err != nil {
		return err
	}
	url := t.api
	m, err := t.measureThen(l, rate, d, func() {
		_, _ = fmt.Fprintf(out, "resident memory      %8.0f MiB (peak %.0f)\n", t.memory("VmRSS"), t.memory("VmHWM"))
		p50, p99, worst := ticksOf(url)
		_, _ = fmt.Fprintf(out, "time to judge a second: p50 <= %s, p99 <= %s, worst <= %s\n", p50, p99, worst)
		for _, name := range []string{"tidewatch_devices", "tidewatch_hot_devices", "tidewatch_baseline_devices"} {
			_, _ = fmt.Fprintf(out, "%-28s %d\n", name, metric(url, name))
		}
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d flows in %s (%.0f flows/s): CPU %.1f %% of one core, %.3f us a flow, %d lost\n",
		m.flows, m.wall.Round(time.Second), float64(m.flows)/m.wall.Seconds(), 100*m.cpu.Seconds()/m.wall.Seconds(), m.perFlow(), m.flows-m.received)
	return err
}

// memory reads a line of /proc/PID/status, in MiB.
func (t *target) memory(name string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", t.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024
		}
	}
	return 0
}

// ticksOf reads quantiles from the histogram of tick times: the upper bound of the
// bucket that holds them.
func ticksOf(url string) (p50, p99, worst string) {
	body, err := get(url + "/metrics")
	if err != nil {
		return "?", "?", "?"
	}
	type bucket struct {
		bound string
		n     float64
	}
	var all []bucket
	for s := bufio.NewScanner(strings.NewReader(body)); s.Scan(); {
		rest, ok := strings.CutPrefix(s.Text(), `tidewatch_tick_seconds_bucket{le="`)
		if !ok {
			continue
		}
		bound, value, _ := strings.Cut(rest, `"} `)
		n, _ := strconv.ParseFloat(value, 64)
		all = append(all, bucket{bound, n})
	}
	if len(all) == 0 {
		return "?", "?", "?"
	}
	total := all[len(all)-1].n
	at := func(q float64) string {
		for _, b := range all {
			if b.n >= q*total {
				return b.bound + " s"
			}
		}
		return "?"
	}
	return at(0.5), at(0.99), at(1)
}
