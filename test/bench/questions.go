// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// rounds is how often each question is asked; the median is printed.
	rounds = 5
	// rollPatience is how long roll-ups may take.
	rollPatience = time.Hour
)

// inquiry is one question of a dashboard.
type inquiry struct {
	name, group, filter string
	hour                bool // the busiest hour alone
	points              int
	rawOnly             bool // roll-ups cannot answer it
}

func inquiries() []inquiry {
	const device = "host = 10.20.0.10"
	return []inquiry{
		{name: "top 10 sources", group: "src"},
		{name: "top 10 devices", group: "device"},
		{name: "top 10 destination ports", group: "dst_port"},
		{name: "top 10 source AS", group: "src_as"},
		{name: "top 10 exporters", group: "exporter"},
		{name: "200 points by protocol", group: "proto", points: 200},
		{name: "one device, one hour, 60 points", filter: device, hour: true, points: 60},
		{name: "its top 10 peers", group: "peer", filter: device, hour: true, rawOnly: true},
		{name: "pairs of source and destination", group: "src,dst", rawOnly: true},
	}
}

// answered is what is read of an answer.
type answered struct {
	Source  string  `json:"source"`
	TookMS  float64 `json:"took_ms"`
	Scanned int     `json:"scanned_flows"`
	Partial bool    `json:"partial"`
}

// ask waits until all roll-ups are there, and prints how long questions take.
func (w *written) ask(ctx context.Context, out io.Writer, t *target) error {
	began := time.Now()
	if err := w.rolled(ctx, t); err != nil {
		return err
	}
	rollups, files := sizeOf(filepath.Join(t.dir, "rollups"))
	_, _ = fmt.Fprintf(out, "roll-ups made within %s, %d files of %d MB; resident memory %.0f MiB at most\n",
		time.Since(began).Round(time.Second), files, rollups/1e6, t.memory("VmHWM"))
	_, _ = fmt.Fprintf(out, "%-34s %12s %12s %12s   (median of %d, over HTTP)\n", "question", "rows read", "raw", "roll-ups", rounds)
	peak := map[string]float64{}
	all := inquiries()
	for i := range all {
		q := &all[i]
		cells := map[string]string{"rollup": "-"}
		rows := 0
		for _, source := range []string{"raw", "rollup"} {
			if q.rawOnly && source == "rollup" {
				continue
			}
			t.resetPeak()
			took, a, err := w.time(ctx, t, q, source)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", q.name, source, err)
			}
			peak[source] = max(peak[source], t.memory("VmHWM"))
			cells[source] = fmt.Sprintf("%.3f s", took.Seconds())
			if a.Partial {
				cells[source] += "~"
			}
			if source == "raw" {
				rows = a.Scanned
			}
		}
		_, _ = fmt.Fprintf(out, "%-34s %12d %12s %12s\n", q.name, rows, cells["raw"], cells["rollup"])
	}
	_, err := fmt.Fprintf(out, "~: estimated, the answer says by how much. Resident memory of serve at most: %.0f MiB raw, %.0f MiB roll-ups\n", peak["raw"], peak["rollup"])
	return err
}

// time asks some times and returns the median.
func (w *written) time(ctx context.Context, t *target, q *inquiry, source string) (time.Duration, *answered, error) {
	from, to := w.from, w.to
	if q.hour {
		from = w.from.Add(11 * time.Hour)
		if to = from.Add(time.Hour); to.After(w.to) {
			from, to = w.to.Add(-time.Hour), w.to
		}
	}
	v := url.Values{"from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}, "group": {q.group}, "filter": {q.filter}, "source": {source}, "limit": {"10"}}
	if q.points > 0 {
		v.Set("points", strconv.Itoa(q.points))
	}
	c := apiClient{base: t.api, token: t.token()}
	a := &answered{}
	all := make([]time.Duration, 0, rounds)
	for range rounds {
		began := time.Now()
		res, err := c.request(ctx, "/api/v1/flows/query?"+v.Encode())
		if err != nil {
			return 0, nil, err
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			return 0, nil, err
		}
		if res.StatusCode != http.StatusOK {
			return 0, nil, fmt.Errorf("%s: %s", res.Status, body)
		}
		all = append(all, time.Since(began))
		if err := json.Unmarshal(body, a); err != nil {
			return 0, nil, err
		}
	}
	slices.SortFunc(all, cmp.Compare[time.Duration])
	return all[len(all)/2], a, nil
}

// rolled waits until serve has joined segments and made all roll-ups.
func (w *written) rolled(ctx context.Context, t *target) error {
	p := newProgress("roll-ups made", 6*int(w.to.Sub(w.from).Hours()+1)+int(w.to.Sub(w.from).Hours()+1))
	defer p.done()
	quiet, segments := 0, -1
	for began := time.Now(); quiet < 15; {
		if time.Since(began) > rollPatience {
			return errors.New("the roll-ups are not made")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		made, behind, now := metric(t.api, "tidewatch_rollups_total"), metric(t.api, "tidewatch_rollups_behind"), metric(t.api, "tidewatch_history_segments")
		p.at(made)
		if quiet++; made <= 0 || behind != 0 || now != segments {
			quiet = 0
		}
		segments = now
	}
	return nil
}

// resetPeak makes the present memory of the program its largest.
func (t *target) resetPeak() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", t.cmd.Process.Pid), []byte("5"), 0) // then the peak is that of before, too
}

func (t *target) token() string {
	key, err := os.ReadFile(filepath.Join(t.dir, "token"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(key))
}

// sizeOf sums what lies in a directory.
func sizeOf(dir string) (bytes int64, files int) {
	_ = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // what cannot be read is not counted
		}
		if info, err := e.Info(); err == nil {
			bytes, files = bytes+info.Size(), files+1
		}
		return nil
	})
	return bytes, files
}
